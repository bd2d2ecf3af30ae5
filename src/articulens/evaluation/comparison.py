"""From score tables to comparisons of encoders: one number a speaker, chosen without looking at that speaker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from articulens.errors import ArticulensError
from articulens.evaluation.inference import (
    FEWEST,
    equivalence,
    paired_difference,
    peak_interval,
    per_speaker,
    sign_flip,
)


def at_chosen_layer(scores: pd.DataFrame, *, by: Sequence[str] = ("model",), value: str = "r") -> pd.DataFrame:
    """Return each speaker's score at the layer that is best for all *other* speakers.

    Choosing the layer on the speakers it is scored on would flatter models with many layers. With one speaker there
    is nobody to choose by: the middle layer is taken and ``chosen`` says so.

    Parameters
    ----------
    scores
        The tidy score table, measured targets of one protocol.
    by
        What is chosen for separately.
    value
        ``"r"`` (higher is better) or ``"rmse_mm"`` (lower is better).

    Returns
    -------
    DataFrame with `by`, ``speaker``, ``layer``, `value` (mean over channels) and ``chosen``: "by other speakers" or
    "middle layer".
    """
    sign = 1 if value == "r" else -1
    rows = []
    for key, group in per_speaker(scores, [*by, "layer"], value=value).groupby(list(by), sort=False, observed=True):
        curves = group.pivot(index="speaker", columns="layer", values=value)[list(pd.unique(group["layer"]))]
        for speaker in curves.index:
            others = curves.drop(index=speaker).mean()
            layer = (sign * others).idxmax() if others.notna().any() else curves.columns[len(curves.columns) // 2]
            rows.append(
                {
                    **dict(zip(by, key, strict=True)),
                    "speaker": speaker,
                    "layer": layer,
                    value: curves.loc[speaker, layer],
                    "chosen": "by other speakers" if others.notna().any() else "middle layer",
                }
            )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class LayerPeak:
    """Where the mean over speakers is highest.

    Attributes
    ----------
    layers
        All layers, from the first to the last.
    layer, low, high
        The best layer and the 95 % bootstrap interval over speakers of its place; both ends None for fewer than
        :data:`articulens.evaluation.inference.FEWEST` speakers.
    mean
        The score there.
    """

    layers: tuple[str, ...]
    layer: str
    low: str | None
    high: str | None
    mean: float

    @property
    def inside(self) -> bool:
        """Whether the interval reaches neither the first nor the last layer."""
        return self.low not in (None, self.layers[0]) and self.high not in (None, self.layers[-1])

    def __str__(self) -> str:
        place = f"layer {self.layer} of {self.layers[0]} to {self.layers[-1]}"
        if len(self.layers) == 1:
            return f"its one layer, with {self.mean:.3f}"
        sure = f"95 % {self.low} to {self.high}" if self.low else "too few speakers for an interval"
        return f"{place} ({sure}), with {self.mean:.3f}"


def layer_peak(scores: pd.DataFrame, *, value: str = "r", seed: int = 0) -> LayerPeak:
    """Return the best layer of one model under one protocol, and how sure its place is.

    Parameters
    ----------
    scores
        The tidy score table, measured targets; a higher `value` is better.
    value, seed
        What is averaged over channels, and what decides the resamples.
    """
    layers = list(pd.unique(scores["layer"]))
    curves = per_speaker(scores, ["layer"], value=value).pivot(index="speaker", columns="layer", values=value)
    curves = curves[layers].dropna()
    peak, low, high = peak_interval(curves.to_numpy(), seed=seed)
    sure = len(curves) >= FEWEST
    return LayerPeak(
        tuple(layers), layers[peak], layers[low] if sure else None, layers[high] if sure else None,
        float(curves.mean().iloc[peak]),
    )  # fmt: skip


def compare(
    table: pd.DataFrame, pairs: Sequence[tuple[str, str]], *, column: str = "model", value: str = "r", seed: int = 0
) -> pd.DataFrame:
    """Compare pairs of encoders on the same speakers.

    Parameters
    ----------
    table
        One row a speaker and value of `column`, as :func:`at_chosen_layer` gives.
    pairs
        (a, b): the difference is a − b.
    column, value
        What is compared, by which score.

    Returns
    -------
    DataFrame with ``a``, ``b``, ``difference``, ``low``, ``high`` (95 %, over speakers), ``p`` (sign flip) and
    ``p_family`` (max-|t| over all pairs together), ``speakers``.

    Raises
    ------
    ArticulensError
        When a name of a pair is not in the table.
    """
    wide = table.pivot(index="speaker", columns=column, values=value)
    for name in {name for pair in pairs for name in pair}:
        if name not in wide:
            raise ArticulensError(f"compare: '{name}' was not scored; scored: {', '.join(map(str, wide.columns))}.")
    rows = []
    for a, b in pairs:
        d = paired_difference(wide[a], wide[b], seed=seed)
        rows.append(
            {"a": a, "b": b, "difference": d.mean, "low": d.low, "high": d.high, "p": d.p, "speakers": d.speakers}
        )
    result = pd.DataFrame(rows, columns=["a", "b", "difference", "low", "high", "p", "speakers"])
    together = np.column_stack([wide[a] - wide[b] for a, b in pairs]) if pairs else np.empty((0, 0))
    together = together[np.isfinite(together).all(axis=1)]
    family = sign_flip(together, seed=seed) if len(together) >= 2 else np.full(len(pairs), np.nan)
    result.insert(6, "p_family", family)
    return result


EQUIVALENCES = (
    "group", "comparison", "difference", "low", "high", "low 90", "high 90", "p", "p equivalence", "equivalent",
    "speakers",
)  # fmt: skip


def equivalences(table: pd.DataFrame, margin: float, *, reference: str = "L1", seed: int = 0) -> pd.DataFrame:
    """Test for every group of speakers, and for all of them, whether conditions are as readable as the reference.

    Parameters
    ----------
    table
        One row a ``speaker`` and ``condition``, with ``r`` and ``group`` (first language, say).
    margin
        r within which two conditions count as equal, stated before looking.
    reference, seed
        The condition that the others are compared with; what decides resamples.

    Returns
    -------
    DataFrame, one row a group (``all`` first) and other condition: mean ``difference`` with its 95 % interval ``low``,
    ``high`` and its 90 % interval, ``p`` of no difference and of no equivalence, and whether the two are
    ``equivalent``. Groups of fewer than two speakers with both conditions are left out.
    """
    wide = table.pivot(index="speaker", columns="condition", values="r") if len(table) else pd.DataFrame()
    owner = {str(speaker): str(group) for speaker, group in zip(table["speaker"], table["group"], strict=True)}
    rows = []
    for other in [c for c in pd.unique(table["condition"]) if c != reference and reference in wide]:
        for group in ["all", *sorted(set(owner.values()))]:
            members = wide[wide.index.map(owner) == group] if group != "all" else wide
            both = members.dropna(subset=[reference, other])
            if len(both) < 2:
                continue
            d = paired_difference(both[other], both[reference], seed=seed)
            test = equivalence(both[other], both[reference], margin)
            values = (group, f"{other} - {reference}", d.mean, d.low, d.high, test.low, test.high, d.p, test.p,
                      test.holds, d.speakers)  # fmt: skip
            rows.append(dict(zip(EQUIVALENCES, values, strict=True)))
    return pd.DataFrame(rows, columns=list(EQUIVALENCES))


def equivalence_words(tests: pd.DataFrame) -> dict[str, str]:
    """Return for each group of :func:`equivalences` what was shown equivalent and what was not, in words."""
    words = {}
    for group, part in tests.groupby("group", sort=False):
        shown = [name.split(" - ")[0] for name in part.loc[part["equivalent"].astype(bool), "comparison"]]
        missed = [name.split(" - ")[0] for name in part.loc[~part["equivalent"].astype(bool), "comparison"]]
        said = [f"{' and '.join(shown)} equivalent"] if shown else []
        words[str(group)] = ", ".join([*said, *([f"{' and '.join(missed)} not shown to be"] if missed else [])])
    return words
