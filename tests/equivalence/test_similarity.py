"""Linear CKA beside plain implementations with Gram matrices, frames × frames."""

from itertools import permutations

import numpy as np
import pytest
import torch

from articulens.similarity import Frames, Minibatch, compare_layers, linear_cka

A, B, C = ("a", "1"), ("b", "1"), ("b", "2")


def hsic(k: np.ndarray, ll: np.ndarray, debiased: bool) -> float:
    """Return HSIC of two Gram matrices, as Nguyen et al. (2021) and Song et al. (2007) write it."""
    n = len(k)
    if not debiased:
        h = np.eye(n) - 1 / n
        return float(np.trace(k @ h @ ll @ h)) / (n - 1) ** 2
    k, ll, one = k - np.diag(np.diag(k)), ll - np.diag(np.diag(ll)), np.ones(n)
    through = one @ k @ one * (one @ ll @ one) / ((n - 1) * (n - 2))
    return float(np.trace(k @ ll) + through - 2 / (n - 2) * (one @ k @ ll @ one)) / (n * (n - 3))


def cka(x: np.ndarray, y: np.ndarray, debiased: bool = False) -> float:
    """Return linear CKA of one batch."""
    k, ll = x @ x.T, y @ y.T
    return hsic(k, ll, debiased) / np.sqrt(hsic(k, k, debiased) * hsic(ll, ll, debiased))


@pytest.fixture(scope="module")
def heard():
    rng = np.random.default_rng(0)
    utterances = []
    for u in range(14):
        x = rng.normal(size=(int(rng.integers(20, 60)), 12)) + rng.normal(size=12)
        views = {A: x, B: x @ rng.normal(size=(12, 9)) + rng.normal(size=(len(x), 9)), C: rng.normal(size=(len(x), 30))}
        utterances.append(Frames(f"u{u}", f"s{u % 4}", {v: torch.from_numpy(s) for v, s in views.items()}))
    return utterances


def rows(heard, view) -> np.ndarray:
    return np.concatenate([f.views[view].numpy() for f in heard])


def table(heard, **options):
    found = compare_layers(heard, draws=0, device="cpu", **options).table
    return {
        ((a, la), (b, lb)): v
        for a, la, b, lb, v in zip(*(found[c] for c in found.columns[:4]), found["cka"], strict=True)
    }


@pytest.mark.parametrize("size", [16, 50, 128])
@pytest.mark.parametrize("debiased", [False, True])
@pytest.mark.parametrize("aggregate", ["mean", "sum"])
def test_the_published_form(heard, size, debiased, aggregate):
    found = table(heard, forms=[], minibatch=Minibatch(size, aggregate=aggregate, debiased=debiased))
    for (a, b), value in found.items():
        x, y = rows(heard, a), rows(heard, b)
        batches = [(x[i : i + size], y[i : i + size]) for i in range(0, len(x) - size + 1, size)]
        if aggregate == "mean":
            expected = np.mean([cka(*batch, debiased) for batch in batches])
        else:
            grams = [(p @ p.T, q @ q.T) for p, q in batches]
            xy, xx, yy = (sum(hsic(g[i], g[j], debiased) for g in grams) for i, j in ((0, 1), (0, 0), (1, 1)))
            expected = xy / np.sqrt(xx * yy)
        assert value == pytest.approx(expected, abs=1e-10)


def test_the_published_form_of_pooled_utterances(heard):
    found = table(heard, forms=[], minibatch=Minibatch(7, pooling="mean"))
    means = {view: np.array([f.views[view].numpy().mean(0) for f in heard]) for view in (A, B)}
    expected = np.mean([cka(means[A][i : i + 7], means[B][i : i + 7]) for i in (0, 7)])
    assert found[A, B] == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("form", ["biased", "debiased"])
def test_frames_as_independent(heard, form):
    for (a, b), value in table(heard, forms=[form], window=5).items():
        assert value == pytest.approx(cka(rows(heard, a), rows(heard, b), form == "debiased"), abs=1e-10)


def average_over_distinct(heard, a, b) -> float:
    """Return HSIC as it is defined: averages over 2, 3 and 4 distinct utterances, a random frame of each."""
    x, y = ([f.views[view].numpy() for f in heard] for view in (a, b))
    products = [p.T @ q / len(p) for p, q in zip(x, y, strict=True)]
    mean_x, mean_y = ([p.mean(0) for p in side] for side in (x, y))
    n = range(len(heard))
    two = np.mean([np.sum(products[u] * products[v]) for u, v in permutations(n, 2)])
    three = np.mean([mean_x[v] @ products[u] @ mean_y[w] for u, v, w in permutations(n, 3)])
    four = np.mean([(mean_x[u] @ mean_x[v]) * (mean_y[w] @ mean_y[t]) for u, v, w, t in permutations(n, 4)])
    return float(two - 2 * three + four)


def test_utterances_as_independent(heard):
    few = heard[:7]
    for (a, b), value in table(few, forms=["cross_utterance"], window=3).items():
        xy, xx, yy = (average_over_distinct(few, *pair) for pair in ((a, b), (a, a), (b, b)))
        assert value == pytest.approx(xy / np.sqrt(xx * yy), abs=1e-10)


def test_many_utterances_come_near_to_centring_by_the_global_mean(heard):
    x, y = rows(heard, A), rows(heard, B)
    who = np.repeat(np.arange(len(heard)), [len(f) for f in heard])
    x, y = x - x.mean(0), y - y.mean(0)

    def without_own(p, q):
        return np.sum((p.T @ q) ** 2) - sum(np.sum((p[who == u].T @ q[who == u]) ** 2) for u in np.unique(who))

    plain = without_own(x, y) / np.sqrt(without_own(x, x) * without_own(y, y))
    assert linear_cka(x, y, utterances=who) == pytest.approx(plain, abs=0.05)


def test_re_paired_utterances_are_what_they_say(heard):
    few = heard[:6]
    found = compare_layers(few, [(A, B)], forms=["cross_utterance"], draws=0, repairings=1, device="cpu").table
    shifted = []
    for one, other in zip(few, few[1:] + few[:1], strict=True):
        n = min(len(one), len(other))
        shifted.append(Frames(one.utterance, one.speaker, {A: one.views[A][:n], B: other.views[B][:n]}))
    null = average_over_distinct(shifted, A, B) / np.sqrt(
        average_over_distinct(few, A, A) * average_over_distinct(few, B, B)
    )
    assert found["null_mean"][0] == pytest.approx(null, abs=1e-10)
    assert found["null_high"][0] == found["null_mean"][0] and found["p"][0] == (0.5 if null < found["cka"][0] else 1)
