"""Figures of similarity: matrices of layers against layers, and profiles of layers against one view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd

from articulens import alt_text
from articulens.drawing import STYLE, STYLES, WIDTH, PageFigure, canvas, nothing


def similarity_grid(table: pd.DataFrame, rows: Sequence[str], columns: Sequence[str], *, form: str) -> pd.DataFrame:
    """Return CKA of all layers of some models (rows) with all layers of others (columns).

    Parameters
    ----------
    table
        Of :class:`articulens.similarity.Similarity`.
    rows, columns
        Models, in this order.
    form
        Which form of CKA.

    Returns
    -------
    DataFrame with (model, layer) as index and as columns; NaN for pairs that were not compared.
    """
    chosen = table[table["form"] == form]
    swapped = chosen.rename(
        columns=lambda c: {"a": f"{c[:-1]}b", "b": f"{c[:-1]}a"}[c[-1]] if c[-2:] in ("_a", "_b") else c
    )
    both = pd.concat([chosen, swapped]).drop_duplicates(["model_a", "layer_a", "model_b", "layer_b"])
    views = pd.MultiIndex.from_frame(both[["model_a", "layer_a"]].drop_duplicates(), names=["model", "layer"])
    index, other = ([v for m in models for v in views if v[0] == m] for models in (rows, columns))
    cells = both.set_index(["model_a", "layer_a", "model_b", "layer_b"])["cka"]
    values = [[cells.get((*a, *b), np.nan) for b in other] for a in index]
    names = ["model", "layer"]
    return pd.DataFrame(
        values, pd.MultiIndex.from_tuples(index, names=names), pd.MultiIndex.from_tuples(other, names=names)
    )


def similarity_matrix(grid: pd.DataFrame, *, title: str = "") -> PageFigure:
    """Draw one matrix of layers against layers, with lines between models.

    Parameters
    ----------
    grid
        Of :func:`similarity_grid`.
    title
        Above the figure.
    """
    if not grid.size:
        return nothing(title)
    with mpl.rc_context({**STYLE, "axes.spines.top": True, "axes.spines.right": True}):
        figure, axes = canvas(min(8.5, 1.6 + WIDTH * 0.8 * len(grid) / len(grid.columns)))
        image = _draw(axes, grid)
        axes.set_title(title)
        figure.colorbar(image, ax=axes, label="linear CKA", shrink=0.8)
    figure.alt = _told(grid, title)
    return figure


def similarity_matrices(grids: Mapping[str, pd.DataFrame], *, columns: int = 4, title: str = "") -> PageFigure:
    """Draw several matrices side by side on one scale of colours.

    Parameters
    ----------
    grids
        Of :func:`similarity_grid`, by what stands above each.
    columns
        Matrices in one row.
    title
        Above the figure.
    """
    grids = {name: grid for name, grid in grids.items() if grid.size}
    if not grids:
        return nothing(title)
    across = min(columns, len(grids))
    down = -(-len(grids) // across)
    first = next(iter(grids.values()))
    same = all(g.index.equals(first.index) and g.columns.equals(first.columns) for g in grids.values())
    with mpl.rc_context({**STYLE, "axes.spines.top": True, "axes.spines.right": True}):
        figure = PageFigure(figsize=(WIDTH, 0.7 + 2.1 * down), layout="constrained")
        every = figure.subplots(down, across, squeeze=False)
        for axes in every.flat[len(grids) :]:
            axes.set_axis_off()
        for axes, (name, grid) in zip(every.flat, grids.items(), strict=False):
            image = _draw(axes, grid)
            axes.set_title(name, fontsize=8)
            if same and len(grids) == across * down:
                axes.label_outer()
        figure.colorbar(image, ax=every, label="linear CKA", shrink=0.8)
        figure.suptitle(title, fontsize=10)
    told = [_told(grid, name) for name, grid in grids.items()]
    figure.alt = alt_text.joined(title, [f"{len(grids)} heatmaps side by side", *told])
    return figure


def _draw(axes: Any, grid: pd.DataFrame) -> Any:
    image = axes.imshow(grid.to_numpy(dtype=float), cmap="viridis", vmin=0, vmax=1, aspect="auto")
    for index, axis, line in ((grid.index, axes.yaxis, axes.axhline), (grid.columns, axes.xaxis, axes.axvline)):
        models = list(index.get_level_values(0))
        starts = [i for i in range(1, len(models)) if models[i] != models[i - 1]]
        for start in starts:
            line(start - 0.5, color="white", linewidth=1.5)
        labels = list(index.get_level_values(1))
        if starts:  # the model where it begins, then its layers
            labels = [f"{models[i]} {layer}" if i in (0, *starts) else layer for i, layer in enumerate(labels)]
        axis.set_ticks(range(len(labels)), labels, fontsize=6 if len(labels) > 12 else 7)
    axes.tick_params(axis="x", rotation=90)
    return image


def _told(grid: pd.DataFrame, title: str) -> str:
    rows, columns = (
        [f"{model}, layer {layer}" for model, layer in zip(*map(index.get_level_values, (0, 1)), strict=True)]
        for index in (grid.index, grid.columns)
    )
    flat = pd.DataFrame(grid.to_numpy(), index=rows, columns=columns)
    same = np.array([[row == column for column in columns] for row in rows])
    return alt_text.of_grid(flat.mask(same), "linear CKA of different layers", title=title)


def similarity_profiles(
    table: pd.DataFrame, towards: Sequence[tuple[str, str]], models: Sequence[str], *, form: str, title: str = ""
) -> PageFigure:
    """Draw how alike the layers of each model are to single views, one panel a view, with intervals.

    Parameters
    ----------
    table
        Of :class:`articulens.similarity.Similarity`.
    towards
        The views, ``("phones", "labels")``, one panel each.
    models
        One line each, from its first layer at the left to its last at the right; models of one layer are drawn across.
    form
        Which form of CKA.
    title
        Above the figure.
    """
    panels = {view: toward(table, view, models, form=form) for view in towards}
    panels = {view: rows for view, rows in panels.items() if len(rows)}
    if not panels:
        return nothing(title)
    with mpl.rc_context(STYLE):
        figure = PageFigure(figsize=(WIDTH, 0.8 + 1.7 * len(panels)), layout="constrained")
        every = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
        words = [title]
        for axes, (view, rows) in zip(every, panels.items(), strict=True):
            for (model, line), (colour, marker, dash) in zip(
                rows.groupby("model", sort=False), cycle(STYLES), strict=False
            ):
                if len(line) == 1:
                    axes.axhline(line["cka"].iloc[0], color=colour, linestyle=dash, linewidth=1, label=model)
                    continue
                error = np.nan_to_num(np.array([line["cka"] - line["low"], line["high"] - line["cka"]]))
                axes.errorbar(
                    line["depth"], line["cka"], error, color=colour, marker=marker, linestyle=dash, markersize=4,
                    linewidth=1, capsize=2, label=model,
                )  # fmt: skip
            axes.set(ylabel=f"CKA with\n{view[0]}")
            axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
            words.append(
                alt_text.of_lines(
                    rows.assign(layer="layer " + rows["layer"]), name="model", at="layer", value="cka",
                    what=f"CKA with {view[0]} from the first layer to the last",
                )
            )  # fmt: skip
        every[0].set_title(title)
        every[0].legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
        every[-1].set(xticks=[0, 0.5, 1], xticklabels=["first layer", "middle", "last layer"])
    figure.alt = alt_text.joined("", words)
    return figure


def toward(table: pd.DataFrame, view: tuple[str, str], models: Sequence[str], *, form: str) -> pd.DataFrame:
    """Return how alike all layers of some models are to one view.

    Returns
    -------
    DataFrame with ``model``, ``layer``, ``depth`` (0 for a model's first layer, 1 for its last), ``cka``, ``low`` and
    ``high``, in the order of models and layers.
    """
    rows = []
    chosen = table[table["form"] == form]
    for _, row in chosen.iterrows():
        a, b = (row["model_a"], row["layer_a"]), (row["model_b"], row["layer_b"])
        if view in (a, b) and a != b:
            model, layer = b if a == view else a
            rows.append({"model": model, "layer": layer, **row[["cka", "low", "high"]]})
    found = pd.DataFrame(rows, columns=["model", "layer", "cka", "low", "high"])
    found = pd.concat([found[found["model"] == model] for model in models], ignore_index=True)
    place, size = found.groupby("model").cumcount(), found.groupby("model")["layer"].transform("size")
    return found.assign(depth=place / (size - 1).clip(lower=1))
