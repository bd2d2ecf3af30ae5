"""Alt text says what the table says."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

from articulens import alt_text
from articulens.drawing import WIDTH, canvas, nothing
from articulens.figures import (
    grid_heatmap,
    layer_panels,
    layer_profile,
    layer_sensor_heatmap,
    learning_curves,
    speaker_dots,
)
from articulens.figures_audit import resampled_track, waterfall

matplotlib.use("agg")

SCORES = pd.DataFrame(
    [
        {"model": m, "layer": layer, "speaker": f"S{s}", "sensor": sensor, "axis": "x", "r": r + 0.01 * s - 0.015}
        for m, offset in (("a", 0.0), ("b", -0.2))
        for layer, level in (("0", 0.3), ("1", 0.6), ("final", 0.5))
        for sensor, r in (("TT", level + offset), ("UL", level + offset - 0.1))
        for s in range(4)
    ]
)


def test_heatmaps_name_their_ends():
    alt = layer_sensor_heatmap(SCORES[SCORES["model"] == "a"], title="Map").alt
    assert alt.startswith("Map. Heatmap of Pearson r by layer and channel, 3 by 2 cells.")
    assert "Highest 0.60 at layer 1, TT.x; lowest 0.20 at layer 0, UL.x." in alt
    assert "lowest 0.05 at b, final" not in grid_heatmap(SCORES, rows="model", columns="layer").alt
    assert "Highest 0.55 at a, 1; lowest 0.05 at b, 0." in grid_heatmap(SCORES, rows="model", columns="layer").alt


def test_profiles_follow_every_line():
    alt = layer_profile(SCORES, title="T").alt
    assert "a: from 0.25 at layer 0 to 0.45 at layer final, highest 0.55 at layer 1." in alt
    assert "b: from 0.05 at layer 0 to 0.25 at layer final, highest 0.35 at layer 1." in alt
    many = pd.concat([SCORES[SCORES["model"] == "a"].assign(model=f"m{i}") for i in range(6)])
    assert "m3: highest 0.55 at layer 1." in layer_profile(many).alt
    panels = layer_panels({"mean r": (SCORES, "r"), "twice": (SCORES.assign(t=2 * SCORES["r"]), "t")}, title="P").alt
    assert panels.startswith("P. By layer, mean r. a: from 0.25") and "By layer, twice. a: from 0.50" in panels


def test_dots_have_mean_interval_and_number():
    table = SCORES.groupby(["model", "speaker"])["r"].mean().reset_index()
    alt = speaker_dots(table, category="model").alt
    assert "a: mean 0.42 of 4, 95 % interval 0.39 to 0.44." in alt
    assert "a, x: mean 0.42" in speaker_dots(table.assign(group="x"), category="model", group="group").alt
    few = speaker_dots(table[table["speaker"] < "S2"], category="model").alt
    assert "a: mean 0.41 of 2." in few and "interval" not in few
    assert "nothing to show" in speaker_dots(table[:0], category="model", title="None").alt


def test_curves_say_where_they_are_lowest_ends_and_what_was_published():
    curves = pd.DataFrame(
        [{"probe": p, "speaker": "S", "draw": 0, "seconds": s, "r": r} for p, r, s in
         (("ridge", 0.4, 1.0), ("ridge", 0.6, 3.0), ("least squares", 0.3, 1.0), ("least squares", 0.1, 3.0))]
    )  # fmt: skip
    printed = pd.DataFrame({"seconds": [20.0, 60.0], "r": [0.26, 0.53], "low": [0.1, 0.3], "high": [0.4, 0.6]})
    alt = learning_curves(curves, published=printed).alt
    assert "ridge: from 0.40 at 1.0 s to 0.60 at 3.0 s, highest 0.60 at 3.0 s." in alt
    assert "least squares: from 0.30 at 1.0 s to 0.10 at 3.0 s" in alt
    assert "published, least squares: from 0.26 at 20.0 s to 0.53 at 60.0 s" in alt


def test_waterfalls_and_tracks():
    steps = pd.DataFrame({"step": ["start", "ridge", "end"], "r": [0.7, 0.75, 0.4], "low": np.nan, "high": np.nan})
    alt = waterfall(steps, printed={"printed, best": 0.78}, title="W").alt
    assert alt == "W. Waterfall from 0.70 (start) to 0.40 (end). Changes: ridge +0.05, end -0.35. printed, best 0.78."
    track = pd.DataFrame({"time_s": [0.0, 1.0, 2.0], "mm": [1.0, 5.0, 2.0], "resampling": "exact"})
    assert "exact: 1.0 mm at the start, 2.0 as a median, 2.0 at the end." in resampled_track(track).alt


def test_what_is_empty_or_unknown_is_said():
    assert alt_text.of_grid(pd.DataFrame({"a": [np.nan]}), "r") == "Heatmap of r, 1 by 1 cells. All cells are empty."
    assert alt_text.number(np.nan) == "unknown"
    assert "nothing to show" in nothing("Layers").alt.lower()


def test_a_figure_hands_its_words_to_the_page():
    figure, _ = canvas(1)
    assert figure._repr_png_()[1] == {}
    figure.alt = "words"
    data, told = figure._repr_png_()
    assert told == {"alt": "words"} and data.startswith(b"\x89PNG")
    assert pytest.approx(WIDTH) == figure.get_size_inches()[0]
