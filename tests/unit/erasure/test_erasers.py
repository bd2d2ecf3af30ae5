"""Erasers from moments: against concept-erasure, and what they promise."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from articulens.agreement import Agreement
from articulens.erasure import Whitener, everything, inlp, leace, random_eraser
from articulens.errors import ArticulensError
from articulens.moments import Moments
from articulens.probes.linear import LinearProbe


def frames(n=4000, p=24, k=5, seed=0):
    """States of unequal variance, some of whose directions follow a concept."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, k)) @ rng.normal(size=(k, k))
    x = rng.normal(size=(n, p)) * np.logspace(0.5, -1, p) + 0.4 * z @ rng.normal(size=(k, p)) + 3.0
    return x @ rng.normal(size=(p, p)), z


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*")
def test_leace_from_moments_is_that_of_concept_erasure():
    concept_erasure = pytest.importorskip("concept_erasure")
    x, z = frames()
    ours = leace(Moments.from_frames(x, z))
    standard = torch.from_numpy((z - z.mean(0)) / z.std(0))
    fitter = concept_erasure.LeaceFitter.fit(torch.from_numpy(x), standard, shrinkage=False, svd_tol=1e-9)
    theirs = fitter.eraser(torch.from_numpy(x)).numpy()
    assert ours.rank == 5
    assert np.abs(ours(x) - theirs).max() < 1e-6 * np.abs(x).max()
    projection = np.eye(x.shape[1]) - ours.left @ ours.right
    assert np.abs(projection - fitter.eraser.P.numpy()).max() < 1e-6


def test_leace_merges_like_moments_do():
    x, z = frames()
    parts = Moments.sum([Moments.from_frames(x[i::3], z[i::3]) for i in range(3)])
    whole = leace(Moments.from_frames(x, z))
    assert np.abs(leace(parts)(x) - whole(x)).max() < 1e-8 * np.abs(x).max()


def test_nothing_linear_is_left_in_the_training_frames_and_a_little_elsewhere():
    x, z = frames()
    train, test = Moments.from_frames(x[:2000], z[:2000]), Moments.from_frames(x[2000:], z[2000:])
    eraser = leace(train)

    def refit(m):
        return float(np.nan_to_num(Agreement.of(*LinearProbe(0.0).fit_moments(m).weights, m).r).max())

    assert refit(train) > 0.8
    assert refit(eraser.moments(train)) <= 0.02
    assert 0.02 < refit(eraser.moments(test)) < 0.3  # what a subspace found in other frames leaves


def test_moments_after_erasure_are_those_of_erased_frames():
    x, z = frames(500)
    m = Moments.from_frames(x, z)
    eraser = leace(m, 3)
    direct = Moments.from_frames(eraser(x), z)
    erased = eraser.moments(m)
    for field in ("mean_x", "sxx", "sxy"):
        wanted = getattr(direct, field)
        assert np.allclose(getattr(erased, field), wanted, atol=1e-8 * np.abs(m.sxx).max()), field
    lost = 1 - np.trace(erased.sxx) / np.trace(m.sxx)
    assert lost == pytest.approx(eraser.removed, abs=1e-9)


def test_more_rank_leaves_less():
    m = Moments.from_frames(*frames())
    left = [np.abs(leace(m, rank).moments(m).sxy / m.scale_y).sum() for rank in (1, 2, 3, 4, 5)]
    assert all(a > b for a, b in pairwise(left))


@pytest.mark.parametrize("share", [0.02, 0.2, 0.6])
def test_random_erasers_have_the_rank_and_the_variance_of_what_they_control_for(share):
    m = Moments.from_frames(*frames())
    axes = Whitener(m)
    drawn = [random_eraser(axes, 4, share, np.random.default_rng(seed)) for seed in range(3)]
    for eraser in drawn:
        assert eraser.rank == 4
        assert eraser.removed == pytest.approx(share, abs=1e-6)
        lost = 1 - np.trace(eraser.moments(m).sxx) / np.trace(m.sxx)
        assert lost == pytest.approx(share, abs=1e-6)
    assert np.abs(drawn[0].left @ drawn[0].right - drawn[1].left @ drawn[1].right).max() > 0.01


def test_inlp_takes_orthogonal_directions_until_little_is_left():
    m = Moments.from_frames(*frames())
    few, many = inlp(m, 5), inlp(m, 15)
    for eraser in (few, many):
        assert np.allclose(eraser.left.T @ eraser.left, np.eye(eraser.rank), atol=1e-8)
        assert np.allclose(eraser.left, eraser.right.T)
    assert few.rank == 5 and many.rank == 15

    def left(eraser):
        erased = eraser.moments(m)
        return float(np.nan_to_num(Agreement.of(*LinearProbe(1e-6).fit_moments(erased).weights, erased).r).mean())

    before = float(Agreement.of(*LinearProbe(0.0).fit_moments(m).weights, m).r.mean())
    assert left(many) < left(few) < before


def test_everything_is_everything():
    x, z = frames(200)
    m = Moments.from_frames(x, z)
    assert np.allclose(everything(m)(x), m.mean_x)


def test_on_a_device_states_keep_their_type():
    x, z = frames(300)
    eraser = leace(Moments.from_frames(x, z))
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.bfloat16, 0.1)):
        batch = torch.from_numpy(x[:10]).to(dtype)[None]
        erased = eraser.on("cpu")(batch)
        assert erased.dtype == dtype and erased.shape == batch.shape
        assert (
            np.abs(erased[0].double().numpy() - eraser(batch[0].double().numpy())).max() < tolerance * np.abs(x).max()
        )


@pytest.mark.parametrize(
    ("fit", "says"),
    [
        (lambda m: leace(m, 25, name="lips"), "lips: rank 25 was asked for, but the layer has 24 dimensions"),
        (lambda m: leace(m, 0, name="lips"), "rank 0"),
        (lambda m: leace(m, 6, name="lips"), "lips: rank 6 was asked for, but it has 5 dimensions"),
        (lambda m: inlp(m, 25), "the layer has 24 dimensions"),
        (lambda m: random_eraser(Whitener(m), 25, 0.1, np.random.default_rng(0)), "24 dimensions"),
        (lambda m: random_eraser(Whitener(m), 1, 0.9999, np.random.default_rng(0)), "of the variance"),
    ],
)
def test_impossible_ranks_are_refused(fit, says):
    with pytest.raises(ArticulensError, match=says):
        fit(Moments.from_frames(*frames(400)))


def test_a_constant_target_is_refused():
    x, z = frames(400)
    z[:, 2] = 7.25
    for fit in (leace, lambda m, **more: inlp(m, 2, **more)):
        with pytest.raises(ArticulensError, match=r"tongue: target 3 of 5 is 7\.25 in all 400 frames"):
            fit(Moments.from_frames(x, z), name="tongue")


def test_states_that_do_not_vary_are_refused():
    with pytest.raises(ArticulensError, match="do not vary"):
        Whitener(Moments.from_frames(np.ones((10, 3)), np.ones((10, 1))))
    with pytest.raises(ArticulensError, match="1 training frames"):
        Whitener(Moments.from_frames(np.ones((1, 3)), np.ones((1, 1))))
