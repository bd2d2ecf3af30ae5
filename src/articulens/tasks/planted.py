"""A task of which is known what solves it: to see what weights, contributions and omissions say about it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from articulens.tasks.features import Norm


class Planted:
    """Made-up layers of which one alone tells the classes; a stand-in for `articulens.tasks.Features`.

    Layer `solver` holds the class under a stronger disturbance. Layer `helper` holds that disturbance without the
    class, in numbers half as large and with the other sign: it solves nothing, but a sum that cancels the disturbance
    must give it twice the weight (a suppressor; Haufe et al. 2014, *NeuroImage* 87, 96-110). All others hold noise.

    Parameters
    ----------
    layers
        How many there are.
    solver, helper
        Their places.
    dims
        Of each layer.
    speakers, each
        Speakers, and utterances of each.
    classes
        Answers to tell apart.
    seed
        Decides everything.
    """

    model = "planted"

    def __init__(
        self,
        layers: int = 5,
        solver: int = 3,
        helper: int = 1,
        *,
        dims: int = 12,
        speakers: int = 12,
        each: int = 24,
        classes: int = 3,
        seed: int = 0,
    ) -> None:
        rng = np.random.default_rng(seed)
        n = speakers * each
        answers = np.arange(n) % classes
        direction = rng.normal(size=(classes, dims))
        disturbance = rng.normal(size=(n, dims))
        states = rng.normal(size=(layers, n, dims)) * 0.5
        states[solver] = 1.5 * direction[answers] + 3 * disturbance
        states[helper] = -1.5 * disturbance
        self.layers = tuple(map(str, range(layers)))
        self.solver, self.helper = self.layers[solver], self.layers[helper]
        self.mixable = self.layers
        self._states = torch.tensor(states, dtype=torch.float32)
        names = [f"u{i:04d}" for i in range(n)]
        self._place = {name: i for i, name in enumerate(names)}
        self.table = pd.DataFrame(
            {
                "speaker": [f"s{i // each:02d}" for i in range(n)],
                "sentence": [f"t{i:04d}" for i in range(n)],
                "answer": [(f"class {a}",) for a in answers],
            },
            index=pd.Index(names, name="id"),
        )

    def pooled(self, ids: Sequence[str], norm: Norm, parts: int = 1) -> torch.Tensor:
        """Return features, ``(layers, utterances, dims)``."""
        x = self._states[:, [self._place[i] for i in ids]]
        return x if norm == "none" else torch.nn.functional.layer_norm(x, x.shape[-1:])

    def lengths(self, ids: Sequence[str], norm: Norm) -> torch.Tensor:
        """Return the mean Euclidean length of each layer, ``(layers,)``."""
        return self.pooled(ids, norm).norm(dim=-1).mean(1)
