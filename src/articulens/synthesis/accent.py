"""A foreign accent as a known cause: one number, α, moves a language's phonetics toward another's.

At α = 0 nothing changes; at α = 1 the rules below apply in full. What moves: vowel qualities that the other
language lacks, vowel reduction (added or undone), quantity, palatalisation and velarisation, voicing. The
accent that a Finnish speaker has in Russian, and the one a Russian speaker imitates *in* Russian, come from the
same rules: nothing here decides which of L2 and imitated accent sounds stronger, except the speakers' own α.
"""

from __future__ import annotations

import numpy as np

from articulens.synthesis.phonology.segments import Segment

_DEVOICED = {"b", "d", "g"}
_FINNISH_FOR = {"a": "ɑ", "ɛ": "e", "ɔ": "o", "ɨ": "i", "ʉ": "u", "ə": "ɑ", "ɐ": "ɑ", "ɪ": "i"}
_RUSSIAN_FOR = {"æ": "a", "y": "ʉ", "ø": "ɔ", "ɑ": "a", "e": "ɛ", "o": "ɔ"}
_FRONT = {"i", "e", "æ", "ø", "y"}


def apply_accent(segments: list[Segment], language: str, alpha: float, rng: np.random.Generator) -> list[Segment]:
    """Return `segments` of `language` said with an accent of the other one, at strength `alpha` in [0, 1].

    Parameters
    ----------
    segments
        Phones without durations; changed in place and returned.
    language
        ``"fi"``: Finnish with a Russian accent; ``"ru"``: Russian with a Finnish one.
    rng
        Decides about the changes that are all or nothing (voicing, x for h).
    """
    chances = rng.random(len(segments))  # drawn even at alpha 0, so that other draws do not depend on alpha
    if alpha <= 0:
        return segments
    change = _finnish_accent if language == "ru" else _russian_accent
    for k, segment in enumerate(segments):
        change(segment, segments[k + 1] if k + 1 < len(segments) else None, alpha, float(chances[k]))
    return segments


def _finnish_accent(segment: Segment, after: Segment | None, alpha: float, chance: float) -> None:
    if segment.kind == "V":
        if segment.phone in _FINNISH_FOR:
            segment.toward = (_FINNISH_FOR[segment.phone], 0.75 * alpha)
        segment.stretch *= 1 - 0.2 * alpha if segment.stress else 1 + 0.4 * alpha
    elif segment.kind == "C":
        segment.palatal *= 1 - 0.8 * alpha
        segment.velar *= 1 - alpha
        if segment.phone in _DEVOICED and chance < 0.6 * alpha:
            segment.voicing = "voiceless"
            segment.notes.append("devoiced")
        if segment.phone in ("z", "ʐ") and chance < 0.6 * alpha:
            segment.voicing = "voiceless"
            segment.notes.append("devoiced")
        if segment.manner == "trill":
            segment.stretch *= 1 + 0.4 * alpha


def _russian_accent(segment: Segment, after: Segment | None, alpha: float, chance: float) -> None:
    if segment.kind == "V":
        if segment.phone in _RUSSIAN_FOR:
            segment.toward = (_RUSSIAN_FOR[segment.phone], 0.6 * alpha)
        if not segment.stress and not segment.long:
            segment.reduction = 0.45 * alpha
            segment.stretch *= 1 - 0.2 * alpha
        if segment.stress == 2:
            segment.stretch *= 1 + 0.3 * alpha
        if segment.long:
            segment.stretch *= 1 - 0.35 * alpha
    elif segment.kind == "C":
        if segment.long:
            segment.stretch *= 1 - 0.40 * alpha
        if after is not None and after.phone in _FRONT and segment.phone not in "hj":
            segment.palatal = 0.65 * alpha
        elif segment.phone == "l":
            segment.velar = 0.4 * alpha
        if segment.phone == "h" and chance < 0.6 * alpha:
            segment.phone = "x"
            segment.notes.append("x for h")
