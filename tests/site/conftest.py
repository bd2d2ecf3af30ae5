"""The book itself, built once, served, and opened in Debian's Chromium."""

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def site() -> Path:
    """Build the site from the executed copies there are; what was never run is run with the smallest parameters."""
    from articulens.publishing import run_notebooks
    from articulens.publishing.book import executed_pages
    from articulens.publishing.site import build

    executed = ROOT / "book" / "executed"
    missing = [page for page in executed_pages(ROOT) if not (executed / f"{page}.ipynb").is_file()]
    (ROOT / "_build").mkdir(exist_ok=True)
    with FileLock(ROOT / "_build" / "lock"):  # another worker may be at it
        run_notebooks([ROOT / "notebooks" / f"{page}.py" for page in missing], params_file="smoke", say=print)
        build(ROOT)
    return ROOT / "_build" / "html"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def chromium():
    """Return the browser, driven by Playwright."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api").sync_playwright().start()
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage", "--mute-audio"]
    )
    yield browser
    browser.close()
    playwright.stop()


@pytest.fixture(scope="session")
def visit(chromium, address: str) -> Callable[..., AbstractContextManager]:
    """Return ``visit(path, width, scheme, **options)``: an open page; whatever it complains of fails the test."""
    contexts = {}  # a reader's browser keeps what it has seen, which is quicker than a new one for each page

    @contextmanager
    def visit(path: str, width: int = 1280, scheme: str = "light", **options):
        reader = (width, scheme, *options.items())
        if reader not in contexts:
            view = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
            contexts[reader] = chromium.new_context(**view, **options)
        page, complaints = contexts[reader].new_page(), []
        page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.on("response", lambda r: r.status >= 400 and complaints.append(f"{r.status} {r.url}"))
        own = re.compile(rf"({re.escape(address)}/|data:|blob:)")
        page.on("request", lambda r: own.match(r.url) or complaints.append(f"asks for {r.url}"))
        page.goto(f"{address}/{path}")
        if options.get("java_script_enabled", True):
            page.evaluate("window.MathJax?.startup?.promise")
        page.complaints = complaints
        try:
            yield page
        finally:
            page.close()
        assert complaints == []

    return visit
