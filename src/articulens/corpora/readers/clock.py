"""Clocks written in a file: from times of samples to a start and a rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from articulens.errors import ArticulensError


def regular_clock(clock: NDArray[np.floating], rate_hz: float | None, path: Path, name: str) -> tuple[float, float]:
    """Return start (s) and rate (Hz) of a clock, which must be regular within a quarter of a step.

    Parameters
    ----------
    clock : (samples,)
        Time of each sample, s, in any precision.
    rate_hz : float, optional
        The rate, where it is known; otherwise it follows from the clock.
    path : Path
        The file, for messages.
    name : str
        What the clock is called in the file.

    Raises
    ------
    ArticulensError
        When there are fewer than two samples, or the steps are not equal.
    """
    if len(clock) < 2:
        raise ArticulensError(
            f"{path}: {len(clock)} sample of positions, expected at least 2; export it again or leave this "
            "utterance out."
        )
    with np.errstate(invalid="ignore"):
        clock = clock.astype(np.float64)
    span = clock[-1] - clock[0]
    if rate_hz is None:
        rate_hz = (len(clock) - 1) / span if span > 0 else np.nan
        # (n - 1) / span of an exact clock is off in the last digits.
        rate_hz = round(rate_hz, 6)
    # Clocks printed in milliseconds are rounded by half of one.
    tolerance = max(0.25 / rate_hz, 0.0006) if rate_hz > 0 else 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        deviation = np.abs(clock - clock[0] - np.arange(len(clock)) / rate_hz)
    if not deviation.max() <= tolerance:
        row = int(np.argmin(deviation <= tolerance))
        raise ArticulensError(
            f"{path}: the clock '{name}' is not regular ({clock[row]:g} s in row {row + 1}, expected "
            f"{clock[0] + row / rate_hz:g} s); resample the positions to regular steps in seconds."
        )
    return float(clock[0]), float(rate_hz)


def agreed_rate(own_hz: float, wanted_hz: float | None, path: Path, *, tolerance: float = 0.01) -> float:
    """Return the file's own rate, after comparing it with the recipe's.

    Rates measured by a clock may be a little off the nominal one; those that a header states may not.

    Raises
    ------
    ArticulensError
        When the two differ by more than `tolerance`, a share.
    """
    if wanted_hz is not None and not abs(own_hz / wanted_hz - 1) <= tolerance:
        raise ArticulensError(
            f"{path}: the file runs at {own_hz:g} Hz but {wanted_hz:g} Hz was asked for; remove or correct "
            "'rate_hz' in the recipe, or copy the file again."
        )
    return own_hz
