"""Measurement noise: off by default, seeded, and of the size that was asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from articulens.corpora import Trajectory
from articulens.errors import ArticulensError
from articulens.synthesis import MeasurementNoise

CHANNELS = ("TT.x", "TT.z", "LL.x", "LL.z")


def still(seconds=20.0, rate=100.0):
    places = np.array([30.0, -5.0, 60.0, -15.0])
    return Trajectory(np.tile(places, (int(seconds * rate), 1)), CHANNELS, rate)


def test_nothing_by_default():
    track = still()
    assert np.array_equal(MeasurementNoise(seed=7).apply(track, "a").positions, track.positions)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.text(min_size=1, max_size=8))
def test_same_seed_and_name_give_the_same_noise(seed, name):
    noise = MeasurementNoise(0.2, 1.0, 0.05, 1.0, 0.5, seed)
    once, again = (noise.apply(still(2.0), name).positions for _ in range(2))
    assert np.array_equal(once, again, equal_nan=True)
    other = noise.apply(still(2.0), name + "'").positions
    assert not np.array_equal(once, other, equal_nan=True)


def test_each_kind_has_its_size():
    track = still()
    jitter = MeasurementNoise(jitter_mm=0.3).apply(track, "a").positions - track.positions
    assert jitter.std() == pytest.approx(0.3, rel=0.05)
    drift = MeasurementNoise(drift_mm=2.0).apply(track, "a").positions - track.positions
    assert np.allclose(np.hypot(drift[-1, ::2], drift[-1, 1::2]), 2.0) and np.allclose(drift[0], 0)
    gaps = np.isnan(MeasurementNoise(dropouts_per_s=2.0, dropout_s=0.1).apply(track, "a").positions)
    assert 0.08 < gaps.mean() < 0.35
    assert np.array_equal(gaps[:, 0], gaps[:, 1]) and not np.array_equal(gaps[:, 0], gaps[:, 2])


def test_head_rotation_keeps_distances_between_sensors():
    turned = MeasurementNoise(rotation_deg=3.0).apply(still(), "a").positions
    between = np.hypot(turned[:, 0] - turned[:, 2], turned[:, 1] - turned[:, 3])
    assert np.allclose(between, between[0])
    angle = np.rad2deg(np.arctan2(turned[:, 1] - turned[:, 3], turned[:, 0] - turned[:, 2]))
    assert np.unwrap(angle, period=360).std() == pytest.approx(3.0, rel=0.15)


@pytest.mark.parametrize("field", ["jitter_mm", "dropouts_per_s", "drift_mm"])
def test_impossible_amounts_are_refused(field):
    with pytest.raises(ArticulensError, match=field):
        MeasurementNoise(**{field: -1.0})
