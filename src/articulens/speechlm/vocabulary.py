"""What the tokens of a speech–text language model mean: which are units, which are text, and how a word is written.

Two kinds of models are known. Interleaved ones (SIMS) extend the tokenizer of a text model by ``<Un0>`` ... and by the
marks ``<speech>`` and ``<text>``; speech-only ones (slam, TWIST) have nothing but units behind an offset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from articulens.errors import ArticulensError

UNIT, SPEECH, TEXT = "<Un{}>", "<speech>", "<text>"
"""How SIMS and slam write unit tokens, and the marks before a stretch of speech and of text."""


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The tokens of one model.

    Parameters
    ----------
    size : int
        Rows of the model's head.
    unit_ids : (n_units,) int64
        Token of each unit.
    text_ids : (n,) int64
        Tokens of ordinary text, ascending: no units, no marks, nothing special. Empty for speech-only models.
    speech_mark, text_mark : int or None
        Token that announces speech, and text.
    prefix : tuple of int
        What the tokenizer puts before every sequence (a BOS, or nothing).
    pad : int
        Fills up batches; any token will do, since it is masked.
    tokenizer : tokenizer of transformers, or None
        None for models that have only units.
    """

    size: int
    unit_ids: NDArray[np.int64]
    text_ids: NDArray[np.int64]
    speech_mark: int | None = None
    text_mark: int | None = None
    prefix: tuple[int, ...] = ()
    pad: int = 0
    tokenizer: Any = None

    @classmethod
    def of_tokenizer(cls, tokenizer: Any, size: int, *, unit: str = UNIT, place: str = "the tokenizer") -> Vocabulary:
        """Look up units, marks and text in a tokenizer that has them.

        Parameters
        ----------
        tokenizer
            Of transformers, extended by `extend_tokenizer` or saved so.
        size
            Rows of the model's head.
        unit
            How unit tokens are written, with ``{}`` for the number.
        place
            What to call it in errors.

        Raises
        ------
        ArticulensError
            When there are no unit tokens, a number is missing, or a token lies beyond the head.
        """
        known: dict[str, int] = tokenizer.get_vocab()
        before, after = unit.split("{}")
        numbered = sorted(
            (int(number), token)
            for name, token in known.items()
            if name.startswith(before) and name.endswith(after)
            for number in [name[len(before) : len(name) - len(after)]]
            if number.isdecimal()
        )
        if not numbered:
            raise ArticulensError(
                f"{place}: there are no unit tokens such as {unit.format(0)} among its {len(known)} tokens, expected a "
                "model of speech; extend the tokenizer, or say how its units are written (unit='...{}...')."
            )
        if [number for number, _ in numbered] != list(range(len(numbered))):
            raise ArticulensError(
                f"{place}: {len(numbered)} unit tokens are numbered up to {numbered[-1][0]}, expected each number "
                "from 0 once; use the tokenizer that belongs to the model."
            )
        unit_ids = np.array([token for _, token in numbered], dtype=np.int64)
        _check_fits(known, size, place)
        encoded = tokenizer(unit.format(0))["input_ids"]
        if unit_ids[0] not in encoded:
            raise ArticulensError(
                f"{place}: {unit.format(0)} is among the tokens but is not read as one; add units with add_tokens."
            )
        return cls(
            size,
            unit_ids,
            _text_ids(tokenizer, known, unit_ids),
            known.get(SPEECH),
            known.get(TEXT),
            tuple(encoded[: encoded.index(unit_ids[0])]),
            0 if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
            tokenizer,
        )

    @classmethod
    def of_text(cls, tokenizer: Any, size: int, *, place: str = "the tokenizer") -> Vocabulary:
        """Describe a text model that knows no units.

        Raises
        ------
        ArticulensError
            When a token lies beyond the head.
        """
        known = tokenizer.get_vocab()
        _check_fits(known, size, place)
        none = np.zeros(0, np.int64)
        return cls(size, none, _text_ids(tokenizer, known, none), tokenizer=tokenizer)

    @classmethod
    def of_units(cls, n_units: int, offset: int, size: int, prefix: Sequence[int] = ()) -> Vocabulary:
        """Describe a speech-only model, whose unit *u* is the token ``offset + u``.

        Raises
        ------
        ArticulensError
            When the units do not fit into the head.
        """
        if n_units < 1 or offset < 0 or offset + n_units > size:
            raise ArticulensError(
                f"{n_units} units from token {offset} on do not fit a model of {size} rows; correct the offset."
            )
        return cls(size, offset + np.arange(n_units), np.zeros(0, np.int64), prefix=tuple(prefix))

    @property
    def n_units(self) -> int:
        """How many units the model knows."""
        return len(self.unit_ids)

    @cached_property
    def is_text(self) -> NDArray[np.bool_]:
        """Whether each token is text, ``(size,)``."""
        return _mask(self.size, self.text_ids)

    @cached_property
    def is_unit(self) -> NDArray[np.bool_]:
        """Whether each token is a unit, ``(size,)``."""
        return _mask(self.size, self.unit_ids)

    def tokens_of_units(self, units: ArrayLike) -> NDArray[np.int64]:
        """Return the tokens of unit ids.

        Raises
        ------
        ArticulensError
            When a unit has no token.
        """
        ids = np.asarray(units, dtype=np.int64)
        if ids.size and not 0 <= ids.min() <= ids.max() < self.n_units:
            wrong = ids.max() if ids.max() >= self.n_units else ids.min()
            raise ArticulensError(
                f"unit {wrong} has no token, the model knows units 0 to {self.n_units - 1}; use the "
                "codebook that the model was trained with."
            )
        return self.unit_ids[ids]

    def tokens_of_text(self, text: str) -> tuple[int, ...]:
        """Return the tokens of a text, nothing added before or behind.

        Raises
        ------
        ArticulensError
            When the model has no text.
        """
        if self.tokenizer is None:
            raise ArticulensError(
                f"'{text}' cannot be written in a model that has only units; choose an interleaved model, or read this "
                "one through the head of the text model it was made from (readout=...)."
            )
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def spellings(self, word: str) -> list[tuple[int, ...]]:
        """Return the ways in which a text model may write a word: with and without a space before it, and capitalised.

        Each is a tuple of text tokens, of length one where the word is a token of its own. A token that is nothing but
        the space, and spellings that need a token which is not text (unknown letters), are left out.
        """
        found = []
        for spelling in (f" {word}", word, f" {word.capitalize()}", word.capitalize()):
            tokens = self.tokens_of_text(spelling)
            while len(tokens) > 1 and not self.tokenizer.decode([tokens[0]]).strip():
                tokens = tokens[1:]
            if tokens and tokens not in found and self.is_text[list(tokens)].all():
                found.append(tokens)
        return found


