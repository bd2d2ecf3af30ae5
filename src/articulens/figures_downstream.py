"""Figures of what goes with downstream results, and of what speakers and languages share."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd

from articulens import alt_text
from articulens.drawing import STYLE, STYLES, WIDTH, PageFigure, canvas, nothing


def predictors_and_outcomes(
    table: pd.DataFrame, *, predictors: Sequence[str], outcomes: Sequence[str], title: str = ""
) -> PageFigure:
    """Draw every outcome against every predictor, a mark for each model, in the colour of its family.

    Parameters
    ----------
    table
        One row a model: ``model``, ``family``, and columns of predictors and outcomes.
    predictors, outcomes
        Columns: across, and downwards.
    title
        Above the figure.
    """
    if not len(table) or not outcomes:
        return nothing(title)
    words = [f"A mark for each of {len(table)} models: {', '.join(outcomes)} against {' and '.join(predictors)}"]
    with mpl.rc_context(STYLE):
        figure = PageFigure(figsize=(WIDTH, 0.9 + 1.45 * len(outcomes)), layout="constrained")
        panels = figure.subplots(len(outcomes), len(predictors), squeeze=False, sharex="col", sharey="row")
        for row, outcome in zip(panels, outcomes, strict=True):
            for axes, predictor in zip(row, predictors, strict=True):
                for i, (family, part) in enumerate(table.groupby("family", sort=False)):
                    colour, marker, _ = STYLES[i % len(STYLES)]
                    axes.plot(part[predictor], part[outcome], marker, color=colour, label=str(family), markersize=5)
                known = table[[predictor, outcome]].dropna()
                if len(known) > 2 and (known.std() > 0).all():
                    r = float(np.corrcoef(known[predictor], known[outcome])[0, 1])
                    axes.set_title(f"r = {r:.2f}".replace("-", "−"), fontsize=8, loc="right", pad=2)
                    words.append(f"{predictor} and {outcome}: r {alt_text.number(r)}")
                axes.grid(alpha=0.3)
            row[0].set_ylabel(outcome.replace(" ", "\n", 1))
        for axes, predictor in zip(panels[-1], predictors, strict=True):
            axes.set_xlabel(f"{predictor} score")
        handles, labels = panels[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
        figure.suptitle(title, fontsize=10)
    figure.alt = alt_text.joined(title, words)
    return figure


def correlation_intervals(rows: pd.DataFrame, *, title: str = "") -> PageFigure:
    """Draw correlations with their intervals, a row for each outcome, a mark for each predictor.

    Parameters
    ----------
    rows
        ``outcome``, ``predictor``, ``r``, ``low``, ``high``.
    title
        Above the figure.
    """
    if not len(rows):
        return nothing(title)
    outcomes, predictors = (list(pd.unique(rows[column])) for column in ("outcome", "predictor"))
    with mpl.rc_context(STYLE):
        figure, axes = canvas(1.1 + 0.45 * len(outcomes))
        for i, predictor in enumerate(predictors):
            part = rows[rows["predictor"] == predictor]
            colour, marker, _ = STYLES[i % len(STYLES)]
            at = [outcomes.index(name) + 0.22 * (i - (len(predictors) - 1) / 2) for name in part["outcome"]]
            error = np.nan_to_num(np.array([part["r"] - part["low"], part["high"] - part["r"]]))
            axes.errorbar(part["r"], at, xerr=error, fmt=marker, color=colour, label=predictor, capsize=2)
        axes.axvline(0, color="0.4", linewidth=0.8)
        axes.set(yticks=range(len(outcomes)), yticklabels=outcomes, xlabel="Pearson r over models", title=title)
        axes.set(xlim=(-1.02, 1.02), ylim=(len(outcomes) - 0.5, -0.5))
        axes.grid(axis="x", alpha=0.3)
        figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    said = [
        f"{outcome}, {predictor}: {alt_text.number(r)}"
        + (f", 95 % interval {alt_text.number(low)} to {alt_text.number(high)}" if np.isfinite(low) else "")
        for outcome, predictor, r, low, high in rows[["outcome", "predictor", "r", "low", "high"]].to_numpy()
    ]
    figure.alt = alt_text.joined(title, ["Correlations over models with their intervals", *said])
    return figure


def angle_spectra(related: pd.DataFrame, *, title: str = "") -> PageFigure:
    """Draw the principal angles between probe subspaces from the smallest to the largest, a line for each relation.

    Parameters
    ----------
    related
        From :func:`articulens.evaluation.subspaces.relations`.
    title
        Above the figure.
    """
    if not len(related):
        return nothing(title)
    columns = [column for column in related if str(column).startswith("angle ")]
    means = related.groupby("relation", sort=False)[columns].mean()
    with mpl.rc_context(STYLE):
        figure, axes = canvas(3.4)
        for i, (name, angles) in enumerate(means.iterrows()):
            colour, marker, line = STYLES[i % len(STYLES)]
            axes.plot(range(1, len(columns) + 1), angles, color=colour, marker=marker, linestyle=line, label=name)
        axes.set(xlabel="principal angle, smallest first", ylabel="degrees, mean over speakers", title=title)
        axes.set(ylim=(0, 92), xticks=range(1, len(columns) + 1))
        axes.grid(alpha=0.3)
        figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    points = means.reset_index().melt("relation", var_name="angle", value_name="mean")
    figure.alt = alt_text.of_lines(
        points, name="relation", at="angle", title=title,
        what="Principal angles in degrees between the subspaces of two probes, a line for each relation",
    )  # fmt: skip
    return figure


def training_curves(table: pd.DataFrame, *, values: Sequence[str], title: str = "") -> PageFigure:
    """Draw scores over the steps of trainings, a panel for each training and a line for each score.

    Parameters
    ----------
    table
        One row a checkpoint: ``training``, ``step`` and columns of scores, between 0 and 1.
    values
        Columns.
    title
        Above the figure.
    """
    if not len(table):
        return nothing(title)
    trainings = list(pd.unique(table["training"]))
    words = [f"Scores over training steps: {', '.join(values)}"]
    with mpl.rc_context(STYLE):
        figure = PageFigure(figsize=(WIDTH, 3.2), layout="constrained")
        panels = figure.subplots(1, len(trainings), sharey=True, squeeze=False)[0]
        for axes, training in zip(panels, trainings, strict=True):
            part = table[table["training"] == training].sort_values("step")
            for i, value in enumerate(values):
                colour, marker, line = STYLES[i % len(STYLES)]
                axes.plot(
                    part["step"], part[value], color=colour, marker=marker, linestyle=line, label=value, markersize=4
                )
                first, last = part[value].iloc[0], part[value].iloc[-1]
                words.append(f"{training}, {value}: from {alt_text.number(first)} to {alt_text.number(last)}")
            axes.set_title(str(training), fontsize=9)
            axes.set_xlabel("step")
            axes.grid(alpha=0.3)
        panels[0].set_ylabel("score")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
        figure.suptitle(title, fontsize=10)
    figure.alt = alt_text.joined(title, words)
    return figure
