"""MVIEW structs in ``.mat`` files of MATLAB: the Haskins (HPRC) and USC-TIMIT recordings.

One struct array; its elements are the signals, each with ``NAME``, ``SRATE`` and ``SIGNAL``. ``AUDIO`` is the sound;
every other element is a sensor, ``SIGNAL`` (samples, 6) or fewer columns: positions in mm, then angles. In HPRC the
columns are x anterior+, y left+, **z up+ (column 2)**. Fields are found by name: their order varies.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from articulens.corpora.readers.clock import agreed_rate
from articulens.corpora.readers.columns import column_names, take_columns
from articulens.corpora.readers.matlab import read_variables
from articulens.corpora.schema import SENSORS, Trajectory
from articulens.errors import ArticulensError

AUDIO = "AUDIO"
_LETTERS = "XYZ"  # columns 0, 1 and 2


def read(
    path: str | os.PathLike[str],
    *,
    axes: Mapping[str, str],
    channels: Mapping[str, int | str] | None = None,
    rate_hz: float | None = None,
) -> Trajectory:
    """Read the sensors of one ``.mat`` file.

    Parameters
    ----------
    path : path
        The file.
    axes : mapping
        Our axis to sign and column, where X, Y and Z are the columns 0, 1 and 2: ``{"x": "+X", "z": "+Z"}``.
    channels : mapping, optional
        Sensor to ``NAME``, where they differ.
    rate_hz : float, optional
        Compared with ``SRATE``.

    Returns
    -------
    Trajectory
        The unit of the file, mm in HPRC; NaN where a value is not finite.

    Raises
    ------
    ArticulensError
        When the file is absent, damaged, no such struct, or has none of the sensors.
    """
    path = Path(path)
    signals = _signals(path)
    wanted = channels or {sensor: sensor for sensor in SENSORS}
    sources = [str(source) for source in wanted.values() if str(source) in signals]
    rates = {rate for source in sources for rate in [signals[source][0]]}
    lengths = {len(signals[source][1]) for source in sources}
    if len(rates) > 1 or len(lengths) > 1:
        raise ArticulensError(
            f"{path}: its sensors differ in rate ({', '.join(f'{r:g}' for r in sorted(rates))} Hz) or length "
            f"({', '.join(map(str, sorted(lengths)))} samples), expected the same for all; export the file again."
        )
    table = {
        f"{source}_{letter}": signals[source][1][:, i]
        for source in sources
        for i, letter in enumerate(_LETTERS[: signals[source][1].shape[1]])
    }
    positions, names = take_columns(
        table or dict.fromkeys(signals, np.empty(0)), column_names("{sensor}_{axis}", wanted, axes), path
    )
    positions[~np.isfinite(positions)] = np.nan
    return Trajectory(positions, names, agreed_rate(rates.pop(), rate_hz, path, tolerance=1e-3), source=str(path))


def sources(path: str | os.PathLike[str]) -> dict[int | str, tuple[str, ...]]:
    """Return the sensors of a file and the axes of each, see `articulens.corpora.readers`."""
    signals = _signals(Path(path))
    return {name: tuple(_LETTERS[: values.shape[1]]) for name, (_, values) in signals.items() if name != AUDIO}


def read_audio(path: str | os.PathLike[str]) -> tuple[NDArray[np.float32], int]:
    """Read the sound in a ``.mat`` file.

    Returns
    -------
    samples : (n,) float32
        In -1..1.
    rate_hz : int

    Raises
    ------
    ArticulensError
        When the file is absent or damaged, or there is no sound in it.
    """
    path = Path(path)
    signals = _signals(path)
    if AUDIO not in signals:
        raise ArticulensError(
            f"{path}: there is no signal '{AUDIO}' (found {', '.join(signals)}); name an audio file in the recipe."
        )
    rate, samples = signals[AUDIO]
    sound = samples.mean(axis=1, dtype=np.float64)
    if np.issubdtype(samples.dtype, np.integer):
        sound = sound / (np.iinfo(samples.dtype).max + 1)
    return np.ascontiguousarray(sound, dtype=np.float32), round(rate)


def read_labels(path: str | os.PathLike[str]) -> dict[str, list[tuple[float, float, str]]]:
    """Read the words and phones in a ``.mat`` file.

    Returns
    -------
    dict of list of (start_s, end_s, label)
        ``phones`` and ``words``, as far as the file has them.

    Raises
    ------
    ArticulensError
        When the file is absent, damaged, or no such struct.
    """
    path = Path(path)
    tiers: dict[str, list[tuple[float, float, str]]] = {}
    for element in _elements(path):
        for key in ("PHONES", "WORDS"):
            items = element.get(key)
            if not isinstance(items, list) or not items:
                continue
            try:
                times = [np.asarray(item["OFFS"], dtype=np.float64).ravel() for item in items]
                tiers[key.lower()] = [
                    (float(start), float(end), str(item["LABEL"]))
                    for item, (start, end) in zip(items, times, strict=True)
                ]
            except (KeyError, TypeError, ValueError) as error:
                raise ArticulensError(
                    f"{path}: {key} is no list of LABEL and OFFS (start and end, s); export the file again."
                ) from error
    return tiers


def _elements(path: Path) -> list[dict[str, Any]]:
    variables = read_variables(path)
    structs = [v for v in variables.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
    structs = [v for v in structs if {"NAME", "SRATE", "SIGNAL"} <= set(v[0])]
    if len(structs) != 1:
        raise ArticulensError(
            f"{path}: holds the variables {', '.join(variables) or 'none'}, expected one struct with NAME, SRATE and "
            "SIGNAL; export it from MVIEW again."
        )
    return structs[0]


def _signals(path: Path) -> dict[str, tuple[float, NDArray[Any]]]:
    """Return rate and samples (n, columns) by name."""
    signals: dict[str, tuple[float, NDArray[Any]]] = {}
    for element in _elements(path):
        name, rate, samples = element["NAME"], element["SRATE"], element["SIGNAL"]
        numbers = isinstance(rate, np.ndarray) and isinstance(samples, np.ndarray) and rate.size == 1
        if not isinstance(name, str) or not numbers or samples.ndim != 2 or not np.isfinite(rate).all():
            raise ArticulensError(f"{path}: the signal {name!r} has no proper SRATE or SIGNAL; export it again.")
        if name in signals:
            raise ArticulensError(f"{path}: the signal {name} is there more than once; export the file again.")
        if len(samples) < 2 or not samples.shape[1]:
            raise ArticulensError(f"{path}: the signal {name} has {len(samples)} samples; export the file again.")
        signals[name] = float(rate.item()), samples
    return signals
