"""Figures: a score table in, a matplotlib figure out. Nothing else is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from articulens.evaluation.inference import summarise

WIDTH = 6.4
#: Colour-blind safe (Okabe and Ito), each with a marker and a line of its own.
STYLES = [
    ("#0072B2", "o", "-"), ("#D55E00", "s", "--"), ("#009E73", "^", "-."), ("#CC79A7", "D", ":"),
    ("#E69F00", "v", "-"), ("#56B4E9", "P", "--"), ("#000000", "X", "-."),
]  # fmt: skip

STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 10,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "articulens",
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def layer_sensor_heatmap(scores: pd.DataFrame, *, value: str = "r", title: str = "") -> Figure:
    """Draw layer × channel: the mean over speakers in each cell.

    Parameters
    ----------
    scores
        The tidy score table of one model and one protocol.
    value
        ``"r"`` or ``"rmse_mm"``.
    title
        Above the figure.
    """
    layers, channels = _order(scores["layer"]), _order(scores["sensor"] + "." + scores["axis"])
    table = (
        scores.assign(channel=scores["sensor"] + "." + scores["axis"])
        .groupby(["layer", "channel"])[value]
        .mean()
        .unstack("channel")
        .loc[layers[::-1], channels]
    )
    with mpl.rc_context(STYLE):
        figure, axes = _canvas(1.2 + 0.3 * len(layers))
        sns.heatmap(
            table,
            ax=axes,
            cmap="viridis" if value == "r" else "viridis_r",
            annot=True,
            fmt=".2f",
            annot_kws={"size": 8},
            linewidths=0.5,
            cbar_kws={"label": "Pearson r" if value == "r" else "RMSE (mm)"},
        )
        axes.set(xlabel="sensor and axis", ylabel="layer", title=title)
        axes.tick_params(axis="y", rotation=0)
    return figure


def layer_profile(
    scores: pd.DataFrame,
    *,
    compare: str = "model",
    references: Sequence[str] = (),
    value: str = "r",
    title: str = "",
) -> Figure:
    """Draw the mean over channels by layer, one line for each `compare`, with 95 % intervals over speakers.

    Parameters
    ----------
    scores
        The tidy score table.
    compare
        Column that tells the lines apart.
    references
        Values of `compare` that have one layer only (baselines): drawn as horizontal lines.
    value
        ``"r"`` or ``"rmse_mm"``.
    title
        Above the figure.
    """
    summary = summarise(scores, [compare, "layer"], value=value)
    layers = _order(scores.loc[~scores[compare].isin(references), "layer"]) or ["0"]
    at = {layer: i for i, layer in enumerate(layers)}
    with mpl.rc_context(STYLE):
        figure, axes = _canvas(3.6)
        for (name, lines), (colour, marker, line) in zip(
            summary.groupby(compare, sort=False),
            STYLES * (1 + summary[compare].nunique() // len(STYLES)),
            strict=False,
        ):
            if name in references:
                row = lines.iloc[0]
                axes.axhline(row["mean"], color=colour, linestyle=line, label=f"{name} ({row['mean']:.2f})")
                if np.isfinite(row["low"]):
                    axes.axhspan(row["low"], row["high"], color=colour, alpha=0.1, linewidth=0)
                continue
            x = [at[layer] for layer in lines["layer"]]
            error = np.array([lines["mean"] - lines["low"], lines["high"] - lines["mean"]])
            axes.errorbar(
                x,
                lines["mean"],
                np.nan_to_num(error),
                color=colour,
                marker=marker,
                linestyle=line,
                label=name,
                capsize=2,
            )
        axes.set(
            xlabel="layer",
            ylabel="mean r over channels" if value == "r" else "mean RMSE over channels (mm)",
            title=title,
            xticks=range(len(layers)),
            xticklabels=layers,
        )
        axes.legend(frameon=False, fontsize=8)
    return figure


def _canvas(height: float) -> tuple[Figure, Axes]:
    """Return an empty figure outside pyplot, which would show it a second time at the end of a notebook cell."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots()


def _order(names: pd.Series) -> list[str]:
    """Return the distinct names in the order of first appearance."""
    return list(pd.unique(names))
