"""Build the site with Jupyter Book, but only when something it is made of changed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import yaml

from articulens.errors import ArticulensError
from articulens.files import atomic_write, sha256_file, sha256_text
from articulens.publishing import gates
from articulens.publishing.notebooks import read_notebook

_TOP = ("_config.yml", "_toc.yml", "index.md", "CITATION.cff")
_INCLUDED = (  # pages show them
    "data/bundled/CARD.md",
    "data/models/README.md",
    "data/published.md",
    "data/similarity_whisper.md",
)


def build(root: Path, *, force: bool = False, say: Callable[[str], None] = print) -> bool:
    """Build and check ``_build/html``; return whether there was anything to do.

    Raises
    ------
    ArticulensError
        When the sources do not fit together, Jupyter Book warns or fails, or a built page fails a check of
        :mod:`articulens.publishing.gates`.
    """
    gates.check_sources(root)
    output, stamp = root / "_build", root / "_build" / "stamp"
    now = fingerprint(root)
    if not force and stamp.is_file() and stamp.read_text(encoding="utf-8") == now:
        return False
    # Pages are kept only after a whole build, and only if no more than prose changed since: else they would hide
    # warnings, and removed ones would linger.
    # A site with an address is made anew each time: its sitemap lists only the pages written with it.
    frame, kept = structure(root), output / "structure"
    same = stamp.is_file() and kept.is_file() and kept.read_text(encoding="utf-8") == frame
    if force or not same or _has_address(root):
        for old in (".doctrees", "html"):
            shutil.rmtree(output / old, ignore_errors=True)
    stamp.unlink(missing_ok=True)
    say("site: building")
    start = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", start, "build", str(root), "-n", "-W", "--keep-going"]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONWARNINGS": "ignore", "NO_COLOR": "1"},
    )
    plain, log = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout), output / "build.log"
    with atomic_write(log, "w") as stream:
        stream.write(plain)
    if done.returncode:
        found = [line.strip() for line in plain.splitlines() if re.search(r"WARNING|ERROR|Error", line)]
        found = found or plain.strip().splitlines()[-1:]
        first = found[0].replace(f"{root}/", "") if found else "no message"
        raise ArticulensError(f"The book did not build ({len(found)} complaints, the first: {first}); see {log}.")
    gates.check_site(output / "html", root)
    for path, text in ((kept, frame), (stamp, now)):
        with atomic_write(path, "w") as stream:
            stream.write(text)
    return True


def _has_address(root: Path) -> bool:
    """Whether ``_config.yml`` says where the book is published."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8")) or {}
    return bool(config.get("html", {}).get("baseurl"))


def fingerprint(root: Path) -> str:
    """Return a hash of everything the site is made of: pages, executed copies, configuration, builder."""
    parts = [part for path in sources(root) for part in (path.relative_to(root).as_posix(), sha256_file(path))]
    return sha256_text(_builder() + parts)


def _builder() -> list[str]:
    """Return what builds: versions, and the modules here, for the gates are part of what a finished site promises."""
    versions = [version(name) for name in ("jupyter-book", "sphinx", "sphinx-book-theme")]
    return versions + [sha256_file(module) for module in sorted(Path(__file__).parent.glob("*.py"))]


def structure(root: Path) -> str:
    """Return a hash of everything the site is made of but its prose."""
    parts = _builder()
    for path in sources(root):
        parts.append(path.relative_to(root).as_posix())
        if path.suffix == ".ipynb":
            cells = [cell for cell in read_notebook(path).cells if cell.cell_type == "code"]
            parts.append(sha256_text(str(cell) for cell in cells))
        elif path.suffix != ".md":
            parts.append(sha256_file(path))
    return sha256_text(parts)


def sources(root: Path) -> Iterator[Path]:
    """Yield the files that the site is made of."""
    yield from (root / name for name in (*_TOP, *_INCLUDED) if (root / name).is_file())
    yield from sorted((root / "notebooks" / "exercises").glob("ex_*.ipynb"))
    yield from sorted((root / "data" / "results").glob("*.parquet"))  # what the explorer and the player show
    for path in sorted((root / "book").rglob("*")):
        inside = path.relative_to(root / "book").parts
        skipped = "failed" in inside or path.name == "MANIFEST.json" or "__pycache__" in inside
        if path.is_file() and not skipped and not path.name.startswith("."):
            yield path
