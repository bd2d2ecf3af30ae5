r"""Which of two scores goes with what models achieve: correlations over models, and what so few models allow.

The unit is the model. There are never many, they come in families, and size and data may drive everything at once; so
each number here stands beside what it depends on: an interval, the covariates held constant, and each family left out.
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

FEWEST_MODELS = 3
"""Models below which there is no correlation to speak of: two points always lie on a line."""


@dataclass(frozen=True)
class Correlation:
    """Pearson's r over models.

    Attributes
    ----------
    r, low, high
        The correlation and its interval by Fisher's z; both ends NaN where too few models are left for one.
    p
        Two-sided, t test of r = 0; NaN where no degree of freedom is left.
    models, given
        Models that went in, and how many independent covariates were held constant.
    """

    r: float
    low: float
    high: float
    p: float
    models: int
    given: int = 0

    def __str__(self) -> str:
        sure = f"95 % {self.low:.2f} to {self.high:.2f}" if np.isfinite(self.low) else "too few models for an interval"
        return f"r = {self.r:.2f} ({sure}; {self.models} models)"


def correlation(
    x: npt.ArrayLike, y: npt.ArrayLike, *, given: npt.ArrayLike | None = None, level: float = 0.95
) -> Correlation:
    r"""Return the correlation of two scores over models, or the partial one given covariates.

    Parameters
    ----------
    x, y
        One number a model, ``(models,)``; models without one of the numbers are left out.
    given
        Covariates ``(models, q)``, log size and log hours for instance; what does not vary among the models holds
        nothing constant and does not count.
    level
        Of the interval: :math:`\tanh(\operatorname{artanh} r \pm z / \sqrt{n - 3 - q})`.

    Raises
    ------
    ArticulensError
        For fewer than three models, a score that is the same for all, or covariates that leave nothing to compare.
    """
    a, b, covariates = _complete(x, y, given)
    n, q = len(a), 0
    if covariates is not None:
        centred = covariates - covariates.mean(axis=0)
        q = int(np.linalg.matrix_rank(centred))
        if n - 2 - q < 1:
            raise ArticulensError(
                f"correlation: {n} models and {q} covariates leave no degree of freedom; give {q + 3} models or more, "
                "or hold fewer covariates constant."
            )
        design = np.column_stack([np.ones(n), covariates])
        a, b = (v - design @ np.linalg.lstsq(design, v)[0] for v in (a, b))
    r = _pearson(a, b)
    return Correlation(r, *_fisher(r, n - q, level), _p_of(r, n - 2 - q), n, q)


@dataclass(frozen=True)
class RankCorrelation:
    """Kendall's tau over models: ``tau``, its two-sided ``p`` (exact, or by permutation where there are ties)."""

    tau: float
    p: float
    models: int
    exact: bool


def rank_correlation(x: npt.ArrayLike, y: npt.ArrayLike, *, draws: int = 10_000, seed: int = 0) -> RankCorrelation:
    """Return Kendall's tau-b with the exact p of its null distribution; with ties p comes from random permutations.

    Parameters
    ----------
    x, y
        As in :func:`correlation`.
    draws, seed
        Of the permutations, where there are ties.
    """
    x, y, _ = _complete(x, y)
    ties = min(len(np.unique(x)), len(np.unique(y))) < len(x)
    if not ties:
        exact = stats.kendalltau(x, y, method="exact")
        return RankCorrelation(float(exact.statistic), float(exact.pvalue), len(x), True)
    tau = float(stats.kendalltau(x, y).statistic)
    rng = np.random.default_rng(seed)
    # Concordant minus discordant pairs: all that tau's numerator is, and its denominator does not change.
    sign_x = np.sign(x[:, None] - x)
    shuffled = np.stack([rng.permutation(y) for _ in range(draws)])
    counts = np.einsum("ij,dij->d", sign_x, np.sign(shuffled[:, :, None] - shuffled[:, None, :]))
    observed = float((sign_x * np.sign(y[:, None] - y)).sum())
    p = (1 + np.count_nonzero(np.abs(counts) >= abs(observed))) / (1 + draws)
    return RankCorrelation(tau, float(p), len(x), False)


