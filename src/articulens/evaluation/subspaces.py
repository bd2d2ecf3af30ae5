r"""Whether speakers and languages share one articulatory subspace.

The weights :math:`B` of a probe span the directions of a layer that it reads. Two probes may score alike and read
different directions, so equal r is no evidence for a shared subspace; the angles between the two are. They are taken in
the metric of the states' own covariance :math:`\Sigma`, in which the cosines are the canonical correlations of the two
probes' predictions: directions in which the states hardly vary do not count, and the scale of the features does not
matter.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from articulens.agreement import Agreement
from articulens.cells import CellStore, coarsen, rows_by
from articulens.errors import ArticulensError
from articulens.evaluation.calibration import calibrated
from articulens.evaluation.scores import settled
from articulens.moments import Array, Moments
from articulens.probes.linear import LinearProbe

RANDOM = "random directions"


def directions(b: Array, root: Array, rank: int | None = None) -> Array:
    """Return an orthonormal basis of what a probe reads, most heard directions first.

    Parameters
    ----------
    b
        Weights ``(p, k)``.
    root
        Square root of the states' covariance, ``(p, p)``.
    rank
        Keep so many; by default all in which the probe's predictions vary.

    Returns
    -------
    ``(p, rank)``.

    Raises
    ------
    ArticulensError
        When more directions are asked for than the probe reads.
    """
    vectors, heard, _ = np.linalg.svd(root @ b, full_matrices=False)
    there = int(np.count_nonzero(heard > 1e-6 * heard[0])) if heard[0] > 0 else 0
    if not 0 < (rank or there) <= there:
        raise ArticulensError(
            f"subspaces: {rank or 'some'} directions were asked for, but the probe of {b.shape[1]} channels reads "
            f"{there} in a layer of {len(b)} dimensions; ask for 1 to {there}, or choose a layer that varies."
        )
    return vectors[:, : rank or there]


def principal_angles(a: Array, b: Array) -> Array:
    """Return the angles between two subspaces given by orthonormal bases ``(p, m)``, in radians, smallest first."""
    return np.arccos(np.clip(np.linalg.svd(a.T @ b, compute_uv=False), 0, 1))


def overlap(angles: Array) -> float:
    """Return the mean squared cosine of principal angles: 1 for the same subspace, 0 for orthogonal ones."""
    return float(np.mean(np.cos(angles) ** 2))


def covariance_root(parts: list[Moments]) -> Array:
    """Return the symmetric square root of the states' covariance inside cells, ``(p, p)``."""
    pooled = np.sum([part.sxx for part in parts], axis=0) / max(sum(part.n for part in parts), 1)
    values, vectors = np.linalg.eigh(pooled)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T)


