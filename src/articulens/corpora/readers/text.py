"""Tables as text: every line must have as many cells as the header has names, or columns would shift unseen."""

from __future__ import annotations

import io
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from articulens.corpora.limits import unreadable
from articulens.errors import ArticulensError


def read_columns(
    path: Path,
    *,
    separator: str,
    names: Sequence[str],
    needed: Collection[str],
    headed: bool,
    content: bytes | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Return the needed columns of a table as numbers; what is no number is NaN.

    Parameters
    ----------
    path : Path
        The file.
    separator : str
        Between two cells: a tab, a comma, or a pattern for blanks. A line may end with one more.
    names : sequence of str
        What the columns are called, all of them.
    needed : collection of str
        Which of them to return.
    headed : bool
        Whether the first line that is not blank holds names, and no sample.
    content : bytes, optional
        What to read instead of the file, where a reader had to change it. Long files are better not held in memory.

    Raises
    ------
    ArticulensError
        When the file cannot be read, a line has more or fewer cells than there are names, there are fewer than two
        lines, or a name is there twice.
    """
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ArticulensError(f"{path}: column {twice} is there more than once; export the positions again.")
    wanted = [i for i, name in enumerate(names) if name in needed]
    try:
        with open(path, "rb") if content is None else io.BytesIO(content) as stream, warnings.catch_warnings():
            last = _check_cells(stream, path, separator, len(names))
            stream.seek(0)
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)  # columns that hold words are numbers below
            table = pd.read_csv(
                stream,
                sep=separator,
                header=0 if headed else None,
                names=[names[i] for i in wanted],
                usecols=wanted,
                index_col=False,
                # Blanks before a number do not matter; after a comma they would be part of a word such as NaN.
                skipinitialspace=separator == ",",
            )
    except OSError as error:
        raise unreadable(path, error) from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        reason = str(error).strip().rstrip(".").splitlines()[-1]
        raise ArticulensError(
            f"{path}: not a table of positions ({reason}); export the positions again or leave this utterance out."
        ) from error
    if len(table) < 2:
        raise ArticulensError(
            f"{path}: {len(table)} samples of positions, expected at least 2; export the positions again "
            "or leave this utterance out."
        )
    columns = {
        str(name): pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        for name in table.columns
    }
    if last not in b"\r\n" and names[-1] in columns:
        # Nobody can say whether "1.2" was once "1.25".
        columns[names[-1]] = np.append(columns[names[-1]][:-1], np.nan)
    return columns


def _check_cells(stream: BinaryIO, path: Path, separator: str, cells: int) -> bytes:
    """Refuse a table with a line of another length; return its last byte."""
    last, lines, separators = b"", 0, 0
    for block in iter(lambda: stream.read(1 << 20), b""):
        values = np.frombuffer(block, dtype=np.uint8)  # `bytes.count` takes four times as long
        lines += int(np.count_nonzero(values == ord("\n")))
        separators += int(np.count_nonzero(values == ord(separator))) if len(separator) == 1 else 0
        last = block[-1:]
    lines += last != b"\n"
    if len(separator) == 1 and separators in (lines * (cells - 1), lines * cells):
        return last
    stream.seek(0)
    for number, line in enumerate(stream.read().splitlines(), start=1):
        if not line.strip(b"\r\n "):
            continue
        found = line.split(separator.encode()) if len(separator) == 1 else line.split()
        if len(found) == cells + 1 and not found[-1].strip():
            continue
        if len(found) != cells:
            raise ArticulensError(
                f"{path}: line {number} has {len(found)} cells, expected {cells}; the file is damaged or cut short: "
                "export or copy it again."
            )
    return last
