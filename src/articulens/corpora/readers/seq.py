"""Positions as text, ``.seq``: PB2007, one speaker of French recorded in Grenoble.

Known only from public code that reads it: a line with a word, ``#`` and then the columns is a sample; lines before the
first sample are a header. PB2007 has twelve columns, x and then y of li, tt, tm, tb, ul and ll, in centimetres at
100 Hz; the file says none of that.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from articulens.corpora.limits import read_bytes
from articulens.corpora.readers.columns import numbered_columns
from articulens.corpora.schema import Trajectory
from articulens.errors import ArticulensError


def read(
    path: str | os.PathLike[str],
    *,
    channels: Mapping[str, int | str],
    axes: Mapping[str, str],
    rate_hz: float,
    unit_mm: float = 1.0,
) -> Trajectory:
    """Read one ``.seq`` file.

    Parameters
    ----------
    path : path
        The file.
    channels : mapping
        Sensor to its first column, counted from 0: ``{"TT": 1}``.
    axes : mapping
        Our axis to sign and place after that column, ``{"x": "+0", "z": "+6"}``.
    rate_hz : float
        Samples per second.
    unit_mm : float
        Millimetres in one unit of the file (10 in PB2007).

    Returns
    -------
    Trajectory
        mm; NaN where a value is not finite.

    Raises
    ------
    ArticulensError
        When the file is absent, damaged, cut short, or has none of the columns.
    """
    path = Path(path)
    content = read_bytes(path)
    if not content.endswith(b"\n"):
        raise ArticulensError(f"{path}: its last line has no end; the file is cut short: copy it again.")
    rows: list[list[bytes]] = []
    header: list[list[bytes]] = []
    for number, line in enumerate(content.splitlines(), start=1):
        words = line.split()
        if b"#" in words[:2]:
            rows.append(words[words.index(b"#") + 1 :])
        elif rows and words:
            raise ArticulensError(f"{path}: line {number} is no sample ('#' and numbers); copy the file again.")
        else:
            header.append(words)
    widths = {len(row) for row in rows}
    if len(rows) < 2 or len(widths) > 1:
        raise ArticulensError(
            f"{path}: {len(rows)} samples of {', '.join(map(str, sorted(widths))) or 'no'} columns, expected two or "
            "more lines of '#' and equally many numbers; the file is damaged, or something else: copy it again."
        )
    # A damaged first sample must not pass for a header: every time would be one sample off.
    if any(2 * sum(map(_is_number, words)) > len(rows[0]) for words in header):
        raise ArticulensError(f"{path}: a line before the first sample looks like one without '#'; copy it again.")
    try:
        values = np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise ArticulensError(f"{path}: a sample holds what is no number ({error}); copy the file again.") from error
    positions, names = numbered_columns(values, channels, axes, path)
    positions *= unit_mm
    positions[~np.isfinite(positions)] = np.nan
    return Trajectory(positions, names, float(rate_hz), source=str(path))


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