def williams_t(r_a: npt.ArrayLike, r_b: npt.ArrayLike, r_ab: npt.ArrayLike, n: int) -> Array:
    r"""Return Williams' t of two correlations that share a variable, with :math:`n - 3` degrees of freedom.

    .. math:: t = (r_a - r_b) \sqrt{\frac{(n-1)(1+r_{ab})}
                  {2\frac{n-1}{n-3}|R| + \bar r^2 (1-r_{ab})^3}},\quad
              |R| = 1 - r_a^2 - r_b^2 - r_{ab}^2 + 2 r_a r_b r_{ab},\ \bar r = (r_a + r_b)/2

    (Williams 1959; recommended by Steiger 1980, eq. 7.)

    Parameters
    ----------
    r_a, r_b
        Correlations of the outcome with predictor a and with predictor b, numbers or arrays.
    r_ab
        Correlation of the two predictors.
    n
        Models, four or more.
    """
    a, b, ab = (np.asarray(r, dtype=np.float64) for r in (r_a, r_b, r_ab))
    determinant = np.maximum(1 - a**2 - b**2 - ab**2 + 2 * a * b * ab, 0)
    spread = 2 * (n - 1) / (n - 3) * determinant + ((a + b) / 2) ** 2 * (1 - ab) ** 3
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(a == b, 0.0, (a - b) * np.sqrt((n - 1) * (1 + ab) / spread))


@dataclass(frozen=True)
class Contest:
    """Two predictors of one outcome over the same models.

    Attributes
    ----------
    a, b, between
        Correlations of the outcome with either predictor, and of the predictors with each other.
    difference, low, high
        ``a.r - b.r`` with its 95 % interval from resampled models; NaN ends for fewer than five models.
    t, p
        Williams' test of no difference, ``models - 3`` degrees of freedom; NaN for three models.
    """

    a: Correlation
    b: Correlation
    between: float
    difference: float
    low: float
    high: float
    t: float
    p: float

    @property
    def models(self) -> int:
        """Models that went in."""
        return self.a.models


def contest(outcome: npt.ArrayLike, a: npt.ArrayLike, b: npt.ArrayLike, *, draws: int = 2000, seed: int = 0) -> Contest:
    """Ask which of two predictors goes more closely with an outcome.

    Parameters
    ----------
    outcome, a, b
        One number a model, ``(models,)``; models without one of the three are left out.
    draws, seed
        Of the bootstrap, which resamples models.

    Raises
    ------
    ArticulensError
        As in :func:`correlation`.
    """
    y, a, both = _complete(outcome, a, np.asarray(b, dtype=np.float64)[:, None])
    assert both is not None
    b = both[:, 0]
    n, of_a, of_b = len(y), correlation(y, a), correlation(y, b)
    between = _pearson(a, b)
    t = float(williams_t(of_a.r, of_b.r, between, n)) if n > 3 else np.nan
    low, high = _resampled_difference(y, a, b, draws, seed)
    p = float(2 * stats.t.sf(abs(t), n - 3)) if n > 3 else np.nan
    return Contest(of_a, of_b, between, of_a.r - of_b.r, low, high, t, p)


def leave_family_out(table: pd.DataFrame, outcome: str, a: str, b: str, *, family: str = "family") -> pd.DataFrame:
    """Return the two correlations without each family of models in turn.

    Parameters
    ----------
    table
        One row a model, with the columns named.
    outcome, a, b, family
        What is predicted, by which two, and what says which models are relatives.

    Returns
    -------
    DataFrame with ``left out`` (first "none"), ``models``, ``families``, ``r a`` and ``p a``, ``r b`` and ``p b``,
    ``difference`` and its ``p`` (Williams). NaN where fewer than :data:`FEWEST_MODELS` models are left, or those do not
    differ.
    """
    rows = []
    known = table.dropna(subset=[outcome, a, b])
    for left in ["none", *pd.unique(known[family])]:
        rest = known[known[family] != left]
        row = {"left out": left, "models": len(rest), "families": rest[family].nunique()}
        try:
            result = contest(rest[outcome], rest[a], rest[b], draws=0)
            numbers = (result.a.r, result.a.p, result.b.r, result.b.p, result.difference, result.p)
        except ArticulensError:
            numbers = (np.nan,) * 6
        rows.append({**row, **dict(zip(("r a", "p a", "r b", "p b", "difference", "p"), numbers, strict=True))})
    return pd.DataFrame(rows)


def least_correlation(models: int, *, alpha: float = 0.05) -> float:
    """Return the smallest correlation, either way, that so many models tell from 0 at `alpha` (two-sided)."""
    t = stats.t.ppf(1 - alpha / 2, models - 2)
    return float(t / np.sqrt(models - 2 + t**2))


