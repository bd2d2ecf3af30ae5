"""Discrete units: k-means on a layer of an encoder, with the time of every unit.

A codebook is made from any `articulens.encoders.Encoder` in one streaming pass and saved as safetensors and JSON. Equal
neighbours are merged, as language models of speech want it (Lakhotia et al. 2021, arXiv 2102.01192), but how long each
unit lasts is kept: without it no unit could be found again in the sound.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from articulens.corpora.limits import read_bytes
from articulens.encoders.base import Encoder, choose_layers
from articulens.errors import ArticulensError
from articulens.files import atomic_write, write_json

WEIGHTS, CARD = "codebook.safetensors", "codebook.json"
_FORMAT = 1


@dataclass(frozen=True, eq=False)
class Units:
    """The units of one recording, equal neighbours merged.

    Parameters
    ----------
    ids : (units,) int64
        Which unit.
    durations : (units,) int64
        How many frames each lasts.
    hop_s : float
        Seconds from one frame to the next.
    first_s : float
        When the first frame begins: half a hop before its centre, seconds.

    Raises
    ------
    ArticulensError
        When there is no unit, or a duration for each is missing.
    """

    ids: NDArray[np.int64]
    durations: NDArray[np.int64]
    hop_s: float
    first_s: float = 0.0

    def __post_init__(self) -> None:
        ids, durations = np.asarray(self.ids, np.int64), np.asarray(self.durations, np.int64)
        if ids.ndim != 1 or not len(ids) or durations.shape != ids.shape or durations.min() < 1 or not self.hop_s > 0:
            raise ArticulensError(
                f"units of shape {ids.shape} with durations of shape {durations.shape} and a hop of {self.hop_s} s do "
                "not fit; give at least one unit, a duration of one frame or more for each, and a positive hop."
            )
        object.__setattr__(self, "ids", ids)
        object.__setattr__(self, "durations", durations)

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def from_frames(cls, frames: ArrayLike, hop_s: float, first_s: float = 0.0) -> Units:
        """Merge equal neighbours of ``(frames,)`` unit ids."""
        frames = np.asarray(frames, np.int64)
        starts = np.flatnonzero(np.diff(frames, prepend=-1)) if len(frames) else np.zeros(0, np.int64)
        return cls(frames[starts], np.diff(starts, append=len(frames)), hop_s, first_s)

    def frames(self) -> NDArray[np.int64]:
        """Return the id of every frame, ``(frames,)``: what `from_frames` was given."""
        return np.repeat(self.ids, self.durations)

    @property
    def ends_s(self) -> NDArray[np.float64]:
        """When each unit ends, ``(units,)``, seconds on the clock of the recording."""
        return np.asarray(self.first_s + self.hop_s * np.cumsum(self.durations), np.float64)

    @property
    def starts_s(self) -> NDArray[np.float64]:
        """When each unit begins, ``(units,)``, seconds."""
        return self.ends_s - self.hop_s * self.durations


@dataclass(frozen=True, eq=False)
class Codebook:
    """The centroids of k-means on one layer of one encoder.

    Parameters
    ----------
    centroids : (units, dims) float32
        One a unit.
    card : dict
        ``encoder``, ``fingerprint``, ``layer``, ``hop_s``, ``frames``, ``seed``; JSON values.
    """

    centroids: NDArray[np.float32]
    card: dict[str, Any]

    @property
    def n_units(self) -> int:
        """How many different units there are."""
        return len(self.centroids)

    @property
    def layer(self) -> str:
        """The encoder's layer that the units were made from."""
        return str(self.card["layer"])

    def assign(self, states: ArrayLike) -> NDArray[np.int64]:
        """Return the nearest centroid of each of ``(frames, dims)`` states, ``(frames,)``.

        Raises
        ------
        ArticulensError
            When the states have another width than the centroids.
        """
        x = np.asarray(states, dtype=np.float32)
        if x.ndim != 2 or x.shape[1] != self.centroids.shape[1]:
            raise ArticulensError(
                f"the units were made from {self.centroids.shape[1]} dimensions but the states have the shape "
                f"{x.shape}; open the encoder of the codebook's card, {self.card.get('encoder')}."
            )
        # |x - c|² without |x|², which is the same for all units.
        return ((self.centroids**2).sum(1) - 2 * x @ self.centroids.T).argmin(1).astype(np.int64)

    def units(
        self, encoder: Encoder, items: Sequence[tuple[ArrayLike, float]], *, sources: Sequence[str] | None = None
    ) -> list[Units]:
        """Return the units of several recordings.

        Parameters
        ----------
        encoder
            The one that the codebook was made from.
        items, sources
            Samples with their rates in Hz, and what to call each; see `Encoder.encode_batch`.

        Raises
        ------
        ArticulensError
            When the encoder is another one, or does not give the layer.
        """
        if encoder.fingerprint != self.card["fingerprint"]:
            raise ArticulensError(
                f"the units were made from {self.card['encoder']} and {encoder.name} is another encoder (or other "
                "weights, or another precision); open the one they were made from."
            )
        choose_layers(encoder.layers, [self.layer], encoder.name)
        return [
            Units.from_frames(self.assign(states[self.layer].cpu()), hop, float(states.times_s[0]) - hop / 2)
            for states in encoder.encode_batch(items, sources=sources)
            for hop in [encoder.clock.hop / encoder.clock.rate_hz]
        ]

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``codebook.safetensors`` and ``codebook.json`` into a folder; the same codebook, the same bytes."""
        from safetensors.numpy import save

        folder = Path(folder)
        with atomic_write(folder / WEIGHTS) as stream:
            stream.write(save({"centroids": np.ascontiguousarray(self.centroids, dtype=np.float32)}))
        write_json(folder / CARD, {"format": _FORMAT, **self.card})
        return folder


def load_codebook(folder: str | os.PathLike[str]) -> Codebook:
    """Read what `Codebook.save` wrote.

    Raises
    ------
    ArticulensError
        When the folder does not hold a codebook.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    folder = Path(folder)
    try:
        card = json.loads(read_bytes(folder / CARD))
        centroids = load(read_bytes(folder / WEIGHTS))["centroids"]
        if card.pop("format") != _FORMAT or centroids.ndim != 2 or not {"encoder", "fingerprint", "layer"} <= set(card):
            raise ValueError("its parts do not fit together")
    except (SafetensorError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ArticulensError(
            f"{folder}: this is not a codebook of units ({error}); expected {WEIGHTS} and {CARD} of "
            "Codebook.save; make it again with fit_codebook."
        ) from error
    return Codebook(centroids, card)


def fit_codebook(
    encoder: Encoder,
    items: Iterable[tuple[ArrayLike, float]],
    *,
    layer: str,
    n_units: int,
    seed: int = 0,
    batch: int = 16,
) -> Codebook:
    """Make a codebook in one pass over recordings, none of whose states are kept.

    Parameters
    ----------
    encoder
        Any encoder.
    items
        Samples with their rates in Hz; best in random order, since the first ones place the first centroids.
    layer
        Which layer to cluster.
    n_units
        How many units.
    seed
        Decides the first centroids and the order of frames inside a block.
    batch
        Recordings encoded at once.

    Raises
    ------
    ArticulensError
        For an unknown layer, or fewer frames than units.
    """
    choose_layers(encoder.layers, [layer], encoder.name)
    seen = 0

    def states() -> Iterator[NDArray[np.float32]]:
        nonlocal seen
        rest = iter(items)
        while some := list(islice(rest, batch)):
            for found in encoder.encode_batch(some):
                seen += len(found)
                yield found[layer].cpu().numpy()

    centroids = fit_kmeans(states(), n_units, seed=seed)
    card = {
        "encoder": encoder.name,
        "fingerprint": encoder.fingerprint,
        "layer": layer,
        "hop_s": encoder.clock.hop / encoder.clock.rate_hz,
        "frames": seen,
        "seed": seed,
    }
    return Codebook(centroids, card)


def fit_kmeans(
    states: Iterable[NDArray[np.float32]], n_units: int, *, seed: int = 0, block: int = 20_000, step: int = 2_048
) -> NDArray[np.float32]:
    """Cluster a stream of ``(frames, dims)`` states by mini-batch k-means (Sculley 2010).

    Frames are collected into blocks, shuffled and given to k-means in steps; the first block, which is never smaller
    than 20 frames a unit where there are as many, also places the first centroids (k-means++).

    Parameters
    ----------
    states
        Of one recording after the other.
    n_units
        Clusters.
    seed, block, step
        What decides chance; frames held at once; frames a step.

    Returns
    -------
    (n_units, dims) float32
    """
    from sklearn.cluster import MiniBatchKMeans, kmeans_plusplus

    rng, model = np.random.default_rng(seed), None
    for frames in _blocks(states, max(block, 20 * n_units)):
        if model is None:
            if len(frames) < n_units:
                raise ArticulensError(
                    f"{len(frames)} frames cannot make {n_units} units; give more speech, or ask for fewer."
                )
            first = kmeans_plusplus(frames, n_units, random_state=seed)[0]
            model = MiniBatchKMeans(n_units, init=first, n_init=1, random_state=seed)
        rng.shuffle(frames)
        for i in range(0, len(frames), step):
            model.partial_fit(frames[i : i + step])
    if model is None:
        raise ArticulensError(f"no frames cannot make {n_units} units; give some speech.")
    return model.cluster_centers_.astype(np.float32)


def _blocks(states: Iterable[NDArray[np.float32]], block: int) -> Iterator[NDArray[np.float32]]:
    held: list[NDArray[np.float32]] = []
    for frames in states:
        held.append(np.asarray(frames, np.float32))
        if sum(map(len, held)) >= block:
            yield np.concatenate(held)
            held = []
    if held:
        yield np.concatenate(held)
