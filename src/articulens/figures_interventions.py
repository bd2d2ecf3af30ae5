"""Figures of interventions: what moved, what was read to have moved, and which place was mistaken for which."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns

from articulens import alt_text
from articulens.drawing import STYLE, STYLES, WIDTH, PageFigure, nothing
from articulens.evaluation.inference import speaker_interval

_TRUE, _READ = STYLES[0][0], STYLES[1][0]
_LONGER = 5.0  # arrows, than the movement


def place_matrices(
    table: pd.DataFrame, *, panel: str = "model", value: str = "mm per mm", limit: float = 1.0, title: str = ""
) -> PageFigure:
    """Draw moved × read, one matrix each `panel`: means over speakers, bold where the 95 % interval excludes 0.

    Parameters
    ----------
    table
        One row a `panel`, ``speaker``, ``moved`` and ``read``, with `value`.
    panel, value
        Columns that tell the matrices apart, and that hold the numbers (its name stands beside the colours).
    limit
        Value at which the colour is full.
    title
        Above the figure.
    """
    if not len(table):
        return nothing(title)
    names, words = list(pd.unique(table[panel])), []
    digits = 2 if limit < 10 else 0
    with mpl.rc_context(STYLE):
        shape = table["moved"].nunique() / table["read"].nunique()
        figure = PageFigure(figsize=(WIDTH, 1.0 + 0.9 * shape * WIDTH / len(names)), layout="constrained")
        row = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
        for axes, name in zip(row, names, strict=True):
            cells = table[table[panel] == name].groupby(["moved", "read"], sort=False)[value]
            grid = cells.mean().unstack("read").round(digits) + 0.0  # no minus before a nought
            sns.heatmap(
                grid, ax=axes, cmap="RdBu", vmin=-limit, vmax=limit, square=True, linewidths=0.5, cbar=False,
                annot=True, fmt=f".{digits}f", annot_kws={"size": 7},
            )  # fmt: skip
            sure = cells.apply(lambda v: np.sign(speaker_interval(v)).sum()).unstack("read").abs() == 2
            for text, bold in zip(axes.texts, sure.loc[grid.index, grid.columns].to_numpy().ravel(), strict=True):
                text.set_fontweight("bold" if bold else "normal")
            axes.set_title(name, fontsize=9)
            axes.set(xlabel="read", ylabel="moved" if axes is row[0] else "")
            axes.tick_params(axis="both", rotation=0, labelsize=7, length=0)
            words.append(alt_text.of_grid(grid, f"{value} for {name}, moved by read"))
        figure.suptitle(title, fontsize=10)
    figure.alt = alt_text.joined(title, words)
    return figure


def moves_and_readings(table: pd.DataFrame, *, title: str = "") -> PageFigure:
    """Draw sensors in the mid-sagittal plane, lips to the right: arrows to where they moved and where they were read.

    Parameters
    ----------
    table
        One row a ``version``, ``speaker`` and ``sensor``, with the mean place in the untouched version (``x, z``), and
        the mean displacement that is true (``true_x, true_z``) and that is read (``read_x, read_z``), all mm.
    title
        Above the figure.
    """
    if not len(table):
        return nothing(title)
    means = table.groupby(["version", "sensor"], sort=False).mean(numeric_only=True)
    versions = list(pd.unique(table["version"]))
    columns, words = 3, []
    rows, reach = -(-len(versions) // columns), 14.0  # mm beyond the outermost sensors
    with mpl.rc_context(STYLE):
        figure = PageFigure(figsize=(WIDTH, 0.7 + 1.25 * rows), layout="constrained")
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, version in zip(panels, versions, strict=False):
            part = means.loc[version]
            tongue = part.loc[[sensor for sensor in ("TT", "TB", "TD") if sensor in part.index]]
            axes.plot(tongue["x"], tongue["z"], "-", color="0.8", linewidth=1, zorder=0)
            axes.plot(part["x"], part["z"], "o", color="0.7", markersize=2.5, zorder=1)
            for kind, colour, width in (("true", _TRUE, 0.014), ("read", _READ, 0.012)):
                axes.quiver(
                    part["x"], part["z"], part[f"{kind}_x"], part[f"{kind}_z"], color=colour, width=width, zorder=2,
                    angles="xy", scale_units="xy", scale=1 / _LONGER, minshaft=1.2, headwidth=3.5, headlength=3.5,
                    headaxislength=3.5,
                    label=kind,
                )  # fmt: skip
            axes.set_title(version, fontsize=8)
            axes.set(aspect="equal", xticks=[], yticks=[], xlim=(means["x"].min() - reach, means["x"].max() + reach),
                     ylim=(means["z"].min() - reach, means["z"].max() + reach))  # fmt: skip
            most = {kind: np.hypot(part[f"{kind}_x"], part[f"{kind}_z"]) for kind in ("true", "read")}
            words.append(
                f"{version}: truly most at {most['true'].idxmax()} ({most['true'].max():.1f} mm), read most at "
                f"{most['read'].idxmax()} ({most['read'].max():.1f} mm)"
            )
        for axes in panels[len(versions) :]:
            axes.set_axis_off()
        figure.legend(*panels[0].get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=2,
                      fontsize=8)  # fmt: skip
        figure.suptitle(f"{title} (arrows {_LONGER:g} times as long)" if title else "", fontsize=10)
    figure.alt = alt_text.joined(title, ["Arrows in the mid-sagittal plane, means over speakers", *words])
    return figure
