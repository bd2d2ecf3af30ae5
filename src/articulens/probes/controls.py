"""Negative controls: targets with the statistics of real movement that the sound cannot explain."""

from __future__ import annotations

import re

import numpy as np

from articulens.errors import ArticulensError
from articulens.moments import Array


def parse_reading(reading: str) -> float | None:
    """Return the lag in seconds that a reading asks for (0 for ``"measured"``), or None for ``"rolled"``.

    Raises
    ------
    ArticulensError
        For anything but ``measured``, ``rolled`` or ``lag`` with a signed number of seconds.
    """
    if reading == "measured":
        return 0.0
    if reading == "rolled":
        return None
    match = re.fullmatch(r"lag([+-]\d*\.?\d+)", reading)
    if not match:
        raise ArticulensError(
            f"unknown reading '{reading}' of the sensors; expected 'measured', 'rolled' or a lag in seconds such as "
            "'lag+0.100'."
        )
    return float(match[1])


def roll(y: Array, rng: np.random.Generator, frame_s: float, least_s: float = 0.5) -> Array:
    """Roll positions ``(frames, k)`` in time, all channels together, by a random amount.

    The amount is at least `least_s` either way, where the utterance is long enough for that, so that neighbouring
    articulation does not pass for the frame's own. Note that the expected r under this control is not 0: speech
    that starts and ends at rest keeps a little of its shape.
    """
    n = len(y)
    least = min(round(least_s / frame_s), n // 2)
    return np.roll(y, int(rng.integers(least, n - least + 1)), axis=0) if n else y
