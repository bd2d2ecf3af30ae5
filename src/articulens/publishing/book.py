"""The book: its notebooks run where stale, its site built where something changed, both checked."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from articulens.errors import ArticulensError
from articulens.publishing import gates, manifest, site
from articulens.publishing.notebooks import find_root
from articulens.publishing.runner import Run, run_notebooks

PUBLISHED = "bundled"  # the parameter file whose runs the manifest tells about


@dataclass(frozen=True)
class Book:
    """A built book: its front page, what ran, whether the site was built anew, the seconds it took."""

    index: Path
    runs: list[Run]
    built: bool
    seconds: float


def build_book(
    params: str | Path = PUBLISHED,
    *,
    root: str | Path | None = None,
    force: bool = False,
    jobs: int = 2,
    say: Callable[[str], None] = print,
) -> Book:
    """Run the stale notebooks of the table of contents, build the site, and check it.

    Parameters
    ----------
    params
        Parameter file, by path or by name in ``notebooks/params``.
    root
        Folder of the book; default the one with ``_toc.yml`` at or above the working folder.
    force
        Run every notebook and build the site even if nothing changed.
    jobs
        At most so many notebooks run at a time.
    say
        Takes lines about the progress.

    Raises
    ------
    ArticulensError
        When a notebook fails, the build warns, or a page fails a check; the message says which.
    """
    clock = time.perf_counter()
    folder = find_root(root)
    pages = executed_pages(folder)
    runs = run_notebooks(
        [folder / "notebooks" / f"{page}.py" for page in pages], params_file=params, force=force, jobs=jobs, say=say
    )
    gates.check_executed([run.output for run in runs])
    if Path(params).stem == PUBLISHED:
        manifest.update_manifest(folder, pages)
    built = site.build(folder, force=force, say=say)
    index = folder / "_build" / "html" / "index.html"
    seconds = time.perf_counter() - clock
    ran, state = sum(run.ran for run in runs), "built" if built else "unchanged"
    say(f"book: {index} ({ran} of {len(runs)} notebooks run, site {state}, {seconds:.1f} s)")
    return Book(index, runs, built, seconds)


def executed_pages(root: Path) -> list[str]:
    """Return the notebooks that the table of contents shows, in its order, as places in notebooks/ without ending.

    Raises
    ------
    ArticulensError
        When it names a notebook that does not exist.
    """
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    executed = "book/executed/"
    pages = [file.removeprefix(executed) for file in _files(toc) if file.startswith(executed)]
    for page in pages:
        if not (root / "notebooks" / f"{page}.py").is_file():
            raise ArticulensError(
                f"{root / '_toc.yml'}: lists {executed}{page}, but there is no notebooks/{page}.py; "
                "correct the entry or add the notebook."
            )
    return pages


def _files(entry: Any) -> list[str]:
    if isinstance(entry, list):
        return [file for item in entry for file in _files(item)]
    if isinstance(entry, dict):
        own = [entry["file"]] if "file" in entry else []
        return own + [file for value in entry.values() if isinstance(value, list) for file in _files(value)]
    return []