def extend_tokenizer(tokenizer: Any, n_units: int, *, unit: str = UNIT) -> Vocabulary:
    """Add unit tokens and the two marks to a text tokenizer, as SIMS does: units, ``<speech>``, ``<text>``.

    The model must then grow with it: ``model.resize_token_embeddings(len(tokenizer))``.

    Parameters
    ----------
    tokenizer
        Of transformers; changed in place.
    n_units
        How many.
    unit
        How a unit is written.

    Returns
    -------
    Vocabulary of a model with as many rows as the tokenizer has tokens now.
    """
    tokenizer.add_tokens([unit.format(i) for i in range(n_units)] + [SPEECH, TEXT])
    return Vocabulary.of_tokenizer(tokenizer, max(tokenizer.get_vocab().values()) + 1, unit=unit)


def _check_fits(known: dict[str, int], size: int, place: str) -> None:
    if max(known.values()) >= size:
        raise ArticulensError(
            f"{place}: the tokenizer has tokens up to {max(known.values())} but the model has {size} rows; use the "
            "tokenizer that belongs to the model."
        )


def _text_ids(tokenizer: Any, known: dict[str, int], unit_ids: NDArray[np.int64]) -> NDArray[np.int64]:
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder, *unit_ids.tolist()}
    return np.array([token for token in sorted(known.values()) if token not in special], dtype=np.int64)


def _mask(size: int, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    mask = np.zeros(size, dtype=bool)
    mask[ids] = True
    return mask
