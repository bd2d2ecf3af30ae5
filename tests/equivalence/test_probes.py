"""Probes fitted to moments are scikit-learn's, fitted to the frames."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from articulens.agreement import Agreement
from articulens.errors import ArticulensError
from articulens.moments import Moments
from articulens.probes.linear import PENALTIES, LinearProbe, RidgePath, solve


def speakers(seed: int, n_speakers: int, n: int, p: int = 12, k: int = 4):
    """Frames of several speakers whose means and scales differ."""
    rng = np.random.default_rng(seed)
    b = rng.normal(size=(p, k))
    out = []
    for _ in range(n_speakers):
        x = rng.normal(size=(n, p)) * rng.uniform(0.3, 3, p) + 10 * rng.normal(size=p)
        out.append((x, x @ b + rng.normal(size=(n, k)) + 50 * rng.normal(size=k)))
    return out


def assert_same(probe: LinearProbe, reference, x: np.ndarray) -> None:
    coef, intercept = reference.coef_, reference.intercept_
    np.testing.assert_allclose(probe.coef_, coef, rtol=1e-8, atol=1e-8 * np.abs(coef).max())
    np.testing.assert_allclose(probe.intercept_, intercept, rtol=1e-8, atol=1e-8 * np.abs(intercept).max())
    predicted = reference.predict(x)
    np.testing.assert_allclose(probe.predict(x), predicted, rtol=1e-8, atol=1e-8 * np.abs(predicted).max())


@parametrize_with_checks([LinearProbe(), LinearProbe(1.0, standardize=True), LinearProbe((0.1, 1.0, 10.0))])
def test_is_a_scikit_learn_estimator(estimator, check):
    check(estimator)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(2, 6),
    st.integers(20, 60),
    st.sampled_from([0.0, 0.1, 10.0, 1e4]),
    st.randoms(use_true_random=False),
)
def test_leave_one_speaker_out_by_subtraction_is_a_fit_to_the_others_frames(n_speakers, n, alpha, random):
    data = speakers(random.randrange(1000), n_speakers, n)
    parts = [Moments.from_frames(x, y) for x, y in data]
    order = list(range(n_speakers))
    random.shuffle(order)
    total = Moments.sum(parts[i] for i in order)
    for left_out in order:
        x = np.concatenate([d[0] for i, d in enumerate(data) if i != left_out])
        y = np.concatenate([d[1] for i, d in enumerate(data) if i != left_out])
        probe = LinearProbe(alpha).fit_moments(total - parts[left_out])
        reference = (LinearRegression() if alpha == 0 else Ridge(alpha)).fit(x, y)
        assert_same(probe, reference, data[left_out][0])
        predicted = reference.predict(data[left_out][0])
        r = [np.corrcoef(predicted[:, j], data[left_out][1][:, j])[0, 1] for j in range(y.shape[1])]
        scored = Agreement.of(*probe.weights, parts[left_out])
        np.testing.assert_allclose(scored.r, r, atol=1e-10)


@pytest.mark.parametrize("alpha", [0.0, 3.0])
def test_standardised_is_a_scaler_before_the_regression(alpha):
    (x, y), *_ = speakers(0, 1, 80)
    reference = make_pipeline(StandardScaler(), LinearRegression() if alpha == 0 else Ridge(alpha)).fit(x, y)
    probe = LinearProbe(alpha, standardize=True).fit(x, y)
    np.testing.assert_allclose(probe.predict(x), reference.predict(x), rtol=1e-8)


def test_fewer_frames_than_features_gives_the_minimum_norm_solution():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 50)), rng.normal(size=(30, 2))
    probe, reference = LinearProbe().fit(x, y), LinearRegression().fit(x, y)
    np.testing.assert_allclose(probe.coef_, reference.coef_, atol=1e-9)
    np.testing.assert_allclose(probe.predict(x), y, atol=1e-9)  # it interpolates


def test_frames_in_batches_are_frames_at_once():
    (x, y), *_ = speakers(1, 1, 90)
    probe = LinearProbe(2.0)
    for part in np.array_split(np.arange(90), 7):
        probe.partial_fit(x[part], y[part])
    assert_same(probe, Ridge(2.0).fit(x, y), x)


def test_every_penalty_from_one_decomposition():
    (x, y), *_ = speakers(2, 1, 90)
    m = Moments.from_frames(x, y)
    for b, alpha in zip(RidgePath(m.sxx, m.sxy).at(PENALTIES), PENALTIES, strict=True):
        np.testing.assert_allclose(b.T, Ridge(alpha).fit(x, y).coef_, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(b, solve(m.sxx, m.sxy, alpha), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("standardize", [False, True])
def test_the_penalty_chosen_is_that_of_a_grid_search_on_the_same_folds(standardize):
    data = speakers(3, 5, 24, p=20)
    x, y = (np.concatenate(a) for a in zip(*data, strict=True))
    groups = np.repeat(np.arange(5), 24)
    model = make_pipeline(StandardScaler(), Ridge()) if standardize else Ridge()
    name = "ridge__alpha" if standardize else "alpha"
    grid = {name: PENALTIES}

    def search(target):
        found = GridSearchCV(model, grid, cv=LeaveOneGroupOut(), scoring="neg_mean_squared_error")
        return found.fit(x, target, groups=groups)

    together = search(y)
    probe = LinearProbe(PENALTIES, standardize=standardize, per_target=False).fit(x, y, groups=groups)
    assert set(probe.alpha_) == {together.best_params_[name]}
    np.testing.assert_allclose(-together.cv_results_["mean_test_score"], probe.cv_error_.mean(1), rtol=1e-8)
    each = LinearProbe(PENALTIES, standardize=standardize).fit(x, y, groups=groups)
    assert list(each.alpha_) == [search(y[:, j]).best_params_[name] for j in range(y.shape[1])]


def test_rescaled_predicts_in_the_other_unit():
    (x, y), *_ = speakers(4, 1, 60)
    mean, scale = y.mean(0), y.std(0)
    m = Moments.from_frames(x, y)
    probe = LinearProbe(1.0).fit_moments(m.standardise_targets(mean, scale)).rescaled(mean, scale)
    np.testing.assert_allclose(probe.predict(x), Ridge(1.0).fit(x, (y - mean) / scale).predict(x) * scale + mean)


@pytest.mark.parametrize(
    ("probe", "says"),
    [
        (LinearProbe(-1.0), "not a penalty"),
        (LinearProbe((1.0, float("nan"))), "not a penalty"),
        (LinearProbe(()), "not a penalty"),
        (LinearProbe((1.0, 2.0)), "no inner folds"),
    ],
)
def test_what_cannot_be_fitted_is_refused(probe, says):
    (x, y), *_ = speakers(5, 1, 30)
    with pytest.raises(ArticulensError, match=says):
        probe.fit_moments(Moments.from_frames(x, y))
    with pytest.raises(ArticulensError, match="at least 2"):
        LinearProbe(1.0).fit_moments(Moments.from_frames(x[:1], y[:1]))
