"""Correlations over models, against other implementations, published values and simulated truth."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from articulens.errors import ArticulensError
from articulens.evaluation.predictors import (
    contest,
    correlation,
    least_correlation,
    least_difference,
    leave_family_out,
    rank_correlation,
    what_models_allow,
    whatever_is_left_out,
    williams_t,
)


def drawn(rng, runs, n, r, between, *, families=None, shared=0.8):
    """Outcome and two predictors ``(runs, n, 3)``; relatives share a part of what they are."""
    root = np.linalg.cholesky([[1, r, r], [r, 1, between], [r, between, 1]])
    own = rng.normal(size=(runs, n, 3)) @ root.T
    if families is None:
        return own
    common = (rng.normal(size=(runs, max(families) + 1, 3)) @ root.T)[:, families]
    return np.sqrt(shared) * common + np.sqrt(1 - shared) * own


def test_williams_test_gives_the_published_values():
    # Silver, Hittner and May 2006 (their program depcor), as tested in R's cocor: t = -1.0767, p = .2843.
    t = float(williams_t(0.3, 0.4, 0.5, 100))
    assert round(t, 4) == -1.0767
    assert round(2 * stats.t.sf(abs(t), 97), 4) == 0.2843
    # The example of R's psych (r.test) after Steiger 1980: masculinity and femininity with verbal ability, t = .89.
    assert round(float(williams_t(0.5, 0.4, 0.1, 103)), 2) == 0.89
    assert williams_t(0.4, 0.4, 0.9, 10) == 0


def test_a_contest_is_williams_test_of_the_three_correlations():
    y, a, b = drawn(np.random.default_rng(3), 1, 12, 0.7, 0.6)[0].T
    found = contest(y, a, b)
    matrix = np.corrcoef([y, a, b])
    mean = (matrix[0, 1] + matrix[0, 2]) / 2
    spread = 2 * 11 / 9 * np.linalg.det(matrix) + mean**2 * (1 - matrix[1, 2]) ** 3
    t = (matrix[0, 1] - matrix[0, 2]) * np.sqrt(11 * (1 + matrix[1, 2]) / spread)
    assert found.t == pytest.approx(t)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(t), 9))
    assert (found.a.r, found.between, found.models) == (pytest.approx(matrix[0, 1]), pytest.approx(matrix[1, 2]), 12)
    assert found.low < found.difference < found.high
    turned = contest(y, b, a)
    assert (turned.t, turned.p) == (pytest.approx(-t), pytest.approx(found.p))


@pytest.mark.parametrize("n", [6, 10, 20])
def test_williams_test_keeps_its_level(n):
    """The share of 4000 true nulls that it rejects; .05 ± three standard errors."""
    data = drawn(np.random.default_rng(n), 4000, n, 0.8, 0.9)
    r = np.array([np.corrcoef(one.T) for one in data])
    p = 2 * stats.t.sf(np.abs(williams_t(r[:, 0, 1], r[:, 0, 2], r[:, 1, 2], n)), n - 3)
    assert abs(np.mean(p < 0.05) - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 4000)


def test_relatives_deceive_williams_test_but_not_the_rule_that_leaves_each_family_out():
    families = np.arange(12) % 4
    alone = kept = 0
    for y, a, b in drawn(np.random.default_rng(0), 100, 12, 0.8, 0.9, families=families).transpose(0, 2, 1):
        table = leave_family_out(pd.DataFrame({"y": y, "a": a, "b": b, "family": families}), "y", "a", "b")
        alone += table["p"].iloc[0] < 0.05
        kept += whatever_is_left_out(table) < 0.05
    assert alone / 100 > 0.12  # .22 in the long run: the trap is real
    assert kept / 100 <= 0.05
    # What is true of every model is still found.
    y, a, b = np.random.default_rng(1).normal(size=(3, 16))
    table = pd.DataFrame({"y": y, "a": y + 0.1 * a, "b": b, "family": np.arange(16) % 4})
    assert whatever_is_left_out(leave_family_out(table, "y", "a", "b")) < 0.01


def test_each_family_is_left_out_once():
    rng = np.random.default_rng(2)
    table = pd.DataFrame(rng.normal(size=(8, 3)), columns=list("yab")).assign(family=list("kkkkkmmo"))
    left = leave_family_out(table, "y", "a", "b").set_index("left out")
    assert left["models"].to_dict() == {"none": 8, "k": 3, "m": 6, "o": 7}
    without_m = table[table.family != "m"]
    assert left.loc["m", "r a"] == pytest.approx(without_m["y"].corr(without_m["a"]))
    assert np.isnan(left.loc["k", "p"])  # three models: a correlation, but no test of two
    assert whatever_is_left_out(left.reset_index()) == 1
    few = leave_family_out(table.iloc[3:], "y", "a", "b").set_index("left out")
    assert few.loc["m", "models"] == 3 and np.isfinite(few.loc["m", "r a"])


def test_correlation_is_pearsons_with_fishers_interval():
    x, y = np.random.default_rng(4).normal(size=(2, 11))
    found, known = correlation(x, y), stats.pearsonr(x, y)
    assert (found.r, found.p) == (pytest.approx(known.statistic), pytest.approx(known.pvalue))
    assert (found.low, found.high) == pytest.approx(tuple(known.confidence_interval()))
    assert "11 models" in str(found)
    assert correlation([*x, np.nan], [*y, 1.0]).models == 11


def test_partial_correlation_is_that_of_the_inverse_covariance():
    rng = np.random.default_rng(5)
    size, hours = rng.normal(size=(2, 14))
    x, y = size + 0.5 * rng.normal(size=14), size + hours + 0.5 * rng.normal(size=14)
    precision = np.linalg.inv(np.cov([x, y, size, hours]))
    expected = -precision[0, 1] / np.sqrt(precision[0, 0] * precision[1, 1])
    found = correlation(x, y, given=np.column_stack([size, hours]))
    assert (found.r, found.given) == (pytest.approx(expected), 2)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(expected) * np.sqrt(10 / (1 - expected**2)), 10))
    # A covariate that does not vary, or says the same as another, holds nothing more constant.
    again = correlation(x, y, given=np.column_stack([size, hours, np.full(14, 1.5), 2 * hours - size]))
    assert (again.r, again.given) == (pytest.approx(expected), 2)


def test_rank_correlation_has_the_exact_p():
    found = rank_correlation([1, 2, 3, 4, 5], [1, 2, 3, 5, 4])
    # Of 5! orders, 1 has no inversion and 4 have one; as many are reversed: 10 / 120.
    assert (found.tau, found.p, found.exact) == (pytest.approx(0.8), pytest.approx(10 / 120), True)
    tied = rank_correlation([1, 2, 3, 4, 5, 6], [1, 1, 2, 3, 3, 4], draws=4000)
    every = stats.permutation_test(
        (np.array([1, 1, 2, 3, 3, 4]),), lambda y: abs(stats.kendalltau(range(6), y).statistic),
        permutation_type="pairings", n_resamples=1000, alternative="greater", vectorized=False,
    )  # fmt: skip
    assert not tied.exact
    assert tied.tau == pytest.approx(stats.kendalltau(range(6), [1, 1, 2, 3, 3, 4]).statistic)
    assert tied.p == pytest.approx(every.pvalue, abs=0.02)


def test_what_so_few_models_allow_is_said_in_numbers():
    # methods: with n = 10 even r = .8 has a 95 % interval of about .34 to .95
    assert "0.34 to 0.95" in what_models_allow(10)
    assert "nothing can be concluded" in what_models_allow(3)
    least = least_correlation(10)
    assert 2 * stats.t.sf(least * np.sqrt(8 / (1 - least**2)), 8) == pytest.approx(0.05)
    gap = least_difference(12, 0.8, 0.9)
    p = 2 * stats.t.sf(float(williams_t(0.8, 0.8 - gap, 0.9, 12)), 9)
    assert p == pytest.approx(0.05, abs=0.001)
    assert least_difference(30, 0.8, 0.9) < gap < least_difference(6, 0.8, 0.9)


@pytest.mark.parametrize(
    ("x", "y", "given", "says"),
    [
        ([1, 2], [3, 4], None, "2 models have all the numbers"),
        ([1, 2, np.nan], [3, 4, 5], None, "2 models have all the numbers"),
        ([1, 2, 3], [5, 5, 5], None, "the same for all models"),
        ([1, 2, 4, 3], [3, 4, 5, 1], np.eye(4), "4 models and 3 covariates leave no degree of freedom"),
    ],
)
def test_too_few_models_are_refused(x, y, given, says):
    with pytest.raises(ArticulensError, match=says):
        correlation(x, y, given=given)
    if given is None:
        with pytest.raises(ArticulensError, match=says):
            contest(y, x, x)
        with pytest.raises(ArticulensError):
            rank_correlation(x[:2], y[:2])


def test_three_models_are_correlated_without_any_claim():
    found = contest([1.0, 2.0, 3.0], [1.0, 2.0, 2.5], [2.0, 1.0, 3.0])
    assert np.isnan([found.p, found.low, found.a.low]).all()
    assert "too few models for an interval" in str(found.a)
