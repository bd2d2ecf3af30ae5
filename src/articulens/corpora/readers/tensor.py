"""Positions saved by PyTorch, ``.pt``: the processed files of the SPIRE-EMA corpus.

A tensor or a NumPy array, or a dict of which ``key`` is one. Files are opened with ``weights_only=True``, so that a
file from outside cannot run code. Nothing in them says what the columns are, how fast they are or in which unit: the
recipe does.
"""

from __future__ import annotations

import _codecs
import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from articulens.corpora.limits import MAX_BYTES, check_file
from articulens.corpora.readers.columns import numbered_columns
from articulens.corpora.schema import Trajectory
from articulens.errors import ArticulensError

# What a NumPy array of numbers is made of when PyTorch has saved it, by NumPy 1 and 2; none of it runs code.
_RECONSTRUCT = np.zeros(1).__reduce__()[0]
_ARRAYS: list[Any] = [
    (_RECONSTRUCT, "numpy.core.multiarray._reconstruct"),
    (_RECONSTRUCT, "numpy._core.multiarray._reconstruct"),
    np.ndarray,
    np.dtype,
    _codecs.encode,
    *(type(np.dtype(kind)) for kind in ("f4", "f8", "i2", "i4", "i8")),
]


def read(
    path: str | os.PathLike[str],
    *,
    channels: Mapping[str, int | str],
    axes: Mapping[str, str],
    rate_hz: float,
    key: str = "",
    unit_mm: float = 1.0,
) -> Trajectory:
    """Read one ``.pt`` file.

    Parameters
    ----------
    path : path
        The file.
    channels : mapping
        Sensor to its first column, counted from 0: ``{"TT": 6}``.
    axes : mapping
        Our axis to sign and place after that column, ``{"x": "+0", "z": "+1"}``.
    rate_hz : float
        Samples per second.
    key : str
        Which tensor of a dict.
    unit_mm : float
        Millimetres in one unit of the file.

    Returns
    -------
    Trajectory
        mm; NaN where a value is not finite.

    Raises
    ------
    ArticulensError
        When the file is absent, damaged, would run code, or has no such tensor or columns.
    """
    import torch

    path = Path(path)
    check_file(path)
    try:
        _check_archive(path)
        with torch.serialization.safe_globals(_ARRAYS):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ArticulensError(
            f"{path}: holds something else than tensors, which could run code when it is opened; it was not opened: "
            "save plain tensors."
        ) from error
    except Exception as error:  # whatever PyTorch says of a damaged file
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ArticulensError(f"{path}: cannot be read as tensors ({reason}); copy or save it again.") from error
    if isinstance(content, dict):
        known = ", ".join(map(str, content))
        if key not in content:
            raise ArticulensError(
                f"{path}: there is no tensor '{key}' (found: {known}); set 'key' in 'reader_options' of the recipe."
            )
        content = content[key]
    if isinstance(content, np.ndarray) and content.dtype.kind in "fiu":
        content = torch.from_numpy(np.ascontiguousarray(content))
    if not isinstance(content, torch.Tensor) or content.ndim != 2 or content.is_complex() or len(content) < 2:
        found = f"shape {tuple(content.shape)}" if isinstance(content, torch.Tensor) else type(content).__name__
        raise ArticulensError(f"{path}: positions of {found}, expected a tensor (samples, columns); save it again.")
    values = content.to(torch.float64).numpy()
    positions, names = numbered_columns(values, channels, axes, path)
    positions *= unit_mm
    positions[~np.isfinite(positions)] = np.nan
    return Trajectory(positions, names, float(rate_hz), source=str(path))


def _check_archive(path: Path) -> None:
    """Refuse an archive that would unpack to too much, or whose checksums do not fit."""
    with zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
            raise ValueError(f"it would unpack to more than {MAX_BYTES / 1e9:.1f} GB")
        damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"the checksum of {damaged} does not fit")
