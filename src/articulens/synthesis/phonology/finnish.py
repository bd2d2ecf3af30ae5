"""Finnish: one letter, one phone; quantity by doubling; main stress on the first syllable."""

from __future__ import annotations

from articulens.errors import ArticulensError
from articulens.synthesis.inventory import PAUSE
from articulens.synthesis.phonology.segments import Segment, words

VOWEL_LETTERS = {"a": "ɑ", "ä": "æ", "e": "e", "i": "i", "o": "o", "ö": "ø", "u": "u", "y": "y"}
CONSONANT_LETTERS = {c: c for c in "pbtdkgmnsrlhjf"} | {"v": "ʋ"}
_DIPHTHONGS = set("ai ei oi äi öi ui yi au ou eu iu äy öy ie uo yö iy ey".split())
FILLERS = {"öö", "ööö", "ää", "mm", "hmm", "tota", "niinku", "niin"}
HESITATIONS = {"öö", "ööö", "ää", "mm", "hmm"}
# Function words: said without a pitch accent.
_WEAK = set("ja on ei se en oli kun niin että sen hän ne mä sä me te he tai vai no".split())


def transcribe(text: str) -> list[Segment]:
    """Return the phones of a Finnish text (see `articulens.synthesis.phonology.transcribe`)."""
    segments: list[Segment] = []
    number = 0
    for kind, token in words(text):
        if kind == "pause":
            segments.append(Segment(PAUSE, long=token == "long"))
            continue
        segments += _word(token, number)
        number += 1
        if token.endswith("-"):
            segments.append(Segment(PAUSE, notes=["broken off"]))
    return segments


def _word(token: str, number: int) -> list[Segment]:
    letters = token.strip("-'’")
    out: list[Segment] = []
    k = 0
    while k < len(letters):
        letter = letters[k]
        doubled = letters[k : k + 2] == 2 * letter
        if letter in VOWEL_LETTERS:
            out.append(Segment(VOWEL_LETTERS[letter], long=doubled))
        elif letter == "n" and letters[k + 1 : k + 2] == "k":
            out.append(Segment("ŋ"))
        elif letters[k : k + 2] == "ng":
            out.append(Segment("ŋ", long=True))
            k += 1
        elif letter in CONSONANT_LETTERS:
            out.append(Segment(CONSONANT_LETTERS[letter], long=doubled))
        else:
            raise ArticulensError(
                f"Finnish word {token!r}: the letter {letter!r} has no phone; spell the word with the letters "
                f"{''.join(sorted(VOWEL_LETTERS))} {''.join(sorted(CONSONANT_LETTERS))}."
            )
        k += 1 + doubled
    _stress(out, weak=letters in _WEAK)
    for segment in out:
        segment.word = number
        segment.filler = letters in HESITATIONS
    return out


def _stress(phones: list[Segment], *, weak: bool) -> None:
    """Mark the first vowel 2 and, in words of four syllables or more, the third syllable 1."""
    letters = {phone: letter for letter, phone in VOWEL_LETTERS.items()}
    nuclei: list[Segment] = []
    previous: Segment | None = None
    for segment in phones:
        if segment.kind == "V":
            joined = previous is not None and letters[previous.phone] + letters[segment.phone] in _DIPHTHONGS
            if not joined or (previous is not None and previous.long):
                nuclei.append(segment)
        previous = segment if segment.kind == "V" else None
    if nuclei and not weak:
        nuclei[0].stress = 2
        if len(nuclei) >= 4:
            nuclei[2].stress = 1
