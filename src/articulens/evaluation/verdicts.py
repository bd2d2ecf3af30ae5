"""Verdicts: what a chapter makes of a claim, by a rule that stands beside it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from articulens.errors import ArticulensError
from articulens.files import atomic_write

COLUMNS = ["number", "claim", "rule", "verdict", "because"]


class Verdicts:
    """The verdicts of one chapter, said aloud as they fall.

    Examples
    --------
    >>> verdicts = Verdicts()
    >>> verdicts.judge("E2", "The middle knows most", "holds if ...", "not shown", "the layers were not scored")
    The middle knows most
      Rule: holds if ...
      Verdict: not shown. the layers were not scored
    """

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, str]] = {}

    def judge(self, number: str, claim: str, rule: str, verdict: str, because: str) -> None:
        """Keep a verdict under its number, and print it with its rule and its reason."""
        self._rows[number] = dict(zip(COLUMNS, [number, claim, rule, verdict, because], strict=True))
        print(f"{claim}\n  Rule: {rule}\n  Verdict: {verdict}. {because}")

    def table(self) -> pd.DataFrame:
        """Return one row a claim: number, claim, rule, verdict, because."""
        return pd.DataFrame(list(self._rows.values()), columns=COLUMNS)

    def save(self, path: str | Path) -> Path:
        """Write the table as parquet."""
        with atomic_write(path) as temporary:
            self.table().to_parquet(temporary, index=False)
        return Path(path)


def read_verdicts(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Return the verdicts of several chapters in one table; chapters that have not run are left out.

    Raises
    ------
    ArticulensError
        If a file is not such a table.
    """
    tables = []
    for path in map(Path, paths):
        if not path.exists():
            continue
        try:
            table = pd.read_parquet(path)
        except (OSError, ValueError) as problem:
            raise ArticulensError(f"{path}: not a table of verdicts ({problem}); run its chapter again.") from problem
        if list(table.columns) != COLUMNS:
            found = ", ".join(table.columns)
            raise ArticulensError(
                f"{path}: columns {found}, expected {', '.join(COLUMNS)}; run the chapter that writes it again."
            )
        tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)
