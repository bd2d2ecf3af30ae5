"""From a text in Finnish or Russian to a list of phones: `transcribe`."""

from __future__ import annotations

from articulens.errors import ArticulensError, suggest
from articulens.synthesis.phonology import finnish, russian
from articulens.synthesis.phonology.segments import Segment

_LANGUAGES = {"fi": finnish.transcribe, "ru": russian.transcribe}


def transcribe(text: str, language: str) -> list[Segment]:
    """Return the phones of `text` in ``"fi"`` or ``"ru"``, without durations.

    In Russian every word of more than one syllable carries an acute accent on its stressed vowel (or has ё). In
    both languages a comma is a short pause, a dash between blanks a long one, a word that ends in ``-`` is broken off.

    Raises
    ------
    ArticulensError
        For another language, or a letter or word that the rules cannot read.
    """
    if language not in _LANGUAGES:
        raise ArticulensError(
            f"language {language!r} has no phonology here; use one that has{suggest(language, list(_LANGUAGES))}"
        )
    return _LANGUAGES[language](text)


__all__ = ["Segment", "transcribe"]
