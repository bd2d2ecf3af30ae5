"""What a layer is like, from moments, against the frames themselves."""

import numpy as np
import pytest

from articulens.cells import CellDesign
from articulens.corpora import open_corpus
from articulens.encoders import open_encoder
from articulens.evaluation.representation import describe_layers, effective_rank, temporal_share
from articulens.moments import Moments
from articulens.sweep import sweep


def moments(x):
    return Moments.from_frames(x, np.zeros((len(x), 1)))


def test_the_share_of_energy_that_changes_is_that_of_the_frames():
    rng = np.random.default_rng(0)
    cells = [rng.normal(3, 0.5, (40, 6)), rng.normal(-1, 2, (25, 6))]
    changing = sum(((x - x.mean(0)) ** 2).sum() for x in cells)
    assert temporal_share(map(moments, cells)) == pytest.approx(changing / sum((x**2).sum() for x in cells))
    assert temporal_share([moments(np.full((9, 3), 2.0))]) == pytest.approx(0, abs=1e-12)
    assert temporal_share([moments(np.array([[1.0, 2.0], [-1.0, -2.0]]))]) == pytest.approx(1)
    assert np.isnan(temporal_share([moments(np.zeros((9, 3)))]))


def test_the_rank_is_that_of_the_singular_values():
    x = np.random.default_rng(1).normal(size=(200, 8)) * np.arange(1, 9)
    share = np.linalg.svd(x - x.mean(0), compute_uv=False) ** 2
    share = share / share.sum()
    assert effective_rank(moments(x)) == pytest.approx(np.exp(-(share * np.log(share)).sum()))
    corners = np.array(np.meshgrid(*[[-1, 1]] * 5)).reshape(5, -1).T
    assert effective_rank(moments(corners)) == pytest.approx(5)  # all directions alike
    assert effective_rank(moments(np.outer(np.arange(9), [1, 2, 3]))) == pytest.approx(1)  # one direction
    assert np.isnan(effective_rank(moments(np.ones((9, 3)))))


def test_layers_are_described_speaker_by_speaker(toy_root, tmp_path):
    corpus, encoder = open_corpus(f"tabular:{toy_root}"), open_encoder("logmel")
    design = CellDesign(("sentence_fold",), folds=2)
    store = sweep(corpus, encoder, design, out=tmp_path, progress=False)
    table = describe_layers(store).set_index("speaker")
    mine = [u for u in corpus if u.speaker == "S1"]
    x = np.concatenate([encoder.encode(*corpus.read_audio(u)).layers["0"].double().numpy() for u in mine])
    row = table.loc["S1"]
    assert list(table.index) == list(corpus.speakers) and row["n_frames"] <= len(x)
    assert row["effective_rank"] == pytest.approx(effective_rank(moments(x)), rel=0.02)  # but for frames at the ends
    assert 0 < row["temporal_share"] < 1