def relations(
    store: CellStore,
    probe: LinearProbe,
    layer: str,
    *,
    column: str = "language",
    rank: int | None = None,
    draws: int = 200,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare probes of one speaker and one language each, trained on one half of the sentences, read on the other.

    All probes have about as little speech, so what differs between the relations is who and what was heard. The same
    speaker's other half in the same language is the ceiling; random directions are the floor.

    Parameters
    ----------
    store
        Cells separated by ``sentence_fold`` and `column`.
    probe
        Unfitted; its penalty is chosen inside the half where that holds several folds.
    layer
        Which layer is read.
    column
        What is crossed with the speaker.
    rank
        Directions of each probe that are compared, see :func:`directions`; by default as many as the poorest reads.
    draws, seed
        Of the random directions.

    Returns
    -------
    DataFrame, one row a relation and ``speaker`` (whose speech is read), means over partners and halves: ``relation``
    ("same speaker, other language" and so on), ``same_speaker``, ``same_value``, ``overlap`` (:func:`overlap`),
    ``angle 1`` to ``angle m`` in degrees, ``r`` (zero-shot) and ``r_affine`` (after an affine map learnt on the
    speaker's half that is not read), means over channels; ``rank``, ``layer``, ``model``; and rows "random directions",
    one a draw, without r.

    Raises
    ------
    ArticulensError
        When no speaker has two halves of sentences, or :func:`directions` does.
    """
    table, moments = coarsen(store.cells, store.moments(layer), ("speaker", column, "sentence_fold"))
    half = table["sentence_fold"].to_numpy() % 2
    groups = rows_by(table.assign(half=half), ["speaker", column, "half"])
    parts = {key: [moments[i] for i in index] for key, index in groups.items()}
    whole = {key for key in parts if (*key[:2], 1 - key[2]) in parts}
    if not whole:
        raise ArticulensError(
            f"{store.header['corpus']}: no speaker has sentences in two halves of one {column}; sweep with "
            "sentence folds, or give a corpus with more sentences."
        )
    root = covariance_root(moments)
    weights = {key: _fit(probe, parts[key]) for key in sorted(whole)}
    sums = {key: Moments.sum(parts[key]) for key in weights}
    if rank is None:
        rank = min(directions(b, root).shape[1] for b, _ in weights.values())
    bases = {key: directions(b, root, rank) for key, (b, _) in weights.items()}
    rows: list[dict[str, Any]] = []
    for trained, tested in product(weights, weights):
        if trained[2] == tested[2]:  # only the other half: no sentence is on both sides
            continue
        known, unseen = sums[*tested[:2], trained[2]], sums[tested]
        maps = calibrated(*weights[trained], known)
        same_speaker, same_value = trained[0] == tested[0], trained[1] == tested[1]
        angles = principal_angles(bases[trained], bases[tested])
        rows.append(
            {
                "relation": relation(same_speaker, same_value, column),
                "same_speaker": same_speaker,
                "same_value": same_value,
                "speaker": tested[0],
                "overlap": overlap(angles),
                **{f"angle {i + 1}": np.degrees(angle) for i, angle in enumerate(angles)},
                "r": _mean_r(*maps["zero-shot"], unseen),
                "r_affine": _mean_r(*maps["affine"], unseen),
            }
        )
    keys = ["relation", "same_speaker", "same_value", "speaker"]
    result = pd.DataFrame(rows).groupby(keys).mean().reset_index()
    result = result.sort_values(["same_speaker", "same_value", "speaker"], ascending=[False, False, True])
    chance = random_angles(root, rank, draws=draws, seed=seed)
    floor = pd.DataFrame(np.degrees(chance), columns=[f"angle {i + 1}" for i in range(rank)])
    floor = floor.assign(relation=RANDOM, overlap=[overlap(angles) for angles in chance])
    return pd.concat([result, floor], ignore_index=True).assign(rank=rank, layer=layer, model=store.header["encoder"])


def relation(same_speaker: bool, same_value: bool, column: str) -> str:
    """Return a relation in words: ``"same speaker, other language"``."""
    return f"{'same' if same_speaker else 'other'} speaker, {'same' if same_value else 'other'} {column}"


def random_angles(root: Array, rank: int, *, draws: int = 200, seed: int = 0) -> Array:
    """Return the angles of pairs of random subspaces, ``(draws, rank)`` in radians: weights drawn from a normal.

    The weights know nothing of each other but hear the same states, so that a layer whose variance lies in few
    directions has a high floor.
    """
    rng = np.random.default_rng(seed)
    pairs = rng.normal(size=(draws, 2, len(root), rank))
    return np.array([principal_angles(*(np.linalg.qr(root @ b)[0] for b in pair)) for pair in pairs])


def _mean_r(b: Array, c: Array, unseen: Moments) -> float:
    """Return r, mean over the channels that vary; NaN where none does."""
    r = Agreement.of(b, c, unseen).r
    return float(r[np.isfinite(r)].mean()) if np.isfinite(r).any() else float("nan")


def _fit(probe: LinearProbe, parts: list[Moments]) -> tuple[Array, Array]:
    """Return weights and intercept of a probe of these cells, with all channels of the same weight while fitting."""
    mean, scale = Moments.target_statistics(parts)
    scaled = [part.standardise_targets(mean, scale) for part in parts]
    return settled(probe, len(parts)).fit_moments(Moments.sum(scaled), folds=scaled).rescaled(mean, scale).weights


def shared(related: pd.DataFrame, *, column: str = "language") -> pd.Series:
    """Return how much of the subspace another speaker and another language leave in common, by speaker.

    The overlap with strangers in the other language, on a scale where random directions are 0 and the speakers' own
    other halves in the same language are 1. Each speaker is compared with the own ceiling, by the mean length of the
    scale: a speaker's own ceiling, of two halves of a few sentences, is too uncertain to divide by.

    Parameters
    ----------
    related
        From :func:`relations`.
    column
        What was crossed with the speaker.
    """
    floor = related.loc[related["relation"] == RANDOM, "overlap"].mean()
    wide = related.dropna(subset=["speaker"]).pivot(index="speaker", columns="relation", values="overlap")
    names = [relation(False, False, column), relation(True, True, column)]
    if not set(names) <= set(wide):
        return pd.Series(dtype=float)
    both = wide[names].dropna()
    return 1 + (both[names[0]] - both[names[1]]) / (both[names[1]].mean() - floor)
