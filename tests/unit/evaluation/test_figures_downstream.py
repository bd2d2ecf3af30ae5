"""The figures of chapter 12 show what their tables say."""

import numpy as np
import pandas as pd
import pytest

from articulens.figures_downstream import (
    angle_spectra,
    correlation_intervals,
    predictors_and_outcomes,
    training_curves,
)

MODELS = pd.DataFrame(
    {"model": list("abcd"), "family": list("kkmm"), "articulatory": [0.1, 0.2, 0.4, 0.3], "PR": [0.2, 0.4, 0.8, 0.6]}
)


def test_every_model_is_a_mark_and_the_correlation_is_told():
    figure = predictors_and_outcomes(MODELS, predictors=["articulatory"], outcomes=["PR"], title="T")
    (axes,) = figure.axes
    assert [list(line.get_xdata()) for line in axes.lines] == [[0.1, 0.2], [0.4, 0.3]]
    assert [list(line.get_ydata()) for line in axes.lines] == [[0.2, 0.4], [0.8, 0.6]]
    assert axes.get_title(loc="right") == "r = 1.00" and "articulatory and PR: r 1.00" in figure.alt
    assert "4 models" in figure.alt and figure.alt.startswith("T.")
    two = predictors_and_outcomes(MODELS[:2], predictors=["articulatory"], outcomes=["PR"])
    assert "r " not in two.axes[0].get_title(loc="right")  # two models are on a line whatever they are


def test_intervals_are_drawn_where_there_are_any():
    rows = pd.DataFrame(
        {"outcome": ["PR", "PR", "SID"], "predictor": ["a", "b", "a"], "r": [0.5, 0.2, -0.1],
         "low": [0.1, np.nan, -0.4], "high": [0.8, np.nan, 0.3]}
    )  # fmt: skip
    figure = correlation_intervals(rows)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["PR", "SID"]
    assert "PR, a: 0.50, 95 % interval 0.10 to 0.80. PR, b: 0.20. SID" in figure.alt


def test_angles_rise_by_their_number():
    related = pd.DataFrame({"relation": ["own", "own", "other"], "angle 1": [10, 20, 30], "angle 2": [40, 60, 80]})
    figure = angle_spectra(related)
    assert [list(line.get_ydata()) for line in figure.axes[0].lines] == [[15, 50], [30, 80]]
    assert "own: from 15.00 at angle 1 to 50.00 at angle 2" in figure.alt


def test_each_training_has_a_panel():
    table = pd.DataFrame({"training": ["one", "one", "two"], "step": [200, 100, 50], "PR": [0.5, 0.3, 0.1]})
    figure = training_curves(table, values=["PR"])
    assert [axes.get_title() for axes in figure.axes] == ["one", "two"]
    assert list(figure.axes[0].lines[0].get_ydata()) == pytest.approx([0.3, 0.5])
    assert "one, PR: from 0.30 to 0.50" in figure.alt


@pytest.mark.parametrize(
    "draw",
    [
        lambda: predictors_and_outcomes(MODELS, predictors=["articulatory"], outcomes=[]),
        lambda: correlation_intervals(pd.DataFrame()),
        lambda: angle_spectra(pd.DataFrame()),
        lambda: training_curves(pd.DataFrame(), values=[]),
    ],
)
def test_nothing_to_draw_is_said(draw):
    assert "nothing to show" in draw().alt.lower()
