# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions to sheet 2: a probe by hand
#
# Belongs to {doc}`/book/executed/foundations/probe_from_scratch`. About 60 minutes. NumPy is all you need.

# %% tags=["parameters"]
corpus: str = "bundled"  # corpus to open, as in articulens corpus describe
speakers: list = ["FIN02", "FIN03", "RUS02"]  # whose speech is used

# %%
import numpy as np

from articulens.corpora import open_corpus
from articulens.course import self_check
from articulens.encoders import open_encoder
from articulens.evaluation.learning import collect
from articulens.probes.linear import LinearProbe
from articulens.publishing import record

recordings = open_corpus(corpus)
encoder = open_encoder("logmel")
record(corpora={corpus: recordings}, encoders={"logmel": encoder})
kept = collect(recordings.select(speaker=speakers), encoder, "0")
x = {s: np.concatenate([u.x for u in kept[s]]) for s in speakers}
y = {s: np.concatenate([u.y for u in kept[s]]) for s in speakers}
print({s: (x[s].shape, y[s].shape) for s in speakers})

# %% [markdown]
# :::{exercise} 2.1 Pearson's r (level 1: warm up)
# :label: pearsons-r
# :nonumber:
# Write Pearson's correlation of each column of `a` with the same column of `b`:
# $r = \sum (a - \bar a)(b - \bar b) \,/\, \sqrt{\sum (a - \bar a)^2 \sum (b - \bar b)^2}$.
# :::

# %% [markdown] tags=["solution"]
# :::{solution-start} pearsons-r
# :::


