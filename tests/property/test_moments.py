"""Moments merge, subtract, pack and save without losing what the frames say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from articulens.agreement import Agreement
from articulens.errors import ArticulensError
from articulens.moments import FIELDS, Accumulator, Moments


def frames(seed: int, n: int, p: int = 5, k: int = 3, offset: float = 100.0):
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(p, p))
    x = rng.normal(size=(n, p)) @ mix + offset * rng.normal(size=p)
    return x, x @ rng.normal(size=(p, k)) + rng.normal(size=(n, k)) + offset


def close(a: Moments, b: Moments, rtol: float = 1e-9) -> None:
    assert a.n == b.n
    for field in FIELDS[1:]:
        left, right = getattr(a, field), getattr(b, field)
        np.testing.assert_allclose(left, right, rtol=rtol, atol=rtol * np.abs(right).max(initial=0))


pieces = st.lists(st.integers(1, 40), min_size=1, max_size=8)


@settings(deadline=None, max_examples=60)
@given(pieces, st.randoms(use_true_random=False), st.integers(0, 99))
def test_any_order_of_merging_gives_the_moments_of_the_whole(sizes, random, seed):
    x, y = frames(seed, sum(sizes))
    whole = Moments.from_frames(x, y)
    cuts = np.cumsum(sizes)[:-1]
    parts = [Moments.from_frames(*xy) for xy in zip(np.split(x, cuts), np.split(y, cuts), strict=True)]
    random.shuffle(parts)
    close(Moments.sum(parts), whole)
    mean, scale = Moments.target_statistics(parts)
    np.testing.assert_allclose(mean, whole.mean_y)
    np.testing.assert_allclose(scale, whole.scale_y, rtol=1e-9)
    while len(parts) > 1:  # a random binary tree of merges
        a, b = parts.pop(random.randrange(len(parts))), parts.pop(random.randrange(len(parts)))
        parts.append(a + b)
    close(parts[0], whole)


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 60), st.integers(2, 60), st.integers(0, 99))
def test_what_was_added_can_be_taken_out(n, m, seed):
    x, y = frames(seed, n + m)
    rest, part = Moments.from_frames(x[:n], y[:n]), Moments.from_frames(x[n:], y[n:])
    close(rest + part - part, rest)
    close(Moments.from_frames(x, y) - part, rest)
    assert ((rest + part) - (rest + part)).n == 0


@settings(deadline=None, max_examples=30)
@given(pieces, st.integers(0, 99))
def test_batches_give_the_moments_of_the_whole(sizes, seed):
    import torch

    x, y = frames(seed, sum(sizes))
    sums = Accumulator(x.shape[1], y.shape[1])
    cuts = np.cumsum(sizes)[:-1]
    for a, b in zip(np.split(x, cuts), np.split(y, cuts), strict=True):
        sums.update(torch.from_numpy(a), torch.from_numpy(b))
    close(sums.moments(), Moments.from_frames(x, y))


def test_what_the_accumulator_gave_does_not_change_afterwards():
    import torch

    x, y = (torch.from_numpy(a) for a in frames(0, 30))
    sums = Accumulator(5, 3).update(x[:10], y[:10])
    early = sums.moments()
    before = early.sxx.copy()
    sums.update(x[10:], y[10:])
    np.testing.assert_array_equal(early.sxx, before)


def test_saved_moments_come_back_exactly(tmp_path):
    m = Moments.from_frames(*frames(1, 40))
    m.save(tmp_path / "m.npz")
    back = Moments.load(tmp_path / "m.npz")
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(back, field), getattr(m, field))
    first = (tmp_path / "m.npz").read_bytes()
    m.save(tmp_path / "m.npz")
    assert (tmp_path / "m.npz").read_bytes() == first


def test_standardising_is_standardising_the_frames():
    x, y = frames(2, 50)
    m = Moments.from_frames(x, y)
    standard = m.standardise()
    again = Moments.from_frames((x - x.mean(0)) / x.std(0), y)
    for field in FIELDS[1:]:
        np.testing.assert_allclose(getattr(standard, field), getattr(again, field), rtol=1e-9, atol=1e-9)
    mean, scale = y.mean(0), y.std(0)
    standard, again = m.standardise_targets(mean, scale), Moments.from_frames(x, (y - mean) / scale)
    for field in FIELDS[1:]:
        np.testing.assert_allclose(getattr(standard, field), getattr(again, field), rtol=1e-9, atol=1e-9)
    close(m.select_targets([2, 0]), Moments.from_frames(x, y[:, [2, 0]]))


def test_a_feature_that_does_not_vary_keeps_scale_one():
    x, y = frames(3, 50)
    x[:, 1] = 1234.5678
    assert Moments.from_frames(x, y).scale_x[1] == 1


@settings(deadline=None, max_examples=60)
@given(st.integers(5, 200), st.integers(0, 99))
def test_r_and_rmse_from_moments_are_those_of_the_frames(n, seed):
    x, y = frames(seed, n, offset=30.0)
    rng = np.random.default_rng(seed + 1)
    b, c = rng.normal(size=(5, 3)), rng.normal(size=3)
    scored = Agreement.of(b, c, Moments.from_frames(x, y))
    predicted = x @ b + c
    expected = [np.corrcoef(predicted[:, j], y[:, j])[0, 1] for j in range(3)]
    np.testing.assert_allclose(scored.r, expected, atol=1e-10)
    np.testing.assert_allclose(scored.rmse, np.sqrt(np.mean((predicted - y) ** 2, axis=0)), rtol=1e-9)
    # Over two halves added up, as over folds with probes of their own.
    half = n // 2
    parts = Agreement.of_frames(predicted[:half], y[:half]) + Agreement.of_frames(predicted[half:], y[half:])
    np.testing.assert_allclose(parts.r, expected, atol=1e-10)


def test_r_of_a_constant_is_not_a_number():
    x, y = frames(4, 50)
    y[:, 0] = 77.7
    r = Agreement.of(np.ones((5, 3)), np.zeros(3), Moments.from_frames(x, y)).r
    assert np.isnan(r[0])
    assert np.isfinite(r[1:]).all()
    assert np.isnan(Agreement.of(np.zeros((5, 3)), np.zeros(3), Moments.from_frames(x, y)).r).all()


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        (np.zeros((3, 2)), np.zeros((4, 2)), "do not pair"),
        (np.zeros(3), np.zeros((3, 2)), "do not pair"),
        (np.full((3, 2), np.nan), np.zeros((3, 2)), "NaN or infinite"),
        (np.zeros((3, 2)), np.full((3, 2), np.inf), "NaN or infinite"),
    ],
)
def test_frames_that_do_not_pair_are_refused(x, y, says):
    with pytest.raises(ArticulensError, match=says):
        Moments.from_frames(x, y)


def test_moments_of_other_things_do_not_mix(tmp_path):
    a, b = Moments.from_frames(*frames(0, 9)), Moments.from_frames(*frames(0, 9, p=4))
    with pytest.raises(ArticulensError, match="5 features"):
        a + b
    with pytest.raises(ArticulensError, match="cannot take 18 frames out of 9"):
        a - (a + a)
    with pytest.raises(ArticulensError, match="nothing to add up"):
        Moments.sum([])
    (tmp_path / "m.npz").write_bytes(b"PK not really")
    with pytest.raises(ArticulensError, match=r"m\.npz: not readable as moments"):
        Moments.load(tmp_path / "m.npz")
