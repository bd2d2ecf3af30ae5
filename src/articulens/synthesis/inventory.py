"""The phones of Finnish and Russian: how each is built from the synthesiser's own shapes, and how long it lasts.

A vowel is a mixture of named shapes, pulled towards two formants for a mean adult man; a speaker's mouth scales
them (see `articulens.synthesis.shapes`). A consonant names one shape in three vowel contexts. Durations are in
seconds at rate 1.

Sources of the reference formants: Russian i e a o u ɨ from Fant, G. (1960), *Acoustic Theory of Speech
Production*, Mouton, table 2.31-1 (as reproduced in secondary sources); reduced Russian vowels and all Finnish
vowels are working values laid between those, inside the regions described by Wiik (1965) and Iivonen & Laukkanen
(1993), whose printed tables were not at hand: check those before citing a number from here.
"""

from __future__ import annotations

from dataclasses import dataclass

from articulens.errors import ArticulensError, suggest


@dataclass(frozen=True)
class Vowel:
    """A vowel: weights of library shapes, whose lips it takes, reference F1 and F2 (Hz), duration (s)."""

    mix: dict[str, float]
    f1_hz: float
    f2_hz: float
    duration_s: float = 0.075
    lips: str | None = None


@dataclass(frozen=True)
class Consonant:
    """A consonant: shape, manner, default voicing, duration (s) and how fully the shape is taken (0 to 1)."""

    shape: str
    manner: str
    voicing: str
    duration_s: float
    strength: float = 1.0


VOWELS: dict[str, Vowel] = {
    # Finnish (i and u are shared)
    "i": Vowel({"i": 1.0}, 240, 2240),
    "e": Vowel({"e": 0.6, "E": 0.4}, 410, 2020),
    "æ": Vowel({"a": 0.5, "E:": 0.5}, 640, 1640, 0.082),
    "ɑ": Vowel({"a": 0.7, "O": 0.3}, 640, 1070, 0.082, lips="a"),
    "o": Vowel({"o": 0.5, "O": 0.5}, 440, 830),
    "u": Vowel({"u": 1.0}, 270, 690),
    "y": Vowel({"y": 1.0}, 265, 1820),
    "ø": Vowel({"2": 0.6, "9": 0.4}, 420, 1600),
    # Russian, stressed
    "a": Vowel({"a": 1.0}, 640, 1150, 0.115),
    "ɛ": Vowel({"e": 0.35, "E": 0.65}, 450, 1900, 0.105),
    "ɔ": Vowel({"O": 1.0}, 490, 870, 0.110),
    "ɨ": Vowel({"i": 0.5, "u": 0.5}, 285, 1500, 0.090, lips="i"),
    "ʉ": Vowel({"u": 0.5, "y": 0.5}, 275, 1250, 0.090),
    # Russian, reduced
    "ɐ": Vowel({"6": 1.0}, 570, 1250, 0.066),
    "ə": Vowel({"@": 1.0}, 460, 1430, 0.048),
    "ɪ": Vowel({"I": 0.6, "e": 0.4}, 350, 1980, 0.056),
}

CONSONANTS: dict[str, Consonant] = {
    "p": Consonant("ll-labial-closure", "stop", "voiceless", 0.082),
    "b": Consonant("ll-labial-closure", "stop", "voiced", 0.072),
    "m": Consonant("ll-labial-closure", "nasal", "voiced", 0.070),
    "f": Consonant("ll-dental-fricative", "fricative", "voiceless", 0.095),
    "v": Consonant("ll-dental-fricative", "fricative", "voiced", 0.066),
    "ʋ": Consonant("ll-dental-fricative", "approximant", "voiced", 0.062, strength=0.6),
    "t": Consonant("tt-alveolar-closure", "stop", "voiceless", 0.080),
    "d": Consonant("tt-alveolar-closure", "stop", "voiced", 0.066),
    "n": Consonant("tt-alveolar-closure", "nasal", "voiced", 0.066),
    "s": Consonant("tt-alveolar-fricative", "fricative", "voiceless", 0.094),
    "z": Consonant("tt-alveolar-fricative", "fricative", "voiced", 0.078),
    "l": Consonant("tt-alveolar-lateral", "approximant", "voiced", 0.064),
    "r": Consonant("tt-alveolar-closure", "trill", "voiced", 0.068),
    "ʂ": Consonant("tt-postalveolar-fricative", "fricative", "voiceless", 0.105),
    "ʐ": Consonant("tt-postalveolar-fricative", "fricative", "voiced", 0.085),
    "ɕ": Consonant("alveolo-palatal-fricative", "fricative", "voiceless", 0.115),
    "j": Consonant("palatal-glide", "approximant", "voiced", 0.060),
    "k": Consonant("tb-velar-closure", "stop", "voiceless", 0.082),
    "g": Consonant("tb-velar-closure", "stop", "voiced", 0.066),
    "ŋ": Consonant("tb-velar-closure", "nasal", "voiced", 0.070),
    "x": Consonant("velar-fricative", "fricative", "voiceless", 0.090),
    "h": Consonant("", "glottal", "h", 0.060),
}

VOICELESS = {"b": "p", "d": "t", "g": "k", "z": "s", "ʐ": "ʂ", "v": "f"}
VOICED = {voiceless: voiced for voiced, voiceless in VOICELESS.items()} | {"x": "x", "ɕ": "ɕ"}
PAUSE = "_"

# Ranges (F1 low, high, F2 low, high; Hz) in which a man's and a woman's stressed or long vowels must be measured:
# the references above, widened by 18 % for differences between speakers, contexts and methods (F1 of close
# vowels upward by 40 %, because soft walls and linear prediction raise it). Women: times 1.17 (Fant 1966, mean).
FEMALE_FACTOR = 1.17


def formant_range(vowel: str, sex: str) -> tuple[float, float, float, float]:
    """Return (F1 low, F1 high, F2 low, F2 high) in Hz, the range accepted for a vowel and a speaker's sex."""
    v = VOWELS[known(vowel)]
    factor = FEMALE_FACTOR if sex == "f" else 1.0
    close = v.f1_hz < 300
    up = 1.60 if close else 1.22
    return (0.8 * v.f1_hz * factor, up * v.f1_hz * factor, 0.82 * v.f2_hz * factor, 1.22 * v.f2_hz * factor)


def known(phone: str) -> str:
    """Return `phone` if this inventory can say it.

    Raises
    ------
    ArticulensError
        For an unknown phone, with the nearest known one.
    """
    if phone in VOWELS or phone in CONSONANTS or phone == PAUSE:
        return phone
    raise ArticulensError(
        f"phone {phone!r} is not in the inventory of Finnish and Russian; use one that is"
        f"{suggest(phone, [*VOWELS, *CONSONANTS])}"
    )
