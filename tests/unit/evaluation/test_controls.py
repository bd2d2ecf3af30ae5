"""Negative controls: they move like the speaker, and nothing of the sound is in them."""

import numpy as np
import pandas as pd
import pytest

from articulens.cells import CellDesign
from articulens.controls import parse_reading, partners, roll, stretch
from articulens.corpora import Corpus, open_corpus
from articulens.encoders import open_encoder
from articulens.errors import ArticulensError
from articulens.evaluation.baselines import PREDICTORS, constant_scores, negative_controls
from articulens.evaluation.protocols import open_protocol
from articulens.evaluation.scores import evaluate
from articulens.probes.linear import LinearProbe
from articulens.sweep import sweep
from articulens.targets import TargetOptions


def test_readings_are_checked():
    assert [parse_reading(r) for r in ("measured", "rolled", "swapped", "lag-0.1")] == [0.0, None, None, -0.1]
    with pytest.raises(ArticulensError, match="unknown reading 'shuffled'"):
        parse_reading("shuffled")
    with pytest.raises(ArticulensError, match="'swapped' positions are in mm"):
        TargetOptions(readings=("swapped",), zscore="file")


def test_rolled_positions_keep_their_values_and_leave_their_place():
    y = np.arange(200.0).reshape(100, 2)
    for seed in range(20):
        rolled = roll(y, np.random.default_rng(seed), frame_s=0.02)
        assert sorted(map(tuple, rolled)) == sorted(map(tuple, y))
        assert min((rolled[0, 0] / 2) % 100, (-rolled[0, 0] / 2) % 100) >= 25  # half a second either way


def test_stretching_keeps_ends_and_shape():
    y = np.stack([np.arange(5.0), np.arange(5.0) ** 2], axis=1)
    longer = stretch(y, 9)
    np.testing.assert_allclose(longer[::2], y)
    np.testing.assert_allclose(stretch(longer, 5), y)


def test_a_partner_is_another_sentence_of_the_speaker_of_like_length(toy_root):
    corpus = open_corpus(f"tabular:{toy_root}")
    seconds = {u.id: i * 0.1 for i, u in enumerate(corpus)}
    chosen = partners(corpus, seconds)
    assert set(chosen) == {u.id for u in corpus}
    for u in corpus:
        other = chosen[u.id]
        assert other.speaker == u.speaker and other.sentence != u.sentence
        assert abs(seconds[other.id] - seconds[u.id]) == pytest.approx(0.1)  # its neighbour
    one = [u for u in corpus if u.sentence == "fi_00"]
    assert partners(one, seconds) == {}


def test_the_probe_reads_what_was_measured_and_not_another_sentence(toy_root, tmp_path):
    corpus, encoder = open_corpus(f"tabular:{toy_root}"), open_encoder("logmel")
    protocol = open_protocol("sentence")
    design = CellDesign.for_protocols([protocol], folds=3)
    options = TargetOptions(readings=("measured", "swapped"))
    store = sweep(corpus, encoder, design, out=tmp_path, options=options, progress=False)
    scores = evaluate(store, protocol, LinearProbe(10.0))
    r = scores.groupby("target")["r"].mean()
    assert r["measured"] > 0.8 and r["swapped"] < 0.35
    plain = sweep(corpus, encoder, design, out=tmp_path, progress=False)
    alone = evaluate(plain, protocol, LinearProbe(10.0))
    np.testing.assert_allclose(alone["r"], scores.loc[scores["target"] == "measured", "r"], atol=1e-9)
    one = Corpus(corpus.name, corpus.root, [u for u in corpus if u.sentence == "fi_00"], corpus.recipe)
    with pytest.raises(ArticulensError, match="need another sentence of speaker S0, but there is none"):
        sweep(one, encoder, CellDesign(), out=tmp_path, options=options, progress=False)


@pytest.mark.parametrize("name", ["sentence", "loso", "loso_sentence"])
def test_the_error_of_a_mean_is_that_of_the_frames(toy_root, tmp_path, name):
    corpus, encoder = open_corpus(f"tabular:{toy_root}"), open_encoder("logmel")
    protocol = open_protocol(name)
    design = CellDesign.for_protocols([protocol], folds=3)
    store = sweep(corpus, encoder, design, out=tmp_path, progress=False)
    fold = design.assign(corpus.to_frame())["sentence_fold"] if name != "loso" else None
    options, y = TargetOptions(), {}
    for u in corpus:
        from articulens.targets import Heard

        times = encoder.encode(*corpus.read_audio(u)).times_s
        y[u] = options.of(Heard(u, *corpus.read(u), []), times)[1]
    scores = constant_scores(store, protocol)
    assert set(scores["predictor"]) == set(PREDICTORS[: 1 if name == "loso" else 2]) and scores["r"].isna().all()
    errors = {p: [] for p in PREDICTORS}
    for k in range(3 if fold is not None else 1):
        held = lambda u, k=k: fold is None or fold[u.id] == k  # noqa: E731
        own = [y[u] for u in corpus if u.speaker == "S1" and not held(u)]
        teachers = ["S1"] if name == "sentence" else ["S0", "S2", "S3"]
        train = [
            np.concatenate([y[u] for u in corpus if u.speaker == s and (fold is None or not held(u))]).mean(0)
            for s in teachers
        ]
        tested = np.concatenate([y[u] for u in corpus if u.speaker == "S1" and held(u)])
        errors[PREDICTORS[0]].append(tested - np.mean(train, axis=0))
        if own:
            errors[PREDICTORS[1]].append(tested - np.concatenate(own).mean(0))
    for predictor, group in scores[scores["speaker"] == "S1"].groupby("predictor"):
        expected = np.sqrt((np.concatenate(errors[predictor]) ** 2).mean(0))
        np.testing.assert_allclose(group["rmse_mm"], expected, rtol=1e-9)


def test_all_controls_stand_in_one_table(toy_root, tmp_path):
    corpus = open_corpus(f"tabular:{toy_root}")
    protocol = open_protocol("loso_sentence")
    design = CellDesign.for_protocols([protocol], folds=3)
    options = TargetOptions(readings=("measured", "rolled", "swapped"))
    names = ("wav2vec2-tiny", "wav2vec2-tiny@random")
    stores = [sweep(corpus, open_encoder(names[1]), design, out=tmp_path, options=options, progress=False)]
    scores = evaluate(stores[0], protocol, LinearProbe(10.0), layers=["1", "2"])
    scores = pd.concat([scores.assign(model=names[0]), scores.assign(model=names[1])])
    table = negative_controls(scores, constant_scores(stores[0], protocol), names[0])
    assert list(pd.unique(table["control"])) == [
        "wav2vec2-tiny, as measured", "rolled in time", "another sentence's positions", "untrained twin", *PREDICTORS
    ]  # fmt: skip
    wide = table.pivot(index="control", columns="speaker", values="rmse_mm")
    assert wide.loc["untrained twin"].equals(wide.loc["wav2vec2-tiny, as measured"])  # the same weights here
    assert list(wide.columns) == list(corpus.speakers) and wide.notna().all(axis=None)
