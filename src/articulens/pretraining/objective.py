"""What every objective is: it draws a batch and says how wrong the network is on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from articulens.encoders.transformer import capture

Batch = dict[str, torch.Tensor]


class Objective(ABC):
    """A loss on a network's states.

    Attributes
    ----------
    heads
        What predicts from the states; kept in the model's second file, under the names of `heads`.
    about
        What the heads predict (JSON values).
    memory
        What the objective itself carries from step to step; kept in checkpoints only.
    """

    heads: nn.ModuleDict
    about: dict[str, Any]
    memory: nn.Module = nn.Identity()

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> Batch:
        """Return the excerpts of one step; everything random comes from `rng`."""

    @abstractmethod
    def loss(self, network: Any, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss and numbers for the curve."""


def states_of(
    network: Any, samples: torch.Tensor, layers: Sequence[str], **arguments: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Run a network on ``(batch, samples)`` and return `layers`, ``(batch, frames, dims)``; see `capture`."""
    inner = getattr(network, "_orig_mod", network)  # under torch.compile
    with capture(inner.encoder.layers, inner.encoder.layer_norm, layers) as states:
        network(samples, **arguments)
    return states
