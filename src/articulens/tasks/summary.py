"""From errors to scores beside chance, and to what a layer is worth, with intervals over speakers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from articulens.evaluation.inference import FEWEST
from articulens.tasks.weighing import ALONE, SUM, WITHOUT

BY = ["task", "measure", "model", "norm", "variant", "layer"]
Rates = np.ndarray[Any, np.dtype[np.float64]]


def by_speaker(scores: pd.DataFrame) -> pd.DataFrame:
    """Add up the errors of each test speaker over folds and seeds.

    Parameters
    ----------
    scores
        Of :class:`articulens.tasks.Weighed`.

    Returns
    -------
    DataFrame
        ``task, measure, model, norm, variant, layer, speaker, units, score, chance, valid_loss``: ``score`` and
        ``chance`` are phone error rates for PR and accuracies otherwise.
    """
    sums = scores.groupby([*BY, "speaker"], sort=False, as_index=False).agg(
        units=("units", "sum"),
        wrong=("wrong", "sum"),
        chance=("chance_wrong", "sum"),
        valid_loss=("valid_loss", "mean"),
    )
    rate = sums["measure"] == "PER"
    for column, errors in (("score", "wrong"), ("chance", "chance")):
        share = sums[errors] / sums["units"]
        sums[column] = share.where(rate, 1 - share)
    return sums[[*BY, "speaker", "units", "score", "chance", "valid_loss"]]


def summarise_tasks(scores: pd.DataFrame) -> pd.DataFrame:
    """Average what :func:`by_speaker` says over test speakers, with 95 % intervals (:func:`mean_interval`).

    Returns
    -------
    DataFrame
        One row a task, model, norm, variant and layer: ``score, low, high``, ``chance``, and ``gain, gain_low,
        gain_high``, by how much it is better than chance; ``speakers``. NaN for the intervals of fewer than four
        speakers.
    """
    rows = []
    for key, own in by_speaker(scores).sort_values("speaker", kind="stable").groupby(BY, sort=False):
        score, chance = own["score"].to_numpy(), own["chance"].to_numpy()
        gain = chance - score if key[1] == "PER" else score - chance
        row = dict(zip(BY, key, strict=True)) | {"score": score.mean(), "chance": chance.mean(), "gain": gain.mean()}
        (row["low"], row["high"]), (row["gain_low"], row["gain_high"]) = mean_interval(score), mean_interval(gain)
        rows.append(row | {"speakers": len(own)})
    columns = ["score", "low", "high", "chance", "gain", "gain_low", "gain_high", "speakers"]
    return pd.DataFrame(rows, columns=[*BY, *columns])


def drops(scores: pd.DataFrame) -> pd.DataFrame:
    """Return what each layer is worth: how much worse the weighted sum is without it, and how good it is alone.

    Parameters
    ----------
    scores
        Of :class:`articulens.tasks.Weighed`.

    Returns
    -------
    DataFrame
        ``task, measure, model, norm, layer, drop, drop_low, drop_high, alone, alone_low, alone_high``: drops are paired
        by utterance and positive where the layer is missed; NaN where it is not part of the sum.
    """
    rows = []
    for key, group in scores.groupby(BY[:4], sort=False):
        told = dict(zip(BY[:4], key, strict=True))
        seeds = group.loc[group["variant"] == WITHOUT, "seed"].unique()
        whole = _once(group[(group["variant"] == SUM) & group["seed"].isin(seeds)])
        for layer, alone in group[group["variant"] == ALONE].groupby("layer", sort=False):
            (error,) = _rates(alone, ["wrong"])
            score = error if key[1] == "PER" else 1 - error
            row = told | {"layer": layer, "alone": score.mean()}
            row["alone_low"], row["alone_high"] = mean_interval(score)
            rest = _once(group[(group["variant"] == WITHOUT) & (group["layer"] == layer)])
            if len(rest) and len(whole):
                lost = rest.assign(whole=whole.loc[rest.index, "wrong"]).reset_index()
                without, with_it = _rates(lost, ["wrong", "whole"])
                row["drop"] = (without - with_it).mean()
                row["drop_low"], row["drop_high"] = mean_interval(without - with_it)
            rows.append(row)
    columns = ["drop", "drop_low", "drop_high", "alone", "alone_low", "alone_high"]
    return pd.DataFrame(rows, columns=[*BY[:4], "layer", *columns])


def difference(scores: pd.DataFrame, better: Sequence[str], worse: Sequence[str]) -> tuple[float, float, float]:
    """Return by how much one model has fewer errors in a task than another, on the same utterances, and its interval.

    Parameters
    ----------
    scores
        Of :class:`articulens.tasks.Weighed`.
    better, worse
        Task, model, norm, variant and layer of each.

    Returns
    -------
    (difference, low, high), positive where the first has fewer errors; NaN without common utterances.
    """
    columns = ["task", "model", "norm", "variant", "layer"]
    first, second = (
        _once(scores[(scores[columns] == list(which)).all(axis=1)]) for which in (better, worse)
    )  # fmt: skip
    common = first.index.intersection(second.index)
    if not len(common):
        return float("nan"), float("nan"), float("nan")
    both = first.loc[common].assign(other=second.loc[common, "wrong"]).reset_index()
    own, other = _rates(both, ["wrong", "other"])
    return float((other - own).mean()), *mean_interval(other - own)


def _once(scores: pd.DataFrame) -> pd.DataFrame:
    """Add up folds and seeds, so that an utterance is there once."""
    return scores.groupby(["speaker", "utterance"])[["units", "wrong", "chance_wrong"]].mean()


def _rates(scores: pd.DataFrame, columns: Sequence[Hashable]) -> list[Rates]:
    """Return for each column the errors a unit of each speaker, ``(speakers,)``."""
    sums = scores.groupby("speaker", sort=True)[["units", *columns]].sum()
    return [(sums[column] / sums["units"]).to_numpy(dtype=np.float64) for column in columns]


def mean_interval(values: Rates, *, draws: int = 4000, seed: int = 0) -> tuple[float, float]:
    """Return a 95 % bootstrap interval of the mean over speakers that stays where scores can be.

    The expanded percentile interval (Hesterberg 2015, *The American Statistician* 69, 371-386): percentiles so far out
    that with few speakers they are as wide as Student's t would be. That of
    :func:`articulens.evaluation.inference.speaker_interval` divides by the spread of each draw, and breaks down where
    most speakers are at the ceiling.

    Parameters
    ----------
    values
        One a speaker, ``(speakers,)``.
    draws, seed
        Of the bootstrap.

    Returns
    -------
    (low, high); NaN for fewer than four speakers.
    """
    n = len(values)
    if n < FEWEST:
        return float("nan"), float("nan")
    tail = stats.norm.cdf(np.sqrt(n / (n - 1)) * stats.t.ppf(0.025, n - 1))
    means = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), draws) @ values / n
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)
