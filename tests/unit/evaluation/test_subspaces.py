"""Subspaces of probes with known angles, and corpora whose speakers and languages share what we say they share."""

import numpy as np
import pandas as pd
import pytest
from scipy import linalg, stats

from articulens.cells import CellDesign
from articulens.corpora import open_corpus
from articulens.encoders import open_encoder
from articulens.errors import ArticulensError
from articulens.evaluation.calibration import RUNGS, ladder
from articulens.evaluation.protocols import open_protocol
from articulens.evaluation.scores import evaluate
from articulens.evaluation.subspaces import (
    RANDOM,
    covariance_root,
    directions,
    overlap,
    principal_angles,
    random_angles,
    relations,
    shared,
)
from articulens.moments import Moments
from articulens.probes.linear import LinearProbe
from articulens.sweep import sweep


class Cells:
    """Stored cells of speakers and languages, made from weights that are known."""

    def __init__(self, weights, *, seed=0, p=12, k=2, frames=300):
        rng = np.random.default_rng(seed)
        mixing = rng.normal(size=(p, p))
        rows, self._moments = [], []
        for (speaker, language), b in weights.items():
            for fold in range(4):
                x = rng.normal(size=(frames, p)) @ mixing
                y = x @ b + 0.05 * rng.normal(size=(frames, k))
                rows.append({"speaker": speaker, "language": language, "sentence_fold": fold, "frames": frames})
                self._moments.append(Moments.from_frames(x, y))
        self.cells = pd.DataFrame(rows)
        self.targets = [(f"TT.{axis}", "measured") for axis in "xz"[:k]]
        self.header = {"encoder": "known", "corpus": "made up"}

    def moments(self, layer):
        return self._moments


def speakers_of(kind, p=12, k=2, seed=1):
    """Weights by (speaker, language): one for all, or one for each speaker, language, or both."""
    rng = np.random.default_rng(seed)
    drawn = {}
    key = {
        "all": lambda s, lang: 0, "language": lambda s, lang: lang, "speaker": lambda s, lang: s,
    }[kind]  # fmt: skip
    return {
        (s, lang): drawn.setdefault(key(s, lang), rng.normal(size=(p, k)))
        for s in [f"S{i}" for i in range(5)]
        for lang in ("fi", "ru")
    }


PROBE = LinearProbe([0.1, 10.0], standardize=True)


def test_angles_are_those_of_scipy_and_of_the_predictions():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 9)) @ rng.normal(size=(9, 9))
    x -= x.mean(0)
    a, b = rng.normal(size=(2, 9, 3))
    root = covariance_root([Moments.from_frames(x, x[:, :1])])
    angles = principal_angles(directions(a, root), directions(b, root))
    np.testing.assert_allclose(angles, np.sort(linalg.subspace_angles(root @ a, root @ b)))
    # Cosines are the canonical correlations of the two probes' predictions, whatever the features' scale.
    scale = np.geomspace(0.01, 100, 9)
    other = covariance_root([Moments.from_frames(x * scale, x[:, :1])])
    again = principal_angles(directions(a / scale[:, None], other), directions(b / scale[:, None], other))
    np.testing.assert_allclose(again, angles, atol=1e-6)
    q, _ = np.linalg.qr(x @ a)
    r, _ = np.linalg.qr(x @ b)
    np.testing.assert_allclose(np.cos(angles), np.linalg.svd(q.T @ r, compute_uv=False), atol=1e-6)


def test_overlap_of_random_subspaces_is_the_share_of_dimensions():
    angles = random_angles(np.eye(40), 5, draws=300)
    found = [overlap(row) for row in angles]
    assert np.mean(found) == pytest.approx(5 / 40, abs=3 * stats.sem(found))
    assert overlap(np.zeros(3)) == 1


@pytest.mark.parametrize(("kind", "high"), [("all", "all"), ("language", "same language"), ("speaker", "same speaker")])
def test_the_relations_say_what_is_shared(kind, high):
    related = relations(Cells(speakers_of(kind)), PROBE, "0", draws=50)
    means = related.groupby("relation")[["overlap", "r"]].mean()
    assert set(means.index) == {
        RANDOM,
        *(f"{s} speaker, {v} language" for s in ("same", "other") for v in ("same", "other")),
    }
    for name, row in means.iterrows():
        if name == RANDOM:
            continue
        common = high == "all" or high in name
        assert row["overlap"] > 0.95 if common else row["overlap"] < 0.6
        assert row["r"] > 0.95 if common else row["r"] < 0.6
    part = shared(related)
    assert len(part) == 5
    assert (part.mean() > 0.95) if kind == "all" else (part.mean() < 0.4)


def test_an_affine_map_repairs_what_is_only_mixed():
    # The second language moves the same two directions, but its channels mix them otherwise.
    b = np.random.default_rng(2).normal(size=(12, 2))
    turn = np.array([[0.0, 1.0], [-1.0, 0.3]])
    weights = {(f"S{i}", lang): b @ (turn if lang == "ru" else np.eye(2)) for i in range(4) for lang in ("fi", "ru")}
    related = relations(Cells(weights), PROBE, "0", draws=20).set_index("relation")
    across = related.loc["other speaker, other language"]
    assert (across["overlap"] > 0.95).all()
    assert (across["r"] < 0.6).all() and (across["r_affine"] > 0.95).all()
    store = Cells(weights)
    rungs = ladder(store, PROBE, "0", protocol=open_protocol("transfer(language)"))
    r = rungs.groupby(["rung", "train_group", "language"])["r"].mean()
    assert r["zero-shot", "other speakers, fi", "fi"] > 0.95 > 0.6 > r["zero-shot", "other speakers, fi", "ru"]
    assert r["affine", "other speakers, fi", "ru"] > 0.95 and r["own", "other speakers, fi", "ru"] > 0.95
    assert set(rungs["rung"]) == set(RUNGS) and set(rungs["speaker"]) == {f"S{i}" for i in range(4)}


def test_transfer_trains_on_one_language_and_unheard_sentences(toy_root, tmp_path):
    corpus = open_corpus(f"tabular:{toy_root}")
    store = sweep(
        corpus, open_encoder("logmel"), CellDesign(("language", "sentence_fold"), folds=3), out=tmp_path, progress=False
    )
    protocol = open_protocol("transfer(language)")
    for split in protocol.splits(store.cells):
        train, test = store.cells[split.train], store.cells[split.test]
        assert split.train_group == f"other speakers, {train['language'].unique().item()}"
        assert not set(train["speaker"]) & set(test["speaker"])
        assert not set(train["sentence_fold"]) & set(test["sentence_fold"])
    scores = evaluate(store, protocol, LinearProbe(1.0), by=["language"])
    assert scores.groupby(["train_group", "language"]).ngroups == 4
    related = relations(store, LinearProbe([1.0, 100.0]), "0")
    assert related["speaker"].nunique() == 4


def test_what_cannot_be_compared_is_refused():
    store = Cells(speakers_of("all"))
    with pytest.raises(ArticulensError, match="3 directions were asked for, but the probe of 2 channels reads 2"):
        relations(store, PROBE, "0", rank=3)
    with pytest.raises(ArticulensError, match="the probe of 2 channels reads 0"):
        directions(np.zeros((5, 2)), np.eye(5))
    store.cells["sentence_fold"] = 0
    with pytest.raises(ArticulensError, match="no speaker has sentences in two halves"):
        relations(store, PROBE, "0")
    with pytest.raises(ArticulensError, match=r"transfer\(language\)"):
        open_protocol("transfer")
