"""From notebooks to the book: run what is stale, remember how it was made, build and check the site.

The names below are loaded when they are first used: a notebook that only calls :func:`record` needs none of
the packages of the extra ``[book]``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from articulens.publishing.book import Book, build_book
    from articulens.publishing.recording import record
    from articulens.publishing.runner import Run, run_notebooks

__all__ = ["Book", "Run", "build_book", "record", "run_notebooks"]
_HOMES = {
    "Book": "book",
    "build_book": "book",
    "record": "recording",
    "Run": "runner",
    "run_notebooks": "runner",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
