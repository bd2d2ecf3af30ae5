"""From named columns of numbers to positions on our axes; shared by the readers of text formats."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from articulens.errors import ArticulensError


def signed_axes(axes: Mapping[str, str]) -> dict[str, tuple[float, str]]:
    """Turn ``{"x": "-Y"}`` into ``{"x": (-1.0, "Y")}``; no sign means ``+``."""
    return {axis: (-1.0 if source.startswith("-") else 1.0, source.lstrip("+-")) for axis, source in axes.items()}


def column_names(
    template: str, channels: Mapping[str, int | str], axes: Mapping[str, str]
) -> dict[str, tuple[float, str]]:
    """Return sign and column name of every channel.

    Parameters
    ----------
    template : str
        Such as ``"Ch{sensor}_{axis}"``.
    channels, axes : mapping
        See `articulens.corpora.readers`.

    Returns
    -------
    dict of channel name to (sign, column name)
        ``{"TT.x": (1.0, "Ch7_X")}``.
    """
    return {
        f"{sensor}.{axis}": (sign, template.format(sensor=source, axis=letter))
        for sensor, source in channels.items()
        for axis, (sign, letter) in signed_axes(axes).items()
    }


def by_sensor(names: Iterable[str], separator: str = "_") -> dict[int | str, tuple[str, ...]]:
    """Group columns that hold a coordinate by sensor: ``{"T1": ("py", "pz")}`` of ``T1_py``, ``T1_pz`` and others."""
    coordinate = re.compile(rf"(.+){re.escape(separator)}((?:pos|p)?[xyzXYZ])")
    found: dict[int | str, tuple[str, ...]] = {}
    for match in filter(None, map(coordinate.fullmatch, names)):
        found[match[1]] = (*found.get(match[1], ()), match[2])
    return found


def numbered_columns(
    values: NDArray[np.float64], channels: Mapping[str, int | str], axes: Mapping[str, str], path: Path
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Collect columns of a table without names.

    Parameters
    ----------
    values : (samples, columns)
    channels : mapping
        Sensor to its first column, counted from 0.
    axes : mapping
        Our axis to sign and place after that column, ``{"x": "+0"}``.
    path : Path
        For messages.

    Returns
    -------
    positions : (samples, channels) float64
    channels : tuple of str

    Raises
    ------
    ArticulensError
        When there is no such column.
    """
    taken: dict[str, tuple[float, int]] = {}
    for sensor, source in channels.items():
        for axis, (sign, place) in signed_axes(axes).items():
            column = int(source) + int(place)
            if not 0 <= column < values.shape[1]:
                raise ArticulensError(
                    f"{path}: it has {values.shape[1]} columns, column {column} for {sensor}.{axis} is not among them; "
                    "correct 'channels' and 'axes' in the recipe."
                )
            taken[f"{sensor}.{axis}"] = (sign, column)
    return side_by_side([(sign, values[:, column]) for sign, column in taken.values()]), tuple(taken)


def take_columns(
    columns: Mapping[str, NDArray], wanted: Mapping[str, tuple[float, str]], path: Path
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Collect the wanted columns that are there.

    Returns
    -------
    positions : (samples, channels) float64
    channels : tuple of str

    Raises
    ------
    ArticulensError
        When none of them is there.
    """
    found = {channel: item for channel, item in wanted.items() if item[1] in columns}
    if not found:
        expected = ", ".join(name for _, name in list(wanted.values())[:3])
        there = ", ".join(list(columns)[:6]) or "none"
        raise ArticulensError(
            f"{path}: none of the columns of the channel map is there (expected {expected}, ...; found "
            f"{there}, ...); correct 'channels' and 'axes' in the recipe."
        )
    return side_by_side([(sign, columns[name]) for sign, name in found.values()]), tuple(found)


def side_by_side(columns: Sequence[tuple[float, NDArray]]) -> NDArray[np.float64]:
    """Return columns of any type, each with its sign, as (samples, columns) float64; all must be equally long."""
    positions = np.empty((len(columns[0][1]), len(columns)))
    with np.errstate(invalid="ignore"):  # a NaN of any kind is a missing sample, no reason to warn
        for place, (sign, values) in enumerate(columns):
            positions[:, place] = values
            if sign < 0:
                positions[:, place] *= -1
    return positions
