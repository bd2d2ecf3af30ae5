"""Masked prediction (Hsu et al. 2021, HuBERT): tell the cluster of frames that were hidden from the transformer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans
from torch import nn

from articulens.encoders import open_encoder
from articulens.files import atomic_write
from articulens.pretraining.config import Stage
from articulens.pretraining.data import CLOCK, RATE_HZ, Excerpts, Group
from articulens.pretraining.objective import Batch, Objective, states_of

#: Frames that the clusters are found from.
FRAMES = 60_000


class Masked(Objective):
    """Cross-entropy of the clusters of masked frames, told from the final state.

    Clusters are of MFCCs with deltas (HuBERT's first iteration), or of a layer of the network itself as it is when
    the stage begins (the second).
    """

    def __init__(self, stage: Stage, groups: Sequence[Group], network: Any, labels: Path, seed: int) -> None:
        self.stage = stage
        self.excerpts = Excerpts(groups, CLOCK.n_frames(round(stage.seconds * RATE_HZ)))
        self.starts = [np.cumsum([0, *(CLOCK.n_frames(len(track)) for track in g.tracks)]) for g in groups]
        if not labels.exists():
            features = [_features(group, stage.cluster_layer, network) for group in groups]
            with atomic_write(labels) as stream:
                np.savez(stream, *_cluster(features, stage.clusters, seed))
        with np.load(labels, allow_pickle=False) as stored:
            self.labels: list[NDArray[np.int64]] = [stored[f"arr_{i}"] for i in range(len(groups))]
        self.heads = nn.ModuleDict({"clusters": nn.Linear(network.config.hidden_size, stage.clusters)})
        self.about = {"clusters": f"{stage.clusters} clusters of {stage.cluster_layer} from the state final"}

    def draw(self, rng: np.random.Generator) -> Batch:
        """Return ``samples`` (batch, n), ``clusters`` and ``masked`` (batch, frames)."""
        frames = self.excerpts.frames
        waves, places = self.excerpts.draw(rng, self.stage.batch)
        clusters = [self.labels[g][self.starts[g][t] + f : self.starts[g][t] + f + frames] for g, t, f in places]
        begins = rng.random((len(waves), frames)) < self.stage.mask_probability
        begins[np.arange(len(waves)), rng.integers(frames, size=len(waves))] = True  # at least one each
        masked = np.zeros_like(begins)
        for k in range(self.stage.mask_span):
            masked[:, k:] |= begins[:, : frames - k]
        return {
            "samples": torch.from_numpy(waves),
            "clusters": torch.from_numpy(np.stack(clusters)),
            "masked": torch.from_numpy(masked),
        }

    def loss(self, network: Any, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss, and the accuracy on masked frames."""
        masked = batch["masked"]
        states = states_of(network, batch["samples"], ["final"], mask_time_indices=masked)
        logits = self.heads["clusters"](states["final"]).float()
        loss = nn.functional.cross_entropy(logits[masked], batch["clusters"][masked])
        accuracy = (logits[masked].argmax(-1) == batch["clusters"][masked]).float().mean()
        if self.stage.unmasked:
            heard = nn.functional.cross_entropy(logits[~masked], batch["clusters"][~masked])
            loss = loss + self.stage.unmasked * heard
        return loss, {"masked_accuracy": float(accuracy)}


def _features(group: Group, layer: str, network: Any) -> NDArray[np.float32]:
    """Return what is clustered, ``(frames of all tracks, dims)``."""
    if layer == "mfcc":
        encoder = open_encoder("mfcc", device="cpu")
        found = [encoder.encode(track, RATE_HZ)["0"].numpy() for track in group.tracks]
    else:
        network.eval()
        device = next(network.parameters()).device
        with torch.inference_mode():
            waves = (torch.from_numpy(track)[None].to(device) for track in group.tracks)
            found = [states_of(network, wave, [layer])[layer][0].float().cpu().numpy() for wave in waves]
        network.train()
    return np.concatenate(found)


def _cluster(features: list[NDArray[np.float32]], clusters: int, seed: int) -> list[NDArray[np.int64]]:
    """Return the cluster of every frame, by k-means on standardised features."""
    everything = np.concatenate(features)
    rng = np.random.default_rng(seed)
    sample = everything[np.sort(rng.choice(len(everything), min(FRAMES, len(everything)), replace=False))]
    mean, spread = sample.mean(0), sample.std(0) + 1e-5
    means = MiniBatchKMeans(clusters, batch_size=4096, n_init=2, random_state=seed).fit((sample - mean) / spread)
    return [means.predict((f - mean) / spread).astype(np.int64) for f in features]
