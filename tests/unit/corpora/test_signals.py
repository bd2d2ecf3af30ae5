import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

from articulens.corpora import Trajectory, align, channel_statistics, low_pass, zscore, zscore_by
from articulens.corpora.signals import fill_gaps
from articulens.errors import ArticulensError

RATES = (100, 145.65, 200, 250, 400, 500, 1250)


def frame_centres(seconds):
    """Centres of the frames of a 400/320 front end at 16 kHz."""
    count = (int(seconds * 16000) - 400) // 320 + 1
    return (199.5 + 320 * np.arange(count)) / 16000


def speechlike(seed, highest_hz=8.0):
    """Ten channels, each the sum of 12 sines up to `highest_hz`: several mm around an offset of 100 mm."""
    rng = np.random.default_rng(seed)
    frequency = rng.uniform(0.3, highest_hz, (12, 10))
    amplitude = rng.uniform(0.5, 4.0, (12, 10)) / (1 + frequency / 2)
    phase = rng.uniform(0, 2 * np.pi, (12, 10))

    def truth(times_s):
        angle = 2 * np.pi * frequency * np.asarray(times_s)[:, None, None] + phase
        return 100 + (amplitude * np.sin(angle)).sum(axis=1)

    return truth


def record(truth, rate_hz, seconds=4.0, start_s=0.0):
    times_s = start_s + np.arange(int(seconds * rate_hz)) / rate_hz
    values = truth(times_s)
    return Trajectory(values, tuple("TT.x TT.z TB.x TB.z TD.x TD.z UL.x UL.z LL.x LL.z".split()), rate_hz, start_s)


@pytest.mark.parametrize("rate_hz", RATES)
def test_known_tracks_come_back_at_frame_centres(rate_hz):
    for seed in range(5):
        truth = speechlike(seed)
        trajectory = record(truth, rate_hz)
        times_s = frame_centres(4.0)
        times_s = times_s[times_s <= trajectory.times_s[-1]]
        assert len(times_s) > 195
        error = np.abs(align(trajectory, times_s) - truth(times_s))
        assert error.max() < 0.003  # mm, first and last frame included
        inner = (times_s > 0.2) & (times_s < 3.8)
        assert error[inner].max() < 0.0005


@settings(deadline=None, max_examples=40)
@given(
    rate_hz=st.floats(100, 1250),
    seed=st.integers(0, 10**6),
    start_s=st.floats(-0.5, 0.5),
    seconds=st.floats(0.7, 3.0),
)
def test_any_rate_start_and_length(rate_hz, seed, start_s, seconds):
    truth = speechlike(seed)
    trajectory = record(truth, rate_hz, seconds, start_s)
    times_s = np.random.default_rng(seed).uniform(*trajectory.times_s[[0, -1]], 300)
    assert np.abs(align(trajectory, times_s) - truth(times_s)).max() < 0.005


def test_content_up_to_ten_hertz_inside():
    truth = speechlike(3, highest_hz=10.0)
    times_s = frame_centres(4.0)[10:-10]
    for rate_hz in RATES:
        assert np.abs(align(record(truth, rate_hz), times_s) - truth(times_s)).max() < 0.01


def test_zero_padded_decimation_is_what_this_replaces():
    truth = speechlike(0)
    trajectory = record(truth, 1250)
    decimated = resample_poly(trajectory.positions, 1, 25)
    assert np.abs(decimated[0] - truth([0.0])[0]).max() > 30  # mm
    assert np.abs(align(trajectory, [0.0]) - truth([0.0])).max() < 0.01


def test_above_the_cutoff_is_removed_without_shift():
    times_s = np.arange(2500) / 1250
    slow, fast = np.sin(2 * np.pi * 3 * times_s), np.sin(2 * np.pi * 45 * times_s)
    smooth = low_pass((slow + fast)[:, None], 1250, 20.0)[:, 0]
    assert np.abs(smooth - slow)[250:-250].max() < 1e-3
    at_corner = low_pass(np.sin(2 * np.pi * 20 * times_s)[:, None], 1250, 20.0)[:, 0]
    assert np.abs(at_corner[625:-625]).max() == pytest.approx(0.5, abs=0.01)


def test_noise_at_the_ends_is_not_blown_up():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.02, (5000, 200))
    smooth = low_pass(noise, 1250, 20.0)
    assert smooth[:100].std() < 0.02 and smooth[-100:].std() < 0.02


def test_a_straight_line_is_kept():
    line = (7.0 + 3.0 * np.arange(300) / 250)[:, None]
    np.testing.assert_allclose(low_pass(line, 250, 20.0), line, atol=1e-6)


def test_outside_the_recording_is_missing():
    trajectory = record(speechlike(0), 200, 1.0, start_s=0.1)
    aligned = align(trajectory, [0.05, 0.0999, 0.1, 0.5, 1.095, 1.0951, 2.0])
    assert np.isnan(aligned).all(axis=1).tolist() == [True, True, False, False, False, True, True]


def test_edges_can_be_dropped():
    trajectory = record(speechlike(0), 200, 1.0)
    missing = np.isnan(align(trajectory, [0.1, 0.19, 0.21, 0.79, 0.8], edge_s=0.2)).all(axis=1)
    assert missing.tolist() == [True, True, False, False, True]


