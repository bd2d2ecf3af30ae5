"""Edinburgh Speech Tools tracks, ``EST_File Track``, text or binary: MOCHA-TIMIT and mngu0.

After the header every record is the time (s), a flag (0 = no valid sample), and then the channels: **two columns
more than the header's** ``NumChannels``. Reading the record by channel number alone shifts every channel by two.
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
from articulens.corpora.schema import AXES, SENSORS, Trajectory
from articulens.errors import ArticulensError

_BYTE_ORDERS = {"01": "<f4", "10": ">f4"}
_END = b"EST_Header_End\n"


def read(
    path: str | os.PathLike[str],
    *,
    channels: Mapping[str, int | str] | None = None,
    axes: Mapping[str, str] | None = None,
    rate_hz: float | None = None,
    columns: str = "{sensor}_{axis}",
    unit_mm: float = 1.0,
) -> Trajectory:
    """Read one ``.ema`` file.

    Parameters
    ----------
    path : path
        The file.
    channels, axes : mapping
        Sensor to the file's name, ``{"TT": "tt"}``, and our axis to sign and letter, ``{"x": "-x", "z": "+y"}``.
    rate_hz : float, optional
        Compared with the clock in the file.
    columns : str
        How a channel's name is made of sensor and axis. Blanks within a name do not count (``v_ x``).
    unit_mm : float
        Millimetres in one unit of the file (0.01 in MOCHA-TIMIT).

    Returns
    -------
    Trajectory
        mm, on the clock of the file. NaN where the file has NaN or flags a record as absent.

    Raises
    ------
    ArticulensError
        When the file is absent, damaged or cut short, or has none of the channels.
    """
    path = Path(path)
    content = read_bytes(path)
    header, names, start = _header(content, path)
    records = _records(memoryview(content)[start:], header, len(names), path)
    wanted = column_names(columns, channels or {s: s for s in SENSORS}, axes or {a: f"+{a}" for a in AXES})
    for _, name in wanted.values():
        if names.count(name) > 1:
            raise ArticulensError(f"{path}: channel {name} is there more than once; copy or export the file again.")
    table = {name: records[:, i + 2] for i, name in enumerate(names)}
    positions, found = take_columns(table, wanted, path)
    positions *= unit_mm
    flags = records[:, 1]
    if not np.isin(flags, (0.0, 1.0)).all():
        raise ArticulensError(
            f"{path}: the flags of its records are not 0 or 1; the file is damaged: copy or export it again."
        )
    positions[flags == 0] = np.nan
    positions[~np.isfinite(positions)] = np.nan
    first, rate = regular_clock(records[:, 0], None, path, "time")
    return Trajectory(positions, found, agreed_rate(_round(rate), rate_hz, path), first, str(path))


def sources(path: str | os.PathLike[str]) -> dict[int | str, tuple[str, ...]]:
    """Return the sensors of a file and the axes of each, see `articulens.corpora.readers`."""
    path = Path(path)
    return by_sensor(_header(read_bytes(path, first=1 << 18), path)[1])


def _round(rate: float) -> float:
    """Make 500.003 Hz 500 Hz: times are stored in single precision."""
    return float(round(rate)) if abs(rate / round(rate) - 1) < 1e-4 else rate


def _header(content: bytes, path: Path) -> tuple[dict[str, str], list[str], int]:
    """Return the header's keys, the channels' names, and where the records begin."""
    end = content.find(_END, 0, 1 << 18)
    if not content.startswith(b"EST_File Track\n") or end < 0:
        raise ArticulensError(
            f"{path}: begins with {content[:15]!r}, expected 'EST_File Track' and a line 'EST_Header_End'; the file "
            "is damaged, or something else."
        )
    header: dict[str, str] = {}
    names: dict[int, str] = {}
    for line in content[:end].decode("ascii", errors="replace").split("\n")[1:]:
        key, _, value = line.strip().partition(" ")
        value = value.strip()
        channel = re.fullmatch(r"Channel_([0-9]{1,4})", key)
        if not key:
            continue
        if key in header:
            raise ArticulensError(f"{path}: its header says {key} twice; copy or export the file again.")
        if channel and int(channel[1]) in names:
            raise ArticulensError(f"{path}: channel {channel[1]} is named twice in its header; copy the file again.")
        if channel:
            names[int(channel[1])] = "".join(value.split())
        else:
            header[key] = value
    count = header.get("NumChannels", "")
    if count != str(len(names)) or set(names) != set(range(len(names))):
        raise ArticulensError(
            f"{path}: its header has NumChannels {count or 'nothing'} but names {len(names)} channels; copy the file "
            "again."
        )
    if header.get("NumAuxChannels", "0") != "0":
        raise ArticulensError(f"{path}: it has auxiliary channels, which no known corpus has; export it without.")
    return header, [names[i] for i in range(len(names))], end + len(_END)


def _records(
    body: memoryview, header: Mapping[str, str], channels: int, path: Path
) -> NDArray[np.float32] | NDArray[np.float64]:
    """Return (frames, 2 + channels), in the precision of the file."""
    kind, frames = header.get("DataType"), header.get("NumFrames", "")
    width = channels + 2
    if not re.fullmatch("[0-9]{1,9}", frames) or header.get("BreaksPresent", "true") != "true":
        raise ArticulensError(
            f"{path}: its header has 'NumFrames {frames}' and 'BreaksPresent {header.get('BreaksPresent')}', expected "
            "a number and 'true'; copy or export the file again."
        )
    if kind == "binary":
        order = _BYTE_ORDERS.get(header.get("ByteOrder", ""))
        if order is None:
            raise ArticulensError(
                f"{path}: its header has ByteOrder {header.get('ByteOrder')}, expected 01 or 10; copy it again."
            )
        if len(body) != int(frames) * width * 4:
            raise ArticulensError(
                f"{path}: {len(body)} bytes of records, expected {int(frames) * width * 4} ({frames} frames of {width} "
                "numbers); the file is damaged or cut short: copy it again."
            )
        return np.frombuffer(body, dtype=order).reshape(-1, width)
    if kind != "ascii":
        raise ArticulensError(f"{path}: its header has DataType {kind}, expected ascii or binary; copy it again.")
    cells = bytes(body).split()
    if len(cells) != int(frames) * width or body[-1:] != b"\n":
        raise ArticulensError(
            f"{path}: {len(cells)} numbers, expected {int(frames) * width} ({frames} frames of {width}) and an end of "
            "line; the file is damaged or cut short: copy it again."
        )
    try:
        return np.array(cells, dtype=np.float64).reshape(-1, width)
    except ValueError as error:
        raise ArticulensError(f"{path}: a record holds what is no number ({error}); copy the file again.") from error
