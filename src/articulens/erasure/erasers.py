r"""Erasers: affine maps that take a subspace out of hidden states.

Every one has the form :math:`x \mapsto x - L R (x - \mu)` with :math:`L` of shape ``(p, k)`` and :math:`R` of shape
``(k, p)``. LEACE (Belrose et al. 2023, arXiv 2306.03819, theorem 4.3) is the one that leaves no linear trace of a
concept :math:`z` and moves the states least:

.. math:: L R = W^{+} P W,\quad W = (\Sigma_{xx}^{1/2})^{+},\quad P \text{ the projector onto the columns of }
          W \Sigma_{xz}.

All of it follows from :class:`~articulens.moments.Moments`, whose targets are the concept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import brentq

from articulens.errors import ArticulensError
from articulens.moments import Array, Moments
from articulens.probes.linear import solve

#: Directions that carry less than this share of the strongest one's covariance with the concept carry none.
TOLERANCE = 1e-7
#: Ridge penalty of the probes of iterative null-space projection, per mean variance of a dimension: plain least squares
#: would spend the rank on directions of hardly any variance.
INLP_PENALTY = 1.0


@dataclass(frozen=True)
class Eraser:
    """A subspace to be taken out.

    Attributes
    ----------
    left, right
        ``(p, k)`` and ``(k, p)``; ``right @ left`` is the identity.
    mean
        What an erased direction is set to, ``(p,)``.
    removed
        Share of the training variance that it takes out, 0 to 1.
    """

    left: Array
    right: Array
    mean: Array
    removed: float

    @property
    def rank(self) -> int:
        """Number of directions taken out."""
        return self.left.shape[1]

    def __call__(self, x: Array) -> Array:
        """Return states ``(..., p)`` without the subspace."""
        return x - (x - self.mean) @ self.right.T @ self.left.T

    def moments(self, m: Moments) -> Moments:
        """Return the moments of the same frames after erasure."""
        keep = np.eye(m.p) - self.left @ self.right
        sxx = keep @ m.sxx @ keep.T
        return Moments(m.n, self(m.mean_x), m.mean_y, (sxx + sxx.T) / 2, keep @ m.sxy, m.syy)

    def on(self, device: str | torch.device = "cpu") -> Callable[[torch.Tensor], torch.Tensor]:
        """Return the eraser as a change of a running network; computed in float32, given back as it came."""
        left, right, mean = (
            torch.from_numpy(a).to(device, torch.float32) for a in (self.left.T.copy(), self.right.T.copy(), self.mean)
        )

        def erase(x: torch.Tensor) -> torch.Tensor:
            wide = x.float()
            return (wide - (wide - mean) @ right @ left).to(x.dtype)

        return erase


class Whitener:
    """The covariance of one layer in its own axes, shared by all erasers of that layer.

    Parameters
    ----------
    m
        Moments of the training frames.

    Raises
    ------
    ArticulensError
        On fewer than two frames, or states that do not vary.
    """

    def __init__(self, m: Moments) -> None:
        if m.n < 2:
            raise ArticulensError(f"eraser: {m.n} training frames; at least 2 are needed.")
        values, vectors = np.linalg.eigh(m.sxx / m.n)
        # The threshold of a pseudo-inverse, as in concept-erasure.
        kept = values > max(values[-1], 0.0) * m.p * np.finfo(float).eps
        if not kept.any():
            raise ArticulensError("eraser: the states do not vary, so there is nothing to erase; check the encoder.")
        self.values, self.vectors = values[kept], vectors[:, kept]
        self.mean, self.p = m.mean_x, m.p

    @property
    def total(self) -> float:
        """Variance of the states, summed over dimensions."""
        return float(self.values.sum())

    def whiten(self, sxz: Array) -> Array:
        """Return the rows of ``(p, k)`` in whitened axes."""
        return (self.vectors.T @ sxz) / np.sqrt(self.values)[:, None]

    def eraser(self, q: Array) -> Eraser:
        """Return the eraser of orthonormal columns `q` given in whitened axes."""
        spread = np.sqrt(self.values)[:, None]
        left, right = self.vectors @ (spread * q), (self.vectors @ (q / spread)).T
        return Eraser(left, right, self.mean, self.variance(q) / self.total)

    def variance(self, q: Array) -> float:
        """Return the variance that orthonormal columns `q` in whitened axes take out."""
        return float(np.einsum("pk,p,pk->", q, self.values, q))


def leace(
    m: Moments,
    rank: int | None = None,
    *,
    at_most: bool = False,
    whitener: Whitener | None = None,
    name: str = "concept",
) -> Eraser:
    """Fit LEACE.

    Parameters
    ----------
    m
        Moments of the training frames: states and the concept, whose columns are standardised first.
    rank
        Directions to take out, those of the largest covariance with the concept; by default as many as it has, after
        which no linear probe finds it in the training frames.
    at_most
        Take fewer where the concept has fewer.
    whitener
        That of the same moments, where it is there already.
    name
        What an error calls the concept.

    Raises
    ------
    ArticulensError
        When a column of the concept is constant, or the rank is above that of the layer or of the concept.
    """
    _check_varies(m, name)
    axes = whitener or Whitener(m)
    u, strengths, _ = np.linalg.svd(axes.whiten(m.sxy / m.n / m.scale_y), full_matrices=False)
    found = int((strengths > TOLERANCE * strengths[0]).sum()) if strengths[0] > 0 else 0
    if rank is None or (at_most and rank > found):
        rank = found
    _check_rank(rank, m.p, found, name)
    return axes.eraser(u[:, :rank])


def inlp(m: Moments, rank: int, *, name: str = "concept") -> Eraser:
    """Fit iterative null-space projection (Ravfogel et al. 2020), with ridge in the place of a classifier.

    In each round the directions that a linear probe uses are taken out orthogonally and the probe is fitted again, all
    from the moments; so it may take more directions than the concept has dimensions.

    Raises
    ------
    ArticulensError
        When a column of the concept is constant, or the rank is above that of the layer.
    """
    _check_varies(m, name)
    _check_rank(rank, m.p, m.p, name)
    basis = np.zeros((m.p, 0))
    total = float(np.trace(m.sxx))
    rest = m
    while basis.shape[1] < rank:
        weights = solve(rest.sxx, rest.sxy / m.scale_y, INLP_PENALTY * total / m.p)
        weights -= basis @ (basis.T @ weights)
        u, strengths, _ = np.linalg.svd(weights, full_matrices=False)
        new = u[:, strengths > TOLERANCE * strengths[0]][:, : rank - basis.shape[1]]
        basis = np.linalg.qr(np.hstack([basis, new]))[0]
        done = Eraser(basis, basis.T, m.mean_x, 0.0)
        rest = done.moments(m)
    return Eraser(basis, basis.T, m.mean_x, 1 - float(np.trace(rest.sxx)) / total)


def random_eraser(axes: Whitener, rank: int, removed: float, rng: np.random.Generator) -> Eraser:
    r"""Draw a subspace of a given rank that takes out a given share of the variance, and is otherwise random.

    Directions are drawn in whitened axes with variance :math:`\lambda^t`, where λ is the variance along an axis; *t*
    is solved for, so that the share is met exactly. A plain random subspace would take out less than articulation,
    which lies where the states vary most, and any control against it would be too easy.

    Parameters
    ----------
    axes
        Of the layer.
    rank, removed
        Those of the eraser that it is a control for.
    rng
        Draws it.

    Raises
    ------
    ArticulensError
        When the rank is above that of the layer, or no subspace of that rank takes out so much or so little.
    """
    _check_rank(rank, len(axes.values), len(axes.values), "a random subspace")
    drawn = rng.normal(size=(len(axes.values), rank))
    scale = np.log(axes.values / axes.values[-1])

    def basis(t: float) -> Array:
        return np.linalg.qr(np.exp(t * scale / 2)[:, None] * drawn)[0]

    def miss(t: float) -> float:
        return axes.variance(basis(t)) / axes.total - removed

    low, high = -1.0, 1.0
    while miss(low) > 0 and low > -16:
        low *= 2
    while miss(high) < 0 and high < 16:
        high *= 2
    if not miss(low) <= 0 <= miss(high):
        raise ArticulensError(
            f"a random subspace of rank {rank} takes out {miss(low) + removed:.3g} to {miss(high) + removed:.3g} of "
            f"the variance, but {removed:.3g} was asked for; ask for another rank."
        )
    return axes.eraser(basis(float(brentq(miss, low, high, xtol=1e-12))))


def everything(m: Moments) -> Eraser:
    """Return what sets every state to its mean: the most that erasing at a layer can break."""
    return Eraser(np.eye(m.p), np.eye(m.p), m.mean_x, 1.0)


def _check_varies(m: Moments, name: str) -> None:
    # scale_y is 1 where a target does not vary, so look at the scatter itself.
    flat = np.flatnonzero(np.diagonal(m.syy) <= m.n * (10 * np.finfo(float).eps * np.abs(m.mean_y)) ** 2)
    if len(flat):
        raise ArticulensError(
            f"{name}: target {flat[0] + 1} of {m.k} is {m.mean_y[flat[0]]:.4g} in all {m.n} frames, so nothing can be "
            "known or erased of it; leave it out, or give frames in which it varies."
        )


def _check_rank(rank: int, layer: int, possible: int, name: str) -> int:
    if not 1 <= rank <= layer:
        raise ArticulensError(
            f"{name}: rank {rank} was asked for, but the layer has {layer} dimensions; use 1 to {layer}."
        )
    if rank > possible:
        raise ArticulensError(
            f"{name}: rank {rank} was asked for, but it has {possible} dimensions; use at most those."
        )
    return rank
