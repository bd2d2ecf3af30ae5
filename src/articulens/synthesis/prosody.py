"""When things are said and how high: durations, pauses, reduction and pitch accents.

Durations are textbook proportions, not measurements: Finnish long phones about twice the short ones whatever the
stress, Russian stressed vowels twice the unstressed ones, phones before a pause longer. The three tasks differ in
rate, reduction and pausing only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from articulens.synthesis.inventory import CONSONANTS, PAUSE, VOWELS
from articulens.synthesis.phonology.segments import Segment

PADDING_S = 0.15  # silence before and after an utterance


@dataclass(frozen=True)
class Task:
    """What a speaking task does to timing: rate, reduction of unstressed and stressed vowels, pause lengths (s)."""

    rate: float
    reduction: tuple[float, float]
    short_pause_s: float
    long_pause_s: float
    pitch: float


TASKS = {
    "T1": Task(0.93, (0.0, 0.0), 0.22, 0.28, 1.0),
    "T2": Task(1.03, (0.0, 0.0), 0.10, 0.20, 1.0),
    "T3": Task(1.22, (0.30, 0.10), 0.14, 0.30, 0.75),
}
_LONG_VOWEL, _LONG_CONSONANT = 2.05, 1.95
_STRESSED_FINNISH = 1.08
_RUSSIAN_SHARED = {"i": (0.105, 0.055), "u": (0.105, 0.055), "ɨ": (0.095, 0.055), "ʉ": (0.095, 0.060)}
_PRETONIC = 1.15
_AFFRICATE_S = {"t": 0.052, "s": 0.066, "ɕ": 0.072}
_FINAL, _FINAL_PHONES = 1.3, 3
_FILLER = 2.6
_BROKEN_OFF_S = 0.12
_JITTER, _SHORTEST_S = 0.07, 0.036
_ACCENT = {"fi": {2: 2.6, 1: 0.9}, "ru": {2: 2.8, 1: 0.8}}


def time_segments(
    segments: list[Segment], language: str, task: str, rate: float, rng: np.random.Generator
) -> list[Segment]:
    """Return `segments` with durations and pitch accents, between two pauses of `PADDING_S`.

    Parameters
    ----------
    segments
        Phones without durations; changed in place.
    language, task
        ``fi`` or ``ru``; ``T1``, ``T2`` or ``T3``.
    rate
        The speaker's own rate, relative to 1.
    rng
        Draws the jitter of durations.
    """
    style = TASKS[task]
    while segments and segments[-1].kind == "P":
        segments = segments[:-1]
    jitter = np.exp(_JITTER * rng.normal(size=len(segments)))
    for k, segment in enumerate(segments):
        if segment.kind == "P":
            pause = style.long_pause_s if segment.long else style.short_pause_s
            segment.duration_s = _BROKEN_OFF_S if segment.notes else pause * float(jitter[k]) ** 2
            segment.long = False
            continue
        duration = _nominal(segment, language) * segment.stretch
        if segment.filler:
            duration *= _FILLER
        if any(s.kind == "P" for s in segments[k + 1 : k + 1 + _FINAL_PHONES]) or k >= len(segments) - _FINAL_PHONES:
            duration *= _FINAL
        segment.duration_s = max(_SHORTEST_S, duration * float(jitter[k]) / (rate * style.rate))
        if segment.kind == "V":
            weak, strong = style.reduction
            extra = strong if segment.stress or segment.long else weak
            segment.reduction = 1 - (1 - segment.reduction) * (1 - extra)
            segment.pitch = 0.0 if segment.filler else style.pitch * _ACCENT[language].get(segment.stress, 0.0)
    padding = [Segment(PAUSE, duration_s=PADDING_S), Segment(PAUSE, duration_s=PADDING_S)]
    return [padding[0], *segments, padding[1]]


def _nominal(segment: Segment, language: str) -> float:
    """Return the duration (s) of a phone at rate 1."""
    if segment.group is not None:
        return _AFFRICATE_S[segment.phone]
    if segment.kind == "C":
        return CONSONANTS[segment.phone].duration_s * (_LONG_CONSONANT if segment.long else 1.0)
    duration = VOWELS[segment.phone].duration_s
    if language == "ru":
        if segment.phone in _RUSSIAN_SHARED:
            duration = _RUSSIAN_SHARED[segment.phone][0 if segment.stress else 1]
        return duration * (_PRETONIC if segment.pretonic else 1.0)
    return duration * (_LONG_VOWEL if segment.long else 1.0) * (_STRESSED_FINNISH if segment.stress else 1.0)
