"""How sure: intervals and tests whose unit is the speaker.

Frames are not independent, and neither are the utterances of one speaker; whoever wants to speak of speakers in
general resamples speakers. Every rule here was held against simulations in which the truth is known
(``benchmarks/simulate_inference.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from articulens.errors import ArticulensError
from articulens.moments import Array

FEWEST = 4
"""Speakers below which no interval is given."""


def speaker_interval(
    values: npt.ArrayLike, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Return a bootstrap interval of the mean over speakers.

    The bootstrap is studentised (bootstrap-t; Efron 1981): with 7 to 18 speakers, percentile and BCa intervals cover
    87 to 93 % where 95 % is promised, this one 94 to 95 %, for skewed scores too.

    Parameters
    ----------
    values
        One number a speaker, ``(speakers,)``; NaN is left out.
    level, draws, seed
        Coverage, resamples, and what decides them.

    Returns
    -------
    (low, high); NaN for fewer than :data:`FEWEST` speakers, of whom no interval can be had.
    """
    sample = np.asarray(values, dtype=np.float64)
    sample = sample[np.isfinite(sample)]
    n = len(sample)
    if n < FEWEST:
        return float("nan"), float("nan")
    mean, error = sample.mean(), sample.std(ddof=1) / np.sqrt(n)
    if error <= 1e-12 * abs(mean):
        return float(mean), float(mean)
    resampled = sample[np.random.default_rng(seed).integers(0, n, (draws, n))]
    spread = resampled.std(axis=1, ddof=1) / np.sqrt(n)
    varies = spread > 1e-9 * error  # all n draws of one speaker: no spread to divide by
    t = (resampled.mean(axis=1)[varies] - mean) / spread[varies]
    low, high = np.quantile(t, [(1 - level) / 2, (1 + level) / 2])
    return float(mean - high * error), float(mean - low * error)


def interval_words(low: float, high: float, *, signed: bool = False, level: int = 95) -> str:
    """Return an interval as prose: ``"95 % over speakers 0.412 to 0.467"``, or that there are too few speakers."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return "too few speakers for an interval"
    sign = "+" if signed else ""
    return f"{level} % over speakers {low:{sign}.3f} to {high:{sign}.3f}"


def mean_words(values: npt.ArrayLike, *, seed: int = 0) -> str:
    """Return the mean over speakers as prose, with its interval: ``"0.712 (0.701 to 0.722)"``."""
    sample = np.asarray(values, dtype=np.float64)
    low, high = speaker_interval(sample, seed=seed)
    sure = f"{low:.3f} to {high:.3f}" if np.isfinite(low) else "too few speakers for an interval"
    return f"{np.nanmean(sample):.3f} ({sure})" if np.isfinite(sample).any() else "not shown"


def cluster_interval(
    values: npt.ArrayLike, speakers: npt.ArrayLike, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Return an interval of the mean over speakers that resamples speakers, then utterances (or draws) inside each.

    Parameters
    ----------
    values, speakers
        One number an utterance and who said it, ``(utterances,)``.
    level, draws, seed
        As in :func:`speaker_interval`.

    Returns
    -------
    (low, high), percentiles of the resampled means of speakers' means; for drawing beside a pooled estimate. For
    claims about speakers use :func:`speaker_interval`, whose coverage is known.
    """
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"value": np.asarray(values, float), "speaker": np.asarray(speakers)}).dropna()
    groups = [group.to_numpy() for _, group in table.groupby("speaker")["value"]]
    if len(groups) < FEWEST:
        return float("nan"), float("nan")
    # Means of resampled utterances, drawn for each speaker in turn; then a speaker at each place of each draw.
    within = np.stack([g[rng.integers(0, len(g), (draws, len(g)))].mean(axis=1) for g in groups], axis=1)
    chosen = rng.integers(0, len(groups), (draws, len(groups)))
    means = np.take_along_axis(within, chosen, axis=1).mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def fisher_mean(r: npt.ArrayLike) -> float:
    """Return the average of correlations on Fisher's z scale, where their errors are about normal; NaN left out."""
    z = np.arctanh(np.clip(np.asarray(r, dtype=np.float64), -0.999999, 0.999999))
    return float(np.tanh(np.nanmean(z))) if np.isfinite(z).any() else float("nan")


@dataclass(frozen=True)
class Difference:
    """A paired difference over speakers.

    Attributes
    ----------
    mean, low, high
        Mean difference and its interval.
    p
        Two-sided p of the sign-flip permutation test.
    speakers
        Pairs that went in.
    """

    mean: float
    low: float
    high: float
    p: float
    speakers: int


