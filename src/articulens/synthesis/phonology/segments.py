"""What a phone is before it has a time: `Segment`; and how a text is cut into words and pauses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from articulens.synthesis.inventory import CONSONANTS, PAUSE, VOWELS, known


@dataclass
class Segment:
    """One phone, with everything that decides how it is said.

    Attributes
    ----------
    phone
        A key of the inventory, or ``_`` for a pause.
    long
        Phonologically long (vowel or geminate).
    stress
        2 main, 1 secondary, 0 none (vowels only).
    pretonic
        Russian: in the syllable just before the stressed one.
    palatal, velar
        Secondary articulation, 0 to 1.
    voicing
        ``voiceless``, ``voiced``, ``h``; empty means the inventory's own.
    toward
        (vowel, weight): the target lies this far on the way to another vowel (accent).
    reduction, stretch
        How far the target then lies on the way to schwa, 0 to 1; a factor on the duration.
    duration_s, pitch
        Filled in by prosody: seconds; semitones of the pitch accent on this phone.
    group
        Phones with the same number are one sound (the two halves of an affricate) and get one label.
    word
        Number of the word in the utterance; -1 for pauses.
    filler
        Part of a hesitation word: long, level pitch.
    """

    phone: str
    long: bool = False
    stress: int = 0
    pretonic: bool = False
    palatal: float = 0.0
    velar: float = 0.0
    voicing: str = ""
    toward: tuple[str, float] | None = None
    reduction: float = 0.0
    stretch: float = 1.0
    duration_s: float = 0.0
    pitch: float = 0.0
    group: int | None = None
    word: int = -1
    filler: bool = False
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        known(self.phone)

    @property
    def kind(self) -> str:
        """``V`` vowel, ``C`` consonant or ``P`` pause."""
        return "P" if self.phone == PAUSE else "V" if self.phone in VOWELS else "C"

    @property
    def manner(self) -> str:
        """``stop``, ``fricative``, ``nasal``, ``approximant``, ``trill``, ``glottal``, ``vowel`` or ``pause``."""
        if self.kind == "C":
            return CONSONANTS[self.phone].manner
        return "vowel" if self.kind == "V" else "pause"

    @property
    def label(self) -> str:
        """The phone as written in label files: ``tʲ``, ``ɑː``, ``_``."""
        return self.phone + ("ʲ" if self.palatal > 0.5 and self.phone not in "ɕj" else "") + "ː" * self.long


def words(text: str) -> Iterator[tuple[str, str]]:
    """Yield ("word", lower-case word) and ("pause", "short" or "long") in the order of the text."""
    for token in re.findall(r"[\w\u0301'’-]+|[,;:]|[.?!…]|[–—]", text.lower().replace(" - ", " – ")):
        if token in ",;:":
            yield "pause", "short"
        elif token in ".?!…–—":
            yield "pause", "long"
        elif token.strip("-'’"):
            yield "word", token
