"""The two kinds of answers: classes of utterances, and phones in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jiwer
import numpy as np
import pandas as pd
import torch

from articulens.tasks.definitions import Task
from articulens.tasks.features import Features, Norm
from articulens.tasks.heads import Batch, Heads, Training, classification_loss, phone_loss
from articulens.tasks.splits import Parts

#: Added to the score of the blank before the best phone of each frame is read.
CAUTION = (0.0, 1.0, 2.0, 4.0, 8.0)
Batches = list[Callable[[], Batch]]
_SOME = 200


class Classes:
    """Classes of whole utterances, from frames averaged in ``task.parts`` parts.

    Attributes
    ----------
    x
        Training features from which scales are taken, ``(layers, utterances, dims)``.
    pieces
        Parts of an utterance whose features stand end to end in ``x``.
    outputs
        Outputs a head needs.
    how
        Training by default.
    train, valid, loss
        As :func:`articulens.tasks.heads.train` takes them.
    """

    how = Training()

    def __init__(self, features: Features, table: pd.DataFrame, task: Task, norm: Norm, parts: Parts) -> None:
        self._features, self._norm, self.pieces = features, norm, task.parts
        self._answers: dict[str, tuple[str, ...]] = dict(zip(table.index, table["answer"], strict=True))
        self._speakers = table["speaker"]
        known = [self._answers[i] for i in parts.train]
        self._classes = [sorted(set(values)) for values in zip(*known, strict=True)]
        self.outputs = sum(map(len, self._classes))
        self.loss = classification_loss([len(c) for c in self._classes])
        batch, check = self._batch(parts.train), self._batch(parts.valid)
        self.x = batch.x
        self.valid: Batches = [lambda: check]
        self._whole: Batches = [lambda: batch]

    def train(self) -> Batches:
        """Return the training set as one batch: it is small."""
        return self._whole

    def _batch(self, ids: Sequence[str]) -> Batch:
        targets = [[c.index(v) for c, v in zip(self._classes, self._answers[i], strict=True)] for i in ids]
        return Batch(self._features.pooled(ids, self._norm, self.pieces), torch.tensor(targets))

    def errors(self, heads: Heads, parts: Parts) -> tuple[Any, Any]:
        """Return which test utterances each head gets wrong, and the expected errors of chance.

        Chance is always the commonest answer of the other speakers, or answers in the proportions of all utterances,
        whichever of the two is better on average over all speakers.
        """
        batch = self._batch(parts.test)
        told = [s.argmax(-1) for s in heads(batch.x).split([len(c) for c in self._classes], dim=-1)]
        wrong = (torch.stack(told, -1) != batch.targets).any(-1).double().numpy()
        return wrong, np.broadcast_to(self._chance()[list(parts.test)].to_numpy(), wrong.shape)

    def _chance(self) -> pd.Series[float]:
        """Return how often the answer to each utterance is missed by chance."""
        said = pd.Series(self._answers, dtype=object)
        counts = pd.crosstab(self._speakers[said.index].to_numpy(), said.map(str).to_numpy())
        shares = counts.sum() / len(said)
        of_others = (counts.sum() - counts).idxmax(axis=1)  # of the others, not of the speaker's own
        guess = self._speakers[said.index].map(of_others)
        always = (said.map(str) != guess).astype(float)
        in_proportion = 1 - said.map(str).map(shares).astype(float)
        level = [miss.groupby(self._speakers[said.index]).mean().mean() for miss in (always, in_proportion)]
        return always if level[0] < level[1] else in_proportion


class Phones:
    """Phones of an utterance in their order, from its frames; attributes as of :class:`Classes`."""

    how = Training(rounds=40, patience=3, rate=0.02, mixing_rate=0.1)
    pieces = 1
    batch = 16

    def __init__(self, features: Features, table: pd.DataFrame, task: Task, norm: Norm, parts: Parts) -> None:
        self._features, self._norm = features, norm
        self._answers: dict[str, tuple[str, ...]] = dict(zip(table.index, table["answer"], strict=True))
        self._sentence: dict[str, str] = dict(zip(table.index, table["sentence"], strict=True))
        self._phones = ["", *sorted({phone for i in parts.train for phone in self._answers[i]})]
        self._place = {phone: k for k, phone in enumerate(self._phones)}
        self.outputs = len(self._phones)
        self.loss = phone_loss
        self._train, self.valid = self._grouped(parts.train), self._grouped(parts.valid)
        x, counts = features.frames(parts.train[:: -(-len(parts.train) // _SOME)], norm)
        self.x = x[:, [u * max(counts) + t for u, n in enumerate(counts) for t in range(n)]]

    def train(self) -> Batches:
        """Return batches of utterances of about equal length, which need little padding."""
        return self._train

    def _grouped(self, ids: Sequence[str]) -> Batches:
        ordered = self._by_length(ids)
        groups = [ordered[at : at + self.batch] for at in range(0, len(ordered), self.batch)]
        if self._features.holds(ids):
            made = [self._batch(group) for group in groups]
            return [lambda batch=batch: batch for batch in made]  # type: ignore[misc]
        return [lambda group=group: self._batch(group) for group in groups]  # type: ignore[misc]

    def _by_length(self, ids: Sequence[str]) -> list[str]:
        return sorted(ids, key=lambda i: (len(self._answers[i]), i))

    def _batch(self, ids: Sequence[str]) -> Batch:
        x, counts = self._features.frames(ids, self._norm)
        # What was never heard in training has no output: it is left out here, and counts as an error in the test.
        said = [[self._place[phone] for phone in self._answers[i] if phone in self._place] for i in ids]
        return Batch(x, torch.tensor([k for own in said for k in own]), counts, [len(own) for own in said])

    def errors(self, heads: Heads, parts: Parts) -> tuple[Any, Any]:
        """Return the wrong phones of each head and test utterance, and those of chance.

        How sure a head must be of a phone before it counts is chosen on the validation set (`CAUTION`). Chance is what
        the head heard in another sentence of about the same length, or silence, whichever is better.
        """
        count = len(heads.bias)
        checks = [self._hear(heads, parts.valid, [caution] * count) for caution in CAUTION]
        lost = np.array([self._wrong(parts.valid, heard, count).sum(1) for heard in checks])
        heard = self._hear(heads, parts.test, [CAUTION[k] for k in lost.argmin(0)])
        ordered = self._by_length(parts.test)
        other = {i: heard[self._another(ordered, place)] for place, i in enumerate(ordered)}
        silent = np.array([len(self._answers[i]) for i in parts.test], float)
        chance = self._wrong(parts.test, other, count)
        return (
            self._wrong(parts.test, heard, count),
            np.where(chance.sum(1, keepdims=True) < silent.sum(), chance, silent),
        )

    def _wrong(self, ids: Sequence[str], heard: dict[str, list[list[str]]], count: int) -> Any:
        return np.array([[phone_errors(self._answers[i], heard[i][k]) for i in ids] for k in range(count)], float)

    def _hear(self, heads: Heads, ids: Sequence[str], caution: Sequence[float]) -> dict[str, list[list[str]]]:
        """Return, for each utterance, what each head hears when so much is added to its scores of the blank."""
        heard = {}
        added = torch.tensor(caution)[:, None]
        ordered = self._by_length(ids)
        for at in range(0, len(ordered), self.batch):
            group = ordered[at : at + self.batch]
            x, counts = self._features.frames(group, self._norm)
            scores = heads(x)
            scores[..., 0] += added
            best = scores.argmax(-1).view(len(added), len(group), -1).numpy()
            for u, (name, n) in enumerate(zip(group, counts, strict=True)):
                heard[name] = [self._read(own[:n]) for own in best[:, u]]
        return heard

    def _another(self, ordered: Sequence[str], place: int) -> str:
        """Return the utterance nearest in length, among the longer ones first, that says another sentence."""
        around = [*ordered[place + 1 :], *ordered[:place][::-1]]
        return next((i for i in around if self._sentence[i] != self._sentence[ordered[place]]), ordered[place])

    def _read(self, best: np.ndarray) -> list[str]:
        """Return the phones of the best class of each frame: repetitions and blanks are left out."""
        kept = best[np.flatnonzero(np.diff(best, prepend=-1))]
        return [self._phones[k] for k in kept if k]


def phone_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Return the fewest substitutions, insertions and deletions between two lists of phones, by jiwer."""
    found = jiwer.process_words(" ".join(said), " ".join(heard))
    return found.substitutions + found.insertions + found.deletions
