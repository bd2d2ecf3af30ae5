import json
from pathlib import Path

import numpy as np
import pytest

from articulens.encoders import open_encoder
from articulens.errors import ArticulensError
from articulens.speechlm import Units, fit_codebook, fit_kmeans, load_codebook

HOP_S = 0.02


def test_merging_keeps_every_duration() -> None:
    frames = np.random.default_rng(0).integers(0, 4, 500)
    units = Units.from_frames(frames, HOP_S, first_s=0.1)
    assert (units.frames() == frames).all()
    assert (np.diff(units.ids) != 0).all()
    assert units.starts_s[0] == pytest.approx(0.1)
    assert units.ends_s[-1] == pytest.approx(0.1 + 500 * HOP_S)
    assert units.starts_s[1:] == pytest.approx(units.ends_s[:-1])


def test_k_means_finds_planted_clusters_in_a_stream() -> None:
    rng = np.random.default_rng(1)
    centres = 10 * rng.normal(size=(8, 5))
    stream = [centres[rng.integers(0, 8, 200)] + rng.normal(size=(200, 5)) for _ in range(30)]
    found = fit_kmeans((x.astype(np.float32) for x in stream), 8, seed=0, block=1_000)
    far = np.linalg.norm(found[:, None] - centres, axis=2)
    assert sorted(far.argmin(0)) == list(range(8))
    assert far.min(0).max() < 0.5


def test_codebook_of_an_encoder_is_the_same_when_read_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    encoder = open_encoder("logmel")
    layer = encoder.layers[0]
    audio = [(rng.normal(size=16_000) * np.linspace(0, 1, 16_000) ** k, 16_000.0) for k in range(6)]
    book = fit_codebook(encoder, iter(audio), layer=layer, n_units=12, batch=4)
    book.save(tmp_path)
    again = load_codebook(tmp_path)
    (units,) = book.units(encoder, audio[:1])
    (same,) = again.units(encoder, audio[:1])
    assert (units.ids == same.ids).all() and again.card == book.card
    states = encoder.encode(*audio[0])
    assert units.durations.sum() == len(states)
    assert units.first_s == pytest.approx(states.times_s[0] - encoder.clock.hop / encoder.clock.rate_hz / 2)
    x = states[layer].numpy()
    assert (units.frames() == np.linalg.norm(x[:, None] - book.centroids, axis=2).argmin(1)).all()


def test_bad_input(tmp_path: Path) -> None:
    encoder, other = open_encoder("logmel"), open_encoder("mfcc")
    audio = [(np.random.default_rng(3).normal(size=16_000), 16_000.0)]
    book = fit_codebook(encoder, audio, layer=encoder.layers[0], n_units=3)
    with pytest.raises(ArticulensError, match="another encoder"):
        book.units(other, audio)
    with pytest.raises(ArticulensError, match="no layer '7'"):
        fit_codebook(encoder, audio, layer="7", n_units=3)
    with pytest.raises(ArticulensError, match="cannot make 10000 units"):
        fit_codebook(encoder, audio, layer=encoder.layers[0], n_units=10_000)
    with pytest.raises(ArticulensError, match="cannot make 5 units"):
        fit_codebook(encoder, [], layer=encoder.layers[0], n_units=5)
    with pytest.raises(ArticulensError, match="states have the shape"):
        book.assign(np.zeros((4, 2)))
    with pytest.raises(ArticulensError, match="do not fit"):
        Units(np.array([1, 2]), np.array([1]), HOP_S)
    with pytest.raises(ArticulensError):
        load_codebook(tmp_path / "nothing")
    book.save(tmp_path)
    (tmp_path / "codebook.json").write_text(json.dumps({"format": 1}))
    with pytest.raises(ArticulensError, match="not a codebook"):
        load_codebook(tmp_path)
