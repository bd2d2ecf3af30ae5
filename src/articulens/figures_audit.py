"""Figures of the audit: what each switch between two pipelines does, and what zero padding does to a track."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd

from articulens import alt_text
from articulens.drawing import STYLE, STYLES, PageFigure, canvas

LEVEL, DOWN, UP, PRINTED = "#0072B2", "#D55E00", "#009E73", "0.6"


def waterfall(steps: pd.DataFrame, *, printed: Mapping[str, float] | None = None, title: str = "") -> PageFigure:
    """Draw a score from the first pipeline to the last: full bars at both ends, the change of each switch between.

    Parameters
    ----------
    steps
        One row a step from top to bottom: ``step`` (words), ``r`` with ``low`` and ``high`` (its interval).
    printed
        Published numbers by name, hatched bars above the steps.
    title
        Above the figure.
    """
    printed = dict(printed or {})
    r, names = steps["r"].to_numpy(dtype=float), [*printed, *steps["step"]]
    last = len(r) - 1
    with mpl.rc_context({**STYLE, "hatch.linewidth": 0.6}):
        figure, axes = canvas(1.1 + 0.34 * len(names))
        beside: Any = {"textcoords": "offset points", "va": "center", "fontsize": 8}
        for y, value in enumerate(printed.values()):
            axes.barh(y, value, color="white", edgecolor=PRINTED, hatch="///", height=0.6)
            axes.annotate(f"{value:.2f}", (value, y), xytext=(6, 0), **beside)
        for i, (low, high) in enumerate(zip(steps["low"], steps["high"], strict=True)):
            y, before = len(printed) + i, r[max(i - 1, 0)]
            change, level = f"{r[i] - before:+.3f}".replace("-", "−"), f"{r[i]:.3f}".replace("-", "−")
            if i in (0, last):
                axes.barh(y, r[i], color=LEVEL, height=0.6)
            else:
                axes.barh(y, r[i] - before, left=before, color=UP if r[i] > before else DOWN, height=0.6)
            if i < last:  # the level that the next bar starts from
                axes.plot([r[i], r[i]], [y, y + 1], color="0.3", linewidth=0.6)
            axes.plot([low, high], [y, y], color="black", linewidth=1.2)
            text = level if i == 0 else f"{change} → {level}" if i == last else change
            axes.annotate(text, (float(np.nanmax([r[i], before, high])), y), xytext=(6, 0), **beside)
        axes.set(yticks=range(len(names)), yticklabels=names, xlabel="Pearson r", title=title)
        axes.set_ylim(len(names) - 0.4, -0.6)
        left, right = axes.get_xlim()
        axes.set_xlim(min(left, 0), right + 0.2 * (right - left))
        axes.grid(axis="x", alpha=0.3)
        axes.set_axisbelow(True)
    above = [f"{name} {value:.2f}" for name, value in printed.items()]
    figure.alt = alt_text.joined("", [alt_text.of_steps(steps["step"], r, title=title), *above])
    return figure


def resampled_track(table: pd.DataFrame, *, title: str = "") -> PageFigure:
    """Draw one channel under several ways of resampling.

    Parameters
    ----------
    table
        ``time_s``, ``mm`` and ``resampling``, one row a sample and way.
    title
        Above the figure.
    """
    with mpl.rc_context(STYLE):
        figure, axes = canvas(2.8)
        for (name, part), (colour, marker, line) in zip(table.groupby("resampling", sort=False), STYLES, strict=False):
            axes.plot(
                part["time_s"], part["mm"], color=colour, marker=marker, markersize=2.5, linestyle=line, linewidth=1,
                label=name,
            )  # fmt: skip
        axes.set(xlabel="time (s)", ylabel="position (mm)", title=title)
        axes.legend(frameon=False, fontsize=8)
    ends = table.groupby("resampling", sort=False)["mm"].agg(["first", "median", "last"])
    said = [
        f"{name}: {row['first']:.1f} mm at the start, {row['median']:.1f} as a median, {row['last']:.1f} at the end"
        for name, row in ends.iterrows()
    ]
    figure.alt = alt_text.joined(title, [f"Position over {table['time_s'].max():.1f} s", *said])
    return figure
