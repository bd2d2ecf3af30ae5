"""Making sure that what should close closes, and that what should stay open does, in running speech.

A target that closes when held may be missed in 60 ms. As a speaker aims beyond contact, each missed closure's
target is pushed on, and the target of a vowel or glide that got squeezed shut between its neighbours is opened.
"""

from __future__ import annotations

from collections.abc import Callable

from articulens.synthesis.inventory import CONSONANTS
from articulens.synthesis.phonology.segments import Segment
from articulens.synthesis.shapes import CLOSED_CM2, OPEN_CM2, TIGHTEN, widen
from articulens.synthesis.trajectories import RATE_HZ, boundaries
from articulens.synthesis.vtl import Floats, P, VocalTract

ROUNDS = 10
OPEN_ENOUGH_CM2 = {"vowel": 0.18, "approximant": 0.12, "fricative": 0.05}
_PUSH_CM, _OPEN_CM = 0.15, 0.10
_CLOSED_AT = (0.38, 0.5, 0.66)  # of a closure's duration
_SIDES = [P["TS1"], P["TS2"], P["TS3"]]


def closes(segment: Segment) -> bool:
    """Return whether a phone is meant to shut the mouth: stops (affricates' too) and nasals."""
    return segment.manner in ("stop", "nasal")


def settle(segments: list[Segment], targets: Floats, move: Callable[[Floats], Floats], tract: VocalTract) -> Floats:
    """Return `targets` (segments, 19) corrected until closures close and open phones stay open.

    Parameters
    ----------
    segments, targets
        Phones with durations, and their tract states.
    move
        From targets to tract parameters over time (samples, 19) at 1 kHz.
    tract
        The speaker's geometry.
    """
    targets = targets.copy()
    edges = boundaries(segments)
    matter = {k for k, s in enumerate(segments) if closes(s) or s.manner in OPEN_ENOUGH_CM2}
    pending = matter
    for _ in range(ROUNDS):
        tracks = tract.clip(move(targets))
        missed = []
        for k in sorted(pending):
            correct = _tighten if closes(segments[k]) else _widen
            if correct(segments[k], targets[k], tracks, edges[k], edges[k + 1], tract):
                missed.append(k)
        if not missed:
            break
        pending = {k + step for k in missed for step in (-1, 0, 1)} & matter  # what moved pulls at its neighbours
    return tract.clip(targets)


def _tighten(segment: Segment, target: Floats, tracks: Floats, start: float, end: float, tract: VocalTract) -> bool:
    """Push a closure's target on if it is open near its middle; return whether that was needed."""
    for part in _CLOSED_AT:
        state = tracks[round((start + part * (end - start)) * RATE_HZ)]
        if tract.oral_area(state) <= CLOSED_CM2:
            continue
        state[_SIDES] = target[_SIDES]  # sides that are on their way close by themselves; pushing would not help
        if tract.oral_area(state) > CLOSED_CM2:
            parameter, sign = TIGHTEN[CONSONANTS[segment.phone].shape]
            target[P[parameter]] += sign * _PUSH_CM
            return True
    return False


def _widen(segment: Segment, target: Floats, tracks: Floats, start: float, end: float, tract: VocalTract) -> bool:
    """Open a vowel's, glide's or fricative's target if it is squeezed in its middle."""
    state = tracks[round((start + end) / 2 * RATE_HZ)]
    area, front = tract.narrowest(state)
    enough = OPEN_ENOUGH_CM2[segment.manner]
    if area >= min(enough, 0.8 * OPEN_CM2.get(segment.phone, enough / 0.8)):
        return False
    widen(target, front, _OPEN_CM)
    return True
