"""Figures of erasure and interchange: what breaks, beyond what chance breaks, by how much of it, and what is left."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns

from articulens import alt_text
from articulens.drawing import STYLE, STYLES, WIDTH, PageFigure, nothing
from articulens.evaluation.inference import speaker_interval


def damage_by_layer(table: pd.DataFrame, *, panel: str = "model", title: str = "") -> PageFigure:
    """Draw the share that each erasure breaks by layer, a panel for each `panel`, with 95 % intervals over speakers.

    Parameters
    ----------
    table
        ``erased`` (words), ``layer``, ``speaker``, ``share`` and `panel`; draws are averaged.
    panel
        Column that tells the panels apart.
    title
        Above the figure.
    """
    return _line_panels(table, "layer", "share of what erasing everything breaks", panel, title)


def dose_response(table: pd.DataFrame, *, panel: str = "model", title: str = "") -> PageFigure:
    """Draw the share broken against the number of directions erased, on a logarithmic axis.

    Parameters
    ----------
    table
        ``erased`` (words), ``rank``, ``speaker``, ``share`` and `panel`.
    panel, title
        As in :func:`damage_by_layer`.
    """
    return _line_panels(table, "rank", "share of what erasing everything breaks", panel, title)


def _line_panels(table: pd.DataFrame, at: str, label: str, panel: str, title: str) -> PageFigure:
    if not len(table):
        return nothing(title)
    names = list(pd.unique(table[panel]))
    places = sorted(set(table[at])) if at == "rank" else list(pd.unique(table[at]))
    means = table.groupby([panel, "erased", at, "speaker"], sort=False)["share"].mean().reset_index()
    lines = list(pd.unique(table["erased"]))
    words = []
    with mpl.rc_context(STYLE):
        figure = PageFigure(figsize=(WIDTH, 0.9 + 2.3 * ((len(names) + 1) // 2)), layout="constrained")
        grid = figure.subplots((len(names) + 1) // 2, min(2, len(names)), sharey=True, squeeze=False)
        for axes, name in zip(grid.flat, names, strict=False):
            drawn = []
            for k, erased in enumerate(lines):
                own = means[(means[panel] == name) & (means["erased"] == erased)]
                points = [(place, own.loc[own[at] == place, "share"].to_numpy()) for place in places]
                points = [(place, values) for place, values in points if len(values)]
                if not points:
                    continue
                x = [place if at == "rank" else places.index(place) for place, _ in points]
                y = np.array([values.mean() for _, values in points])
                ends = np.array([speaker_interval(values) for _, values in points])
                colour, marker, line = STYLES[k % len(STYLES)]
                axes.plot(x, y, color=colour, marker=marker, linestyle=line, markersize=4, linewidth=1.2, label=erased)
                axes.fill_between(x, ends[:, 0], ends[:, 1], color=colour, alpha=0.12, linewidth=0)
                drawn += [
                    {"line": erased, "at": place, "mean": value} for (place, _), value in zip(points, y, strict=True)
                ]
            axes.set(title=str(name), xlabel="directions erased" if at == "rank" else "layer erased")
            if at == "rank":
                axes.set_xscale("log", base=2)
                axes.set_xticks(places, [str(place) for place in places])
            else:
                axes.set_xticks(range(len(places)), places)
            axes.grid(axis="y", alpha=0.3)
            words.append(alt_text.of_lines(
                pd.DataFrame(drawn), name="line", at="at", title=str(name),
                what=f"{label} against {'the number of directions' if at == 'rank' else 'the layer'} erased",
            ))  # fmt: skip
        for axes in grid.flat[len(names) :]:
            axes.set_axis_off()
        for axes in grid[:, 0]:
            axes.set_ylabel(label, fontsize=8)
        figure.legend(*grid.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False,
                      fontsize=8)  # fmt: skip
        figure.suptitle(title, fontsize=10)
    figure.alt = alt_text.joined(title, words)
    return figure


def excess_rows(rows: pd.DataFrame, *, label: str, title: str = "") -> PageFigure:
    """Draw means with their 95 % intervals over speakers, one row each, and a line at zero.

    Parameters
    ----------
    rows
        ``name`` (words), ``mean``, ``low``, ``high``, ``speakers`` and ``group`` (a colour each).
    label, title
        Under the axis and above the figure.
    """
    if not len(rows):
        return nothing(title)
    with mpl.rc_context(STYLE):
        figure = PageFigure(figsize=(WIDTH, 1.0 + 0.24 * len(rows)), layout="constrained")
        axes = figure.subplots()
        groups = list(pd.unique(rows["group"]))
        for k, group in enumerate(groups):
            colour, marker, _ = STYLES[k % len(STYLES)]
            at = np.flatnonzero(rows["group"] == group)
            own = rows.iloc[at]
            axes.hlines(at, own["low"], own["high"], color=colour, linewidth=2)
            axes.plot(own["mean"], at, marker, color=colour, markersize=6, markeredgecolor="white", label=str(group))
        axes.axvline(0, color="0.3", linewidth=0.8)
        axes.set(yticks=range(len(rows)), yticklabels=rows["name"], xlabel=label, title=title)
        axes.tick_params(axis="y", labelsize=8)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(axis="x", alpha=0.3)
        if len(groups) > 1:
            axes.legend(frameon=False, fontsize=8)
    means = zip(rows["name"], rows["mean"], rows["low"], rows["high"], rows["speakers"], strict=True)
    figure.alt = alt_text.of_intervals(
        ((str(name), float(mean), float(low), float(high), int(n)) for name, mean, low, high, n in means),
        label, title=title,
    )  # fmt: skip
    return figure


def patch_matrix(table: pd.DataFrame, *, patched: Sequence[str], panel: str = "model", title: str = "") -> PageFigure:
    """Draw what differs × which subspace was interchanged: the mean share of the difference that goes over.

    Parameters
    ----------
    table
        ``differs``, ``patched``, ``transferred``, ``speaker`` and `panel`.
    patched
        Columns of the matrices, in this order.
    panel, title
        Column that tells the matrices apart; above the figure.
    """
    if not len(table):
        return nothing(title)
    names = list(pd.unique(table[panel]))
    by_speaker = table.groupby([panel, "differs", "patched", "speaker"], sort=False)["transferred"].mean().reset_index()
    grid = by_speaker.groupby([panel, "differs", "patched"], sort=False)["transferred"].mean()
    words = []
    with mpl.rc_context(STYLE):
        figure = PageFigure(figsize=(WIDTH, 0.8 + 1.5 * len(names)), layout="constrained")
        rows = figure.subplots(len(names), squeeze=False)[:, 0]
        for axes, name in zip(rows, names, strict=True):
            matrix = grid[name].unstack("patched").reindex(columns=[p for p in patched if p in set(table["patched"])])
            sns.heatmap(matrix, ax=axes, cmap="viridis", annot=True, fmt=".2f", linewidths=0.5, vmin=0,
                        cbar_kws={"label": "share carried"})  # fmt: skip
            axes.set(title=str(name), xlabel="", ylabel="pairs differ in")
            axes.set_xticklabels([str(column).replace(", ", ",\n") for column in matrix.columns], rotation=0)
            axes.tick_params(axis="y", rotation=0)
            words.append(alt_text.of_grid(matrix, "share of the difference carried over", title=str(name)))
        rows[-1].set_xlabel("subspace interchanged")
        figure.suptitle(title, fontsize=10)
    figure.alt = alt_text.joined(title, words)
    return figure
