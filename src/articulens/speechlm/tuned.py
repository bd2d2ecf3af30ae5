"""The tuned lens: an affine map a layer, trained so that the lens says what the last layer will (Belrose et al. 2023).

A plain lens may fail at an early layer only because that layer writes in another basis. The maps are trained on the
model's own predictions, never on the words: they cannot learn to transcribe what the model does not.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import kl_div

from articulens.corpora.limits import read_bytes
from articulens.errors import ArticulensError
from articulens.files import atomic_write, write_json
from articulens.speechlm.model import SpeechLM
from articulens.speechlm.sequences import Tokens

WEIGHTS, CARD = "tuned_lens.safetensors", "tuned_lens.json"


@dataclass(frozen=True, eq=False)
class TunedLens:
    """Affine maps, one a layer: ``h + h Aᵀ + b``.

    Parameters
    ----------
    maps
        Layer to (A ``(dims, dims)``, b ``(dims,)``); layers without one pass as they are.
    card
        ``model``, ``width``, and the mean loss by layer before and after; JSON values.
    """

    maps: dict[str, tuple[torch.Tensor, torch.Tensor]]
    card: dict[str, Any]

    def translate(self, layer: str, states: torch.Tensor) -> torch.Tensor:
        """Return states ``(..., dims)`` of a layer as the last layer would write them."""
        if layer not in self.maps:
            return states
        a, b = (part.to(states.device, states.dtype) for part in self.maps[layer])
        return states + states @ a.T + b

    def check(self, lm: SpeechLM, layers: Sequence[str]) -> None:
        """Raise ArticulensError when this was not trained for these layers of a model of this width."""
        lacks = [layer for layer in layers if layer not in self.maps and layer != lm.layers[-1]]
        if self.card["width"] != lm.width or lacks:
            raise ArticulensError(
                f"the tuned lens is of {self.card['model']} ({self.card['width']} dimensions, layers "
                f"{', '.join(self.maps)}) and {lm.name} has {lm.width} dimensions and layers {', '.join(lm.layers)}; "
                "train one for this model."
            )

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``tuned_lens.safetensors`` and ``tuned_lens.json`` into a folder."""
        from safetensors.torch import save

        folder = Path(folder)
        tensors = {
            f"{layer}.{name}": t for layer, pair in self.maps.items() for name, t in zip("ab", pair, strict=True)
        }
        with atomic_write(folder / WEIGHTS) as stream:
            stream.write(save(tensors))
        write_json(folder / CARD, self.card)
        return folder


def load_tuned(folder: str | os.PathLike[str]) -> TunedLens:
    """Read what `TunedLens.save` wrote.

    Raises
    ------
    ArticulensError
        When the folder does not hold a tuned lens.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    folder = Path(folder)
    try:
        card, tensors = json.loads(read_bytes(folder / CARD)), load(read_bytes(folder / WEIGHTS))
        layers = sorted({name.split(".")[0] for name in tensors}, key=int)
        maps = {layer: (tensors[f"{layer}.a"], tensors[f"{layer}.b"]) for layer in layers}
        if any(a.shape != (card["width"],) * 2 or b.shape != (card["width"],) for a, b in maps.values()):
            raise ValueError("its parts do not fit together")
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ArticulensError(
            f"{folder}: this is not a tuned lens ({error}); expected {WEIGHTS} and {CARD} of TunedLens.save; "
            "train it again."
        ) from error
    return TunedLens(maps, card)


def tune(
    lm: SpeechLM,
    sequences: Sequence[Tokens],
    *,
    layers: Sequence[str] | None = None,
    steps: int = 200,
    positions: int = 4_096,
    batch: int = 256,
    lr: float = 1e-3,
    seed: int = 0,
) -> TunedLens:
    """Train a tuned lens by the Kullback–Leibler divergence from the last layer's prediction.

    Parameters
    ----------
    lm
        The model; it does not change.
    sequences
        Training sequences, of other utterances than those that will be read.
    layers
        Which; all but the last by default.
    steps, batch, lr
        Steps of Adam (the rate falls linearly to 0), positions drawn for each, first learning rate.
    positions
        How many positions are drawn from; their states are held while the maps are trained.
    seed
        Decides what is drawn.

    Raises
    ------
    ArticulensError
        For an unknown layer, or no sequences.
    """
    if not sequences:
        raise ArticulensError(f"{lm.name}: a tuned lens cannot be trained on no sequences; give some.")
    names = [layer for layer in lm.choose(layers) if layer != lm.layers[-1]]
    rng, device = np.random.default_rng(seed), lm.device
    pool = _pool(lm, sequences, [*names, lm.layers[-1]], rng, positions)
    a = {n: torch.zeros(lm.width, lm.width, device=device, requires_grad=True) for n in names}
    b = {n: torch.zeros(lm.width, device=device, requires_grad=True) for n in names}
    optimiser = torch.optim.Adam([*a.values(), *b.values()], lr=lr)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, steps)
    losses: dict[str, list[float]] = {n: [] for n in names}
    for _ in range(steps):
        drawn = torch.from_numpy(rng.integers(0, len(pool[lm.layers[-1]]), batch)).to(device)
        truth = lm.read_out(pool[lm.layers[-1]][drawn]).log_softmax(-1)
        optimiser.zero_grad()
        for name in names:
            h = pool[name][drawn].float()
            moved = (h + h @ a[name].T + b[name]).to(lm.model.dtype)
            loss = kl_div(lm.read_out(moved).log_softmax(-1), truth, reduction="batchmean", log_target=True)
            loss.backward()
            losses[name].append(loss.item())
        optimiser.step()
        schedule.step()
    tenth = max(1, steps // 10)
    card = {
        "model": lm.name,
        "width": lm.width,
        "steps": steps,
        "seed": seed,
        "kl_first": {n: float(np.mean(losses[n][:1])) for n in names},
        "kl_last": {n: float(np.mean(losses[n][-tenth:])) for n in names},
    }
    return TunedLens({n: (a[n].detach().cpu(), b[n].detach().cpu()) for n in names}, card)


def _pool(
    lm: SpeechLM, sequences: Sequence[Tokens], layers: Sequence[str], rng: np.random.Generator, positions: int
) -> dict[str, torch.Tensor]:
    """Return states of the first `positions` tokens of sequences in random order, ``(positions, dims)`` a layer."""
    pool: dict[str, list[torch.Tensor]] = {layer: [] for layer in layers}
    held = 0
    for i in rng.permutation(len(sequences)):
        keep = positions - held

        def see(layer: str, states: torch.Tensor, keep: int = keep) -> None:
            pool[layer].append(states[0, :keep].clone())

        lm.run(torch.from_numpy(sequences[i].ids)[None], see, layers)
        held += len(sequences[i])
        if held >= positions:
            break
    return {layer: torch.cat(parts).to(lm.device) for layer, parts in pool.items()}
