"""Protocols: who trains and who tests, as lists of cells, and what the resulting number measures.

From weak to strong. The published one comes first; the others are what it should be read beside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from articulens.errors import ArticulensError, suggest

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Split:
    """One division of the cells.

    Attributes
    ----------
    train, test
        Masks over the rows of the cell table; never both true.
    train_group
        Who trained, in words, for the score table.
    inner
        For each row a label: cells of equal label stay together when a penalty is chosen inside the training cells.
    """

    train: Mask
    test: Mask
    train_group: str
    inner: npt.NDArray[Any]


@dataclass(frozen=True)
class Protocol:
    """A rule that divides cells, the columns it needs, and what it measures.

    Attributes
    ----------
    name
        As given to :func:`open_protocol`.
    keys
        Columns that separate cells for this protocol; sorted, ``speaker`` first.
    measures
        One sentence for readers.
    """

    name: str
    keys: tuple[str, ...]
    measures: str
    divide: Callable[[pd.DataFrame], Iterator[Split]]

    def splits(self, cells: pd.DataFrame) -> Iterator[Split]:
        """Yield the splits of a cell table; those without training or test cells are passed over.

        Raises
        ------
        ArticulensError
            When no split is left, saying what the corpus lacks.
        """
        any_split = False
        for split in self.divide(cells):
            assert not (split.train & split.test).any()
            if split.train.any() and split.test.any():
                any_split = True
                yield split
        if not any_split:
            there = " and ".join(f"{cells[key].nunique()} {key.replace('_', ' ')}(s)" for key in self.keys)
            raise ArticulensError(
                f"protocol '{self.name}': {there} leave nobody to train on once the test set is taken out; use a "
                "corpus with more of them or another protocol."
            )


def _own_folds(column: str) -> Callable[[pd.DataFrame], Iterator[Split]]:
    def divide(cells: pd.DataFrame) -> Iterator[Split]:
        speakers, folds = cells["speaker"].to_numpy(), cells[column].to_numpy()
        for speaker in pd.unique(speakers):
            own = speakers == speaker
            for fold in np.unique(folds[own]):
                yield Split(own & (folds != fold), own & (folds == fold), "same speaker", folds)

    return divide


def frame_shuffled() -> Protocol:
    """Return the published 80/20 split: random frames of one speaker."""
    return Protocol(
        "frame_shuffled",
        ("speaker", "frame_fold"),
        "how well frames are told from their neighbours 20 ms away: training and test frames come from the same "
        "utterances, so that part of the test set has in effect been seen",
        _own_folds("frame_fold"),
    )


def utterance() -> Protocol:
    """Return a protocol of held-out utterances of a known speaker."""
    return Protocol(
        "utterance",
        ("speaker", "utterance_fold"),
        "new utterances of a known speaker, whose sentences may have been heard in another repetition or condition",
        _own_folds("utterance_fold"),
    )


def sentence() -> Protocol:
    """Return a protocol of held-out sentences of a known speaker: the same text is never on both sides."""
    return Protocol(
        "sentence",
        ("speaker", "sentence_fold"),
        "new sentences of a known speaker: no text is on both sides, in any condition",
        _own_folds("sentence_fold"),
    )


def loso(*, sentences: bool = False) -> Protocol:
    """Leave one speaker out; with `sentences`, the held-out speaker's texts are unheard too (``loso_sentence``)."""

    def divide(cells: pd.DataFrame) -> Iterator[Split]:
        speakers = cells["speaker"].to_numpy()
        folds = cells["sentence_fold"].to_numpy() if sentences else np.zeros(len(cells))
        for speaker in pd.unique(speakers):
            for fold in np.unique(folds):
                train = (speakers != speaker) & ((folds != fold) | (not sentences))
                # Of one speaker alone a penalty can only be chosen between sentences.
                inner = speakers if len(np.unique(speakers[train])) > 1 else folds
                yield Split(train, (speakers == speaker) & (folds == fold), "other speakers", inner)

    if sentences:
        return Protocol(
            "loso_sentence",
            ("speaker", "sentence_fold"),
            "a vocal tract never seen, saying sentences never heard: neither the speaker nor the text is known",
            divide,
        )
    return Protocol(
        "loso",
        ("speaker",),
        "a vocal tract never seen; other speakers may have said the same sentences in training",
        divide,
    )


def loso_within(column: str) -> Protocol:
    """Leave one speaker out among the cells that share a value of `column` (the published E5: ``l1``)."""

    def divide(cells: pd.DataFrame) -> Iterator[Split]:
        speakers, values = cells["speaker"].to_numpy(), cells[column].to_numpy()
        for value in pd.unique(values):
            same = values == value
            for speaker in pd.unique(speakers[same]):
                own = speakers == speaker
                yield Split(same & ~own, same & own, f"other speakers, {column} {value}", speakers)

    return Protocol(
        f"loso_within({column})",
        ("speaker", column),
        f"a vocal tract never seen, trained on speakers of the same {column} only",
        divide,
    )