# %%
def pearson(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return r of each column: (frames, k) and (frames, k) give (k,)."""
    # solution
    a, b = a - a.mean(0), b - b.mean(0)
    return (a * b).sum(0) / np.sqrt((a**2).sum(0) * (b**2).sum(0))


# %% [markdown] tags=["solution"]
# `mean(0)` is the mean over rows, one a column. Without the `0` all columns would share one mean.
#
# :::{solution-end}
# :::

# %% tags=["check"]
with self_check("2.1"):
    a, b = y[speakers[0]], y[speakers[0]] + 3 * np.random.default_rng(0).normal(size=y[speakers[0]].shape)
    true = np.array([np.corrcoef(p, q)[0, 1] for p, q in zip(a.T, b.T, strict=True)])
    got = pearson(a, b)
    assert got is not None, "`pearson` returns nothing yet; replace the dots."
    assert np.shape(got) == true.shape, (
        f"one r a column is wanted, shape {true.shape}; yours has {np.shape(got)}. Sum over rows only."
    )
    uncentred = (a * b).sum(0) / np.sqrt((a**2).sum(0) * (b**2).sum(0))
    assert not np.allclose(got, uncentred), "that is the cosine: take the means out first."
    assert np.allclose(got, true), f"column 0 has r {true[0]:.4f}, yours is {np.ravel(got)[0]:.4f}."

# %% [markdown]
# :::{exercise} 2.2 Ridge regression (level 2: build)
# :label: ridge-by-hand
# :nonumber:
# Write ridge regression with an intercept: the weights $B$ that minimise $\lVert Y - XB - 1c^\top \rVert^2 + \alpha \lVert B \rVert^2$,
# and the intercept $c$. The intercept is *not* penalised. Return both.
# :::

# %% [markdown] tags=["solution"]
# :::{solution-start} ridge-by-hand
# :::


# %%
def ridge(x: np.ndarray, y: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (p, k) and intercept (k,)."""
    # solution
    mean_x, mean_y = x.mean(0), y.mean(0)
    x, y = x - mean_x, y - mean_y
    weights = np.linalg.solve(x.T @ x + alpha * np.eye(x.shape[1]), x.T @ y)
    return weights, mean_y - mean_x @ weights


# %% [markdown] tags=["solution"]
# With everything centred the best intercept is zero, so it drops out of the problem and cannot be penalised; it comes back in the last line. `solve` is
# faster and more exact than the inverse.
#
# :::{solution-end}
# :::

# %% tags=["check"]
with self_check("2.2"):
    own_x, own_y = x[speakers[0]], y[speakers[0]]
    for alpha in (1.0, 1000.0):
        reference = LinearProbe(alpha).fit(own_x, own_y)
        got = ridge(own_x, own_y, alpha)
        assert got is not None, "`ridge` returns nothing yet; replace the dots."
        assert len(got) == 2, f"return weights and intercept; you return {len(got)} things."
        weights, intercept = got
        assert np.shape(weights) == (own_x.shape[1], own_y.shape[1]), (
            f"weights must have shape {(own_x.shape[1], own_y.shape[1])}, yours have {np.shape(weights)}; turn them."
        )
        predicted = own_x @ weights + intercept
        bias = np.abs((predicted - own_y).mean(0)).max()
        assert bias < 1e-6, f"your predictions miss the mean by {bias:.2f} mm: the intercept is penalised or left out."
        off = np.abs(predicted - reference.predict(own_x)).max()
        assert off < 1e-6, (
            f"with α = {alpha:g} your predictions are up to {off:.3f} mm off; is α added to the diagonal of X'X, once?"
        )

# %% [markdown]
# :::{exercise} 2.3 Leave a speaker out, without reading the speech again (level 3: research)
# :label: leave-out-by-subtraction
# :nonumber:
# For ridge it is enough to know of a set of frames the number $n$, the sums $\sum x$ and $\sum y$, and the products
# $X^\top X$ and $X^\top Y$. These add up over sets, so a speaker can be taken out of the total by subtraction. Write
#
# * `sums(x, y)`, which returns a list of these five, and
# * `ridge_from_sums(total, alpha)`, which returns weights and intercept from them.
#
# The check fits the probe for each left-out speaker from `total - own` and compares with a fit to the frames.
# :::

# %% [markdown] tags=["solution"]
# :::{solution-start} leave-out-by-subtraction
# :::


# %%
def sums(x: np.ndarray, y: np.ndarray) -> list:
    """Return n, Σx, Σy, X'X and X'Y."""
    # solution
    return [len(x), x.sum(0), y.sum(0), x.T @ x, x.T @ y]


# %%
def ridge_from_sums(total: list, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (p, k) and intercept (k,)."""
    # solution
    n, sum_x, sum_y, xx, xy = total
    mean_x, mean_y = sum_x / n, sum_y / n
    c, d = xx - n * np.outer(mean_x, mean_x), xy - n * np.outer(mean_x, mean_y)
    weights = np.linalg.solve(c + alpha * np.eye(len(c)), d)
    return weights, mean_y - mean_x @ weights


# %% [markdown] tags=["solution"]
# $\sum (x - \bar x)(x - \bar x)^\top = X^\top X - n \bar x \bar x^\top$. This is how the whole book leaves speakers out: the audio is read
# once. (`articulens.moments` keeps the scatter about the mean instead of about zero, because the difference of two large
# numbers loses digits.)
#
# :::{solution-end}
# :::

# %% tags=["check"]
with self_check("2.3"):
    own = {s: sums(x[s], y[s]) for s in speakers}
    assert own[speakers[0]] is not None, "`sums` returns nothing yet; replace the dots."
    assert len(own[speakers[0]]) == 5, (
        f"five things are wanted (n, Σx, Σy, X'X, X'Y), you return {len(own[speakers[0]])}."
    )
    total = [sum(parts) for parts in zip(*own.values(), strict=True)]
    for left_out in speakers:
        rest = [a - b for a, b in zip(total, own[left_out], strict=True)]
        others = [s for s in speakers if s != left_out]
        reference = LinearProbe(100.0).fit(
            np.concatenate([x[s] for s in others]), np.concatenate([y[s] for s in others])
        )
        got = ridge_from_sums(rest, 100.0)
        assert got is not None, "`ridge_from_sums` returns nothing yet; replace the dots."
        off = np.abs(x[left_out] @ got[0] + got[1] - reference.predict(x[left_out])).max()
        assert off < 1e-3, (
            f"without {left_out} your predictions are up to {off:.3f} mm off; have you centred X'X and X'Y by n times the means?"
        )

# %% [markdown]
# **Where to go from here.** Pearson's r on a held-out speaker follows from the same sums, without a single prediction. How?
