r"""Linear CKA of two arrays: how alike the geometry of two sets of states is, whatever rotation lies between them.

.. math:: \mathrm{CKA} = \frac{\mathrm{HSIC}(X, Y)}{\sqrt{\mathrm{HSIC}(X, X)\,\mathrm{HSIC}(Y, Y)}}

(Kornblith et al. 2019). 1 for states that differ by a rotation, an isotropic scale and an offset; equal CKA does not
mean that the same can be read from both.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from articulens.errors import ArticulensError
from articulens.similarity.sums import PairSums

_BUNDLES = 64


def linear_cka(
    x: npt.ArrayLike, y: npt.ArrayLike, *, biased: bool = False, utterances: Sequence[Any] | None = None
) -> float:
    """Return linear CKA of two arrays.

    Parameters
    ----------
    x, y
        ``(frames, dims)`` each, the same frames.
    biased
        The plain centred form. It grows towards 1 where frames are fewer than dimensions: two independent Gaussians of
        1,024 dimensions have .97 at 32 frames.
    utterances
        For each frame the utterance it is from: then only products of frames of different utterances count, each
        utterance with the same weight. To be given whenever neighbouring frames depend on each other; without it,
        frames are taken for independent.

    Returns
    -------
    float

    Raises
    ------
    ArticulensError
        For arrays that do not pair, are not finite or do not vary; for fewer than 4 frames, or utterances.
    """
    return float(_with_draws(x, y, biased, utterances, draws=0, seed=0)[0])


def cka_interval(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    utterances: Sequence[Any] | None = None,
    level: float = 0.95,
    draws: int = 200,
    seed: int = 0,
) -> tuple[float, float]:
    """Return an interval of debiased :func:`linear_cka` by the half-sample bootstrap over utterances (or frames)."""
    values = _with_draws(x, y, False, utterances, draws=draws, seed=seed)
    return spread_interval(values[0], values[1:], level=level)


def _with_draws(
    x: npt.ArrayLike, y: npt.ArrayLike, biased: bool, utterances: Sequence[Any] | None, *, draws: int, seed: int
) -> npt.NDArray[np.float64]:
    a, b = torch.from_numpy(_array(x, "x")), torch.from_numpy(_array(y, "y"))
    if len(a) != len(b) or (utterances is not None and len(utterances) != len(a)):
        labels = "" if utterances is None else f" and {len(utterances)} labels of utterances"
        raise ArticulensError(f"linear_cka: x has {len(a)} frames, y {len(b)}{labels}; give the same frames of both.")
    if utterances is None:  # independent frames may be drawn in bundles
        groups = torch.arange(len(a)).tensor_split(min(len(a), _BUNDLES) if draws else 1)
    else:
        codes = np.unique(np.asarray(utterances), return_inverse=True)[1].reshape(-1)
        order = torch.from_numpy(np.argsort(codes, kind="stable"))
        groups = order.split(np.bincount(codes).tolist())
    things = len(a) if utterances is None else len(groups)
    if things < (2 if biased else 4):
        what = "frames" if utterances is None else "utterances"
        raise ArticulensError(f"linear_cka: {things} {what} are too few, expected 4 or more; give more {what}.")
    form = "biased" if biased else "debiased" if utterances is None else "cross_utterance"
    views = ("x", ""), ("y", "")
    pairs = [(views[0], views[1]), (views[0], views[0]), (views[1], views[1])]
    sums = PairSums(pairs, forms=[form])
    names = [str(i) for i in range(len(groups))]
    weights = half_samples(names, draws, seed)
    both = [{views[0]: a[g], views[1]: b[g]} for g in groups]
    sums.update(["x and y"] * len(groups), both, weights)
    for view in views:
        if sums.left[view].is_constant(len(a)):
            raise ArticulensError(f"linear_cka: {view[0]} is the same in all {len(a)} frames, and has no geometry.")
    xy, xx, yy = (sums.hsic(form, pair) for pair in pairs)
    return ratio(xy, xx, yy).numpy()


def ratio(xy: torch.Tensor, xx: torch.Tensor, yy: torch.Tensor) -> torch.Tensor:
    """Return CKA from three HSIC; NaN where a view's own is not positive."""
    return xy / torch.where((xx > 0) & (yy > 0), xx * yy, torch.nan).sqrt()


def half_samples(clusters: Sequence[str], draws: int, seed: int) -> torch.Tensor:
    """Return who is in which draw: ``(1 + draws, len(clusters))`` of zeros and ones, row 0 all ones.

    A cluster is in about half of the draws, by a coin that depends on its name and the seed alone, so that neither
    order nor batches matter. Every other draw is the complement of the one before.
    """
    coins = np.stack(
        [np.random.default_rng([seed, zlib.crc32(c.encode())]).integers(0, 2, (draws + 1) // 2) for c in clusters],
        axis=1,
    ).astype(np.float64)
    halves = np.stack([coins, 1 - coins], axis=1).reshape(-1, len(clusters))[:draws]
    return torch.from_numpy(np.concatenate([np.ones((1, len(clusters))), halves]))


def spread_interval(value: float, draws: npt.NDArray[np.float64], *, level: float = 0.95) -> tuple[float, float]:
    """Return ``value`` ± z times the spread of half-samples about it; NaN where too few draws have a value.

    For things without any common structure the interval is too wide by a factor of up to √3, never too narrow.
    """
    from scipy.stats import norm

    draws = draws[np.isfinite(draws)]
    if len(draws) < 10 or not np.isfinite(value):
        return float("nan"), float("nan")
    half = norm.ppf((1 + level) / 2) * float(np.sqrt(np.mean((draws - value) ** 2)))
    return float(value - half), float(value + half)


def _array(values: npt.ArrayLike, name: str) -> npt.NDArray[np.float64]:
    array = np.array(values, dtype=np.float64)
    if array.ndim != 2:
        raise ArticulensError(f"linear_cka: {name} has shape {array.shape}, expected (frames, dims).")
    if not np.isfinite(array).all():
        raise ArticulensError(f"linear_cka: {name} holds NaN or infinite values; leave those frames out of both.")
    return array
