"""Fine-tuning on phones by connectionist temporal classification (Graves et al. 2006)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from articulens.errors import ArticulensError
from articulens.pretraining.config import Stage
from articulens.pretraining.data import RATE_HZ, Group
from articulens.pretraining.objective import Batch, Objective, states_of
from articulens.synthesis import transcribe

BLANK = "<blank>"


class Ctc(Objective):
    """CTC loss of the phones of whole utterances, told from the final state."""

    def __init__(self, stage: Stage, groups: Sequence[Group], network: Any) -> None:
        self.batch = stage.batch
        self.utterances = [
            [(r.samples, phones(r.text, r.language)) for r in g.recordings if len(r.samples) <= stage.seconds * RATE_HZ]
            for g in groups
        ]
        if not all(self.utterances):
            raise ArticulensError(f"some speech has no utterance of at most {stage.seconds:g} s; ask for more seconds.")
        self.weights = np.array([g.weight for g in groups]) / sum(g.weight for g in groups)
        self.vocabulary = [BLANK, *sorted({p for group in self.utterances for _, said in group for p in said})]
        self.heads = nn.ModuleDict({"phones": nn.Linear(network.config.hidden_size, len(self.vocabulary))})
        self.about = {"phones": "phones by CTC from the state final; vocabulary: " + " ".join(self.vocabulary)}

    def draw(self, rng: np.random.Generator) -> Batch:
        """Return ``samples`` (batch, n) padded by zeros, ``lengths``, ``phones`` end to end and ``counts``."""
        chosen = []
        for _ in range(self.batch):
            group = self.utterances[int(rng.choice(len(self.utterances), p=self.weights))]
            chosen.append(group[int(rng.integers(len(group)))])
        waves = [torch.from_numpy(samples) for samples, _ in chosen]
        said = [self.vocabulary.index(phone) for _, phones_ in chosen for phone in phones_]
        return {
            "samples": nn.utils.rnn.pad_sequence(waves, batch_first=True),
            "lengths": torch.tensor([len(wave) for wave in waves]),
            "phones": torch.tensor(said),
            "counts": torch.tensor([len(phones_) for _, phones_ in chosen]),
        }

    def loss(self, network: Any, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the mean over utterances of the loss a phone."""
        lengths, samples = batch["lengths"], batch["samples"]
        heard = torch.arange(samples.shape[1], device=samples.device) < lengths[:, None]
        states = states_of(network, samples, ["final"], attention_mask=heard.long())["final"]
        scores = self.heads["phones"](states).float().log_softmax(-1).transpose(0, 1)
        frames = ((lengths - 400) // 320 + 1).cpu()
        loss = nn.functional.ctc_loss(
            scores, batch["phones"].cpu(), frames, batch["counts"].cpu(), blank=0, zero_infinity=True
        )
        return loss, {}


def phones(text: str, language: str) -> tuple[str, ...]:
    """Return the phones of a text as the bundled corpus labels them, without pauses."""
    found: list[str] = []
    previous: Any = None
    for segment in transcribe(text, language):
        if segment.kind != "P":
            if segment.group is not None and previous is not None and previous.group == segment.group:
                found[-1] += segment.label  # an affricate is one phone
            else:
                found.append(segment.label)
        previous = segment
    return tuple(found)


def greedy(scores: NDArray[np.float32], vocabulary: Sequence[str]) -> list[str]:
    """Return the phones of ``(frames, vocabulary)`` scores: the best of each frame, repetitions and blanks left out."""
    best = scores.argmax(1)
    kept = best[np.flatnonzero(np.diff(best, prepend=-1))]
    return [vocabulary[k] for k in kept if k]


def edit_distance(said: Sequence[str], heard: Sequence[str]) -> int:
    """Return the fewest insertions, deletions and substitutions between two lists of phones."""
    row = list(range(len(heard) + 1))
    for i, a in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]
