"""Figures of tasks: how well each encoder does beside chance, and which layers a task uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd

from articulens import alt_text
from articulens.drawing import STYLE, STYLES, WIDTH, PageFigure, nothing

RAW, MIXED, ALONE, MISSED = (colour for colour, *_ in STYLES[:4])


def task_scores(summary: pd.DataFrame, *, title: str = "") -> PageFigure:
    """Draw the score of every model, one panel a task, with 95 % intervals over test speakers and chance.

    Parameters
    ----------
    summary
        Of :func:`articulens.tasks.summarise_tasks`, one row a task and model.
    title
        Above the figure.
    """
    tasks, models = list(dict.fromkeys(summary["task"])), list(dict.fromkeys(summary["model"]))
    if not tasks:
        return nothing(title)
    said = []
    with mpl.rc_context(STYLE):
        figure = PageFigure(figsize=(WIDTH, 1.0 + 0.24 * len(models)), layout="constrained")
        panels = figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
        for axes, task in zip(panels, tasks, strict=True):
            own = summary[summary["task"] == task].set_index("model")
            for y, model in enumerate(models):
                if model not in own.index:
                    continue
                row = own.loc[model]
                axes.plot([row["low"], row["high"]], [y, y], color=RAW, linewidth=1.5)
                axes.plot(row["score"], y, "o", color=RAW, markersize=5)
                axes.plot([row["chance"]] * 2, [y - 0.35, y + 0.35], color=MIXED, linewidth=1.5)
            measure = own["measure"].iloc[0]
            axes.set(xlabel=f"{measure}, {'low' if measure == 'PER' else 'high'} is good")
            axes.set_title(task)
            axes.xaxis.label.set_size(8)
            most = max(1.0, float(own[["score", "high", "chance"]].max().max()))
            axes.set(xlim=(-0.03, most + 0.03), xticks=[0, 0.5, 1], xticklabels=["0", "0.5", "1"])
            axes.grid(axis="x", alpha=0.3)
            axes.set_axisbelow(True)
            order = own["score"].sort_values(ascending=measure == "PER")
            said.append(
                f"{task}, {measure}: best {order.index[0]} {alt_text.number(order.iloc[0])}, worst {order.index[-1]} "
                f"{alt_text.number(order.iloc[-1])}, chance {alt_text.number(float(own['chance'].mean()))} on average"
            )
        panels[0].set(yticks=range(len(models)), yticklabels=models, ylim=(len(models) - 0.5, -0.5))
        figure.suptitle(title, fontsize=10)
    figure.alt = alt_text.joined(title, ["Dots with intervals for each model, a bar where chance is", *said])
    return figure


def layer_weights(weights: pd.DataFrame, *, norm: str = "none", title: str = "") -> PageFigure:
    """Draw weights of layers beside their contributions, tasks by models; marks: single splits and seeds.

    Parameters
    ----------
    weights
        Of :class:`articulens.tasks.Weighed`.
    norm
        Which mixing to draw.
    title
        Above the figure.
    """
    drawn = weights[weights["norm"] == norm]
    kinds = {"weight": (RAW, "weight", -0.19), "contribution": (MIXED, "weight × length, share", 0.19)}
    said = []

    def cell(axes: Any, own: pd.DataFrame, where: str) -> None:
        layers = list(dict.fromkeys(own["layer"]))
        tops = []
        for column, (colour, label, shift) in kinds.items():
            means = own.groupby("layer", sort=False)[column].mean()
            places = np.arange(len(layers))
            axes.bar(places + shift, means.loc[layers], width=0.36, color=colour, label=label)
            axes.plot(own["layer"].map(layers.index) + shift, own[column], ".", color="black", markersize=2, alpha=0.5)
            tops.append(f"highest {column} at layer {means.idxmax()} ({alt_text.number(float(means.max()))})")
        axes.set(xticks=range(len(layers)), xticklabels=layers, ylim=(0, 1))
        said.append(f"{where}: {', '.join(tops)}")

    figure = _grid(drawn, cell, "share", title)
    if said:
        figure.alt = alt_text.joined(title, ["Weights and contributions of layers, tasks by models", *said])
    return figure


def layer_worth(worth: pd.DataFrame, *, title: str = "") -> PageFigure:
    """Draw how good each layer is alone, and what is lost without it, tasks by models, with 95 % intervals.

    Parameters
    ----------
    worth
        Of :func:`articulens.tasks.drops`.
    title
        Above the figure.
    """
    said = []

    def cell(axes: Any, own: pd.DataFrame, where: str) -> None:
        places = np.arange(len(own))
        for column, colour, marker, label, shift in (
            ("alone", ALONE, "o", "layer alone: PER or accuracy", -0.12),
            ("drop", MISSED, "s", "loss without the layer", 0.12),
        ):
            axes.plot(places + shift, own[column], marker, color=colour, markersize=3.5, label=label)
            axes.vlines(places + shift, own[f"{column}_low"], own[f"{column}_high"], color=colour, linewidth=1.2)
        axes.axhline(0, color="0.4", linewidth=0.6)
        axes.set(xticks=places, xticklabels=own["layer"])
        alone, drop = (own.set_index("layer")[column].astype(float) for column in ("alone", "drop"))
        parts = [f"{layer} alone {alt_text.number(value)}" for layer, value in alone.items()]
        if drop.notna().any():
            parts.append(f"most missed {drop.idxmax()} ({alt_text.number(float(drop.max()))})")
        said.append(f"{where}: {', '.join(parts)}")

    figure = _grid(worth, cell, "score", title)
    if said:
        figure.alt = alt_text.joined(title, ["Each layer alone, and the loss without it, tasks by models", *said])
    return figure


def _grid(table: pd.DataFrame, cell: Any, ylabel: str, title: str) -> PageFigure:
    """Draw one small panel a task (row) and model (column), with one legend."""
    tasks, models = list(dict.fromkeys(table["task"])), list(dict.fromkeys(table["model"]))
    if not tasks:
        return nothing(title)
    with mpl.rc_context(STYLE):
        figure = PageFigure(figsize=(WIDTH, 0.9 + 1.35 * len(tasks)), layout="constrained")
        panels = figure.subplots(len(tasks), len(models), squeeze=False, sharey="row")
        for row, task in zip(panels, tasks, strict=True):
            for axes, model in zip(row, models, strict=True):
                own = table[(table["task"] == task) & (table["model"] == model)]
                axes.tick_params(labelsize=6.5)
                if not len(own):
                    axes.set_axis_off()
                    continue
                cell(axes, own, f"{task}, {model}")
                if any(len(label.get_text()) > 2 for label in axes.get_xticklabels()):
                    axes.tick_params(axis="x", rotation=60)
        _label(panels, tasks, models, ylabel)
        handles, labels = next(a for a in panels.flat if a.has_data()).get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
        figure.suptitle(title, fontsize=10)
    return figure


def _label(panels: np.ndarray, tasks: Sequence[str], models: Sequence[str], ylabel: str) -> None:
    for axes, model in zip(panels[0], models, strict=True):
        axes.set_title(model, fontsize=8)
    for axes, task in zip(panels[:, 0], tasks, strict=True):
        axes.set_ylabel(f"{task}\n{ylabel}", fontsize=8)
    for axes in panels[-1]:
        axes.set_xlabel("layer", fontsize=8)
