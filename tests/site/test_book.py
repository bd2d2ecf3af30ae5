"""A small book, built with the project's own configuration, and looked at in a browser."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from articulens.errors import ArticulensError
from articulens.publishing import build_book
from articulens.publishing.gates import check_site
from articulens.publishing.notebooks import write_pair

ROOT = Path(__file__).parents[2]
PAGE = "book/executed/01_draw_line.html"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.slow

REPOSITORY, HOME = "https://github.com/somebody/book", "https://book.example/"
TOC = "format: jb-book\nroot: index\nchapters:\n  - file: book/executed/01_draw_line\n"
INDEX = "# Front\n\nA formula $a_1$, and {numref}`fig-line` of {doc}`book/executed/01_draw_line`.\n"
INDEX += "\n```{image} book/executed/level.svg\n:alt: A line.\n```\n"
NOTEBOOK = r"""
# %% [markdown]
# # Draw a line
# $$ r = \frac{s_{xy}}{\sqrt{s_{xx} s_{yy}}} $$

# %% tags=["parameters"]
slope: float = 1.0  # of the line

# %%
import sys
import matplotlib.pyplot as plt
print("left", "over", sep="", file=sys.stderr)

# %% mystnb={"image": {"alt": "A rising line."}, "figure": {"caption": "A line.", "name": "fig-line"}}
figure, axes = plt.subplots(figsize=(3, 2))
axes.plot([0, 1], [0, slope])
plt.show()

# %% mystnb={"figure": {"caption": "A level.", "name": "fig-level"}}
from articulens.drawing import canvas
told, axes = canvas(2)
axes.axhline(slope)
told.alt = f"A level line at {slope}, which is < 9."
told.savefig("../book/executed/level.svg", metadata={"Date": None, "Description": told.alt})
told
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("book")
    config = (ROOT / "_config.yml").read_text()
    for setting, value in (
        ('repository: {url: ""', f"repository: {{url: {REPOSITORY}"),
        ('baseurl: ""', f"baseurl: {HOME}"),
    ):
        assert setting in config, "nobody has said where the book is published"
        config = config.replace(setting, value)
    (root / "_config.yml").write_text(config)
    for folder in ("_static", "_ext", "_templates"):
        shutil.copytree(ROOT / "book" / folder, root / "book" / folder)
    shutil.copy(ROOT / "book" / "references.bib", root / "book")
    (root / "_toc.yml").write_text(TOC)
    (root / "index.md").write_text(INDEX)
    (root / "book" / "executed").mkdir()  # in a clone it holds the manifest
    params = root / "notebooks" / "params"
    params.mkdir(parents=True)
    (params / "bundled.yaml").write_text("")
    (params / "smoke.yaml").write_text("01_draw_line: {slope: -1.0}\n")
    (params.parent / "01_draw_line.py").write_text(NOTEBOOK)
    write_pair(params.parent / "01_draw_line.py")
    first = build_book(root=root, say=lambda line: None)
    assert first.built
    assert [run.ran for run in first.runs] == [True]
    assert first.index == root / "_build" / "html" / "index.html"
    return root


def test_nothing_is_done_twice(book: Path) -> None:
    before = (book / "_build" / "html" / PAGE).stat().st_mtime_ns
    manifest = (book / "book" / "executed" / "MANIFEST.json").read_bytes()
    lines: list[str] = []
    again = build_book(root=book, say=lines.append)
    assert not again.built
    assert [run.ran for run in again.runs] == [False]
    assert lines[0] == "01_draw_line: fresh"
    assert re.search(r"0 of 1 notebooks run, site unchanged, \d+\.\d s", lines[-1])
    assert (book / "_build" / "html" / PAGE).stat().st_mtime_ns == before
    assert (book / "book" / "executed" / "MANIFEST.json").read_bytes() == manifest


def test_the_page_shows_figure_and_provenance(book: Path) -> None:
    html = (book / "_build" / "html" / PAGE).read_text()
    assert re.search(r'<img[^>]*alt="A rising line\."', html)
    assert "leftover" not in html, "what went to stderr is no part of the page"
    provenance = re.search(r'<details class="provenance">(.*?)</details>', html).group(1)
    past = json.loads((book / "book" / "executed" / "MANIFEST.json").read_text())["01_draw_line"]
    again = "<dt>again</dt><dd>articulens run 01_draw_line</dd>"
    for part in (past["versions"]["torch"], past["causes"]["code"][:8], "<dd>as written</dd>", again):
        assert part in provenance


def test_alt_text_is_what_the_figure_tells_of_itself(book: Path) -> None:
    for page in (PAGE, "index.html"):
        html = (book / "_build" / "html" / page).read_text()
        assert re.search(r'<img[^>]*alt="A level line at 1.0, which is &lt; 9\."', html), page
    assert 'alt="A line."' not in html


