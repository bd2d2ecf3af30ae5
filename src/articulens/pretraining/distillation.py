"""Distillation: a layer of the student learns to tell, linearly, the state of a layer of the teacher."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from articulens.pretraining.config import Stage
from articulens.pretraining.data import CLOCK, RATE_HZ, Excerpts, Group
from articulens.pretraining.objective import Batch, Objective, states_of
from articulens.pretraining.teacher import TeacherStates


class Distillation(Objective):
    """Smooth L1 distance between linear readings of the student's states and standardised states of the teacher.

    Excerpts begin where the frames of the student have the centres of the teacher's, within half a sample.
    """

    def __init__(
        self, stage: Stage, groups: Sequence[Group], width: int, teacher: str, cache: Path, device: str = "cpu"
    ) -> None:
        self.batch, self.match = stage.batch, dict(stage.match)
        self.teacher = TeacherStates(groups, teacher, list(self.match.values()), cache, device)
        first_sample = round(self.teacher.offset - CLOCK.times_s(CLOCK.needed)[0] * RATE_HZ)
        self.excerpts = Excerpts(groups, CLOCK.n_frames(round(stage.seconds * RATE_HZ)), first_sample, stage.tilt)
        self.heads = nn.ModuleDict({f"teacher_{layer}": nn.Linear(width, self.teacher.width) for layer in self.match})
        self.about: dict[str, Any] = {
            f"teacher_{layer}": f"standardised state {wanted} of the teacher from state {layer}"
            for layer, wanted in self.match.items()
        }

    def draw(self, rng: np.random.Generator) -> Batch:
        """Return ``samples`` (batch, n) and ``targets`` (batch, frames, layers, width)."""
        waves, places = self.excerpts.draw(rng, self.batch)
        targets = np.stack([self.teacher.excerpt(*place, self.excerpts.frames) for place in places])
        return {"samples": torch.from_numpy(waves), "targets": torch.from_numpy(targets)}

    def loss(self, network: Any, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the sum over matched layers, and each of them."""
        states = states_of(network, batch["samples"], list(self.match))
        losses = {}
        for layer, wanted in self.match.items():
            target = batch["targets"][:, :, self.teacher.layers.index(wanted)]
            read = self.heads[f"teacher_{layer}"](states[layer])
            losses[f"teacher_{layer}"] = nn.functional.smooth_l1_loss(read.float(), target)
        return torch.stack(list(losses.values())).sum(), {name: float(value.detach()) for name, value in losses.items()}
