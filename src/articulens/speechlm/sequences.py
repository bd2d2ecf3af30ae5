"""Speech and text in one sequence of tokens, with the time of every token.

An utterance is its units and its words with their times. `interleave` writes some words as units and the others as
text, with a mark at every change (SpiRit-LM, arXiv 2402.05755; SIMS, arXiv 2504.02398), and remembers for each token
when it is said and to which word it belongs: words and units are brought together by time, never by counting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from articulens.corpora.labels import SILENCE, Interval
from articulens.errors import ArticulensError
from articulens.speechlm.units import Units
from articulens.speechlm.vocabulary import Vocabulary

MARK, UNIT, TEXT = 0, 1, 2
"""Kinds of tokens; a mark is also whatever the tokenizer puts in front."""


@dataclass(frozen=True, eq=False)
class Spoken:
    """One utterance as units and words.

    Parameters
    ----------
    id : str
        Its name.
    units : Units
        Of the whole recording, pauses too.
    words : sequence of (start_s, end_s, word)
        In the order of time; labels of silence are dropped.
    meta : mapping
        What results are grouped by: ``speaker``, ``language``, ``condition``, ``sentence``.

    Raises
    ------
    ArticulensError
        When words lie outside the recording or in a wrong order.
    """

    id: str
    units: Units
    words: Sequence[Interval]
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        words = tuple((float(a), float(b), w.strip()) for a, b, w in self.words if w.strip() not in SILENCE)
        end = float(self.units.ends_s[-1])
        for (start, stop, word), before in zip(words, (0.0, *(w[0] for w in words)), strict=False):
            middle = (start + stop) / 2
            if not (before <= start < stop and middle <= end + 0.1):
                raise ArticulensError(
                    f"{self.id}: the word '{word}' lasts from {start:g} to {stop:g} s in a recording whose units end "
                    f"at {end:.2f} s; give words in the order of time, in seconds of the same recording."
                )
        object.__setattr__(self, "words", words)

    def texts(self) -> list[str]:
        """Return the words without their times.

        Raises
        ------
        ArticulensError
            When there are none.
        """
        if not self.words:
            raise ArticulensError(
                f"{self.id}: this utterance has no words with times, expected at least one; give its word labels or "
                "leave it out."
            )
        return [word for _, _, word in self.words]


@dataclass(frozen=True, eq=False)
class Tokens:
    """A sequence for a language model.

    Parameters
    ----------
    ids : (tokens,) int64
        What the model reads.
    kinds : (tokens,) int8
        `MARK`, `UNIT` or `TEXT`.
    words : (tokens,) int64
        Which word of the utterance each token belongs to; -1 for marks and for units between words.
    starts_s, ends_s : (tokens,) float64
        When a unit is said; for text, when its word is said; NaN for marks.
    """

    ids: NDArray[np.int64]
    kinds: NDArray[np.int8]
    words: NDArray[np.int64]
    starts_s: NDArray[np.float64]
    ends_s: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, begin: int, end: int) -> Tokens:
        """Return the tokens from `begin` to before `end`."""
        cut = slice(begin, end)
        return Tokens(self.ids[cut], self.kinds[cut], self.words[cut], self.starts_s[cut], self.ends_s[cut])

    def where(self, word: int, kind: int = UNIT) -> NDArray[np.int64]:
        """Return the positions of a word's tokens of a kind; empty when the word was written in the other kind."""
        return np.flatnonzero((self.words == word) & (self.kinds == kind))


def join_tokens(*parts: Tokens) -> Tokens:
    """Put sequences behind one another."""
    fields = ("ids", "kinds", "words", "starts_s", "ends_s")
    return Tokens(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))


def words_of_units(units: Units, words: Sequence[Interval]) -> NDArray[np.int64]:
    """Say for each unit in which word its middle lies, ``(units,)``; -1 between words.

    A word so short that it holds the middle of no unit gets the unit that is said in its own middle, unless that
    belongs to the word before; then it has none.
    """
    belongs = np.full(len(units), -1, dtype=np.int64)
    middles = (units.starts_s + units.ends_s) / 2
    for k, (start, end, _) in enumerate(words):
        inside = (middles >= start) & (middles < end)
        if not inside.any():
            inside[min(int(np.searchsorted(units.ends_s, (start + end) / 2)), len(units) - 1)] = True
        belongs[inside & (belongs < 0)] = k
    return belongs