def leave_language_out() -> Protocol:
    """Train on one language of other speakers, test on the other language of the held-out speaker."""

    def divide(cells: pd.DataFrame) -> Iterator[Split]:
        speakers, languages = cells["speaker"].to_numpy(), cells["language"].to_numpy()
        for language in pd.unique(languages):
            for speaker in pd.unique(speakers):
                own, new = speakers == speaker, languages == language
                heard = "+".join(sorted(set(languages[~own & ~new])))
                yield Split(~own & ~new, own & new, f"other speakers, {heard}", speakers)

    return Protocol(
        "leave_language_out",
        ("speaker", "language"),
        "a vocal tract never seen, speaking a language the probe was not trained on",
        divide,
    )


def transfer(column: str) -> Protocol:
    """Train on one value of `column`, read every value of a held-out speaker, in sentences that were never heard."""

    def divide(cells: pd.DataFrame) -> Iterator[Split]:
        speakers, folds, values = (cells[key].to_numpy() for key in ("speaker", "sentence_fold", column))
        for value in pd.unique(values):
            for speaker in pd.unique(speakers):
                for fold in np.unique(folds):
                    train = (speakers != speaker) & (folds != fold) & (values == value)
                    inner = speakers if len(np.unique(speakers[train])) > 1 else folds
                    yield Split(train, (speakers == speaker) & (folds == fold), f"other speakers, {value}", inner)

    return Protocol(
        f"transfer({column})",
        ("speaker", "sentence_fold", column),
        f"a vocal tract never seen, saying sentences never heard, read by a probe of one {column}: the same or another",
        divide,
    )


_PROTOCOLS: dict[str, Callable[..., Protocol]] = {
    "frame_shuffled": frame_shuffled,
    "utterance": utterance,
    "sentence": sentence,
    "loso": loso,
    "loso_sentence": lambda: loso(sentences=True),
    "loso_within": loso_within,
    "leave_language_out": leave_language_out,
    "transfer": transfer,
}
#: Protocols that divide by a column, and one that makes a good example.
WITH_COLUMN = {"loso_within": "l1", "transfer": "language"}
PROTOCOLS = tuple(_PROTOCOLS)


def open_protocol(name: str) -> Protocol:
    """Return a protocol by its name, such as ``"loso"``, ``"sentence"`` or ``"loso_within(l1)"``.

    Raises
    ------
    ArticulensError
        For an unknown name, or a missing or unwanted column in brackets.
    """
    match = re.fullmatch(r"\s*([a-z_]+)\s*(?:\(\s*(\w+)\s*\))?\s*", name)
    if not match or match[1] not in _PROTOCOLS:
        raise ArticulensError(f"unknown protocol '{name}'{suggest(match[1] if match else name, PROTOCOLS)}")
    wants_column = match[1] in WITH_COLUMN
    if wants_column != bool(match[2]):
        raise ArticulensError(
            f"protocol '{name}': "
            + (
                f"name the column that it divides by, as in {match[1]}({WITH_COLUMN[match[1]]})."
                if wants_column
                else "takes no column."
            )
        )
    return _PROTOCOLS[match[1]](match[2]) if wants_column else _PROTOCOLS[match[1]]()


def within_reach(name: str, utterances: pd.DataFrame, folds: int) -> tuple[str, int, str]:
    """Return the protocol nearest to a wanted one that a corpus can serve, the folds it can fill, and what it lacks.

    Parameters
    ----------
    name
        The wanted protocol.
    utterances
        From ``corpus.to_frame()``.
    folds
        The wanted number of folds of sentences.

    Returns
    -------
    Name, folds (two or more), and a sentence on what was wanted and cannot be had; empty when nothing is lacking.
    """
    speakers, sentences, languages = (utterances[column].nunique() for column in ("speaker", "sentence", "language"))
    found, lacks = open_protocol(name).name, []
    if found == "leave_language_out" and languages < 2:
        found = "loso_sentence"
        lacks.append("a second language")
    if found.startswith(("loso", "leave")) and speakers < 2:
        found = "sentence"
        lacks.append("a second speaker")
    if found == "sentence" and utterances.groupby("speaker")["sentence"].nunique().max() < 2:
        found = "frame_shuffled"
        lacks.append("a second sentence")
    if found == "loso_sentence" and sentences < 2:
        found = "loso"
        lacks.append("a second sentence")
    enough = min(folds, max(2, sentences))
    words = [f"{name}, which needs {' and '.join(lacks)}; {found} is shown instead."] if lacks else []
    if enough < folds and "sentence" in found:
        words.append(f"{folds} folds, for there are {sentences} different sentences; {enough} folds are used.")
    return found, enough, " ".join(words)
