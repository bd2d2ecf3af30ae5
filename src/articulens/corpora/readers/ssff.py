"""Simple Signal File Format of the EMU speech database system: one or several columns of binary records.

A text header (``SSFF -- (c) SHLRC``, machine, rate, start, columns and their types, a line of dashes), then records.
EMU keeps one file for each sensor beside the audio (``bundle.t_tip``, ``bundle.jaw``): `one_file_a_sensor` reads them
all. In the Munich AG500 recordings ``posx`` is lateral, ``posy`` grows **backwards** and ``posz`` upwards.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from articulens.corpora.limits import read_bytes
from articulens.corpora.readers.clock import agreed_rate
from articulens.corpora.readers.columns import by_sensor, side_by_side, signed_axes
from articulens.corpora.readers.records import check_width
from articulens.corpora.schema import Trajectory
from articulens.errors import ArticulensError

_TYPES = {"FLOAT": "f4", "DOUBLE": "f8", "SHORT": "i2", "LONG": "i4", "CHAR": "i1", "BYTE": "i1"}
_MACHINES = {"IBM-PC": "<", "SPARC": ">"}
_DASHES = b"-----------------\n"


def read(
    path: str | os.PathLike[str],
    *,
    channels: Mapping[str, int | str],
    axes: Mapping[str, str],
    rate_hz: float | None = None,
    columns: str = "{sensor}_{axis}",
    one_file_a_sensor: bool = False,
) -> Trajectory:
    """Read one track, or all tracks of a bundle.

    Parameters
    ----------
    path : path
        The file.
    channels : mapping
        Sensor to the file's name, ``{"TT": "tt"}``; where every sensor has its file, to that file's suffix,
        ``{"TT": "t_tip"}``.
    axes : mapping
        Our axis to sign and the file's word, ``{"x": "-posy", "z": "+posz"}``.
    rate_hz : float, optional
        Compared with the header.
    columns : str
        How a column's name is made of sensor and axis.
    one_file_a_sensor : bool
        Read ``path.with_suffix("." + suffix)`` of every sensor and take the column that ends in the axis.

    Returns
    -------
    Trajectory
        The unit of the file, mm in the recordings seen; NaN where a value is not finite.

    Raises
    ------
    ArticulensError
        When a file is absent, damaged or cut short, has none of the columns, or does not go with its neighbours.
    """
    path = Path(path)
    found: dict[str, tuple[float, NDArray]] = {}
    clocks: dict[Path, tuple[float, float, int]] = {}
    tables: dict[Path, dict[str, NDArray]] = {}
    for sensor, source in channels.items():
        file = path.with_suffix(f".{source}") if one_file_a_sensor else path
        if one_file_a_sensor and not file.exists():
            continue
        if file not in tables:
            tables[file], clocks[file] = _read_track(file)
        for axis, (sign, word) in signed_axes(axes).items():
            name = columns.format(sensor=source, axis=word)
            ending = [column for column in tables[file] if column.endswith(f"_{word}") or column == word]
            names = ending if one_file_a_sensor else [column for column in tables[file] if column == name]
            if len(names) == 1:
                found[f"{sensor}.{axis}"] = sign, tables[file][names[0]]
    if not found:
        raise ArticulensError(
            f"{path}: none of the columns of the channel map is there "
            f"(found {', '.join(name for table in tables.values() for name in table) or 'no file'}); correct "
            "'channels' and 'axes' in the recipe."
        )
    if len(set(clocks.values())) > 1:
        raise ArticulensError(
            f"{path}: the tracks beside it differ in rate, start or length; export them again or leave this utterance "
            "out."
        )
    rate, start, _ = next(iter(clocks.values()))
    positions = side_by_side(list(found.values()))
    positions[~np.isfinite(positions)] = np.nan
    return Trajectory(positions, tuple(found), agreed_rate(rate, rate_hz, path, tolerance=1e-3), start, str(path))


def sources(path: str | os.PathLike[str]) -> dict[int | str, tuple[str, ...]]:
    """Return the sensors of one track and the axes of each, see `articulens.corpora.readers`."""
    return by_sensor(_read_track(Path(path))[0])


def _read_track(path: Path) -> tuple[dict[str, NDArray], tuple[float, float, int]]:
    """Return columns by name, and rate, start and number of records."""
    content = read_bytes(path)
    end = content.find(_DASHES, 0, 1 << 16)
    lines = content[: max(end, 0)].decode("latin-1").split("\n")
    if lines[0].strip() != "SSFF -- (c) SHLRC" or end < 0:
        raise ArticulensError(
            f"{path}: begins with {content[:17]!r}, expected 'SSFF -- (c) SHLRC' and a line of 17 dashes; the file is "
            "damaged, or something else."
        )
    values: dict[str, str] = {}
    names: list[str] = []
    fields: list[tuple[str, str, tuple[int, ...]]] = []
    for line in lines[1:]:
        words = line.split()
        column = len(words) == 4 and words[0] == "Column" and words[2] in _TYPES and words[3].isdecimal()
        if column and 0 < int(words[3]) < 10_000:
            names.append(words[1])
            fields.append((f"f{len(names)}", _TYPES[words[2]], (int(words[3]),)))
        elif len(words) == 2 and words[0] in ("Machine", "Record_Freq", "Start_Time") and words[0] not in values:
            values[words[0]] = words[1]
        elif words and not (len(words) > 2 and words[1] in _TYPES):  # "Original_Freq DOUBLE 24000.0" is harmless
            raise ArticulensError(f"{path}: its header has a line '{line}', which is not possible; copy it again.")
    order, rate = _MACHINES.get(values.get("Machine", "")), _number(values, "Record_Freq")
    start = _number(values, "Start_Time")
    # Start times of 2.5 ms are seen; half a second is a damaged header.
    if order is None or not rate or not 1 <= rate <= 100_000 or start is None or not abs(start) < 0.5:
        raise ArticulensError(
            f"{path}: its header has {values}, expected Machine IBM-PC or SPARC, Record_Freq (Hz) and Start_Time (s); "
            "the header is damaged: copy or export the file again."
        )
    if len(set(names)) < len(names):
        raise ArticulensError(f"{path}: a column is there more than once; copy or export the file again.")
    record = np.dtype([(name, order + kind, shape) for name, kind, shape in fields])
    body = memoryview(content)[end + len(_DASHES) :]
    if not fields or len(body) % record.itemsize or len(body) < 2 * record.itemsize:
        raise ArticulensError(
            f"{path}: {len(body)} bytes of records are not two or more whole records of {record.itemsize} bytes; the "
            "file is damaged or cut short: copy or export it again."
        )
    kinds = {kind for _, kind, _ in fields}
    if len(kinds) == 1:
        width = sum(shape[0] for _, _, shape in fields)
        check_width(np.frombuffer(body, dtype=order + kinds.pop()), width, range(1, 4 * width + 1), path)
    records = np.frombuffer(body, dtype=record)
    columns = {
        name: records[field][:, 0] for name, (field, _, shape) in zip(names, fields, strict=True) if shape == (1,)
    }
    return columns, (rate, start, len(records))


def _number(values: Mapping[str, str], key: str) -> float | None:
    text = values.get(key, "")
    return float(text) if re.fullmatch(r"-?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]{1,3})?", text) else None