def interleave(spoken: Spoken, vocabulary: Vocabulary, heard: ArrayLike | None = None) -> Tokens:
    """Write an utterance as tokens: some words as units, the others as text.

    Parameters
    ----------
    spoken
        Units and words.
    vocabulary
        Of the model; without marks (speech-only models) none are written.
    heard
        ``(words,)`` bool: which words are written as units. None: the whole recording as units, words or no words.
        Pauses stay with the speech around them: those between two spoken words are written, and those before the first
        and behind the last word when that word is spoken.

    Raises
    ------
    ArticulensError
        When there are no words to choose from, or `heard` has another length; when a unit has no token.
    """
    if heard is None:
        belongs = words_of_units(spoken.units, spoken.words)
        return _join([*_prefix(vocabulary), *_speech(spoken, vocabulary, belongs, 0, len(belongs))])
    texts = spoken.texts()
    flags = np.asarray(heard, dtype=bool)
    if flags.shape != (len(texts),):
        raise ArticulensError(f"{spoken.id}: {flags.shape} flags for {len(texts)} words; give one a word.")
    belongs = words_of_units(spoken.units, spoken.words)
    pieces = _prefix(vocabulary)
    borders = [0, *(np.flatnonzero(np.diff(flags)) + 1).tolist(), len(flags)]
    for first, stop in pairwise(borders):
        if flags[first]:
            here = np.flatnonzero((belongs >= first) & (belongs < stop))
            if not len(here):
                continue
            begin = 0 if first == 0 else here[0]
            end = len(belongs) if stop == len(flags) else here[-1] + 1
            pieces += _speech(spoken, vocabulary, belongs, begin, end)
        else:
            pieces += _text(spoken, vocabulary, texts, first, stop)
    return _join(pieces)


def choose_heard(
    n_words: int, rng: np.random.Generator, *, share: float = 0.3, mean_span: float = 10.0
) -> NDArray[np.bool_]:
    """Draw which words are spoken: spans of Poisson length until `share` of the words is covered (as SIMS does).

    Parameters
    ----------
    n_words
        Words of the utterance.
    rng
        Chance.
    share
        Least share of spoken words.
    mean_span
        Mean length of a span in words.
    """
    heard = np.zeros(n_words, dtype=bool)
    while heard.mean() < share:
        start = rng.choice(np.flatnonzero(~heard))
        heard[start : start + max(1, rng.poisson(mean_span))] = True
    return heard


Piece = tuple[ArrayLike, int, ArrayLike, ArrayLike, ArrayLike]


def _prefix(vocabulary: Vocabulary) -> list[Piece]:
    return [_mark(token) for token in vocabulary.prefix]


def _mark(token: int) -> Piece:
    return [token], MARK, [-1], [np.nan], [np.nan]


def _speech(spoken: Spoken, vocabulary: Vocabulary, belongs: NDArray[np.int64], begin: int, end: int) -> list[Piece]:
    units, cut = spoken.units, slice(begin, end)
    ids = vocabulary.tokens_of_units(units.ids[cut])
    mark = [] if vocabulary.speech_mark is None else [_mark(vocabulary.speech_mark)]
    return [*mark, (ids, UNIT, belongs[cut], units.starts_s[cut], units.ends_s[cut])]


def _text(spoken: Spoken, vocabulary: Vocabulary, texts: list[str], first: int, stop: int) -> list[Piece]:
    pieces = [] if vocabulary.text_mark is None else [_mark(vocabulary.text_mark)]
    for k in range(first, stop):
        ids = vocabulary.tokens_of_text(f" {texts[k]}")
        n, (start, end, _) = len(ids), spoken.words[k]
        pieces.append((ids, TEXT, [k] * n, [start] * n, [end] * n))
    return pieces


def _join(pieces: list[Piece]) -> Tokens:
    kinds = np.concatenate([np.full(np.size(ids), kind, np.int8) for ids, kind, *_ in pieces])
    columns = list(zip(*((ids, *rest) for ids, _, *rest in pieces), strict=True))
    ids, words = (np.concatenate(columns[i]).astype(np.int64) for i in (0, 1))
    starts, ends = (np.concatenate(columns[i]).astype(np.float64) for i in (2, 3))
    return Tokens(ids, kinds, words, starts, ends)