def test_short_gaps_are_interpolated_and_long_ones_stay():
    truth = speechlike(1, highest_hz=4.0)
    trajectory = record(truth, 250)
    positions = trajectory.positions.copy()
    positions[250:262, 0] = np.nan  # 48 ms
    positions[500:513, 1] = np.nan  # 52 ms
    gappy = Trajectory(positions, trajectory.channels, 250)
    times_s = np.arange(0, 3.99, 0.001)
    aligned = align(gappy, times_s)
    assert not np.isnan(aligned[:, 0]).any()
    assert np.abs(aligned[:, 0] - truth(times_s)[:, 0]).max() < 1.0
    missing = times_s[np.isnan(aligned[:, 1])]
    assert (missing.min(), missing.max()) == pytest.approx((1.997, 2.051), abs=0.0011)
    # Nothing leaks across a long gap, and other channels do not notice.
    assert np.nanmax(np.abs(aligned[:, 1] - truth(times_s)[:, 1])) < 0.02
    assert np.abs(aligned[:, 2:] - truth(times_s)[:, 2:]).max() < 0.005


def test_the_limit_of_gaps_can_be_chosen():
    trajectory = record(speechlike(1), 250)
    positions = trajectory.positions.copy()
    positions[500:513] = np.nan
    gappy = Trajectory(positions, trajectory.channels, 250)
    assert not np.isnan(align(gappy, [2.02], max_gap_s=0.06)).any()
    assert np.isnan(align(gappy, [2.02], max_gap_s=0.04)).all()


def test_ends_are_never_extrapolated():
    values = np.array([[np.nan, 1.0, np.nan, 3.0, np.nan]]).T
    np.testing.assert_array_equal(fill_gaps(values, 3), np.array([[np.nan, 1.0, 2.0, 3.0, np.nan]]).T)


def test_a_channel_without_any_sample_stays_missing():
    positions = np.column_stack([np.full(400, np.nan), speechlike(0)(np.arange(400) / 200)[:, 0]])
    aligned = align(Trajectory(positions, ("TT.x", "TT.z"), 200), [0.5, 1.0])
    assert np.isnan(aligned[:, 0]).all() and not np.isnan(aligned[:, 1]).any()


def test_islands_shorter_than_the_filter_are_dropped():
    positions = np.full((400, 1), np.nan)
    positions[100:108] = 1.0
    trajectory = Trajectory(positions, ("TT.x",), 200)
    assert np.isnan(align(trajectory, trajectory.times_s)).all()
    assert np.nansum(align(trajectory, trajectory.times_s, cutoff_hz=None)) == pytest.approx(8.0)


def test_rate_too_low_for_the_cutoff():
    trajectory = Trajectory(np.zeros((100, 1)), ("TT.x",), 40.0, source="a.csv")
    with pytest.raises(ArticulensError, match=r"a\.csv: 40 Hz is too slow for a low-pass at 20 Hz; .* below 16 Hz"):
        align(trajectory, [0.5])


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 60))
def test_zscore_has_mean_zero_and_scale_one(seed, samples):
    rng = np.random.default_rng(seed)
    values = rng.normal(rng.uniform(-200, 200, 3), rng.uniform(0.1, 9, 3), (samples, 3))
    values[rng.random(values.shape) < 0.1] = np.nan
    z, mean, scale = zscore(values)
    np.testing.assert_allclose(z * scale + mean, values, atol=1e-9)
    moving = np.sum(~np.isnan(values), axis=0) > 1
    np.testing.assert_allclose(np.nanmean(z[:, moving], axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(np.nanstd(z[:, moving], axis=0), 1, atol=1e-9)


def test_zscore_with_given_statistics_and_still_channels():
    mean, scale = channel_statistics([[1.0, 5.0]], [[3.0, 5.0]])
    assert (mean.tolist(), scale.tolist()) == ([2.0, 5.0], [1.0, 1.0])
    assert zscore([[4.0, 6.0]], (mean, scale))[0].tolist() == [[2.0, 1.0]]


def test_zscore_by_speaker():
    arrays = [np.array([[0.0], [2.0]]), np.array([[4.0], [6.0]]), np.array([[10.0], [30.0]])]
    standardised, statistics = zscore_by(arrays, ["a", "a", "b"])
    assert statistics["a"][0] == pytest.approx(3.0) and statistics["b"][1] == pytest.approx(10.0)
    assert standardised[2].ravel().tolist() == [-1.0, 1.0]
    assert np.concatenate(standardised[:2]).std() == pytest.approx(1.0)


@pytest.mark.parametrize("rate_hz", [100, 145, 200, 400])
@pytest.mark.parametrize("cutoff_hz", [10, 20, 30, 40])
def test_nor_where_the_rate_is_low_for_the_cutoff(rate_hz, cutoff_hz):
    rng = np.random.default_rng(0)
    time = np.arange(4 * rate_hz) / rate_hz
    slow = np.stack([5 * np.sin(2 * np.pi * f * time + f) for f in np.linspace(0.5, 0.4 * cutoff_hz, 20)], axis=1)
    noise = 0.2 * rng.normal(size=slow.shape)
    assert np.abs(low_pass(slow + noise, rate_hz, cutoff_hz) - slow).max() < 1.0
