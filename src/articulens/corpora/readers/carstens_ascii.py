r"""Carstens AG501 positions exported as text.

One line a sample; for every socket N the columns ``ChN_X ChN_Y ChN_Z ChN_phi ChN_theta ChN_RMS ChN_Extra``,
in mm, degrees and arbitrary units. Tabs, blanks or commas between them. The header line may be absent, then
all seven columns of every socket are expected in this order. The file says nothing about time: the rate is
an argument. Axes of the device after head correction: X anterior+, Y left+, Z up+.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from articulens.corpora.limits import read_bytes
from articulens.corpora.readers.columns import by_sensor, column_names, take_columns
from articulens.corpora.readers.gate import implausible
from articulens.corpora.readers.text import read_columns
from articulens.corpora.schema import Trajectory
from articulens.errors import ArticulensError

FIELDS = ("X", "Y", "Z", "phi", "theta", "RMS", "Extra")


def read(
    path: str | os.PathLike[str],
    *,
    channels: Mapping[str, int | str],
    axes: Mapping[str, str],
    rate_hz: float,
    max_abs_mm: float = 300.0,
    max_rms: float = 30.0,
) -> Trajectory:
    """Read one file.

    A sample of a sensor is missing (NaN on all its axes) where a cell is empty or not a number, where the
    position is exactly the origin (how the device marks an unused socket), where any coordinate exceeds
    `max_abs_mm`, or where the RMS column, if there is one, exceeds `max_rms`. Only sockets of the channel
    map are looked at. Unused sockets can hold garbage (coordinates up to 775 mm, RMS 15 to 17000); tracked
    sensors had RMS 0.6 to 12 in the public files this was checked on.

    Parameters
    ----------
    path : path
        ``.txt``, ``.pos`` (text, not binary) or ``.csv``.
    channels : mapping
        Sensor to socket number, ``{"TT": 7}``.
    axes : mapping
        Our axis to sign and letter, ``{"x": "+X", "z": "+Z"}``.
    rate_hz : float
        Samples per second.
    max_abs_mm, max_rms : float
        The plausibility gate.

    Returns
    -------
    Trajectory
        mm. Sensors whose columns are not in the file are left out.

    Raises
    ------
    ArticulensError
        When the file is absent, empty, binary, not such a table, or has none of the columns.
    """
    path = Path(path)
    wanted = column_names("Ch{sensor}_{axis}", channels, axes)
    rms = {sensor: f"Ch{socket}_RMS" for sensor, socket in channels.items()}
    columns = _read_table(path, {name for _, name in wanted.values()} | set(rms.values()))
    positions, names = take_columns(columns, wanted, path)
    for sensor in channels:
        own = [i for i, name in enumerate(names) if name.split(".")[0] == sensor]
        if not own:
            continue
        bad = implausible(positions[:, own], columns.get(rms[sensor]), max_abs_mm=max_abs_mm, max_rms=max_rms)
        positions[np.ix_(np.flatnonzero(bad), np.array(own))] = np.nan
    return Trajectory(positions, names, float(rate_hz), source=str(path))


def sources(path: str | os.PathLike[str]) -> dict[int | str, tuple[str, ...]]:
    """Return the sockets of a file and the axes of each, see `articulens.corpora.readers`."""
    found = by_sensor(_read_table(Path(path), set()))
    sockets = {str(name).removeprefix("Ch"): axes for name, axes in found.items()}
    return {int(socket): axes for socket, axes in sockets.items() if socket.isdecimal()}


def _read_table(path: Path, needed: set[str]) -> dict[str, NDArray[np.float64]]:
    """Return the needed columns under stripped names, or, where none is there, all names without values."""
    start = read_bytes(path, first=1 << 16)
    if start.startswith(b"AG50") or b"\0" in start:
        raise ArticulensError(
            f"{path}: this is a binary file, a text table with columns Ch1_X Ch1_Y ... was expected; "
            "set 'reader: carstens-binary' in the recipe, or export the positions as text."
        )
    lines = start.decode("utf-8-sig", errors="replace").split("\n")
    skipped = next((i for i, line in enumerate(lines) if line.strip()), None)
    if skipped is None:
        raise ArticulensError(f"{path}: the file is empty; export the positions again or leave this utterance out.")
    first = lines[skipped].rstrip("\r")
    separator = "," if "," in first else "\t" if "\t" in first else r"\s+"
    cells = [cell.strip() for cell in (first.split() if separator == r"\s+" else first.split(separator))]
    while cells and not cells[-1]:
        cells.pop()  # a separator at the end of the line
    headed = not all(_is_number(cell) for cell in cells)
    if not headed and len(cells) % len(FIELDS):
        raise ArticulensError(
            f"{path}: no header and {len(cells)} columns, expected a header 'Ch1_X ...' or seven columns "
            "for each socket; export the positions again with a header."
        )
    names = cells if headed else [f"Ch{1 + i // 7}_{FIELDS[i % 7]}" for i in range(len(cells))]
    if needed.isdisjoint(names):
        return dict.fromkeys(names, np.empty(0))
    return read_columns(path, separator=separator, names=names, needed=needed, headed=headed)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return not cell
    return True
