"""Ceilings, where the truth that they estimate is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from articulens.corpora import Corpus, Trajectory, open_corpus
from articulens.corpora.signals import align
from articulens.encoders import open_encoder
from articulens.evaluation.ceilings import measurement_ceilings, repetition_ceilings, warp
from articulens.synthesis import MeasurementNoise


@pytest.fixture
def corpus(toy_root):
    return open_corpus(f"tabular:{toy_root}")


def test_exact_tracks_have_no_ceiling(corpus):
    table = measurement_ceilings(corpus)
    assert len(table) == 4 * 10 and table["r"].min() > 0.9999 and "known" not in table


@pytest.mark.parametrize("jitter_mm", [0.3, 1.0])
def test_the_estimated_ceiling_is_the_known_one(corpus, jitter_mm):
    table = measurement_ceilings(corpus, noise=MeasurementNoise(jitter_mm=jitter_mm).apply)
    # A speaker has 4 s: where noise is most of a channel, known and estimated r are uncertain themselves.
    clear = table[table["known"] > 0.9]
    assert len(clear) > 20
    np.testing.assert_allclose(clear["r"], clear["known"], atol=0.02)
    assert np.median(table["r"] - table["known"]) == pytest.approx(0, abs=0.003)
    # White noise of 100 Hz band width: a fifth of its variance lies below 20 Hz, and a little more is let through.
    assert table["noise_mm"].median() == pytest.approx(jitter_mm * np.sqrt(0.2), rel=0.05)
    assert table["r"].min() < 0.999


def test_slow_recordings_say_nothing(corpus):
    assert list(measurement_ceilings(corpus, cutoff_hz=90).columns)[:3] == ["speaker", "sensor", "axis"]
    assert not len(measurement_ceilings(corpus, cutoff_hz=90))


def test_warping_finds_what_was_slowed_down():
    rng = np.random.default_rng(0)
    a = np.cumsum(rng.normal(size=(120, 5)), axis=0)
    slowed = np.repeat(np.arange(120), rng.integers(1, 4, 120))
    assert np.abs(slowed[warp(a, a[slowed])] - np.arange(120)).max() <= 1
    assert (warp(a, a) == np.arange(120)).all()


class Twice(Corpus):
    """Says every sentence twice: the same sound, each time with another movement on top."""

    def read_trajectory(self, utterance):
        track = super().read_trajectory(utterance)
        rng = np.random.default_rng([*utterance.id.encode()])
        own = 0.7 * rng.normal(size=track.positions.shape)
        return Trajectory(track.positions + own, track.channels, track.rate_hz)


def test_the_repetition_ceiling_is_what_the_content_alone_predicts(corpus):
    again = [replace(u, id=f"{u.id}_again", condition="accent") for u in corpus]
    twice = Twice(corpus.name, corpus.root, [*corpus, *again], corpus.recipe)
    encoder = open_encoder("mfcc")
    table = repetition_ceilings(twice, encoder, most=10)
    assert set(table["pairs"]) == {6} and not table["same_condition"].any()
    direct = []
    for u in (u for u in corpus if u.speaker == "S1"):
        times = encoder.encode(*corpus.read_audio(u)).times_s
        content, token = align(corpus.read_trajectory(u), times), align(twice.read_trajectory(u), times)
        direct.append(np.stack([content, token]))
    content, token = np.concatenate(direct, axis=1)
    keep = np.isfinite(content).all(1) & np.isfinite(token).all(1)
    expected = [np.corrcoef(content[keep, j], token[keep, j])[0, 1] for j in range(10)]
    found = table[table["speaker"] == "S1"]["r"].to_numpy()
    assert np.median(expected) < 0.97 and np.median(np.abs(found - expected)) < 0.02


def test_without_repetitions_there_is_no_row(corpus):
    table = repetition_ceilings(corpus, open_encoder("mfcc"))
    assert isinstance(table, pd.DataFrame) and not len(table) and "same_condition" in table
