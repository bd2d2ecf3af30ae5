"""Wisconsin X-ray microbeam pellets, ``.txy``: no header, 17 columns between tabs.

Time in microseconds (steps of 6866), then UL, LL, T1, T2, T3, T4, MNI and MNM as x and y in micrometres, x anterior+,
y up+; 1000000 is missing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from articulens.corpora.limits import read_bytes
from articulens.corpora.readers.clock import agreed_rate, regular_clock
from articulens.corpora.readers.columns import column_names, take_columns
from articulens.corpora.readers.text import read_columns
from articulens.corpora.schema import Trajectory

PELLETS = ("UL", "LL", "T1", "T2", "T3", "T4", "MNI", "MNM")
MISSING = 1_000_000
_NAMES = ("time", *(f"{pellet}_{axis}" for pellet in PELLETS for axis in "XY"))


def read(
    path: str | os.PathLike[str],
    *,
    channels: Mapping[str, int | str],
    axes: Mapping[str, str],
    rate_hz: float | None = None,
) -> Trajectory:
    """Read one ``.txy`` file.

    Parameters
    ----------
    path : path
        The file.
    channels : mapping
        Sensor to pellet, ``{"TT": "T1"}``.
    axes : mapping
        Our axis to sign and letter, ``{"x": "+X", "z": "+Y"}``.
    rate_hz : float, optional
        Compared with the clock in the file (145.65 Hz).

    Returns
    -------
    Trajectory
        mm, on the clock of the file.

    Raises
    ------
    ArticulensError
        When the file is absent, damaged or cut short, or has none of the pellets.
    """
    path = Path(path)
    wanted = column_names("{sensor}_{axis}", channels, axes)
    needed = {"time"} | {name for _, name in wanted.values()}
    read_bytes(path, first=1)  # refuses what is no file, too large or empty
    table = read_columns(path, separator="\t", names=_NAMES, needed=needed, headed=False)
    clock = table.pop("time") * 1e-6
    table = {name: np.where(column >= MISSING, np.nan, column) for name, column in table.items()}
    positions, names = take_columns(table, wanted, path)
    start, rate = regular_clock(clock, None, path, "time")
    return Trajectory(positions * 1e-3, names, agreed_rate(rate, rate_hz, path), start, str(path))


def sources(path: str | os.PathLike[str]) -> dict[int | str, tuple[str, ...]]:
    """Return the pellets, which are the same in every file, and the axes of each."""
    return dict.fromkeys(PELLETS, ("X", "Y"))
