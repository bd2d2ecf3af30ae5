"""Carstens positions, binary or text: whichever the file is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from articulens.corpora.limits import read_bytes
from articulens.corpora.readers import carstens_ascii, carstens_binary
from articulens.corpora.schema import Trajectory
from articulens.errors import ArticulensError


def read(
    path: str | os.PathLike[str],
    *,
    channels: Mapping[str, int | str],
    axes: Mapping[str, str],
    rate_hz: float | None = None,
    max_abs_mm: float = 300.0,
    max_rms: float = 30.0,
) -> Trajectory:
    """Read one AG501 file, ``.pos`` or text export, or an AG500 ``.pos`` of 12 sockets.

    Parameters
    ----------
    path, channels, axes, max_abs_mm, max_rms
        As in `articulens.corpora.readers.carstens_binary.read`.
    rate_hz : float, optional
        Needed for text, which does not say.

    Returns
    -------
    Trajectory
        mm.

    Raises
    ------
    ArticulensError
        As the two readers, and when a text comes without a rate.
    """
    path = Path(path)
    start = read_bytes(path, first=4096)
    options = {"channels": channels, "axes": axes, "max_abs_mm": max_abs_mm, "max_rms": max_rms}
    if start.startswith(b"AG50") or b"\0" in start:
        return carstens_binary.read(path, rate_hz=rate_hz, **options)  # type: ignore[arg-type]
    if rate_hz is None:
        raise ArticulensError(f"{path}: a text export does not say its rate; set 'rate_hz' in the recipe.")
    return carstens_ascii.read(path, rate_hz=rate_hz, **options)  # type: ignore[arg-type]
