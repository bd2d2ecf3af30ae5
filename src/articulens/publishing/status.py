"""What ran when, on what, and whether a run now would be another one: the rows of the status page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from articulens.publishing import manifest
from articulens.publishing.book import executed_pages
from articulens.publishing.notebooks import read_notebook
from articulens.publishing.parameters import inspect_parameters


def status(root: Path) -> list[dict[str, Any]]:
    """Return one row for each executed page of the table of contents, in its order.

    Parameters
    ----------
    root
        Folder of the book.

    Returns
    -------
    Rows with ``page``, ``state`` (``"fresh"``, ``"stale"`` or ``"not run"``), ``why`` (reasons for a new run, a tuple)
    and ``past`` (the provenance kept in the executed copy, or None).
    """
    manifest.forget_corpora()
    rows: list[dict[str, Any]] = []
    for page in executed_pages(root):
        source, executed = root / "notebooks" / f"{page}.py", root / "book" / "executed" / f"{page}.ipynb"
        past = manifest.provenance(executed)
        if past is None:
            rows.append({"page": page, "state": "not run", "why": ("there is no executed copy",), "past": None})
            continue
        notebook = read_notebook(source)
        defaults = {name: known.default for name, known in inspect_parameters(notebook, source).items()}
        now = manifest.causes(notebook, {**defaults, **past["given"]}, root)
        why = manifest.why_stale(executed, now, source.parent)
        rows.append({"page": page, "state": "stale" if why else "fresh", "why": why, "past": past})
    return rows
