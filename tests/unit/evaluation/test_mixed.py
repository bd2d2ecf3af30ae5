"""The mixed model finds what a simulation put in, and agrees with paired differences where it must."""

import builtins

import numpy as np
import pandas as pd
import pytest

from articulens.errors import ArticulensError
from articulens.evaluation.mixed import COLUMNS, mixed_effects

FIXED = {"condition": "L1", "task": "T2"}
EFFECT = {"L1": 0.0, "L2": -0.12, "accent": 0.0, "T1": 0.08, "T2": 0.0, "T3": -0.3}


def simulate(seed, speakers=18, noise=0.05, between=0.15):
    rng = np.random.default_rng(seed)
    rows = [
        {"speaker": f"S{s}", "condition": c, "task": t, "r": np.tanh(0.9 + u + EFFECT[c] + EFFECT[t] + e)}
        for s, u in enumerate(rng.normal(0, between, speakers))
        for c in ("L1", "L2", "accent")
        for t in ("T2", "T1", "T3")
        for e in [rng.normal(0, noise)]
    ]
    return pd.DataFrame(rows)


def test_the_truth_lies_in_the_intervals_as_often_as_promised():
    covered = []
    for seed in range(30):
        table = mixed_effects(simulate(seed), FIXED).set_index("level")
        for level in ("L2", "accent", "T1", "T3"):
            base = 0.9 + (np.mean([0, 0.08, -0.3]) if level in ("L2", "accent") else np.mean([0, -0.12, 0]))
            truth = np.tanh(base + EFFECT[level]) - np.tanh(base)
            covered.append(table.loc[level, "low"] < truth < table.loc[level, "high"])
    assert np.mean(covered) > 0.88  # 120 intervals of 95 %; the base is estimated, too


def test_balanced_effects_are_mean_paired_differences():
    scores = simulate(3)
    table = mixed_effects(scores, FIXED).set_index("level")
    z = scores.assign(z=np.arctanh(scores["r"])).pivot_table(index="speaker", columns="condition", values="z")
    assert table.loc["L2", "z"] == pytest.approx((z["L2"] - z["L1"]).mean(), abs=1e-6)
    assert list(table.columns) == [c for c in COLUMNS if c != "level"]
    assert table.loc["T3", "p"] < 1e-6 and (table["speakers"] == 18).all() and (table["observations"] == 18 * 9).all()


@pytest.mark.parametrize("between", [0.0, 0.02, 0.05])
def test_speakers_that_hardly_differ_are_no_hindrance(between):
    for seed in range(6):
        table = mixed_effects(simulate(seed, noise=0.15, between=between), FIXED).set_index("level")
        assert table.loc["T3", "high"] < 0 and np.isfinite(table[["low", "high", "p"]]).all(axis=None)


def test_speakers_who_said_less_stay_in():
    scores = simulate(4)
    less = scores[~((scores["speaker"] < "S12") & (scores["condition"] == "L2"))]
    assert mixed_effects(less, FIXED).set_index("level").loc["L2", "z"] == pytest.approx(-0.12, abs=0.05)


def test_a_factor_of_one_level_is_left_out_and_too_few_speakers_are_named():
    scores = simulate(5)
    one = mixed_effects(scores[scores["task"] == "T1"], FIXED)
    assert list(one["factor"]) == ["condition", "condition"]
    with pytest.raises(ArticulensError, match=r"there are 3 speaker\(s\)"):
        mixed_effects(simulate(5, speakers=3), FIXED)
    with pytest.raises(ArticulensError, match=r"0 such factor\(s\)"):
        mixed_effects(scores[(scores["task"] == "T1") & (scores["condition"] == "L1")], FIXED)


def test_without_statsmodels_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name.startswith("statsmodels"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ArticulensError, match=r"extra \[book\]"):
        mixed_effects(simulate(1), FIXED)
