"""What the bundled speech–text models read and hear: sentences from small grammars and others, and documents of them.

A grammar (``texts/LANGUAGE.txt``) has a line a frame: slots between ``|``, choices between ``/``, ``-`` for nothing.
Words go with few others, as words do: to guess the next one it helps to know which one was just heard. Sentences of
a document share words, for the same reason. None of the sentences is in the bundled corpus; many of their words are.
"""

from __future__ import annotations

import functools
import itertools
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from articulens.errors import ArticulensError, suggest
from articulens.pretraining.speech import texts as spoken_texts
from articulens.synthesis.texts import texts

LANGUAGES = ("fi", "ru", "en")
#: One sentence in so many is held out: never in training, as text or as speech.
HELD_OUT = 10
CANDIDATES = 4


@dataclass(frozen=True)
class Sentence:
    """One sentence: its text (Russian with stress marks), language, and number of its frame (-1: of no grammar)."""

    text: str
    language: str
    frame: int

    @property
    def words(self) -> tuple[str, ...]:
        """Lower-case words without stress marks and punctuation."""
        return plain_words(self.text)

    @property
    def held_out(self) -> bool:
        """Whether the sentence is kept for validation."""
        return zlib.crc32(self.text.encode()) % HELD_OUT == 0


def plain_words(text: str) -> tuple[str, ...]:
    """Return the words of a text in lower case, without stress marks and punctuation."""
    return tuple(re.findall(r"[^\W\d_]+", text.lower().replace("\u0301", "")))


@functools.cache
def sentences(language: str) -> tuple[Sentence, ...]:
    """Return every sentence of a language but those of the bundled corpus.

    Those of its grammar come first, frame by frame, then those that the bundled encoders' training speech says.

    Raises
    ------
    ArticulensError
        When there is no grammar of that language.
    """
    if language not in LANGUAGES:
        raise ArticulensError(f"there is no grammar of '{language}'{suggest(language, LANGUAGES)}")
    corpus = texts(language) if language != "en" else {}
    taken = {plain_words(text.text) for kind in corpus.values() for text in kind}
    lines = files("articulens.speechlm").joinpath(f"texts/{language}.txt").read_text("utf-8").splitlines()
    made: dict[tuple[str, ...], Sentence] = {}
    for frame, line in enumerate(lines):
        slots = [[choice.strip() for choice in slot.split("/")] for slot in line.split("|")]
        for choices in itertools.product(*slots):
            text = " ".join(choice for choice in choices if choice != "-")
            sentence = Sentence(text[0].upper() + text[1:] + ".", language, frame)
            if sentence.words not in taken:
                made.setdefault(sentence.words, sentence)
    for text in spoken_texts(language) if language != "en" else ():
        made.setdefault(plain_words(text), Sentence(text, language, -1))
    return tuple(made.values())


def spread(language: str, count: int, seed: int) -> list[Sentence]:
    """Return `count` different sentences of a grammar (or all), by turns of its frames, in an order drawn by `seed`."""
    rng = np.random.default_rng([seed, zlib.crc32(language.encode())])
    frames: dict[int, list[Sentence]] = {}
    for sentence in sentences(language):
        if sentence.frame >= 0:
            frames.setdefault(sentence.frame, []).append(sentence)
    orders = [[members[k] for k in rng.permutation(len(members))] for members in frames.values()]
    turns = itertools.chain.from_iterable(itertools.zip_longest(*orders))
    return [sentence for sentence in turns if sentence is not None][:count]


class Documents:
    """Draws runs of sentences that share words, much as people say a thing again with one word changed.

    Parameters
    ----------
    words
        The words of each sentence.
    stay
        Probability that the next sentence shares a word (of three letters or more) with the last: of `CANDIDATES` that
        do, the one that shares most.
    """

    def __init__(self, words: Sequence[tuple[str, ...]], stay: float = 0.7) -> None:
        self.stay = stay
        self._keys = [[word for word in dict.fromkeys(members) if len(word) > 2] for members in words]
        self._with: dict[str, list[int]] = {}
        for k, keys in enumerate(self._keys):
            for word in keys:
                self._with.setdefault(word, []).append(k)

    def draw(self, rng: np.random.Generator, length: int) -> list[int]:
        """Return the places of `length` sentences, one after the other; none is said twice."""
        chosen = [int(rng.integers(len(self._keys)))]
        while len(chosen) < min(length, len(self._keys)):
            keys = self._keys[chosen[-1]]
            sharing: list[int] = []
            if keys and rng.random() < self.stay:
                sharing = self._with[keys[int(rng.integers(len(keys)))]]
            pool = [k for k in sharing if k not in chosen]
            if pool:
                some = [pool[k] for k in rng.integers(len(pool), size=CANDIDATES)]
                chosen.append(max(some, key=lambda k: len(set(keys) & set(self._keys[k]))))
            elif (k := int(rng.integers(len(self._keys)))) not in chosen:
                chosen.append(k)
        return chosen


def count_training_words() -> Counter[str]:
    """Count the words of all training sentences: what a model may know of frequencies."""
    return Counter(word for language in LANGUAGES for s in sentences(language) if not s.held_out for word in s.words)
