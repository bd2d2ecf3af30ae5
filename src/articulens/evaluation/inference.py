"""How sure: intervals whose unit is the speaker.

Frames are not independent, and neither are the utterances of one speaker; whoever wants to speak of speakers in
general resamples speakers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import bootstrap


def speaker_interval(
    values: npt.ArrayLike, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Return a bootstrap interval of the mean over speakers.

    Parameters
    ----------
    values
        One number a speaker, ``(speakers,)``; NaN is left out.
    level, draws, seed
        Coverage, resamples, and what decides them.

    Returns
    -------
    (low, high) by the bias-corrected accelerated bootstrap (Efron 1987); NaN for fewer than three speakers, of
    whom no interval can be had.
    """
    sample = np.asarray(values, dtype=np.float64)
    sample = sample[np.isfinite(sample)]
    if len(sample) < 3:
        return float("nan"), float("nan")
    if np.ptp(sample) == 0:
        return float(sample[0]), float(sample[0])
    result = bootstrap(
        (sample,),
        np.mean,
        confidence_level=level,
        n_resamples=draws,
        method="BCa",
        rng=np.random.default_rng(seed),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


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
    per_speaker = scores.groupby([*by, "speaker"], sort=False, observed=True)[value].mean().reset_index()
    rows = []
    for key, group in per_speaker.groupby(by, sort=False, observed=True):
        low, high = speaker_interval(group[value], level=level, seed=seed)
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