def least_difference(models: int, r: float, between: float, *, alpha: float = 0.05) -> float:
    """Return how far below `r` the second of two predictors must be for Williams' test to tell them apart.

    Parameters
    ----------
    models
        Five or more.
    r, between
        Correlation of the outcome with the better predictor, and of the predictors with each other.
    """
    # The three correlations must be those of some data: |R| >= 0 bounds the second from below.
    lowest = r * between - np.sqrt((1 - r**2) * (1 - between**2))
    other = np.linspace(r, lowest, 2001)
    clear = williams_t(r, other, between, models) >= stats.t.ppf(1 - alpha / 2, models - 3)
    return float(r - other[clear.argmax()])


def what_models_allow(models: int, *, r: float = 0.8, between: float = 0.9) -> str:
    """Return in two sentences what a correlation over so many independent models can and cannot show.

    Parameters
    ----------
    models
        How many.
    r, between
        The correlation that serves as the example, and how closely the two predictors go together.
    """
    low, high = _fisher(r, models, 0.95)
    if not np.isfinite(low) or models < 5:
        return f"{models} models give a correlation no interval to speak of: nothing can be concluded from them."
    gap = least_difference(models, r, between)
    return (
        f"With {models} models even r = {r:.2f} has a 95 % interval of {low:.2f} to {high:.2f}, and |r| below "
        f"{least_correlation(models):.2f} cannot be told from 0. Of two predictors that agree at r = {between:.2f}, "
        f"one at {r:.2f} is shown to be better only where the other is at {r - gap:.2f} or lower."
    )


def _complete(
    x: npt.ArrayLike, y: npt.ArrayLike, more: npt.ArrayLike | None = None
) -> tuple[Array, Array, Array | None]:
    """Return the rows in which nothing is missing, checked."""
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    others = None if more is None else np.asarray(more, dtype=np.float64).reshape(len(x), -1)
    known = np.isfinite(x) & np.isfinite(y) & (True if others is None else np.isfinite(others).all(axis=1))
    if np.count_nonzero(known) < FEWEST_MODELS:
        raise ArticulensError(
            f"correlation: {np.count_nonzero(known)} models have all the numbers, but a correlation over models needs "
            f"{FEWEST_MODELS} at the least; score more models."
        )
    return x[known], y[known], None if others is None else others[known]


def _pearson(x: Array, y: Array) -> float:
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x @ x) * (y @ y))
    if not scale > 1e-12:
        raise ArticulensError(
            "correlation: one of the scores is the same for all models (once the covariates are held constant), so "
            "there is nothing to correlate; leave it out, or give models that differ in it."
        )
    return float(np.clip(x @ y / scale, -1, 1))


def _fisher(r: float, n: int, level: float) -> tuple[float, float]:
    if n < 4 or abs(r) >= 1:
        return (float("nan"), float("nan")) if n < 4 else (r, r)
    half = stats.norm.ppf((1 + level) / 2) / np.sqrt(n - 3)
    return float(np.tanh(np.arctanh(r) - half)), float(np.tanh(np.arctanh(r) + half))


def _p_of(r: float, df: int) -> float:
    if df < 1:
        return float("nan")
    return float(2 * stats.t.sf(abs(r) * np.sqrt(df / max(1 - r**2, np.finfo(float).eps)), df))


def _resampled_difference(y: Array, a: Array, b: Array, draws: int, seed: int) -> tuple[float, float]:
    """Return the percentile interval of r(y, a) - r(y, b) over resampled models."""
    n = len(y)
    if n < 5 or not draws:
        return float("nan"), float("nan")
    index = np.random.default_rng(seed).integers(0, n, (draws, n))
    columns: Sequence[Array] = [v[index] - v[index].mean(axis=1, keepdims=True) for v in (y, a, b)]
    norms = [np.sqrt((v**2).sum(axis=1)) for v in columns]
    floors = [1e-9 * np.std(v) for v in (y, a, b)]
    varies = np.all([norm > floor for norm, floor in zip(norms, floors, strict=True)], axis=0)
    r_a, r_b = ((columns[0] * columns[i]).sum(axis=1)[varies] / (norms[0] * norms[i])[varies] for i in (1, 2))
    low, high = np.quantile(r_a - r_b, [0.025, 0.975])
    return float(low), float(high)


def whatever_is_left_out(table: pd.DataFrame, value: str = "difference", p: str = "p") -> float:
    """Return the largest p over all rows of :func:`leave_family_out`: 1 where the sign turns or a row says nothing.

    Relatives are no independent models: with four families of three that share most of what they are, Williams' test
    alone rejects a true null in one of five cases. Held against this p it does so in less than one of twenty
    (``benchmarks/simulate_predictors.py``).
    """
    if table[[value, p]].isna().any(axis=None) or len(table) < 3 or table[value].min() * table[value].max() <= 0:
        return 1.0
    return float(table[p].max())
