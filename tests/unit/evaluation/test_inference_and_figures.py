"""Intervals over speakers, and figures that show what the table says."""

from base64 import b64decode

import matplotlib
import numpy as np
import pandas as pd
import pytest

from articulens.evaluation.comparison import layer_peak
from articulens.evaluation.inference import speaker_interval, summarise
from articulens.figures import (
    grid_heatmap,
    layer_panels,
    layer_profile,
    layer_sensor_heatmap,
    learning_curves,
    speaker_dots,
)

matplotlib.use("agg")


def scores(n_speakers=6, layers=("0", "1", "2", "10", "final"), models=("a", "b")) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        {"model": m, "layer": layer, "speaker": f"S{s}", "sensor": sensor, "axis": axis,
         "r": 0.1 * i + 0.05 * s + 0.01 * rng.normal()}
        for m in models
        for i, layer in enumerate(layers)
        for s in range(n_speakers)
        for sensor in ("TT", "LL")
        for axis in ("x", "z")
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_the_interval_of_too_few_speakers_is_not_made_up():
    assert np.isnan(speaker_interval([0.5, 0.6])).all()
    assert np.isnan(speaker_interval([0.5, np.nan, np.nan, 0.7])).all()
    assert speaker_interval([0.5, 0.5, 0.5, 0.5]) == (0.5, 0.5)
    assert speaker_interval([0.1, 0.2, 0.4, 0.5], seed=3) == speaker_interval([0.1, 0.2, 0.4, 0.5], seed=3)


def test_speakers_are_averaged_before_they_are_counted():
    table = scores(4)
    summary = summarise(table)
    expected = table.groupby(["model", "layer", "speaker"]).r.mean().groupby(["model", "layer"]).mean()
    for row in summary.itertuples():
        assert row.mean == pytest.approx(expected[row.model, row.layer])
        assert row.speakers == 4 and row.low <= row.mean <= row.high
    assert list(summary.layer[:5]) == ["0", "1", "2", "10", "final"]  # as the encoder orders them, not the alphabet


def test_the_heatmap_shows_the_means_of_the_table():
    table = scores(models=("a",))
    figure = layer_sensor_heatmap(table, title="T")
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["final", "10", "2", "1", "0"]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["TT.x", "TT.z", "LL.x", "LL.z"]
    shown = [float(t.get_text()) for t in axes.texts]
    expected = table.groupby(["layer", "sensor", "axis"]).r.mean()
    assert shown[0] == pytest.approx(expected["final", "TT", "x"], abs=0.005)
    assert shown[-1] == pytest.approx(expected["0", "LL", "z"], abs=0.005)


def test_the_peak_of_a_model_is_sure_when_speakers_agree_on_it():
    table = scores(models=("a",))
    peak = layer_peak(table)
    assert (peak.layer, peak.low, peak.high, peak.inside) == ("final", "final", "final", False)
    turned = table.assign(r=table["r"].where(table["layer"] != "final", 0))
    assert layer_peak(turned).layer == "10" and layer_peak(turned).inside
    # Two speakers in three peak at the second layer, one at the fourth: the interval holds both.
    split = turned.assign(r=np.where((turned["layer"] == "1") & (turned["speaker"] < "S4"), 0.6, turned["r"]))
    assert (layer_peak(split).layer, layer_peak(split).low, layer_peak(split).high) == ("1", "1", "10")
    few = layer_peak(scores(3, models=("a",)))
    assert few.low is None and not few.inside and "too few speakers" in str(few)


def test_panels_share_their_layers():
    table = scores()
    figure = layer_panels({"mean r": (table, "r"), "twice": (table.assign(twice=2 * table["r"]), "twice")}, title="T")
    top, bottom = figure.axes
    assert [t.get_text() for t in bottom.get_xticklabels()] == ["0", "1", "2", "10", "final"]
    height = lambda axes: axes.containers[0].lines[0].get_ydata()  # noqa: E731
    assert height(bottom) == pytest.approx(2 * height(top))


def test_the_profile_has_a_line_for_each_model_and_each_reference():
    table = pd.concat([scores(), scores(layers=("0",), models=("logmel",))])
    axes = layer_profile(table, references=["logmel"]).axes[0]
    assert {t.get_text().split(" (")[0] for t in axes.get_legend().get_texts()} == {"a", "b", "logmel"}
    assert [t.get_text() for t in axes.get_xticklabels()] == ["0", "1", "2", "10", "final"]
    line = axes.lines[0]
    expected = table[table.model == "a"].groupby(["layer", "speaker"]).r.mean().groupby("layer").mean()
    shown = np.asarray(line.get_ydata(), dtype=float)
    np.testing.assert_allclose(shown, [expected[name] for name in ("0", "1", "2", "10", "final")])


def test_one_speaker_can_be_drawn():
    layer_profile(scores(1))
    layer_sensor_heatmap(scores(1))


def test_a_notebook_can_show_a_figure_that_pyplot_has_never_seen(monkeypatch):
    from IPython.core.formatters import DisplayFormatter

    shown = {}
    monkeypatch.setattr("IPython.display.display", lambda data, **more: shown.update(data, **more))
    DisplayFormatter().format(layer_profile(scores()))  # as in a fresh kernel: nobody has registered figures
    picture = b64decode(shown["image/png"])
    assert picture.startswith(b"\x89PNG") and len(picture) < 200_000
    assert shown["metadata"]["image/png"]["alt"] == layer_profile(scores()).alt


def test_an_empty_table_is_drawn_as_such():
    empty = scores(1).head(0)
    for figure in (speaker_dots(empty, category="model"), grid_heatmap(empty, rows="speaker", columns="layer")):
        assert "nothing to show" in figure.axes[0].texts[0].get_text()


def test_dots_show_every_speaker_and_the_mean():
    table = pd.DataFrame({"model": ["a"] * 5 + ["b"] * 5, "speaker": list("vwxyz") * 2, "r": np.linspace(0.1, 1, 10)})
    axes = speaker_dots(table, category="model").axes[0]
    np.testing.assert_allclose(axes.lines[0].get_xdata(), table.r[:5])
    np.testing.assert_allclose(axes.lines[2].get_xdata(), [table.r[:5].mean()])
    assert [t.get_text() for t in axes.get_yticklabels()] == ["a", "b"]


def test_curves_average_only_sizes_that_all_have():
    curves = pd.DataFrame(
        [
            {"probe": "ridge", "speaker": s, "draw": 0, "seconds": t, "r": t / 10 + (s == "b")}
            for s, sizes in (("a", (1, 2, 4)), ("b", (1, 2)))
            for t in sizes
        ]
    )
    axes = learning_curves(curves, mark=2.0).axes[0]
    mean = next(line for line in axes.lines if line.get_label() == "ridge")
    np.testing.assert_allclose(mean.get_xdata(), [1, 2])
    np.testing.assert_allclose(mean.get_ydata(), [0.6, 0.7])
