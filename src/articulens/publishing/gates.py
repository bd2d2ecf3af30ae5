"""What must hold before a page is shown: no errors, alt text, nothing from elsewhere, no dead links."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

from articulens.errors import ArticulensError
from articulens.publishing.notebooks import read_notebook

MAX_OUTPUT, MAX_NOTEBOOK = 300_000, 1_000_000  # bytes
_LOADING = {"script", "img", "iframe", "source", "audio", "video", "embed", "object", "link", "track"}
_HARMLESS_LINKS = {"canonical", "next", "prev", "index", "search", "author", "copyright", "edit"}


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
        if not images and "image" in cell.metadata.get("mystnb", {}):
            problems.append(f"{where}: has alt text but shows no figure; let the cell end with the figure")
        if images and not str(cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")).strip():
            problems.append(f'{where}: shows a figure without alt text; add mystnb={{"image": {{"alt": "..."}}}}')
    return problems


def check_site(html: Path) -> None:
    """Check every page and style sheet of a built site.

    Raises
    ------
    ArticulensError
        For a traceback, an image without alt text, anything loaded from another host, a dead internal link.
    """
    pages = {path.resolve(): _Page.read(path) for path in sorted(html.rglob("*.html")) if "_static" not in path.parts}
    problems = []
    for path, page in pages.items():
        name = path.relative_to(html.resolve()).as_posix()
        problems += [f"{name}: {problem}" for problem in page.problems]
        for link in page.links:
            problems += [f"{name}: {problem}" for problem in _dead(link, path, pages)]
    for sheet in sorted(html.rglob("*.css")):
        for found in re.findall(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")\s]+)", sheet.read_text("utf-8")):
            problems.append(f"{sheet.relative_to(html).as_posix()}: loads {found}; keep a copy in book/_static")
    _raise(problems)


def _dead(link: str, path: Path, pages: dict[Path, _Page]) -> list[str]:
    target, fragment = urldefrag(link)
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return []
    file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
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
        if tag == "img" and "alt" not in given:
            self.problems.append(f"image {given.get('src', '')[:60]} has no alt text")
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


def _raise(problems: list[str]) -> None:
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise ArticulensError(f"{problems[0]}{more}.")
