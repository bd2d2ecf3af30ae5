"""Tests and intervals over speakers, against other implementations and simulated truth."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from articulens.errors import ArticulensError
from articulens.evaluation.inference import (
    cluster_interval,
    equivalence,
    fisher_mean,
    interval_words,
    mean_words,
    paired_difference,
    peak_interval,
    sign_flip,
    speaker_interval,
    summarise,
)


def test_intervals_cover_what_they_promise():
    """The share of 600 intervals that hold the truth, 18 speakers; .95 ± three standard errors."""
    rng = np.random.default_rng(1)
    samples = 0.7 + 0.1 * rng.normal(size=(600, 18))
    intervals = np.array([speaker_interval(s, draws=800, seed=i) for i, s in enumerate(samples)])
    covered = np.mean((intervals[:, 0] <= 0.7) & (intervals[:, 1] >= 0.7))
    assert abs(covered - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 600)


@pytest.mark.parametrize("n", [4, 7, 10])
def test_sign_flip_is_the_exact_test_of_scipy(n):
    d = np.random.default_rng(n).normal(0.5, 1, n)
    exact = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip(d[:, None])[0] == pytest.approx(exact.pvalue)


def test_sign_flip_of_unanimous_signs_is_the_smallest_p_there_is():
    assert sign_flip(np.full((7, 1), 0.3) + np.arange(7)[:, None] * 0.01)[0] == pytest.approx(2 / 2**7)


def test_max_t_keeps_the_rate_of_false_alarms_of_the_family():
    rng = np.random.default_rng(0)
    alarms = np.mean([sign_flip(rng.normal(size=(11, 30)), draws=2048, seed=i).min() <= 0.05 for i in range(400)])
    assert alarms <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
    d = rng.normal(size=(11, 5)) + 0.8
    corrected, alone = sign_flip(d), [sign_flip(d[:, [j]])[0] for j in range(5)]
    assert (corrected >= np.array(alone) - 1e-12).all()


def test_equivalence_is_two_one_sided_t_tests():
    d = np.random.default_rng(2).normal(0.01, 0.03, 11)
    result = equivalence(d, np.zeros(11), 0.05)
    expected = max(
        stats.ttest_1samp(d, -0.05, alternative="greater").pvalue, stats.ttest_1samp(d, 0.05, alternative="less").pvalue
    )
    assert result.p == pytest.approx(expected)
    assert result.holds == (-0.05 < result.low and result.high < 0.05)
    assert not equivalence(d + 0.06, np.zeros(11), 0.05).holds


def test_paired_differences_leave_out_who_has_no_pair():
    a, b = np.array([0.5, 0.6, np.nan, 0.7, 0.65]), np.array([0.4, 0.5, 0.3, 0.62, np.nan])
    result = paired_difference(a, b)
    assert result.speakers == 3 and result.mean == pytest.approx(np.mean([0.1, 0.1, 0.08]))
    assert result.p == pytest.approx(2 / 2**3)
    assert np.isnan(result.low)  # three speakers have no interval


def test_utterances_inside_speakers_widen_the_interval():
    rng = np.random.default_rng(3)
    speakers = np.repeat(np.arange(10), 8)
    flat = rng.normal(0.7, 0.1, 80)
    between = flat + np.repeat(rng.normal(0, 0.2, 10), 8)
    width = lambda v: np.diff(cluster_interval(v, speakers))[0]  # noqa: E731
    assert width(between) > 1.5 * width(flat) > 0
    assert np.isnan(cluster_interval(flat[:16], speakers[:16])).all()


def test_fisher_mean_is_between_the_mean_and_the_largest():
    assert fisher_mean([0.5, 0.9, np.nan]) == pytest.approx(np.tanh(np.mean(np.arctanh([0.5, 0.9]))))
    assert np.isnan(fisher_mean([np.nan]))


def test_the_peak_of_a_clear_curve_is_sure_and_of_a_flat_one_is_not():
    rng = np.random.default_rng(4)
    curve = -((np.arange(12) - 7) ** 2) / 10
    assert peak_interval(curve + 0.01 * rng.normal(size=(18, 12))) == (7, 7, 7)
    _, low, high = peak_interval(0.01 * rng.normal(size=(18, 12)))
    assert high - low >= 4


def test_what_cannot_be_tested_is_said():
    with pytest.raises(ArticulensError, match="cannot be permuted"):
        sign_flip(np.ones((1, 3)))
    with pytest.raises(ArticulensError, match="positive margin"):
        equivalence([0.1, 0.2], [0.1, 0.1], 0.0)


def test_an_interval_in_words_is_never_nan():
    assert interval_words(0.1, 0.25) == "95 % over speakers 0.100 to 0.250"
    assert interval_words(-0.1, 0.25, signed=True) == "95 % over speakers -0.100 to +0.250"
    assert interval_words(float("nan"), 0.2) == "too few speakers for an interval"


def test_means_are_said_with_their_interval():
    values = [0.5, 0.6, 0.7, 0.8, np.nan]
    low, high = speaker_interval(values)
    assert mean_words(values) == f"0.650 ({low:.3f} to {high:.3f})"
    assert mean_words([0.5, 0.7]) == "0.600 (too few speakers for an interval)"
    assert mean_words([np.nan]) == "not shown"


def test_an_interval_of_correlations_ends_at_one():
    speakers = ["a", "b", "c", "d"]
    scores = pd.DataFrame({"model": "m", "layer": "0", "speaker": speakers, "r": [0.1, 0.98, 0.99, 0.985]})
    assert speaker_interval(scores["r"])[0] < -1
    row = summarise(scores).iloc[0]
    assert -1 <= row["low"] < row["mean"] < row["high"] <= 1
