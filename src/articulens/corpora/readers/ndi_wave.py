"""NDI Wave recordings, ``.tsv``, in both forms that its programs write.

``Time[s] MeasId WavId`` and nine columns for every sensor (Id, Status, X, Y, Z, quaternion; the names repeat and the
sensors' numbers are not contiguous), a blank cell is missing; or ``Wav Time`` and ten columns for every port (name,
Frame, State, quaternion, Tx, Ty, Tz), where a State other than OK and numbers such as -3.697314E28 are missing.
Positions are in the frame of the transmitter unless the file was corrected to the bite plane (``*_BPC.tsv``:
X anterior+, Y up+, Z lateral).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from articulens.corpora.limits import read_bytes
from articulens.corpora.readers.clock import agreed_rate, regular_clock
from articulens.corpora.readers.columns import by_sensor, column_names, take_columns
from articulens.corpora.readers.text import read_columns
from articulens.corpora.schema import Trajectory
from articulens.errors import ArticulensError

_SENSOR = ("X[mm]", "Y[mm]", "Z[mm]", "Q0", "Qx", "Qy", "Qz")
_PORT = ("Frame", "State", "Q0", "Qx", "Qy", "Qz", "Tx", "Ty", "Tz")


def read(
    path: str | os.PathLike[str],
    *,
    channels: Mapping[str, int | str],
    axes: Mapping[str, str],
    rate_hz: float | None = None,
    max_abs_mm: float = 1000.0,
) -> Trajectory:
    """Read one ``.tsv`` file.

    Parameters
    ----------
    path : path
        The file.
    channels : mapping
        Sensor to the number in ``Sensor k Id``, ``{"TT": 8}``, or to the port's name.
    axes : mapping
        Our axis to sign and letter, ``{"x": "+X", "z": "+Y"}``.
    rate_hz : float, optional
        Compared with the clock in the file.
    max_abs_mm : float
        Larger coordinates are missing.

    Returns
    -------
    Trajectory
        mm, on the clock of the file, which may not start at 0. Measurements that the device dropped are NaN.

    Raises
    ------
    ArticulensError
        When the file is absent, damaged or cut short, or has none of the sensors.
    """
    path = Path(path)
    content = read_bytes(path).removeprefix(b"\xef\xbb\xbf")
    names = _names(content, path)
    wanted = column_names("{sensor}_{axis}", channels, axes)
    states = {sensor: f"{source}_State" for sensor, source in channels.items()}
    needed = {"time", *states.values()} | {name for _, name in wanted.values()}
    content = _numbered_states(content) if names[1] != "MeasId" else content
    table = read_columns(path, separator="\t", names=names, needed=needed, headed=True, content=content)
    clock = table.pop("time")
    positions, found = take_columns(table, wanted, path)
    positions[~(np.abs(positions) <= max_abs_mm)] = np.nan
    for i, channel in enumerate(found):
        state = table.get(states[channel.split(".")[0]])
        if state is not None:
            positions[state != 1, i] = np.nan
    clock, positions = _fill_dropped(clock, positions)
    start, rate = regular_clock(clock, None, path, "time")
    return Trajectory(positions, found, agreed_rate(rate, rate_hz, path), start, str(path))


def sources(path: str | os.PathLike[str]) -> dict[int | str, tuple[str, ...]]:
    """Return the sensors or ports of a file and the axes of each, see `articulens.corpora.readers`."""
    path = Path(path)
    found = by_sensor(_names(read_bytes(path, first=1 << 16).removeprefix(b"\xef\xbb\xbf"), path))
    return {int(name) if str(name).isdecimal() else name: axes for name, axes in found.items()}


def _names(content: bytes, path: Path) -> list[str]:
    """Give every column a name of its own: ``3_X`` for the X of sensor 3."""
    header = content.split(b"\n", 1)[0].decode("utf-8", errors="replace").rstrip("\r").split("\t")
    while len(header) > 1 and not header[-1].strip():
        header.pop()
    header = [name.strip() for name in header]
    names = ["time"]
    if header[0] in ("Time[s]", "AudioTime[s]") and header[1:3] == ["MeasId", "WavId"]:
        blocks, size, names = header[3:], 9, [*names, "MeasId", "WavId"]
    elif header[0] == "Wav Time":
        blocks, size = header[1:], 10
    else:
        raise ArticulensError(
            f"{path}: begins with the columns {', '.join(header[:3])}, expected Time[s], MeasId, WavId or Wav Time; "
            "the file is damaged, or something else."
        )
    if not blocks or len(blocks) % size:
        raise ArticulensError(
            f"{path}: {len(blocks)} columns of sensors, expected {size} for each; the header is damaged: export the "
            "file again."
        )
    for i in range(0, len(blocks), size):
        block = blocks[i : i + size]
        if size == 9:
            number = re.fullmatch(r"Sensor ([0-9]+) Id", block[0])
            source = number[1] if number else ""
            good = number is not None and block[1] == f"Sensor {source} Status" and tuple(block[2:]) == _SENSOR
            fields = ["Id", "Status", "X", "Y", "Z", *_SENSOR[3:]]
        else:
            source, good = block[0], bool(block[0]) and tuple(block[1:]) == _PORT
            fields = ["Name", *_PORT[:6], "X", "Y", "Z"]
        if not good:
            raise ArticulensError(
                f"{path}: the columns {', '.join(block)} are not those of a sensor; the header is damaged: export the "
                "file again."
            )
        names += [f"{source}_{field}" for field in fields]
    return names


def _numbered_states(content: bytes) -> bytes:
    """Write the state OK as 1, so that it can be read as a number; any other word is NaN."""
    return re.sub(rb"\t[Oo][Kk](?=[\t\r\n])", b"\t1", content)


def _fill_dropped(
    clock: NDArray[np.float64], positions: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Put NaN where measurements are missing from the file, if all others lie on one regular clock."""
    if len(clock) < 3 or not np.isfinite(clock).all():
        return clock, positions
    step = float(np.median(np.diff(clock)))
    if step <= 0:
        return clock, positions
    # The median of rounded steps is not exact enough for a long file: fit the step to the places.
    place = np.round((clock - clock[0]) / step)
    for _ in range(3):
        if place[-1] <= 0:
            return clock, positions
        step = float(np.polyfit(place, clock, 1)[0]) if np.ptp(place) else step
        if step <= 0:
            return clock, positions
        place = np.round((clock - clock[0]) / step)
    whole = np.abs((clock - clock[0]) / step - place) < 0.3
    dropped = place[-1] + 1 - len(place)
    if not whole.all() or not 0 < dropped <= len(place) or (np.diff(place) < 1).any():
        return clock, positions
    rows = place.astype(np.int64)
    filled = np.full((rows[-1] + 1, positions.shape[1]), np.nan)
    filled[rows] = positions
    return clock[0] + step * np.arange(len(filled)), filled
