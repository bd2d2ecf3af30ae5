"""Figures of the lens on speech–text models: what layers would say over time, hits, masses, curves and effects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from articulens import alt_text
from articulens.drawing import STYLE, STYLES, WIDTH, PageFigure, canvas, nothing

RIGHT, NEXT, OTHER = "#009E73", "#E69F00", "#DDE3E8"
PHASES = {"transcription begins": "#56B4E9", "prediction begins": "#E69F00", "speech returns": "#CC79A7"}


def top_words(table: pd.DataFrame) -> pd.DataFrame:
    """Return what each layer would say during each word.

    Parameters
    ----------
    table
        Of `articulens.speechlm.picture`.

    Returns
    -------
    DataFrame: ``layer, number`` (of the word), ``word, start_s, end_s, token, p``: the token with the highest mean
    probability over the word's units, and that mean; units between words are left out.
    """
    places = table[["position", "word", "start_s", "end_s"]].drop_duplicates().sort_values("position")
    places["number"] = (places["word"] != places["word"].shift()).cumsum()
    places = places[places["word"] != ""]
    spans = places.groupby("number").agg(
        word=("word", "first"), start_s=("start_s", "min"), end_s=("end_s", "max"), n=("position", "size")
    )
    known = table.merge(places[["position", "number"]], on="position")
    mass = known.groupby(["layer", "number", "token"], sort=False)["p"].sum().reset_index()
    best = mass.loc[mass.groupby(["layer", "number"], sort=False)["p"].idxmax()]
    best = best.merge(spans.reset_index(), on="number")
    best["p"] /= best["n"]
    best["token"] = best["token"].str.strip()
    return best[["layer", "number", "word", "start_s", "end_s", "token", "p"]].reset_index(drop=True)


def lens_picture(words: pd.DataFrame, *, title: str = "") -> PageFigure:
    """Draw time against layer, in each cell the word that the layer would say.

    Parameters
    ----------
    words
        Of `top_words`: the spoken word below, the layers above it from the lowest; green where the word that is being
        said would be said, orange where the next one would.
    title
        Above the figure.
    """
    layers = list(dict.fromkeys(words["layer"]))
    spoken = words.drop_duplicates("number").sort_values("number")
    following = dict(zip(spoken["number"], [*spoken["word"].iloc[1:], None], strict=True))
    end, start = spoken["end_s"].max(), spoken["start_s"].min()
    with mpl.rc_context(STYLE):
        figure, axes = canvas(0.9 + 0.34 * (len(layers) + 1))
        small: Any = {"ha": "center", "va": "center", "fontsize": 6.5}
        for cell in _rows(words):
            right, ahead = cell.token == cell.word, cell.token == following[cell.number]
            colour = RIGHT if right else NEXT if ahead else OTHER
            y, width = layers.index(cell.layer), cell.end_s - cell.start_s
            alpha = 0.25 + 0.75 * min(1.0, cell.p) if right or ahead else 1.0
            axes.barh(y, width, left=cell.start_s, height=0.94, color=colour, alpha=alpha, edgecolor="white")
            room = max(2, int(92 * width / (end - start)))
            text = cell.token if len(cell.token) <= room else cell.token[: room - 1] + "…"
            axes.text((cell.start_s + cell.end_s) / 2, y, text, **small)
        for word in _rows(spoken):
            axes.text((word.start_s + word.end_s) / 2, -1, word.word, weight="bold", **small)
        axes.set(
            yticks=range(-1, len(layers)),
            yticklabels=["said", *layers],
            xlabel="time (s)",
            ylabel="layer",
            title=title,
            xlim=(start - 0.03 * (end - start), end + 0.03 * (end - start)),
            ylim=(-1.5, len(layers) - 0.5),
        )
    counts = {
        layer: (int((part["token"] == part["word"]).sum()), int((part["token"] == part["number"].map(following)).sum()))
        for layer, part in words.groupby("layer", sort=False)
    }
    figure.alt = alt_text.joined(
        title,
        [
            f"What each of {len(layers)} layers would say during the {len(spoken)} words {' '.join(spoken['word'])}",
            *(
                f"Layer {layer!s}: {here} of them are the word itself, {ahead} the next one"
                for layer, (here, ahead) in counts.items()
            ),
        ],
    )
    return figure


def hit_curves(
    hits: pd.DataFrame,
    *,
    compare: str,
    k: int,
    across: pd.DataFrame | None = None,
    published: Mapping[str, float] | None = None,
    title: str = "",
) -> PageFigure:
    """Draw hit@k by layer, a line for each `compare`, with intervals.

    Parameters
    ----------
    hits
        Of `articulens.speechlm.hits`, with ``layer`` and `compare`.
    compare, k
        Column that tells the lines apart, and which k.
    across
        Controls without layers (``control, k, hit, low, high``): grey lines across.
    published
        Published numbers by name: dotted lines, marked as such.
    title
        Above the figure.
    """
    table = hits[hits["k"] == k].rename(columns={"hit": "mean"})
    if table.empty:
        return nothing(title)
    with mpl.rc_context(STYLE):
        figure, axes = canvas(3.6)
        _curves(axes, table, compare)
        dashes = cycle(["--", "-.", ":"])
        said = []
        if across is not None:
            for row in _rows(across[across["k"] == k]):
                axes.axhline(row.hit, color="0.35", linestyle=next(dashes), linewidth=1, label=f"{row.control}")
                axes.axhspan(row.low, row.high, color="0.35", alpha=0.1, linewidth=0)
                said.append(f"{row.control} across: {row.hit:.2f}")
        for name, value in (published or {}).items():
            axes.axhline(value, color="0.6", linestyle=(0, (1, 3)), linewidth=2, label=f"{name} (published)")
            said.append(f"Published, {name}: {value:.2f}")
        axes.set(xlabel="layer", ylabel=f"hit@{k}", title=title, ylim=(0, 1.02))
        figure.legend(frameon=False, fontsize=7.5, loc="outside lower center", ncols=2)
    lines = alt_text.of_lines(
        table, name=compare, at="layer", what=f"Share of words among the first {k} by layer", title=title
    )
    figure.alt = alt_text.joined("", [lines, *said])
    return figure


def mass_curves(curves: pd.DataFrame, phases: pd.DataFrame, *, title: str = "") -> PageFigure:
    """Draw by layer how much probability text and units hold, and where the phases begin.

    Parameters
    ----------
    curves
        ``layer, measure, mean, low, high`` of the measures to draw.
    phases
        Of `articulens.speechlm.phases`: a dashed line where a phase begins, shaded over its interval.
    title
        Above the figure.
    """
    layers = list(dict.fromkeys(curves["layer"]))
    with mpl.rc_context(STYLE):
        figure, axes = canvas(3.4)
        _curves(axes, curves, "measure")
        said = []
        for row in _rows(phases[phases["layer"] != ""]):
            if (colour := PHASES.get(row.boundary)) is None:
                continue
            axes.axvline(layers.index(row.layer), color=colour, linestyle="--", label=row.boundary)
            if row.low:
                axes.axvspan(layers.index(row.low), layers.index(row.high), color=colour, alpha=0.15, linewidth=0)
            said.append(f"{row.boundary} at layer {row.layer}")
        axes.set(xlabel="layer", ylabel="share", title=title, ylim=(0, 1.02))
        figure.legend(frameon=False, fontsize=7.5, loc="outside lower center", ncols=3)
    lines = alt_text.of_lines(curves, name="measure", at="layer", what="Shares by layer", title=title)
    figure.alt = alt_text.joined("", [lines, *said])
    return figure


def training_curves(curves: Mapping[str, pd.DataFrame], measures: Sequence[str], *, title: str = "") -> PageFigure:
    """Draw held-out losses over training, a panel a measure and a line a model.

    Parameters
    ----------
    curves
        Model to a table with ``step`` and the measures (nats a token).
    measures
        What to draw, from top to bottom.
    title
        Above the figure.
    """
    with mpl.rc_context(STYLE):
        figure = PageFigure(figsize=(WIDTH, 0.8 + 1.5 * len(measures)), layout="constrained")
        rows = figure.subplots(len(measures), sharex=True, squeeze=False)[:, 0]
        words = [title]
        for axes, measure in zip(rows, measures, strict=True):
            for (name, table), (colour, marker, line) in zip(curves.items(), cycle(STYLES), strict=False):
                axes.plot(
                    table["step"], table[measure], color=colour, marker=marker, markersize=3, linestyle=line, label=name
                )
            axes.set(ylabel=f"{measure}\n(nats a token)")
            ends = [f"{name} {t[measure].iloc[0]:.2f} to {t[measure].iloc[-1]:.2f}" for name, t in curves.items()]
            words.append(f"Held-out loss, {measure}: {'; '.join(ends)}")
        rows[0].set(title=title)
        rows[0].legend(frameon=False, fontsize=7.5)
        rows[-1].set(xlabel="step")
    figure.alt = alt_text.joined("", words)
    return figure


def effect_curves(effects: pd.DataFrame, measures: Mapping[str, str], *, title: str = "") -> PageFigure:
    """Draw by layer what a removal adds to a loss, a panel a loss and a line a contrast, with intervals.

    Parameters
    ----------
    effects
        Of `articulens.speechlm.ablation_effects`: ``layer, contrast, measure, mean, low, high``.
    measures
        Measure to the words of its axis.
    title
        Above the figure.
    """
    with mpl.rc_context(STYLE):
        figure = PageFigure(figsize=(WIDTH, 0.8 + 1.6 * len(measures)), layout="constrained")
        rows = figure.subplots(len(measures), sharex=True, squeeze=False)[:, 0]
        words = [title]
        for axes, (measure, label) in zip(rows, measures.items(), strict=True):
            table = effects[effects["measure"] == measure]
            _curves(axes, table, "contrast")
            axes.axhline(0, color="0.6", linewidth=0.6)
            axes.set(ylabel=label)
            words.append(alt_text.of_lines(table, name="contrast", at="layer", what=f"By layer, {label}"))
        rows[0].set(title=title)
        rows[0].legend(frameon=False, fontsize=7.5)
        rows[-1].set(xlabel="layer")
    figure.alt = alt_text.joined("", words)
    return figure


def loss_dots(table: pd.DataFrame, *, rows: str, compare: str, label: str, title: str = "") -> PageFigure:
    """Draw means with intervals, a row each and a colour for each `compare`.

    Parameters
    ----------
    table
        `rows`, `compare`, ``mean, low, high``.
    rows, compare, label, title
        Columns, the words of the axis, and what stands above.
    """
    names, lines = list(dict.fromkeys(table[rows])), list(dict.fromkeys(table[compare]))
    with mpl.rc_context(STYLE):
        figure, axes = canvas(1.3 + 0.22 * len(names) * len(lines))
        said = []
        for i, (line, (colour, marker, _)) in enumerate(zip(lines, cycle(STYLES), strict=False)):
            for row in _rows(table[table[compare] == line]):
                y = names.index(getattr(row, rows)) + (i - (len(lines) - 1) / 2) * 0.8 / len(lines)
                axes.plot([row.low, row.high], [y, y], color=colour, linewidth=1)
                first = getattr(row, rows) == names[0]
                axes.plot(row.mean, y, marker, color=colour, markersize=5, label=line if first else None)
                said.append(f"{getattr(row, rows)}, {line}: {row.mean:.2f}")
        axes.set(yticks=range(len(names)), yticklabels=names, xlabel=label, title=title)
        axes.invert_yaxis()
        axes.grid(axis="x", alpha=0.3)
        figure.legend(frameon=False, fontsize=7.5, loc="outside lower center", ncols=2)
    figure.alt = alt_text.joined(title, [label, *said])
    return figure


def _rows(table: pd.DataFrame) -> Iterator[Any]:
    """Yield rows with columns as attributes."""
    return iter(table.itertuples())


def _curves(axes: Axes, table: pd.DataFrame, compare: str) -> None:
    """Draw means and intervals by layer, a line for each `compare`."""
    layers = list(dict.fromkeys(table["layer"]))
    for (name, line), (colour, marker, style) in zip(table.groupby(compare, sort=False), cycle(STYLES), strict=False):
        error = np.nan_to_num(np.array([line["mean"] - line["low"], line["high"] - line["mean"]])).clip(min=0)
        axes.errorbar(
            [layers.index(layer) for layer in line["layer"]], line["mean"], error, color=colour, marker=marker,
            markersize=4, linestyle=style, label=name, capsize=2,
        )  # fmt: skip
    axes.set(xticks=range(len(layers)), xticklabels=layers)
