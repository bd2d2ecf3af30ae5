"""The published pipeline is the one that was described, from recording to number."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import signal
from sklearn.linear_model import LinearRegression
from typer.testing import CliRunner

from articulens import cli
from articulens.cells import CellDesign
from articulens.corpora import open_corpus
from articulens.encoders import open_encoder
from articulens.errors import ArticulensError
from articulens.evaluation.scores import read_scores
from articulens.pipelines import HONEST, PUBLISHED, open_pipeline


@pytest.fixture(scope="module")
def toy(toy_root):
    return open_corpus(f"tabular:{toy_root}"), open_encoder("logmel", device="cpu")


@pytest.fixture(scope="module")
def scores(toy, tmp_path_factory):
    return PUBLISHED.score(*toy, out=tmp_path_factory.mktemp("cells"), progress=False)


def test_scores_are_those_of_a_few_plain_lines(toy, scores):
    """Decimate, z-score by file, pair by number, shuffle frames 80/20 five times, fit by scikit-learn."""
    corpus, encoder = toy
    for speaker in corpus.speakers:
        x, y, fold = [], [], []
        for utterance in (u for u in corpus if u.speaker == speaker):
            hidden = encoder.encode(*corpus.read_audio(utterance))["0"].double().numpy()
            track = corpus.read_trajectory(utterance)
            smooth = signal.sosfiltfilt(signal.butter(6, 20, fs=track.rate_hz, output="sos"), track.positions, axis=0)
            slow = signal.resample_poly(smooth, 1, round(track.rate_hz / 50), axis=0)
            n = min(len(hidden), len(slow))
            x.append(hidden[:n])
            y.append(((slow - slow.mean(0)) / slow.std(0))[:n])
            fold.append(CellDesign(("frame_fold",)).frame_folds(utterance.id, n))
        x, y, fold = map(np.concatenate, (x, y, fold))
        r = []
        for test in range(5):
            probe = LinearRegression().fit(x[fold != test], y[fold != test])
            predicted = probe.predict(x[fold == test])
            r.append([np.corrcoef(predicted[:, j], y[fold == test][:, j])[0, 1] for j in range(10)])
        np.testing.assert_allclose(scores[scores.speaker == speaker].r, np.mean(r, axis=0), atol=1e-5)
    assert set(scores.probe) == {"ols"} and set(scores.protocol) == {"frame_shuffled"}
    assert scores.rmse_mm.isna().all()  # z-scores by file are not millimetres


def test_one_pass_serves_pipelines_of_equal_targets_and_folds(toy, tmp_path):
    unknown = replace(HONEST, frames="all")
    known = replace(unknown, protocol="sentence")
    for pipeline, stores in ((unknown, 1), (known, 1), (replace(known, pairing="index"), 2)):
        pipeline.score(*toy, out=tmp_path, progress=False)
        assert len(list(tmp_path.iterdir())) == stores


def test_pipelines_have_names():
    assert open_pipeline("published") is PUBLISHED and open_pipeline("honest") is HONEST
    assert HONEST.linear().alpha != 0.0 and HONEST.options(frames="all").resampling == "exact"
    with pytest.raises(ArticulensError, match="unknown pipeline 'honst'; did you mean 'honest'"):
        open_pipeline("honst")


def test_the_command_line_has_the_switch(toy_root, tmp_path, scores):
    def probe(*more):
        words = ["probe", "--corpus", f"tabular:{toy_root}", "--published", "--out", tmp_path / "s.csv", "--cache",
                 tmp_path / "cells", "--device", "cpu", "--json", *more]  # fmt: skip
        result = CliRunner().invoke(cli.app, [str(word) for word in words], catch_exceptions=False)
        return json.loads(result.stdout)

    assert probe()["rows"] == len(scores)
    np.testing.assert_allclose(read_scores(tmp_path / "s.csv").r, scores.r, atol=1e-9)
    probe("--protocol", "loso")
    assert set(read_scores(tmp_path / "s.csv").protocol) == {"loso"}
    with pytest.raises(ArticulensError, match="--published decides alpha, frames itself"):
        probe("--alpha", "ols", "--frames", "all")
