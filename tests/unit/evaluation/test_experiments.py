"""Comparison, calibration and learning curves, against plain computations on frames."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from articulens.agreement import Agreement
from articulens.cells import CellDesign
from articulens.corpora import open_corpus
from articulens.encoders import open_encoder
from articulens.errors import ArticulensError
from articulens.evaluation.calibration import RUNGS, calibrated, ladder
from articulens.evaluation.comparison import at_chosen_layer, compare, equivalence_words, equivalences
from articulens.evaluation.inference import equivalence
from articulens.evaluation.learning import (
    Frames,
    collect,
    learning_curve,
    published_curve,
    seconds_needed,
    seconds_to_plateau,
)
from articulens.evaluation.protocols import open_protocol
from articulens.evaluation.scores import evaluate
from articulens.moments import Moments
from articulens.probes.linear import PENALTIES, LinearProbe
from articulens.sweep import sweep


def score_table(r: dict[tuple[str, str], list[float]]) -> pd.DataFrame:
    """Scores of speakers S0, S1 … by (model, layer)."""
    return pd.DataFrame(
        {"model": m, "layer": layer, "speaker": f"S{i}", "sensor": "TT", "axis": "x", "r": value}
        for (m, layer), values in r.items()
        for i, value in enumerate(values)
    )


def test_a_speaker_has_no_say_in_the_layer_it_is_scored_at():
    # S2 alone would choose layer 2, where it is by far best; the others are best at layer 1.
    table = score_table({("a", "1"): [0.6, 0.6, 0.1], ("a", "2"): [0.5, 0.5, 0.9]})
    chosen = at_chosen_layer(table).set_index("speaker")
    assert chosen.loc["S2", ["layer", "r"]].tolist() == ["1", 0.1]
    assert chosen.loc["S0", "layer"] == "2"  # by S1 and S2: .35 against .7
    alone = at_chosen_layer(table[table.speaker == "S0"])
    assert alone["chosen"].tolist() == ["middle layer"]


def test_comparisons_are_paired_and_corrected_together():
    rng = np.random.default_rng(0)
    base = rng.uniform(0.4, 0.8, 10)
    table = score_table(
        {
            ("a", "1"): base + 0.05 + 0.01 * rng.normal(size=10),
            ("b", "1"): base,
            ("c", "1"): base + 0.02 * rng.normal(size=10),
        }
    )
    result = compare(table, [("a", "b"), ("c", "b")]).set_index("a")
    assert result.loc["a", "difference"] == pytest.approx(0.05, abs=0.01)
    assert result.loc["a", "low"] > 0 > result.loc["c", "low"]
    assert (result.p_family >= result.p - 1e-12).all() and result.loc["a", "p"] == pytest.approx(2 / 2**10)
    with pytest.raises(ArticulensError, match="'d' was not scored"):
        compare(table, [("a", "d")])


def test_calibration_is_least_squares_on_the_predictions():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 8)) + 5
    y = x @ rng.normal(size=(8, 3)) + rng.normal(size=(300, 3)) + 40
    b, c = rng.normal(size=(8, 3)), rng.normal(size=3)
    weights = calibrated(b, c, Moments.from_frames(x, y))
    p = x @ b + c
    np.testing.assert_allclose(x @ weights["zero-shot"][0] + weights["zero-shot"][1], p)
    np.testing.assert_allclose(x @ weights["shift"][0] + weights["shift"][1], p + (y - p).mean(0))
    for j in range(3):
        line = LinearRegression().fit(p[:, [j]], y[:, j]).predict(p[:, [j]])
        np.testing.assert_allclose((x @ weights["scale"][0] + weights["scale"][1])[:, j], line)
    affine = LinearRegression().fit(p, y).predict(p)
    np.testing.assert_allclose(x @ weights["affine"][0] + weights["affine"][1], affine)


@pytest.fixture(scope="module")
def store(toy_root, tmp_path_factory):
    corpus = open_corpus(f"tabular:{toy_root}")
    design = CellDesign.for_protocols([open_protocol("loso_sentence")], folds=3)
    return sweep(corpus, open_encoder("logmel+1"), design, out=tmp_path_factory.mktemp("s"), progress=False)


def test_the_ladder_begins_at_zero_shot_and_each_rung_has_less_error(store):
    probe = LinearProbe(PENALTIES, standardize=True)
    rungs = ladder(store, probe, "0")
    zero = rungs[rungs.rung == "zero-shot"].reset_index(drop=True)
    scores = evaluate(store, open_protocol("loso_sentence"), probe)
    np.testing.assert_allclose(zero.r, scores.r, atol=1e-12)
    np.testing.assert_allclose(zero.rmse_mm, scores.rmse_mm)
    error = rungs.groupby("rung").rmse_mm.mean()[list(RUNGS)]
    assert error["zero-shot"] > error["shift"] > error["scale"] > error["affine"]
    # The toy's speakers mix the same two causes differently: a linear map puts that right.
    assert rungs.groupby("rung").r.mean()["affine"] > zero.r.mean() + 0.05
    # Inside a fold a shift cannot change r.
    assert rungs.groupby("rung").r.mean()["shift"] == pytest.approx(zero.r.mean())


def speech(seed=0, n_utterances=30, frames=40, features=60) -> list[Frames]:
    rng = np.random.default_rng(seed)
    b = rng.normal(size=(features, 2))
    out = []
    for i in range(n_utterances):
        x = rng.normal(size=(frames, features))
        out.append(Frames(x, x @ b + 4 * rng.normal(size=(frames, 2)), i % 5))
    return out


def test_least_squares_dips_where_frames_are_as_many_as_features_and_ridge_does_not():
    probes = {"ols": LinearProbe(0.0), "ridge": LinearProbe(PENALTIES)}
    curve = learning_curve(speech(), [0.3, 0.6, 1.2, 2.4, 6.0], probes, frame_s=0.02, draws=4)
    r = curve.groupby(["probe", "n_frames"]).r.mean()
    assert curve.n_frames.unique().tolist() == [15, 30, 60, 120, 300, 960]
    assert r["ols", 60] < r["ols", 30] - 0.05 and r["ols", 60] < r["ols", 120] - 0.2  # 60 features
    assert r["ridge", 60] > r["ols", 60] + 0.2
    ridge = r["ridge"].to_numpy()
    assert (np.diff(ridge) > -0.03).all()


def test_a_learning_curve_is_a_fit_to_its_first_frames():
    utterances = speech(features=5)
    curve = learning_curve(utterances, [], {"ols": LinearProbe(0.0)}, frame_s=0.02, draws=1, test_fold=2)
    train = [u for u in utterances if u.fold != 2]
    test = [u for u in utterances if u.fold == 2]
    model = LinearRegression().fit(np.concatenate([u.x for u in train]), np.concatenate([u.y for u in train]))
    p, y = model.predict(np.concatenate([u.x for u in test])), np.concatenate([u.y for u in test])
    np.testing.assert_allclose(curve.r, Agreement.of_frames(p, y).r, atol=1e-9)
    with pytest.raises(ArticulensError, match="a speaker needs both"):
        learning_curve(test, [1.0], {"ols": LinearProbe(0.0)}, frame_s=0.02, test_fold=2)


def test_where_a_curve_reaches_its_plateau():
    curve = pd.DataFrame({"seconds": [1.0, 10.0, 100.0], "r": [0.0, 0.9, 1.0]})
    assert 10 < seconds_to_plateau(curve) < 100
    assert seconds_to_plateau(curve.assign(r=[1.0, 0.2, 0.3])) == 1.0


def test_collected_frames_are_those_of_the_corpus(toy_root):
    corpus, encoder = open_corpus(f"tabular:{toy_root}").select(speaker=["S0", "S1"]), open_encoder("logmel")
    frames = collect(corpus, encoder, "0", folds=3)
    assert list(frames) == ["S0", "S1"] and len(frames["S0"]) == 6
    assert {u.fold for u in frames["S0"]} == {0, 1, 2}
    assert all(u.x.shape == (len(u.y), 80) and np.isfinite(u.y).all() for u in frames["S1"])


@pytest.fixture
def tasks_corpus(tmp_path):
    """One speaker; T1 says mostly a, T3 mostly o, T2 both; T3 is the shortest."""
    import json

    import soundfile

    from articulens.corpora import Trajectory, Utterance, write_manifest, write_trajectory

    utterances = []
    plan = [("T1", "aaaaaao"), ("T1", "aao"), ("T1", "ooo"), ("T2", "ao"), ("T2", "aaoo"), ("T3", "ooa"), ("T3", "oo")]
    for i, (task, phones) in enumerate(plan):
        name = f"u{i}"
        audio, positions, labels = (tmp_path / f"{name}.{end}" for end in ("wav", "csv", "json"))
        soundfile.write(audio, np.zeros(16_000), 16_000)
        write_trajectory(positions, Trajectory(np.random.default_rng(i).normal(size=(101, 1)), ("TT.x",), 100.0))
        labels.write_text(
            json.dumps([{"label": p, "start_s": 0.1 * j, "end_s": 0.1 * j + 0.1} for j, p in enumerate(phones)])
        )
        utterances.append(Utterance(name, "S", "fi", "L1", task, f"t{i}", None, audio, positions, labels))
    write_manifest(tmp_path, utterances)
    return open_corpus(f"tabular:{tmp_path}")


def test_matched_tasks_have_like_lengths_and_phones(tasks_corpus):
    from articulens.evaluation.matching import coverage, matched_tasks

    marked = matched_tasks(tasks_corpus)
    before, after = coverage(marked), coverage(marked.select(matched="yes"))
    assert before.set_index("task").seconds.round(3).to_dict() == {"T1": 1.3, "T2": 0.6, "T3": 0.5}
    assert (after.seconds - 0.5).abs().max() <= 0.11
    assert after.phone_overlap.mean() > before.phone_overlap.mean()
    assert [u.id for u in marked] == [u.id for u in tasks_corpus]


def test_what_holds_for_all_need_not_hold_in_each_group():
    rng = np.random.default_rng(0)
    rows = [
        {"speaker": f"{group}{s}", "group": group, "condition": c, "r": 0.7 + shift + rng.normal(0, 0.01)}
        for group, lower in (("fi", 0.0), ("ru", -0.06))
        for s in range(12 if group == "fi" else 5)
        for c, shift in (("L1", 0.0), ("L2", lower), ("accent", 0.0))
    ]
    table = pd.DataFrame([*rows, {"speaker": "sv1", "group": "sv", "condition": "L1", "r": 0.7}])
    tests = equivalences(table, 0.05)
    by = tests.set_index(["group", "comparison"])
    assert list(tests["group"].unique()) == ["all", "fi", "ru"]  # nobody of sv has two conditions
    assert by.loc[("all", "L2 - L1"), "equivalent"] and not by.loc[("ru", "L2 - L1"), "equivalent"]
    wide = table[table["group"] == "ru"].pivot(index="speaker", columns="condition", values="r")
    assert by.loc[("ru", "L2 - L1"), "p equivalence"] == equivalence(wide["L2"], wide["L1"], 0.05).p
    assert equivalence_words(tests) == {
        "all": "L2 and accent equivalent",
        "fi": "L2 and accent equivalent",
        "ru": "accent equivalent, L2 not shown to be",
    }
    assert not len(equivalences(table[table["condition"] == "L1"], 0.05))
    assert not len(equivalences(table[:0], 0.05))


def test_the_seconds_needed_are_means_of_speakers_with_an_interval():
    rows = [
        {
            "split": "a",
            "probe": "ridge",
            "speaker": f"S{s}",
            "draw": d,
            "seconds": sec,
            "r": min(1.0, sec / (10 + s + d)),
        }
        for s in range(5)
        for d in range(2)
        for sec in (1.0, 2.0, 5.0, 10.0, 20.0)
    ]
    curves = pd.DataFrame(rows)
    (row,) = seconds_needed(curves).to_dict("records")
    each = {k: seconds_to_plateau(part) for k, part in curves.groupby(["speaker", "draw"])}
    assert row["seconds"] == pytest.approx(np.mean(list(each.values()))) and row["speakers"] == 5
    assert row["least"] == min(each.values()) <= row["low"] < row["seconds"] < row["high"] <= row["most"]
    few = seconds_needed(curves[curves["speaker"] < "S2"]).iloc[0]
    assert np.isnan(few["low"]) and np.isfinite(few["seconds"])


def test_the_published_curve_is_that_of_the_table():
    curve = published_curve(Path(__file__).parents[3] / "data" / "published.csv")
    assert list(curve["seconds"]) == [20, 30, 60, 300, 600, 1200]
    assert ((curve["low"] < curve["r"]) & (curve["r"] < curve["high"])).all()
