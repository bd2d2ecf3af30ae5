"""Figures: a score table in, a matplotlib figure out. Nothing else is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from articulens import alt_text
from articulens.drawing import STYLE, STYLES, WIDTH, PageFigure, canvas, nothing
from articulens.evaluation.inference import speaker_interval, summarise


def layer_sensor_heatmap(scores: pd.DataFrame, *, value: str = "r", title: str = "") -> PageFigure:
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
        figure, axes = canvas(1.2 + 0.3 * len(layers))
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
    what = "Pearson r" if value == "r" else "RMSE in mm"
    figure.alt = alt_text.of_grid(table.rename(index="layer {}".format), f"{what} by layer and channel", title=title)
    return figure


def layer_profile(
    scores: pd.DataFrame,
    *,
    compare: str = "model",
    references: Sequence[str] = (),
    value: str = "r",
    title: str = "",
) -> PageFigure:
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
    with mpl.rc_context(STYLE):
        figure, axes = canvas(3.6)
        _lines(axes, summary, compare, layers, references)
        axes.set(
            xlabel="layer",
            ylabel="mean r over channels" if value == "r" else "mean RMSE over channels (mm)",
            title=title,
        )
        # Many lines leave no room for their names among them.
        if summary[compare].nunique() > 4:
            figure.legend(frameon=False, fontsize=8, loc="outside lower center", ncols=3)
        else:
            axes.legend(frameon=False, fontsize=8)
    what = f"Mean {'r' if value == 'r' else 'RMSE in mm'} over channels by layer, a line for each {compare}"
    figure.alt = alt_text.of_lines(_at_layer(summary), name=compare, at="layer", what=what, title=title)
    return figure


def layer_panels(
    panels: Mapping[str, tuple[pd.DataFrame, str]], *, compare: str = "model", title: str = ""
) -> PageFigure:
    """Draw several values by layer, one below the other, with 95 % intervals over speakers.

    Parameters
    ----------
    panels
        For the label of each panel a table with `compare`, ``layer`` and ``speaker``, and the column to draw.
    compare
        Column that tells the lines apart.
    title
        Above the figure.
    """
    layers = _order(pd.concat([table["layer"] for table, _ in panels.values()]))
    with mpl.rc_context(STYLE):
        figure = PageFigure(figsize=(WIDTH, 1.1 + 1.5 * len(panels)), layout="constrained")
        rows = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
        words = [title]
        for axes, (label, (table, value)) in zip(rows, panels.items(), strict=True):
            summary = summarise(table, [compare, "layer"], value=value)
            _lines(axes, summary, compare, layers)
            axes.set(ylabel=label)
            words.append(alt_text.of_lines(_at_layer(summary), name=compare, at="layer", what=f"By layer, {label}"))
        rows[0].set(title=title)
        names = rows[0].get_legend_handles_labels()
        figure.legend(*names, frameon=False, fontsize=8, loc="outside lower center", ncols=3)
        rows[-1].set(xlabel="layer")
    figure.alt = alt_text.joined("", words)
    return figure


def _lines(
    axes: Axes, summary: pd.DataFrame, compare: str, layers: Sequence[str], references: Sequence[str] = ()
) -> None:
    """Draw means and intervals by layer, a line for each `compare`, and `references` across."""
    at = {layer: i for i, layer in enumerate(layers)}
    styles, dashes = cycle(STYLES), cycle(["-", "--", "-.", ":"])
    for name, lines in summary.groupby(compare, sort=False):
        if name in references:  # grey, told apart by their dashes: colours are for what is compared
            row, colour, line = lines.iloc[0], "0.35", next(dashes)
            axes.axhline(row["mean"], color=colour, linestyle=line, label=f"{name} ({row['mean']:.2f})")
            if np.isfinite(row["low"]):
                axes.axhspan(row["low"], row["high"], color=colour, alpha=0.1, linewidth=0)
            continue
        colour, marker, line = next(styles)
        error = np.nan_to_num(np.array([lines["mean"] - lines["low"], lines["high"] - lines["mean"]]))
        axes.errorbar(
            [at[layer] for layer in lines["layer"]], lines["mean"], error, color=colour, marker=marker, linestyle=line,
            label=name, capsize=2,
        )  # fmt: skip
    axes.set(xticks=range(len(layers)), xticklabels=layers)


def speaker_dots(
    table: pd.DataFrame, *, category: str, value: str = "r", group: str | None = None, title: str = "", label: str = ""
) -> PageFigure:
    """Draw every speaker as a dot in each category, with the mean and its 95 % interval.

    Parameters
    ----------
    table
        One row a speaker and `category`, with `value`.
    category
        Column along the axis, in the order of first appearance; categories read from top to bottom.
    value
        What is drawn.
    group
        Column whose values get colours and markers of their own (first language, say).
    title, label
        Above the figure, and under the axis.
    """
    if not len(table):
        return nothing(title)
    categories = _order(table[category])
    groups = _order(table[group]) if group else [None]
    means = []
    with mpl.rc_context(STYLE):
        figure, axes = canvas(1.1 + 0.34 * len(categories) * max(1, len(groups) * 0.7))
        for g, name in enumerate(groups):
            colour, marker, _ = STYLES[g % len(STYLES)]
            offset = (g - (len(groups) - 1) / 2) * 0.3
            for i, one in enumerate(categories):
                chosen = (table[category] == one) & ((table[group] == name) if group else True)
                values = table.loc[chosen, value].dropna()
                if not len(values):
                    continue
                at = i + offset
                axes.plot(values, np.full(len(values), at), marker, color=colour, alpha=0.35, markersize=4)
                low, high = speaker_interval(values)
                row = str(one) if name is None else f"{one}, {name}"
                means.append((row, float(values.mean()), low, high, len(values)))
                axes.plot([low, high], [at, at], "-", color=colour, linewidth=2)
                axes.plot(values.mean(), at, marker, color=colour, markersize=8, markeredgecolor="white",
                          label=None if i or name is None else str(name))  # fmt: skip
        axes.set(
            yticks=range(len(categories)),
            yticklabels=categories,
            xlabel=label or ("mean r over channels" if value == "r" else value),
            title=title,
        )
        axes.set_ylim(len(categories) - 0.5, -0.5)
        axes.grid(axis="x", alpha=0.3)
        if group:
            axes.legend(frameon=False, fontsize=8)
    quantity = label or ("mean r over channels" if value == "r" else value)
    figure.alt = alt_text.of_intervals(means, f"A dot for each speaker, {quantity}, one row a {category}", title=title)
    return figure


def learning_curves(
    curves: pd.DataFrame,
    *,
    by: str = "probe",
    mark: float | None = None,
    published: pd.DataFrame | None = None,
    title: str = "",
) -> PageFigure:
    """Draw r against seconds of training speech: a line for each `by`, thin lines for the draws.

    Parameters
    ----------
    curves
        Mean over channels, one row a `by`, ``speaker``, ``draw`` and ``seconds``, with ``r``.
    by
        Column that tells the lines apart.
    mark
        Seconds to mark with an upright line: where frames are as many as features.
    published
        A printed curve (``seconds``, ``r``, ``low``, ``high``), drawn in grey and marked as published.
    title
        Above the figure.
    """
    if not len(curves):
        return nothing(title)
    with mpl.rc_context(STYLE):
        figure, axes = canvas(3.8)
        for (name, part), (colour, marker, line) in zip(curves.groupby(by, sort=False), STYLES, strict=False):
            for _, thin in part.groupby(["speaker", "draw"]):
                axes.plot(thin["seconds"], thin["r"], color=colour, alpha=0.15, linewidth=0.8)
            # The last size differs between speakers: it is drawn in the thin lines only.
            mean = part.groupby("seconds")["r"].agg(["mean", "size"])
            mean = mean[mean["size"] == mean["size"].max()]
            axes.plot(mean.index, mean["mean"], color=colour, marker=marker, linestyle=line, label=name)
        if published is not None:
            axes.fill_between(published["seconds"], published["low"], published["high"], color="0.6", alpha=0.15)
            axes.plot(published["seconds"], published["r"], color="0.4", marker="x", linestyle=(0, (1, 1)),
                      label="published: least squares, FROST-EMA")  # fmt: skip
        if mark:
            axes.axvline(mark, color="0.4", linestyle=":", linewidth=1)
            axes.annotate(
                "frames = features", (mark, axes.get_ylim()[0]), xytext=(3, 3), textcoords="offset points", fontsize=8
            )
        axes.set(xscale="log", xlabel="seconds of training speech", ylabel="mean r over channels", title=title)
        axes.legend(frameon=False, fontsize=8)
    parts = [curves.rename(columns={by: "line"})]
    if published is not None:
        parts.append(published.assign(line="published, least squares"))
    points = pd.concat(parts).groupby(["line", "seconds"], sort=False)["r"].mean().reset_index().sort_values("seconds")
    figure.alt = alt_text.of_lines(
        points.assign(seconds=points["seconds"].round(1)), name="line", at="seconds", unit=" s", value="r", title=title,
        what="Mean r over channels against seconds of training speech, on a logarithmic axis",
    )  # fmt: skip
    return figure


def grid_heatmap(table: pd.DataFrame, *, rows: str, columns: str, value: str = "r", title: str = "") -> PageFigure:
    """Draw the mean of `value` for each pair of `rows` and `columns`; pairs that do not occur stay empty."""
    if not len(table):
        return nothing(title)
    grid = table.groupby([rows, columns], sort=False)[value].mean().unstack(columns)
    grid = grid.loc[_order(table[rows]), _order(table[columns])]
    with mpl.rc_context(STYLE):
        figure, axes = canvas(1.3 + 0.35 * len(grid))
        bar = {"label": f"mean {value}"}
        sns.heatmap(grid, ax=axes, cmap="viridis", annot=True, fmt=".2f", linewidths=0.5, cbar_kws=bar)
        axes.set(xlabel=columns, ylabel=rows, title=title)
        axes.tick_params(axis="y", rotation=0)
    figure.alt = alt_text.of_grid(grid, f"mean {value} by {rows} and {columns}", title=title)
    return figure


def _at_layer(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the table with layers as they are spoken of."""
    return summary.assign(layer="layer " + summary["layer"].astype(str))


def _order(names: pd.Series) -> list[str]:
    """Return the distinct names in the order of first appearance."""
    return list(pd.unique(names))
