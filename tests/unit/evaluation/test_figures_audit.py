"""The figures of the audit show what their tables say."""

import numpy as np
import pandas as pd
import pytest

from articulens.figures_audit import resampled_track, waterfall


def test_every_bar_starts_where_the_last_ended():
    r = [0.7, 0.5, 0.55, -0.1]
    steps = pd.DataFrame({"step": list("abcd"), "r": r, "low": np.subtract(r, 0.05), "high": np.add(r, 0.05)})
    axes = waterfall(steps, printed={"printed": 0.8}, title="T").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["printed", *"abcd"]
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches]
    np.testing.assert_allclose(bars, [(0, 0.8), (0, 0.7), (0.7, 0.5), (0.5, 0.55), (0, -0.1)])
    assert [text.get_text() for text in axes.texts] == ["0.80", "0.700", "−0.200", "+0.050", "−0.650 → −0.100"]
    assert axes.get_xlim()[0] < -0.15  # negative ends stay in view
    intervals = [line.get_xdata() for line in axes.lines if len(set(line.get_ydata())) == 1]
    np.testing.assert_allclose(intervals, list(zip(steps.low, steps.high, strict=True)))


def test_steps_without_intervals_can_be_drawn():
    steps = pd.DataFrame({"step": ["a", "b"], "r": [0.2, 0.4], "low": [np.nan] * 2, "high": [np.nan] * 2})
    assert [text.get_text() for text in waterfall(steps).axes[0].texts] == ["0.200", "+0.200 → 0.400"]


def test_tracks_are_drawn_by_name():
    table = pd.DataFrame({"time_s": [0, 1, 0, 1], "mm": [1.0, 2, 3, 4], "resampling": ["p", "p", "e", "e"]})
    axes = resampled_track(table).axes[0]
    assert [line.get_label() for line in axes.lines] == ["p", "e"]
    assert axes.lines[1].get_ydata() == pytest.approx([3, 4])
