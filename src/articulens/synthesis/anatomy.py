"""Synthetic speakers: who they are, what their mouths look like, how they move and how they sound.

A speaker is drawn from ``(seed, index)`` alone, so speaker 7 is the same whether 8 or 80 are made. The first 18
follow the group sizes and sexes of FROST-EMA: eleven with Finnish as first language (5 men, 6 women) and seven
with Russian (5 men, 2 women). Nothing else about them is taken from a real person.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from articulens.synthesis import vtl

OTHER = {"fi": "ru", "ru": "fi"}
_PREFIX = {"fi": "FIN", "ru": "RUS"}
# (first language, sex) of the first 18; the pair with the longest recordings is FIN01 and RUS01.
_FROST = [("fi", sex) for sex in "fmfmfmfmfmf"] + [("ru", sex) for sex in "mmfmmfm"]
# A woman's mouth relative to the library's (male) speaker: shorter pharynx and larynx above all.
_FEMALE = np.array([0.90, 0.88, 0.95, 0.95, 0.92, 0.93, 0.92, 0.98, 0.82, 0.85, 0.90, 0.80, 1.0])
_SPREAD = np.array([0.05, 0.04, 0.03, 0.03, 0.05, 0.04, 0.035, 0.01, 0.045, 0.05, 0.04, 0.06, 0.012])


@dataclass(frozen=True)
class Speaker:
    """One synthetic speaker.

    Attributes
    ----------
    id, index, l1, sex
        ``FIN01``..., place in the cohort, first language ``fi`` or ``ru``, ``m`` or ``f``.
    anatomy
        13 numbers in the order of `articulens.synthesis.vtl.ANATOMY` (cm; the last in degrees).
    f0_hz, f0_range
        Mean voice pitch, and a factor on every pitch movement.
    rate
        Articulation rate relative to 1.
    slowness
        Factor on all articulatory time constants.
    anticipation
        0 to 1: how much of a consonant's free articulators belongs to the *next* vowel.
    vowel_space
        Factor on the distance of each vowel from schwa.
    pressure_dpa, chink_cm2, flutter
        Lung pressure, glottal chink and pitch flutter (%), offsets from the library's modal voice for the last two.
    sensor_offsets_mm
        Displacement of TT, TB, TD along the tongue from their usual places.
    alpha_l2, alpha_accent
        Strength (0 to 1) of the accent in the second language, and of the one imitated.
    seed
        The corpus seed that the speaker was drawn from.
    """

    id: str
    index: int
    l1: str
    sex: str
    anatomy: tuple[float, ...]
    f0_hz: float
    f0_range: float
    rate: float
    slowness: float
    anticipation: float
    vowel_space: float
    pressure_dpa: float
    chink_cm2: float
    flutter: float
    sensor_offsets_mm: tuple[float, float, float]
    alpha_l2: float
    alpha_accent: float
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values for JSON."""
        return asdict(self)


def _identity(index: int) -> tuple[str, str, str]:
    """Return (id, first language, sex); beyond the 18 of FROST-EMA the groups alternate."""
    if index < len(_FROST):
        l1, sex = _FROST[index]
        number = index + 1 if l1 == "fi" else index - 10
    else:
        extra = index - len(_FROST)
        l1, sex = ("fi", "ru")[extra % 2], "fm"[extra // 2 % 2]
        number = extra // 2 + (12 if l1 == "fi" else 8)
    return f"{_PREFIX[l1]}{number:02d}", l1, sex


def draw_speaker(index: int, seed: int) -> Speaker:
    """Return speaker number `index` (from 0) of the cohort with this `seed`."""
    name, l1, sex = _identity(index)
    rng = np.random.default_rng([seed, 1, index])
    female = sex == "f"
    anatomy = vtl.default_anatomy() * (_FEMALE if female else 1.0) * np.exp(rng.normal(0, _SPREAD))

    def spread(mean: float, sd: float) -> float:
        return round(float(mean * np.exp(rng.normal(0, sd))), 4)

    def within(value: float, low: float, high: float) -> float:
        return round(float(np.clip(value, low, high)), 3)

    return Speaker(
        id=name,
        index=index,
        l1=l1,
        sex=sex,
        anatomy=tuple(round(float(number), 4) for number in anatomy),
        f0_hz=spread(200.0 if female else 112.0, 0.09),
        f0_range=spread(1.0, 0.15),
        rate=spread(1.0, 0.08),
        slowness=spread(1.0, 0.07),
        anticipation=within(rng.normal(0.6, 0.08), 0.4, 0.8),
        vowel_space=within(rng.normal(1.0, 0.04), 0.9, 1.06),
        pressure_dpa=spread(8000.0, 0.08),
        chink_cm2=round(float(rng.normal(-0.01, 0.01) + (0.015 if female else 0.0)), 4),
        flutter=round(float(rng.normal(0, 6)), 2),
        sensor_offsets_mm=tuple(round(float(shift), 2) for shift in rng.normal(0, 1.2, 3)),  # type: ignore[arg-type]
        alpha_l2=within(rng.beta(2.2, 2.2), 0.1, 0.95),
        alpha_accent=within(rng.beta(4, 2), 0.3, 1.0),
        seed=seed,
    )


def nearer(speaker: Speaker, share: float) -> Speaker:
    """Return the speaker with an anatomy only `share` (0 to 1) as far from the typical one of that sex."""
    typical = vtl.default_anatomy() * (_FEMALE if speaker.sex == "f" else 1.0)
    anatomy = typical + share * (np.array(speaker.anatomy) - typical)
    return replace(speaker, anatomy=tuple(round(float(number), 4) for number in anatomy))


def cohort(count: int, seed: int) -> tuple[Speaker, ...]:
    """Return the first `count` speakers of a seed."""
    return tuple(draw_speaker(index, seed) for index in range(count))
