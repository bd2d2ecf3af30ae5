"""Each step of the published preprocessing against a few lines that do it another way."""

import numpy as np
import pandas as pd
import pytest
from scipy import signal

from articulens.corpora import published
from articulens.corpora.schema import TARGETS, Trajectory
from articulens.corpora.signals import align
from articulens.errors import ArticulensError
from articulens.targets import Heard, TargetOptions


def movement(n=2000, rate_hz=1250.0, offset=80.0, channels=10):
    """Sines up to 6 Hz about an offset, mm, with the noise of the device."""
    rng = np.random.default_rng(0)
    t = np.arange(n)[:, None] / rate_hz
    waves = sum(rng.uniform(0.5, 3, channels) * np.sin(2 * np.pi * f * t + rng.uniform(0, 6, channels)) for f in (2, 6))
    return offset + waves + 0.02 * rng.normal(size=(n, channels))


def with_gaps():
    values = movement(300, channels=4)
    values[:7, 0] = values[-3:, 0] = values[50:90, 0] = np.nan
    values[np.random.default_rng(1).random(300) < 0.3, 1] = np.nan
    values[:, 2] = np.nan
    values[1:, 3] = np.nan
    return values


def test_gaps_are_filled_linearly_and_an_empty_channel_is_zero():
    expected = pd.DataFrame(with_gaps()).interpolate(limit_direction="both").to_numpy(copy=True)
    expected[:, 2:] = 0  # none, and one, valid sample
    np.testing.assert_allclose(published.fill(with_gaps()), expected, atol=1e-12)


def test_low_pass_is_scipys_filtfilt():
    values = movement()
    expected = signal.filtfilt(*signal.butter(6, 20 / (1250 / 2)), values, axis=0)
    np.testing.assert_allclose(
        published.low_pass(values, 1250), expected, atol=1e-3
    )  # b, a lose digits; sections do not
    t = np.arange(5000) / 1250
    wave = np.sin(2 * np.pi * 20 * t)[:, None]
    assert published.low_pass(wave, 1250)[2000:3000].std() == pytest.approx(wave[2000:3000].std() / 2, rel=1e-3)
    assert published.low_pass(values[:5], 1250).shape == (5, 10)


def test_decimation_is_a_windowed_sinc_over_a_world_of_zeros():
    values, factor = movement(1001), 25
    reach = 10 * factor
    taps = signal.firwin(2 * reach + 1, 1 / factor, window=("kaiser", 5.0))
    padded = np.concatenate([np.zeros((reach, 10)), values, np.zeros((reach, 10))])
    expected = [taps @ padded[i : i + 2 * reach + 1] for i in range(0, len(values), factor)]
    np.testing.assert_allclose(published.decimate(values, factor), expected, atol=1e-9)


