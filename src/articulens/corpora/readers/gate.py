"""Which samples of a Carstens sensor are believed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def all_plausible(sizes: NDArray, rms: NDArray, *, max_abs_mm: float, max_rms: float) -> bool:
    """Say whether `implausible` would find nothing, from the extremes alone: most blocks of most files need no more.

    False only means that one has to look: a coordinate of exactly zero is still a position where the others are not.

    Parameters
    ----------
    sizes : array
        Absolute values of the positions, mm.
    rms, max_abs_mm, max_rms
        As for `implausible`.
    """
    # The extremes of anything and NaN are NaN, and a comparison with NaN is false. The methods `max` and `min` would
    # pass through Python, which takes about as long as the numbers of one block.
    largest, smallest = np.maximum.reduce(sizes, axis=None), np.minimum.reduce(sizes, axis=None)
    return bool(largest <= max_abs_mm and smallest > 0 and np.maximum.reduce(rms, axis=None) <= max_rms)


def implausible(positions: NDArray, rms: NDArray | None, *, max_abs_mm: float, max_rms: float) -> NDArray[np.bool_]:
    """Say which samples are not a sensor's position.

    Unused sockets hold zeros in some recordings and garbage in others (coordinates up to 775 mm, RMS 15 to 17000);
    tracked sensors had RMS 0.6 to 12 in the public files this was checked on.

    Parameters
    ----------
    positions : (..., axes)
        mm; their signs do not count.
    rms : (...), optional
        The residual of the device's own fit.
    max_abs_mm, max_rms : float
        Largest coordinate and residual that are believed.

    Returns
    -------
    (...) bool
        Where a coordinate is not finite or too large, all are exactly zero, or the residual is too large.
    """
    size = np.abs(positions)
    # Axis by axis: a reduction over an axis of three is ten times slower. The maximum of anything and NaN is NaN,
    # and a comparison with NaN is false.
    largest = size[..., 0]
    for axis in range(1, size.shape[-1]):
        largest = np.maximum(largest, size[..., axis])
    believed = (largest <= max_abs_mm) & (largest > 0)
    if rms is not None:
        believed &= ~(rms > max_rms)
    return ~believed
