"""Whether two recordings are of one voice: the equal error rate of embeddings on voices that a model never heard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from articulens.encoders.base import Encoder
from articulens.errors import ArticulensError

Floats = NDArray[np.float64]
DRAWS = 1_000


def vectors(recordings: Sequence[tuple[ArrayLike, float]], encoder: Encoder) -> Floats:
    """Return one vector a recording, ``(recordings, dims)``: the embedding, or mean and spread of the first layer."""
    found = []
    for samples, rate_hz in recordings:
        states = encoder.encode(samples, rate_hz)
        if "embedding" in states.layers:
            found.append(states["embedding"][0].double().numpy())
        else:
            frames = states[encoder.layers[0]].double().numpy()
            found.append(np.concatenate([frames.mean(0), frames.std(0)]))
    return np.stack(found)


def equal_error_rate(scores: ArrayLike, same: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Return the rate at which as many pairs of one voice are missed as pairs of two voices are taken for one.

    Parameters
    ----------
    scores
        ``(pairs,)``, higher for what is more alike.
    same
        ``(pairs,)``, whether a pair is of one voice.
    weights
        ``(pairs,)``, how often a pair counts; once by default.
    """
    order = np.argsort(np.asarray(scores, float), kind="stable")
    one = np.asarray(same, bool)[order]
    w = np.ones(len(order)) if weights is None else np.asarray(weights, float)[order]
    missed = np.cumsum(w * one) / (w * one).sum()
    taken = 1 - np.cumsum(w * ~one) / (w * ~one).sum()
    at = int(np.argmin(np.abs(missed - taken)))
    return float((missed[at] + taken[at]) / 2)


def verify(
    vectors: Floats, speakers: Sequence[str], sentences: Sequence[str], languages: Sequence[str], *, seed: int = 0
) -> tuple[float, float, float]:
    """Return the equal error rate with its 95 % interval over speakers (bootstrap).

    Every pair of recordings in one language and of two sentences is scored by the cosine of their vectors, each
    dimension standardised over all recordings.

    Parameters
    ----------
    vectors
        ``(recordings, dims)``.
    speakers, sentences, languages
        Of each recording.
    seed
        Of the bootstrap.

    Raises
    ------
    ArticulensError
        Without pairs of one voice, or without pairs of two.
    """
    z = (vectors - vectors.mean(0)) / (vectors.std(0) + 1e-9)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    _, who = np.unique(speakers, return_inverse=True)
    (_, said), (_, language) = (np.unique(x, return_inverse=True) for x in (sentences, languages))
    a, b = np.triu_indices(len(z), 1)
    kept = (said[a] != said[b]) & (language[a] == language[b])
    a, b = a[kept], b[kept]
    scores, same = np.einsum("ij,ij->i", z[a], z[b]), who[a] == who[b]
    if same.all() or not same.any():
        raise ArticulensError(
            f"{len(z)} recordings make {int(same.sum())} pairs of one voice and {int((~same).sum())} of two, in one "
            "language and of two sentences, expected some of each; give more recordings."
        )
    rng, count = np.random.default_rng(seed), int(who.max()) + 1
    drawn = []
    for _ in range(DRAWS):
        times = np.bincount(rng.integers(count, size=count), minlength=count)
        weights = times[who[a]] * np.where(same, 1, times[who[b]])
        drawn.append(equal_error_rate(scores, same, weights))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return equal_error_rate(scores, same), float(low), float(high)
