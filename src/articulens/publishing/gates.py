"""What must hold before a page is shown.

Notebooks and exercises in step with what they are made from; no errors, alt text, nothing from elsewhere, no dead
link or launch target, no page that is too heavy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

from articulens.errors import ArticulensError
from articulens.publishing import exercises
from articulens.publishing.notebooks import pair_text, read_notebook

MAX_OUTPUT, MAX_NOTEBOOK = 300_000, 1_000_000  # bytes
MAX_FRONT, MAX_PAGE = 1_500_000, 3_000_000  # bytes that a browser fetches to show a page, sound and MathJax not counted
_LOADING = {"script", "img", "iframe", "source", "audio", "video", "embed", "object", "link", "track"}
_HARMLESS_LINKS = {"canonical", "next", "prev", "index", "search", "author", "copyright", "edit"}


def check_sources(root: Path) -> None:
    """Check that every ``.ipynb`` is that of the ``.py`` beside it, and every exercise that of its solution.

    Raises
    ------
    ArticulensError
        For the first that is missing or out of step, and how many more there are.
    """
    problems = exercises.problems(root)
    for path in sorted((root / "notebooks").glob("**/*.py")):
        pair = path.with_suffix(".ipynb")
        if not pair.is_file():
            problems.append(f"{pair.relative_to(root)}: is missing; run `make pairs`")
        elif pair.read_text(encoding="utf-8") != pair_text(path):
            problems.append(f"{pair.relative_to(root)}: is out of step with {path.name}; run `make pairs`")
    _raise(problems)


def check_executed(paths: Iterable[Path]) -> None:
    """Check executed copies.

    Raises
    ------
    ArticulensError
        For an error output, a figure without alt text or alt text without a figure, an output above 300 kB or a
        notebook above 1 MB.
    """
    _raise([problem for path in paths for problem in notebook_problems(path)])


def notebook_problems(path: Path) -> list[str]:
    """Return what is wrong with one executed copy, a phrase for each finding."""
    problems = []
    if path.stat().st_size > MAX_NOTEBOOK:
        problems.append(
            f"{path}: has {path.stat().st_size:,} bytes, more than {MAX_NOTEBOOK:,}; make its figures lighter"
        )
    for number, cell in enumerate((c for c in read_notebook(path).cells if c.cell_type == "code"), 1):
        where = f"{path}, code cell {number}"
        for output in cell.get("outputs", []):
            size = len(str(output.get("data", output.get("text", ""))))
            if output.output_type == "error":
                problems.append(f"{where}: ended with {output.ename}; correct it and run again")
            if size > MAX_OUTPUT:
                problems.append(f"{where}: an output has {size:,} bytes, more than {MAX_OUTPUT:,}; show less")
        images = [o for o in cell.get("outputs", []) if any(k.startswith("image/") for k in o.get("data", {}))]
        if len(images) > 1:
            problems.append(
                f"{where}: shows {len(images)} figures, but alt text and name are for one; "
                "show one a cell, and close a pyplot figure that is also returned"
            )
        if not images and {"image", "figure"} & set(cell.metadata.get("mystnb", {})):
            problems.append(f"{where}: has alt text or a caption but shows no figure; let the cell end with the figure")
        if images and not str(cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")).strip():
            problems.append(
                f'{where}: shows a figure without alt text; set its `alt`, or mystnb={{"image": {{"alt": "..."}}}}'
            )
    return problems


def check_site(html: Path, root: Path | None = None) -> None:
    """Check every page and style sheet of a built site.

    Parameters
    ----------
    html
        Folder of the site.
    root
        Folder of the book, where launch and edit buttons must find their files.

    Raises
    ------
    ArticulensError
        For a traceback, an image without alt text, anything loaded from another host, a dead internal link, a launch
        button without its file, a page that is too heavy.
    """
    pages = {path.resolve(): _Page.read(path) for path in sorted(html.rglob("*.html")) if "_static" not in path.parts}
    problems = []
    for path, page in pages.items():
        name = path.relative_to(html.resolve()).as_posix()
        problems += [f"{name}: {problem}" for problem in page.problems]
        for link in page.links:
            problems += [f"{name}: {problem}" for problem in _dead(link, path, pages, html.resolve())]
            if root is not None and (target := _launched(link)) and not (root / target).is_file():
                problems.append(f"{name}: a button leads to {target}, which is not in the repository")
        weight, most = _weight(path, page, html.resolve()), MAX_FRONT if name == "index.html" else MAX_PAGE
        if weight > most:
            problems.append(f"{name}: a browser fetches {weight:,} bytes to show it, more than {most:,}; show less")
    for sheet in sorted(html.rglob("*.css")):
        for found in re.findall(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")\s]+)", sheet.read_text("utf-8")):
            problems.append(f"{sheet.relative_to(html).as_posix()}: loads {found}; keep a copy in book/_static")
    _raise(problems)


def _local(link: str, path: Path, html: Path) -> Path | None:
    """Return the file that a link on a page means, None for one that leads out."""
    parts = urlsplit(urldefrag(link)[0])
    if parts.scheme or parts.netloc:
        return None
    target = unquote(parts.path)
    return (html / target.lstrip("/") if target.startswith("/") else path.parent / target).resolve() if target else path


def _launched(link: str) -> str | None:
    """Return the file of the repository that a button opens, None for other links."""
    found = re.search(r"/(?:blob|edit|tree)/[^/]+/(.+)$|[?&]urlpath=(?:lab/)?tree/(.+)$", urldefrag(link)[0])
    return unquote(found[1] or found[2]) if found else None


def _weight(path: Path, page: _Page, html: Path) -> int:
    """Return the bytes of a page with what it loads at once."""
    files = {_local(link, path, html) for link in page.loads}
    return path.stat().st_size + sum(f.stat().st_size for f in files if f and f.is_file() and "mathjax" not in f.parts)


def _dead(link: str, path: Path, pages: dict[Path, _Page], html: Path) -> list[str]:
    fragment = urldefrag(link)[1]
    file = _local(link, path, html)
    if file is None:
        return []
    if file.is_dir():
        file = file / "index.html"
    if not file.is_file():
        return [f"links to {link}, which does not exist"]
    if fragment and file in pages and unquote(fragment) not in pages[file].ids:
        return [f"links to {link}, but there is no such place on that page"]
    return []


class _Page(HTMLParser):
    """The links, ids and problems of one page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.problems: list[str] = []
        self._style = False

    @classmethod
    def read(cls, path: Path) -> _Page:
        page = cls()
        page.feed(path.read_text(encoding="utf-8"))
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._style = tag == "style"
        self.ids.update(given[key] for key in ("id", "name") if key in given)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "img" and given.get("role") != "presentation" and not _tells(given):
            self.problems.append(f"image {given.get('src', '')[:60]} has no alt text")
        if tag in ("script", "img") or (tag == "link" and given.get("rel") == "stylesheet"):
            self.loads += [given[key] for key in ("src", "href") if key in given and given.get("loading") != "lazy"]
        if "nbclient-error" in given.get("class", "") or "output traceback" in given.get("class", ""):
            self.problems.append("shows a traceback; correct the notebook and run it again")
        if tag in _LOADING and not (tag == "link" and given.get("rel", "") in _HARMLESS_LINKS):
            for key in ("src", "href", "data", "poster"):
                if re.match(r"(https?:)?//", given.get(key, "")):
                    self.problems.append(f"loads {given[key]} from another host; keep a copy in book/_static")
        self._foreign_style(given.get("style", ""))

    def handle_data(self, data: str) -> None:
        if self._style:
            self._foreign_style(data)
            self._style = False

    def _foreign_style(self, text: str) -> None:
        for found in re.findall(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")\s]+)", text):
            self.problems.append(f"loads {found} from another host; keep a copy in book/_static")


def _tells(image: dict[str, str]) -> bool:
    """Whether the alt text of an image is more than nothing or the name of its file, which Sphinx puts there."""
    alt = image.get("alt", "").strip()
    return bool(alt) and not re.search(r"\.(png|svg|jpe?g|gif|webp)$", alt)


def _raise(problems: list[str]) -> None:
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise ArticulensError(f"{problems[0]}{more}.")
