"""Figures of erasure and interchange show what their tables say."""

import numpy as np
import pandas as pd
import pytest

from articulens.figures_erasure import damage_by_layer, dose_response, excess_rows, patch_matrix

SHARES = pd.DataFrame(
    [
        {"model": m, "erased": e, "layer": layer, "rank": 2 ** int(layer), "speaker": s, "draw": d,
         "share": 0.1 * int(layer) * (e == "lips") + 0.01 * s}
        for m in ("one", "two") for e in ("lips", "mel") for layer in "123" for s in range(5) for d in range(2)
    ]
)  # fmt: skip


@pytest.mark.parametrize(("draw", "at"), [(damage_by_layer, [0, 1, 2]), (dose_response, [2, 4, 8])])
def test_each_erasure_is_a_line_over_layers_or_ranks(draw, at):
    figure = draw(SHARES, title="T")
    assert [axes.get_title() for axes in figure.axes] == ["one", "two"]
    lips, mel = figure.axes[0].lines
    assert list(lips.get_xdata()) == at and list(lips.get_ydata()) == pytest.approx([0.12, 0.22, 0.32])
    assert list(mel.get_ydata()) == pytest.approx([0.02] * 3)
    assert figure.alt.startswith("T.") and "lips: from 0.12" in figure.alt


def test_differences_stand_beside_their_intervals():
    rows = pd.DataFrame(
        {"name": ["a", "b"], "mean": [0.3, -0.1], "low": [0.2, np.nan], "high": [0.4, np.nan], "speakers": [9, 2],
         "group": ["random", "mel"]}
    )  # fmt: skip
    figure = excess_rows(rows, label="difference")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a", "b"]
    assert "a: mean 0.30 of 9, 95 % interval 0.20 to 0.40" in figure.alt and "nan" not in figure.alt


def test_the_matrix_is_of_means_over_speakers():
    table = pd.DataFrame(
        [
            {"model": "one", "differs": a, "patched": b, "speaker": s, "transferred": 0.5 * (a == b)}
            for a in ("lips", "tongue") for b in ("lips", "tongue") for s in range(3)
        ]
    )  # fmt: skip
    figure = patch_matrix(table, patched=["tongue", "lips", "random, as lips"])
    assert [text.get_text() for text in figure.axes[0].texts] == ["0.00", "0.50", "0.50", "0.00"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: damage_by_layer(SHARES[:0]),
        lambda: dose_response(SHARES[:0]),
        lambda: excess_rows(pd.DataFrame(), label=""),
        lambda: patch_matrix(pd.DataFrame(), patched=["lips"]),
    ],
)
def test_nothing_to_draw_is_said(draw):
    assert "nothing to show" in draw().alt.lower()
