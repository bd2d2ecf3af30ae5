"""What holds of linear CKA whatever the states are."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from articulens.similarity import Frames, Minibatch, Standardised, cka_interval, compare_layers, linear_cka

FORMS = {
    "biased": lambda x, y, u: linear_cka(x, y, biased=True),
    "debiased": lambda x, y, u: linear_cka(x, y),
    "cross_utterance": lambda x, y, u: linear_cka(x, y, utterances=u),
}


def related(seed: int, utterances: int = 9, p: int = 7, q: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States of two views that share something, in utterances of different lengths."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(utterances), rng.integers(3, 12, utterances))
    x = rng.normal(size=(len(who), p)) * rng.uniform(0.3, 2, p) + rng.normal(size=p) * 5
    y = x @ rng.normal(size=(p, q)) + rng.normal(size=(len(who), q)) - 20
    return x, y, who


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_rotation_scale_offset_and_order_do_not_matter(form, seed):
    cka = FORMS[form]
    x, y, who = related(seed)
    rng = np.random.default_rng(seed + 1)
    turn = np.linalg.qr(rng.normal(size=(7, 7)))[0]
    value = cka(x, y, who)
    assert cka(x, x, who) == pytest.approx(1, abs=1e-12)
    assert cka(x, 3.7 * x @ turn + 11, who) == pytest.approx(1, abs=1e-9)
    assert cka(0.01 * x @ turn - 4, y, who) == pytest.approx(value, abs=1e-9)
    assert cka(y, x, who) == pytest.approx(value, abs=1e-12)
    order = rng.permutation(len(x))
    assert cka(x[order], y[order], who[order]) == pytest.approx(value, abs=1e-9)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**20), window=st.integers(2, 7), budget=st.sampled_from([2e-5, 1.0]))
def test_streaming_is_the_same_as_all_at_once(seed, window, budget):
    x, y, who = related(seed)
    heard = frames_of(who, x, y)
    found = compare_layers(heard, draws=6, window=window, budget_gb=budget, device="cpu")
    values = found.table[found.table["model_a"] != found.table["model_b"]].set_index("form")["cka"]
    for form, cka in FORMS.items():
        assert values[form] == pytest.approx(cka(x, y, who), abs=1e-10)
    # A half-sample is what the same utterances alone would give.
    whole = compare_layers(heard, draws=6, device="cpu")
    np.testing.assert_allclose(found.draws, whole.draws, atol=1e-10)


def frames_of(who, x, y) -> list[Frames]:
    return [
        Frames(
            f"u{u}", f"s{u % 3}", {("a", "0"): torch.from_numpy(x[who == u]), ("b", "0"): torch.from_numpy(y[who == u])}
        )
        for u in np.unique(who)
    ]


def test_a_half_sample_holds_the_value_of_its_utterances():
    x, y, who = related(3, utterances=16)
    found = compare_layers(frames_of(who, x, y), [(("a", "0"), ("b", "0"))], draws=4, device="cpu")
    from articulens.similarity.estimators import half_samples

    masks = half_samples([f"u{u}" for u in np.unique(who)], 4, 0)[1:].bool().numpy()
    for row, form in enumerate(found.table["form"]):
        for draw, mask in enumerate(masks):
            inside = np.isin(who, np.flatnonzero(mask))
            assert found.draws[row, draw] == pytest.approx(FORMS[form](x[inside], y[inside], who[inside]), abs=1e-10)
    assert (masks[0] != masks[1]).all(), "every other draw is the complement of the one before"


@pytest.mark.parametrize("n", [32, 128, 512, 2048])
def test_independent_frames_have_nothing_in_common_whatever_their_number(n):
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(2, n, 128))
    low, high = cka_interval(x, y, draws=40)
    assert low < 0 < high and linear_cka(x, y) == pytest.approx(0, abs=0.05)
    low, high = cka_interval(x, y + x, draws=40)
    assert 0.2 < low < 0.5 < high, "half of the variance is shared"


@pytest.mark.parametrize(("n", "inflated"), [(32, 0.97), (128, 0.89), (512, 0.67)])
def test_the_biased_form_is_inflated_as_is_known(n, inflated):
    x, y = np.random.default_rng(0).normal(size=(2, n, 1024))
    assert linear_cka(x, y, biased=True) == pytest.approx(inflated, abs=0.01)
    assert linear_cka(x, y) == pytest.approx(0, abs=0.05)


def autoregressive(rng, utterances: int, frames: int, dims: int, rho: float) -> np.ndarray:
    """Independent utterances whose frames depend on the ones before, ``(utterances * frames, dims)``."""
    noise = rng.normal(size=(utterances, frames, dims))
    x = noise.copy()
    for t in range(1, frames):
        x[:, t] = rho * x[:, t - 1] + np.sqrt(1 - rho**2) * noise[:, t]
    return x.reshape(-1, dims)


@pytest.mark.parametrize("utterances", [10, 20, 50])
def test_only_the_cross_utterance_form_survives_frames_that_depend_on_each_other(utterances):
    rng = np.random.default_rng(utterances)
    x, y = (autoregressive(rng, utterances, 250, 48, 0.9) for _ in range(2))
    who = np.repeat(np.arange(utterances), 250)
    low, high = cka_interval(x, y, utterances=who, draws=40)
    assert low < 0 < high and abs(linear_cka(x, y, utterances=who)) < 0.03
    assert linear_cka(x, y) > 5 * abs(linear_cka(x, y, utterances=who)), "which frames taken for independent do not"
    # What two views do share is found in both.
    shared = autoregressive(rng, utterances, 250, 48, 0.9)
    both = linear_cka(x + shared, y + shared, utterances=who)
    assert both == pytest.approx(0.25, abs=0.04)


def test_one_dimension_of_huge_variance_is_levelled_by_standardising():
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(12), 30)
    x, y = rng.normal(size=(2, len(who), 20))
    x[:, 0] = y[:, 0] = 60 * rng.normal(size=len(who))
    heard, pair = frames_of(who, x, y), [(("a", "0"), ("b", "0"))]
    raw = compare_layers(heard, pair, forms=["debiased"], draws=0, device="cpu").table["cka"][0]
    level = compare_layers(Standardised(heard), pair, forms=["debiased"], draws=0, device="cpu").table["cka"][0]
    assert raw > 0.99 and level < 0.1
    z = [(v - v.mean(0)) / v.std(0) for v in (x, y)]
    assert level == pytest.approx(linear_cka(*z), abs=1e-10)


def test_the_mini_batch_form_depends_on_its_batches_and_summed_debiased_hsic_does_not():
    rng = np.random.default_rng(1)
    who = np.repeat(np.arange(16), 32)
    shared = rng.normal(size=(len(who), 256))
    x, y = shared + 1.5 * rng.normal(size=shared.shape), shared + 1.5 * rng.normal(size=shared.shape)
    heard, pair = frames_of(who, x, y), [(("a", "0"), ("b", "0"))]
    mean, total = {}, {}
    for size in (32, 128):
        for kept, options in ((mean, {}), (total, {"aggregate": "sum", "debiased": True})):
            found = compare_layers(heard, pair, forms=[], minibatch=Minibatch(size, **options), draws=0, device="cpu")
            kept[size] = found.table["cka"][0]
    truth = linear_cka(x, y)
    assert mean[32] > mean[128] > truth + 0.3
    assert total[32] == pytest.approx(truth, abs=0.02) and total[128] == pytest.approx(truth, abs=0.02)
