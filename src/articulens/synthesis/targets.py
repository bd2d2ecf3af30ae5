"""From phones to articulatory targets: one tract state per phone, with coarticulation.

Consonants take their shape from the vowels around them (Birkholz 2013): a weighted mean of the shape in the
contexts a, i and u, where the speaker's anticipation decides how much the next vowel counts. The tongue tip of a
short vowel stays partly where its neighbours need it.
"""

from __future__ import annotations

import numpy as np

from articulens.synthesis.inventory import CONSONANTS
from articulens.synthesis.phonology.segments import Segment
from articulens.synthesis.shapes import BODY, LIPS, REST, TONGUE, Shapes
from articulens.synthesis.vtl import Floats, P

_TIP = [P["TTX"], P["TTY"]]
_VELUM = {"nasal": 0.5, "stop": -0.1, "fricative": -0.1}
_CORONAL_TIP_PULL = 0.30  # of the way to a neighbouring tongue-tip consonant, for a vowel of 60 ms or less
_TOKEN_SD = {
    **{P[name]: 0.10 for name in ("TCX", "TCY", "TBX", "TBY", "TTX", "TTY")},
    P["LP"]: 0.06,
    P["LD"]: 0.06,
    P["JA"]: 0.8,
}
_CONSONANT_TOKEN_SD = 0.3  # consonants vary less than vowels


def targets(segments: list[Segment], shapes: Shapes, rng: np.random.Generator) -> Floats:
    """Return one tract state per segment (segments, 19).

    Parameters
    ----------
    segments
        Phones with durations.
    shapes
        The calibrated speaker.
    rng
        Draws the difference between one token and the next; four numbers' worth per phone whatever it is.
    """
    n = len(segments)
    states = np.zeros((n, len(P)))
    vowels = [k for k, s in enumerate(segments) if s.kind == "V"]
    for k, segment in enumerate(segments):
        if segment.kind == "V":
            states[k] = vowel_target(segment, shapes)
        elif segment.kind == "P":
            states[k] = shapes.vowels[REST]
    for k, segment in enumerate(segments):
        if segment.kind == "C":
            states[k] = consonant_target(segment, shapes, _surrounding_vowel(k, segments, vowels, states, shapes))
    _pull_tips(segments, states)
    spread = np.zeros(len(P))
    spread[list(_TOKEN_SD)] = list(_TOKEN_SD.values())
    for k, segment in enumerate(segments):
        token = spread * rng.normal(size=len(P))
        if segment.kind != "P":
            states[k] += token * (_CONSONANT_TOKEN_SD if segment.kind == "C" else 1.0)
    return shapes.tract.clip(states)


def vowel_target(segment: Segment, shapes: Shapes) -> Floats:
    """Return a vowel's state, moved toward another vowel by accent and toward schwa by reduction."""
    state = shapes.vowels[segment.phone].copy()
    if segment.toward is not None:
        other, weight = segment.toward
        state = (1 - weight) * state + weight * shapes.vowels[other]
    return (1 - segment.reduction) * state + segment.reduction * shapes.vowels["ə"]


def _surrounding_vowel(k: int, segments: list[Segment], vowels: list[int], states: Floats, shapes: Shapes) -> Floats:
    """Return the mixture of the vowels before and after phone `k`; a pause cuts the reach."""

    def reach(candidates: list[int]) -> int | None:
        for v in candidates:
            if not any(s.kind == "P" for s in segments[min(k, v) : max(k, v)]):
                return v
            return None
        return None

    before, after = reach([v for v in reversed(vowels) if v < k]), reach([v for v in vowels if v > k])
    if before is None and after is None:
        return shapes.vowels["ə"]
    if before is None or after is None:
        return states[after if before is None else before]  # type: ignore[index]
    weight = shapes.speaker.anticipation
    return (1 - weight) * states[before] + weight * states[after]


def consonant_target(segment: Segment, shapes: Shapes, vowel: Floats) -> Floats:
    """Return a consonant's state in the context of the state `vowel` (19,)."""
    consonant = CONSONANTS[segment.phone]
    if not consonant.shape:  # h takes the shape of the vowel
        return vowel.copy()
    weights, rounding = shapes.context(vowel)
    weights = (1 - segment.palatal) * weights + segment.palatal * np.array([0.0, 1.0, 0.0])
    weights = (1 - segment.velar) * weights + segment.velar * np.array([0.0, 0.0, 1.0])
    contexts = shapes.consonants[consonant.shape]
    state = weights @ contexts
    lips = ((1 - rounding) * (contexts[0] + contexts[1]) / 2 + rounding * contexts[2])[LIPS]
    if consonant.shape.startswith("ll-"):  # the tongue is free: it stays with the vowels
        jaw = state[P["JA"]]
        state[LIPS] = lips
        state[TONGUE] = 0.35 * state[TONGUE] + 0.65 * vowel[TONGUE]
        state[P["JA"]] = jaw
        pull = 0.7 * segment.palatal
        state[BODY] = (1 - pull) * state[BODY] + pull * shapes.vowels["i"][BODY]
    else:
        state[LIPS] = 0.5 * lips + 0.5 * vowel[LIPS]
    state = consonant.strength * state + (1 - consonant.strength) * vowel
    state[P["VO"]] = _VELUM.get(consonant.manner, state[P["VO"]])
    return state


def _pull_tips(segments: list[Segment], states: Floats) -> None:
    """Let the tongue tip of a vowel stay on its way to neighbouring tongue-tip consonants."""
    own = states[:, _TIP].copy()
    for k, segment in enumerate(segments):
        if segment.kind != "V":
            continue
        pull = _CORONAL_TIP_PULL * min(1.0, 0.06 / max(segment.duration_s, 1e-3))
        for neighbour in (k - 1, k + 1):
            if not 0 <= neighbour < len(segments) or segments[neighbour].kind != "C":
                continue
            if CONSONANTS[segments[neighbour].phone].shape.startswith("tt-"):
                states[k, _TIP] += 0.5 * pull * (own[neighbour] - own[k])