@pytest.mark.parametrize(("rate_hz", "factor"), [(1250, 25), (250, 5), (200, 4), (145.65, 3), (100, 2)])
def test_about_fifty_a_second(rate_hz, factor):
    assert published.decimation(rate_hz) == factor
    track = published.preprocess(Trajectory(movement(401, rate_hz), TARGETS, rate_hz, 0.25))
    assert len(track) == -(-401 // factor)
    assert track.rate_hz == pytest.approx(rate_hz / factor) and track.start_s == 0.25
    np.testing.assert_allclose(published.index_times_s(Trajectory(movement(401), TARGETS, rate_hz, 0.25), len(track)),
                               track.times_s, atol=1e-12)  # fmt: skip


def heard(trajectory):
    return Heard(type("U", (), {"id": "u"})(), np.zeros(16_000, np.float32), 16_000, trajectory, [])


def frame_times(n):
    return (199.5 + 320 * np.arange(n)) / 16_000


def plain(values, rate_hz):
    """Return the whole published chain in a few lines of pandas and scipy."""
    filled = pd.DataFrame(values).interpolate(limit_direction="both").to_numpy()
    smooth = signal.sosfiltfilt(signal.butter(6, 20, fs=rate_hz, output="sos"), filled, axis=0)
    slow = signal.resample_poly(smooth, 1, round(rate_hz / 50), axis=0)
    return (slow - slow.mean(0)) / slow.std(0)


@pytest.mark.parametrize("frames", [70, 79, 95])  # fewer than, as many as and more than the positions fill
def test_targets_are_the_published_ones(frames):
    values = movement(1990)
    values[300:420, 3] = np.nan
    options = TargetOptions(resampling="published", pairing="index", zscore="file")
    keep, y = options.of(heard(Trajectory(values, TARGETS, 1250.0)), frame_times(frames))
    expected = plain(values, 1250)  # 80 samples
    shorter = min(frames, len(expected))
    assert keep.sum() == shorter and keep[:shorter].all()
    np.testing.assert_allclose(y, expected[:shorter], atol=1e-9)


@pytest.mark.parametrize("resampling", ["exact", "published"])
def test_zscore_is_that_of_each_column_and_a_still_one_is_zero(resampling):
    values = movement()
    values[:, 4] = 0.0
    trajectory, times = Trajectory(values, TARGETS, 1250.0), np.arange(80) / 50
    mm = TargetOptions(resampling=resampling).of(heard(trajectory), times)[1]
    z = TargetOptions(resampling=resampling, zscore="file").of(heard(trajectory), times)[1]
    for j in (0, 9):
        np.testing.assert_allclose(z[:, j], (mm[:, j] - np.mean(mm[:, j])) / np.std(mm[:, j]))
    assert (z[:, 4] == 0).all()


def test_each_option_changes_what_it_says_and_nothing_else():
    trajectory = Trajectory(movement(), TARGETS, 1250.0)
    times = frame_times(75)
    of = lambda **options: TargetOptions(**options).of(heard(trajectory), times)[1]  # noqa: E731
    exact = align(trajectory, times)
    np.testing.assert_allclose(of(), exact)
    np.testing.assert_allclose(of(pairing="index"), align(trajectory, np.arange(75) / 50))
    decimated = of(resampling="published")
    inner = slice(15, 60)
    np.testing.assert_allclose(decimated[inner], exact[inner], atol=0.05)  # the same track where no end is near
    assert np.abs(decimated - exact)[0].min() > 1  # mm: zeros were taken for positions
    first = of(resampling="published", pairing="index")[0]
    np.testing.assert_allclose(first / align(trajectory, [0.0])[0], 0.5, atol=0.05)  # half of its window saw zeros
    z = of(zscore="file")
    np.testing.assert_allclose(z, (exact - exact.mean(0)) / exact.std(0), atol=1e-9)
    both = of(zscore="file", readings=("measured", "lag+0.100"))
    later = align(trajectory, times + 0.1)
    shown = np.isfinite(later).all(1)
    np.testing.assert_allclose(both[:, 10:], ((later - exact.mean(0)) / exact.std(0))[shown], atol=1e-9)


def test_speech_frames_are_chosen_after_the_zscore():
    options = TargetOptions(resampling="published", pairing="index", zscore="file", frames="speech")
    said = [(0.0, 0.5, ""), (0.5, 1.0, "a"), (1.0, 1.6, "")]
    values = movement()
    item = heard(Trajectory(values, TARGETS, 1250.0))
    keep, y = options.of(Heard(item.utterance, item.samples, 16_000, item.trajectory, said), frame_times(75))
    assert 20 < keep.sum() < 30
    np.testing.assert_allclose(y, plain(values, 1250)[:75][keep], atol=1e-9)


def test_too_slow_a_track_is_named():
    with pytest.raises(ArticulensError, match=r"slow\.txt: 40 Hz is too slow for the published low-pass"):
        published.preprocess(Trajectory(movement(50), TARGETS, 40.0, source="slow.txt"))
