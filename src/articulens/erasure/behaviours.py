"""What a network still does: its own heads, and what can be read off its later layers, before and after a change.

A behaviour compares the states of one utterance in the intact and in the changed network. Every measure grows with
the damage and is 0 where nothing changed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.cluster import MiniBatchKMeans

from articulens.corpora.labels import phone_indicators
from articulens.encoders.base import States
from articulens.erasure.concepts import Concepts

#: Measure of a behaviour → what it is; everything is damage.
MEASURES = {
    "error rate": "more wrong phones or letters, per one said",
    "KL": "divergence of the head's distribution from that of the intact network, nats a frame",
    "clusters": "share of frames that the head puts into another cluster",
    "reading": "squared change of what the head reads of the teacher, per variance of that reading",
    "phones": "accuracy that a linear phone probe of ours loses, share of frames",
    "units": "share of frames that fall into another k-means unit of the last layer",
}
#: Measures that no part of the network takes: they say what its later blocks hand on, and nothing behind the last one.
OURS = ("phones", "units")


class Behaviour(ABC):
    """Something that can be read off a layer.

    Attributes
    ----------
    reads
        Layer.
    """

    reads: str

    @abstractmethod
    def damage(self, intact: torch.Tensor, changed: torch.Tensor, utterance: str, times_s: Any) -> Mapping[str, float]:
        """Return measures (see :data:`MEASURES`) of one utterance; states are ``(frames, dims)`` of :attr:`reads`."""


class PhoneProbe(Behaviour):
    """A linear phone classifier of the intact network, on its own layer.

    Parameters
    ----------
    reads
        Layer.
    concepts, train
        What it is fitted on.
    labels
        Utterance to intervals.
    """

    def __init__(
        self, reads: str, concepts: Concepts, train: Sequence[str], labels: Mapping[str, Sequence[tuple]]
    ) -> None:
        self.reads, self.labels = reads, labels
        self.phones, b, c = concepts.phone_probe(reads, train)
        self.b, self.c = torch.from_numpy(b).float(), torch.from_numpy(c).float()
        self._known: dict[str, tuple[torch.Tensor, torch.Tensor, float]] = {}

    def damage(self, intact: torch.Tensor, changed: torch.Tensor, utterance: str, times_s: Any) -> Mapping[str, float]:
        """Return the loss of accuracy on labelled frames."""
        if utterance not in self._known:
            kept, wanted = self._truth(utterance, times_s)
            self._known[utterance] = kept, wanted, self._accuracy(intact, kept, wanted)
        kept, wanted, before = self._known[utterance]
        return {"phones": before - self._accuracy(changed, kept, wanted)} if len(kept) else {}

    def _truth(self, utterance: str, times_s: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the labelled frames, and the number of the phone of each."""
        said = phone_indicators(self.labels.get(utterance, ()), times_s, self.phones)
        kept = np.flatnonzero(said.any(axis=1))
        return torch.from_numpy(kept), torch.from_numpy(said[kept].argmax(axis=1))

    def _accuracy(self, states: torch.Tensor, kept: torch.Tensor, wanted: torch.Tensor) -> float:
        return float(((states.cpu()[kept] @ self.b + self.c).argmax(-1) == wanted).float().mean())


class Units(Behaviour):
    """K-means units of a layer, for networks that come without a head.

    Parameters
    ----------
    reads
        Layer.
    states
        What the units are found in, ``(frames, dims)``, of training speakers.
    number, seed
        How many, and what decides them.
    """

    def __init__(self, reads: str, states: torch.Tensor, number: int = 50, seed: int = 0) -> None:
        self.reads = reads
        x = states.cpu().numpy().astype(np.float32)
        number = min(number, len(x))
        means = MiniBatchKMeans(number, batch_size=4096, n_init=2, random_state=seed).fit(x)
        self.centres = torch.from_numpy(means.cluster_centers_).float()

    def damage(self, intact: torch.Tensor, changed: torch.Tensor, utterance: str, times_s: Any) -> Mapping[str, float]:
        """Return the share of frames in another unit."""
        before, after = (torch.cdist(x.cpu(), self.centres).argmin(-1) for x in (intact, changed))
        return {"units": float((before != after).float().mean())}


def compare(behaviours: Sequence[Behaviour], intact: States, changed: States, utterance: str) -> list[dict[str, Any]]:
    """Return one row a behaviour and measure: ``measure``, ``read_at``, ``damage``."""
    return [
        {"measure": measure, "read_at": b.reads, "damage": value}
        for b in behaviours
        for measure, value in b.damage(intact[b.reads], changed[b.reads], utterance, intact.times_s).items()
    ]
