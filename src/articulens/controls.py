"""Negative controls: targets with the statistics of real movement that the sound cannot explain."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np

from articulens.corpora.schema import Utterance
from articulens.errors import ArticulensError
from articulens.moments import Array

ROLLED, SWAPPED = "rolled", "swapped"


def parse_reading(reading: str) -> float | None:
    """Return the lag in seconds that a reading asks for (0 for ``"measured"``), or None for a control without one.

    Raises
    ------
    ArticulensError
        For anything but ``measured``, ``rolled``, ``swapped`` or ``lag`` with a signed number of seconds.
    """
    if reading == "measured":
        return 0.0
    if reading in (ROLLED, SWAPPED):
        return None
    match = re.fullmatch(r"lag([+-]\d*\.?\d+)", reading)
    if not match:
        raise ArticulensError(
            f"unknown reading '{reading}' of the sensors; expected 'measured', 'rolled', 'swapped' or a lag in seconds "
            "such as 'lag+0.100'."
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


def stretch(y: Array, frames: int) -> Array:
    """Return positions ``(n, k)`` stretched evenly in time to so many frames, interpolated linearly."""
    at = np.linspace(0, len(y) - 1, frames)
    return np.stack([np.interp(at, np.arange(len(y)), column) for column in y.T], axis=1)


def partners(utterances: Iterable[Utterance], seconds: Mapping[str, float]) -> dict[str, Utterance]:
    """Return for each utterance id another sentence of the same speaker, the one nearest in length.

    Parameters
    ----------
    utterances
        Of any speakers.
    seconds
        Length by utterance id.

    Returns
    -------
    dict; a speaker's only sentence is not in it.
    """
    own: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        own.setdefault(utterance.speaker, []).append(utterance)
    chosen = {}
    for every in own.values():
        for utterance in every:
            others = [u for u in every if u.sentence != utterance.sentence]
            if others:
                chosen[utterance.id] = min(others, key=lambda u: (abs(seconds[u.id] - seconds[utterance.id]), u.id))
    return chosen
