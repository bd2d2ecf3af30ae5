"""Positions as a plain table: CSV or parquet with a time column, the format anybody can export to.

The first column is ``time_s`` (seconds, audio sample 0 = 0.0 s, regular steps), then ``TT.x``, ``TT.z``, ...
in mm; an empty cell, null or NaN is missing. Other column names are read through the channel map of a recipe.
Parquet columns may hold integers: the schema metadata key ``articulens`` then gives the millimetres of one
unit, ``{"rate_hz": 200.0, "start_s": 0.0, "resolution_mm": 0.005}``.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from articulens.corpora.limits import check_file, read_bytes
from articulens.corpora.readers.clock import agreed_rate, regular_clock
from articulens.corpora.readers.columns import by_sensor, column_names, take_columns
from articulens.corpora.readers.text import read_columns
from articulens.corpora.schema import AXES, SENSORS, Trajectory
from articulens.errors import ArticulensError
from articulens.files import atomic_write

METADATA_KEY = b"articulens"


def read(
    path: str | os.PathLike[str],
    *,
    channels: Mapping[str, int | str] | None = None,
    axes: Mapping[str, str] | None = None,
    rate_hz: float | None = None,
    columns: str = "{sensor}.{axis}",
    time: str = "time_s",
    unit_mm: float = 1.0,
    unit_s: float = 1.0,
) -> Trajectory:
    """Read one ``.csv`` (or ``.tsv``) or ``.parquet`` file.

    Parameters
    ----------
    path : path
        The file.
    channels, axes : mapping, optional
        Names in the file where they are not ours, see `articulens.corpora.readers`.
    rate_hz : float, optional
        Needed where the file has no time column; otherwise it must agree with that within 1 %.
    columns : str
        How a column name is made of a sensor and an axis, e.g. ``"{sensor}_{axis}"``.
    time : str
        Name of the time column.
    unit_mm, unit_s : float
        Millimetres and seconds in one unit of the file.

    Returns
    -------
    Trajectory
        mm, seconds.

    Raises
    ------
    ArticulensError
        When the file is absent, unreadable or empty, has none of the columns, or an irregular or
        contradictory clock.
    """
    path = Path(path)
    check_file(path)
    table, stored = _read_table(path)
    if len(next(iter(table.values()), ())) == 0:
        raise ArticulensError(f"{path}: the table is empty; export it again or leave this utterance out.")
    clock = table.pop(time, None)
    wanted = column_names(columns, channels or {s: s for s in SENSORS}, axes or {a: f"+{a}" for a in AXES})
    positions, names = take_columns(table, wanted, path)
    positions *= stored.get("resolution_mm", 1.0) * unit_mm
    if clock is None:
        rate = stored.get("rate_hz", rate_hz)
        if rate is None:
            raise ArticulensError(
                f"{path}: there is no column '{time}' and the recipe gives no rate; add the column or set 'rate_hz'."
            )
        start = stored.get("start_s", 0.0)
    else:
        start, rate = regular_clock(clock * unit_s, stored.get("rate_hz"), path, time)
    rate = agreed_rate(float(rate), rate_hz, path)
    return Trajectory(positions, names, rate, float(start), str(path))


def sources(path: str | os.PathLike[str]) -> dict[int | str, tuple[str, ...]]:
    """Return the sensors of a table and the axes of each, see `articulens.corpora.readers`."""
    path = Path(path)
    check_file(path)
    return by_sensor(_read_table(path)[0], ".")


def write_trajectory(
    path: str | os.PathLike[str], trajectory: Trajectory, *, resolution_mm: float | None = None
) -> None:
    """Write a trajectory so that `read` returns it.

    Parameters
    ----------
    path : path
        ``.parquet`` or ``.csv``. Written atomically; the same trajectory gives the same bytes.
    trajectory : Trajectory
        mm.
    resolution_mm : float, optional
        Round to multiples of this. Parquet then holds delta-packed 16-bit integers, about a third of the
        size of the float32 it holds otherwise; CSV holds rounded numbers (without it, 9 digits).

    Raises
    ------
    ArticulensError
        When the suffix is another one, or a position does not fit 16 bits at this resolution.
    """
    path = Path(path)
    positions = trajectory.positions
    if resolution_mm is not None:
        units = np.round(positions / resolution_mm)
        if np.nanmax(np.abs(units), initial=0) > np.iinfo(np.int16).max:
            raise ArticulensError(
                f"{path}: a position of {np.nanmax(np.abs(positions)):.1f} mm does not fit 16 bits at a "
                f"resolution of {resolution_mm:g} mm; choose a coarser one."
            )
    if path.suffix == ".csv":
        if resolution_mm is not None:
            positions = units * resolution_mm
        frame = pd.DataFrame(positions, columns=list(trajectory.channels))
        frame.insert(0, "time_s", trajectory.times_s)
        with atomic_write(path) as stream:
            frame.to_csv(stream, index=False, float_format="%.9g", lineterminator="\n")
        return
    if path.suffix != ".parquet":
        raise ArticulensError(f"{path}: trajectories are written as .parquet or .csv; choose one of these suffixes.")
    missing = np.isnan(positions)
    stored = {"rate_hz": trajectory.rate_hz, "start_s": trajectory.start_s}
    arrays = {"time_s": pa.array(trajectory.times_s)}
    packing = {"time_s": "BYTE_STREAM_SPLIT"}
    for i, channel in enumerate(trajectory.channels):
        if resolution_mm is None:
            arrays[channel] = pa.array(positions[:, i].astype(np.float32), mask=missing[:, i])
            packing[channel] = "BYTE_STREAM_SPLIT"
        else:
            whole = np.where(missing[:, i], 0, units[:, i]).astype(np.int16)
            arrays[channel] = pa.array(whole, mask=missing[:, i])
            packing[channel] = "DELTA_BINARY_PACKED"
    if resolution_mm is not None:
        stored["resolution_mm"] = float(resolution_mm)
    table = pa.table(arrays)
    options = {
        "compression": "zstd",
        "compression_level": 9,
        "use_dictionary": False,
        "column_encoding": packing,
        # What Arrow would add to every file is half as large as a short utterance.
        "write_statistics": False,
        "store_schema": False,
    }
    with atomic_write(path) as stream, pq.ParquetWriter(stream, table.schema, **options) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({METADATA_KEY: json.dumps(stored).encode()})


def _read_table(path: Path) -> tuple[dict[str, NDArray[np.float64]], dict[str, float]]:
    """Return the columns as float64 (NaN = missing) and what the metadata say."""
    try:
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            stored = json.loads((table.schema.metadata or {}).get(METADATA_KEY, b"{}"))
            return {name: _floats(table[name]) for name in table.column_names}, stored
        return _read_csv(path), {}
    except OSError as error:
        raise ArticulensError(
            f"{path}: cannot be read ({error.strerror or str(error).rstrip('.')}); correct the recipe or "
            "the manifest, or copy the file there again."
        ) from error
    except (pa.ArrowInvalid, ValueError) as error:
        reason = str(error).strip().rstrip(".").splitlines()[0]
        raise ArticulensError(
            f"{path}: not a table of positions ({reason}); export it again or leave this utterance out."
        ) from error


def _read_csv(path: Path) -> dict[str, NDArray[np.float64]]:
    """Return all columns."""
    separator = "\t" if path.suffix == ".tsv" else ","
    content = read_bytes(path).removeprefix(b"\xef\xbb\xbf")
    header = content.split(b"\n", 1)[0].decode("utf-8", errors="replace").rstrip("\r")
    try:
        names = [name.strip() for name in next(csv.reader([header], delimiter=separator), [])]
    except csv.Error as error:
        raise ArticulensError(
            f"{path}: its first line is no header of a table ({error}); export it again or leave this utterance out."
        ) from error
    if len(content.split(None, 1)) < 2:
        return {}
    return read_columns(path, separator=separator, names=names, needed=set(names), headed=True, content=content)


def _floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return numbers of any kind, decimals included, as float64 with NaN for null."""
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