def paired_difference(
    a: npt.ArrayLike, b: npt.ArrayLike, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> Difference:
    """Compare two scores of the same speakers, ``(speakers,)`` each, in the same order."""
    d = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    d = d[np.isfinite(d)]
    low, high = speaker_interval(d, level=level, draws=draws, seed=seed)
    p = float(sign_flip(d[:, None], seed=seed)[0]) if len(d) >= 2 else float("nan")
    return Difference(float(d.mean()) if len(d) else float("nan"), low, high, p, len(d))


def sign_flip(differences: npt.ArrayLike, *, draws: int = 10_000, seed: int = 0) -> Array:
    """Return p of every cell, corrected for all of them together: the max-:math:`|t|` sign-flip permutation test.

    Under the null a speaker's difference is as likely to have the other sign. In every permutation the signs of
    whole speakers are flipped and the largest :math:`|t|` over all cells is kept; a cell's p is the share of
    permutations whose largest :math:`|t|` reaches its own (Westfall and Young 1993; one cell: the plain sign-flip
    test).

    Parameters
    ----------
    differences
        ``(speakers, cells)``; a cell may be a layer, a sensor, a comparison of two models.
    draws
        Random permutations, where all 2^speakers are more than that.

    Returns
    -------
    p, ``(cells,)``. With n speakers none can be below 2 / 2^n: .016 for 7, .001 for 11.
    """
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 2 or len(d) < 2 or not np.isfinite(d).all():
        raise ArticulensError(
            f"sign_flip: differences of shape {d.shape} cannot be permuted; give finite numbers (speakers, cells) "
            "of 2 speakers or more."
        )
    n = len(d)
    if 2**n <= draws:
        signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    else:
        signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(draws, n))
        signs[0] = 1.0  # the data themselves are one of the permutations
    # Squares do not change their sign, so the spread follows from the mean alone.
    mean, square = signs @ d / n, (d**2).mean(axis=0)
    variance = np.maximum(square - mean**2, np.finfo(float).tiny)
    t = np.abs(mean) / np.sqrt(variance / (n - 1))
    largest = t.max(axis=1)
    observed = np.abs(d.mean(axis=0)) / np.sqrt(
        np.maximum(square - d.mean(axis=0) ** 2, np.finfo(float).tiny) / (n - 1)
    )
    return np.mean(largest[:, None] >= observed * (1 - 1e-9), axis=0)


@dataclass(frozen=True)
class Equivalence:
    """Whether a paired difference over speakers is smaller than a margin that was stated before.

    Attributes
    ----------
    mean, low, high
        Mean difference and its 90 % interval: equivalent at α = .05 when that lies inside ±margin.
    p
        The larger p of the two one-sided t tests.
    margin
        As stated.
    """

    mean: float
    low: float
    high: float
    p: float
    margin: float

    @property
    def holds(self) -> bool:
        """Whether the two are equivalent at α = .05."""
        return bool(self.p < 0.05)


def equivalence(a: npt.ArrayLike, b: npt.ArrayLike, margin: float) -> Equivalence:
    """Test that two scores of the same speakers differ by less than `margin` (TOST; Schuirmann 1987).

    A difference that is not significant is not equivalence; this is.
    """
    d = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    d = d[np.isfinite(d)]
    if len(d) < 2 or margin <= 0:
        raise ArticulensError(
            f"equivalence: {len(d)} speakers and a margin of {margin}; 2 speakers and a positive margin are needed."
        )
    error = max(d.std(ddof=1) / np.sqrt(len(d)), np.finfo(float).tiny)
    above = stats.t.sf((d.mean() + margin) / error, len(d) - 1)
    below = stats.t.sf((margin - d.mean()) / error, len(d) - 1)
    half = stats.t.ppf(0.95, len(d) - 1) * error
    return Equivalence(
        float(d.mean()), float(d.mean() - half), float(d.mean() + half), float(max(above, below)), margin
    )


def peak_interval(
    curves: npt.ArrayLike, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[int, int, int]:
    """Return where the mean curve over speakers has its peak, and the bootstrap interval of that place.

    Parameters
    ----------
    curves
        ``(speakers, layers)``.

    Returns
    -------
    (peak, low, high), indices of layers.
    """
    curves = np.asarray(curves, dtype=np.float64)
    n = len(curves)
    drawn = np.random.default_rng(seed).integers(0, n, (draws, n))
    peaks = curves[drawn].mean(axis=1).argmax(axis=1)
    low, high = np.quantile(peaks, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return int(curves.mean(axis=0).argmax()), int(low), int(high)


def summarise(
    scores: pd.DataFrame,
    by: Sequence[str] = ("model", "layer"),
    *,
    value: str = "r",
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Average a score over channels inside each speaker, then over speakers, with an interval over speakers.

    Parameters
    ----------
    scores
        The tidy score table.
    by
        Columns that are kept apart.
    value
        ``"r"`` or ``"rmse_mm"``.
    level, seed
        Of the interval.

    Returns
    -------
    DataFrame with `by` in the order of first appearance, and ``mean``, ``low``, ``high``, ``speakers``.
    """
    by = list(by)
    rows = []
    for key, group in per_speaker(scores, by, value=value).groupby(by, sort=False, observed=True):
        low, high = speaker_interval(group[value], level=level, seed=seed)
        if value == "r":  # with four or five speakers an interval may reach beyond what a correlation can be
            low, high = np.clip((low, high), -1.0, 1.0).tolist()
        rows.append(
            {
                **dict(zip(by, key, strict=True)),
                "mean": group[value].mean(),
                "low": low,
                "high": high,
                "speakers": int(group[value].notna().sum()),
            }
        )
    return pd.DataFrame(rows, columns=[*by, "mean", "low", "high", "speakers"])


def per_speaker(scores: pd.DataFrame, by: Sequence[str], *, value: str = "r") -> pd.DataFrame:
    """Return the mean over channels of each speaker: columns `by`, ``speaker`` and `value`."""
    return scores.groupby([*by, "speaker"], sort=False, observed=True)[value].mean().reset_index()