def test_buttons_lead_to_the_notebook(book: Path) -> None:
    html = (book / "_build" / "html" / PAGE).read_text()
    assert f"{REPOSITORY}/edit/main/notebooks/01_draw_line.py" in html
    assert "colab.research.google.com/github/somebody/book/blob/main/notebooks/01_draw_line.ipynb" in html
    assert "urlpath=lab/tree/notebooks/01_draw_line.ipynb" in html
    outside = [
        url
        for url in re.findall(r'href="(https?://[^"]+)"', html)
        if "book/executed" in url and "/issues/" not in url and HOME not in url
    ]
    assert outside == []
    assert '_sources/book/executed/01_draw_line.ipynb"' in html, "the download link stays"


def test_a_known_address_gives_cards_and_a_sitemap(book: Path) -> None:
    html = book / "_build" / "html"
    front = (html / "index.html").read_text()
    assert f'<meta property="og:url" content="{HOME}' in front
    assert '<meta property="og:title" content="Front"' in front
    pages = re.findall(r"<loc>(.*?)</loc>", (html / "sitemap.xml").read_text())
    assert sorted(pages) == [f"{HOME}{PAGE}", f"{HOME}index.html"]
    assert 'href="/index.html"' in (html / "404.html").read_text(), "a page that is not found leads home from any depth"


def test_a_launch_target_that_does_not_exist_is_named(book: Path) -> None:
    notebook = book / "notebooks" / "01_draw_line.ipynb"
    text = notebook.read_text()
    notebook.unlink()
    try:
        with pytest.raises(
            ArticulensError, match=r"01_draw_line\.html: a button leads to notebooks/01_draw_line\.ipynb, "
        ):
            check_site(book / "_build" / "html", book)
        with pytest.raises(ArticulensError, match=r"notebooks/01_draw_line\.ipynb: is missing; run `make pairs`"):
            build_book(root=book, force=True, say=lambda line: None)
    finally:
        notebook.write_text(text)


def test_without_an_address_there_are_no_buttons_that_lead_nowhere(book: Path, tmp_path: Path) -> None:
    root = tmp_path / "book"
    shutil.copytree(book, root, ignore=shutil.ignore_patterns("_build"))
    shutil.copy(ROOT / "_config.yml", root)
    html = build_book(root=root, say=lambda line: None).index.parent
    page = (html / PAGE).read_text()
    assert not re.search(r"colab\.research|mybinder|/edit/main/|/issues/|github\.com", page)
    assert '_sources/book/executed/01_draw_line.ipynb"' in page
    assert not (html / "sitemap.xml").exists()
    (root / "index.md").write_text(INDEX + "\nAnother sentence.\n")
    assert build_book(root=root, say=lambda line: None).built
    log = (root / "_build" / "build.log").read_text()
    assert "0 added, 1 changed, 0 removed" in log, "prose alone reads its own page again and no other"
    assert "Another sentence." in (html / "index.html").read_text()


def test_a_page_with_a_dead_reference_does_not_pass(book: Path) -> None:
    try:
        (book / "index.md").write_text(INDEX + "\nSee {doc}`nowhere`.\n")
        with pytest.raises(ArticulensError, match=r"The book did not build \(1 complaints, the first: .*nowhere"):
            build_book(root=book, say=lambda line: None)
        with pytest.raises(ArticulensError, match="did not build"):
            build_book(root=book, say=lambda line: None)
    finally:
        (book / "index.md").write_text(INDEX)
        assert build_book(root=book, say=lambda line: None).built


class _Server(SimpleHTTPRequestHandler):
    """Serves a site whose pages report, through a content policy, whatever they want from another host."""

    def end_headers(self) -> None:
        self.send_header(
            "Content-Security-Policy",
            "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; report-uri /report",
        )
        super().end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.reports.append(json.loads(body)["csp-report"]["blocked-uri"])
        self.send_response(204)
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if int(code) >= 400 and not self.path.endswith("favicon.ico"):
            self.server.missing.append(self.path)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(book: Path) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Server, directory=str(book / "_build" / "html")))
    server.reports, server.missing = [], []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def _rendered(server: ThreadingHTTPServer, page: str, profile: Path) -> str:
    """Return the page as the browser has it once its scripts have run."""
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        f"--user-data-dir={profile}",
        "--virtual-time-budget=20000",
        "--dump-dom",
    ]
    url = f"http://127.0.0.1:{server.server_address[1]}/{page}"
    done = subprocess.run([CHROMIUM, *flags, url], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt-get install chromium)")


@browser
@pytest.mark.browser
@pytest.mark.parametrize("page", ["index.html", PAGE])
def test_maths_is_set_and_nothing_comes_from_elsewhere(server, page: str, tmp_path: Path) -> None:
    dom = _rendered(server, page, tmp_path)
    assert "<mjx-container" in dom, "MathJax did not set the formula"
    assert "<mjx-merror" not in dom
    assert server.reports == []
    assert server.missing == []


@browser
@pytest.mark.browser
def test_the_browser_would_have_told(server, book: Path, tmp_path: Path) -> None:
    page = book / "_build" / "html" / "leak.html"
    page.write_text('<html><body><script src="https://elsewhere.invalid/x.js"></script></body></html>')
    try:
        _rendered(server, "leak.html", tmp_path)
    finally:
        page.unlink()
    assert server.reports == ["https://elsewhere.invalid/x.js"]
