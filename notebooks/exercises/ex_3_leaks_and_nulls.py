# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Sheet 3: leaks and nulls
#
# Belongs to {doc}`/book/executed/06_audit_the_protocol`. About 60 minutes. The most useful habit of this trade is to ask of every
# number: could it be had without knowing anything?
#
# *Generated from `sol_3_leaks_and_nulls.py`; solutions: {doc}`/book/executed/exercises/sol_3_leaks_and_nulls`.*

# %% tags=["parameters"]
corpus: str = "bundled"  # corpus to open, as in articulens corpus describe
speaker: str = "FIN01"  # whose speech is used
seed: int = 0  # of what is random

# %%
import numpy as np
import pandas as pd

from articulens.corpora import open_corpus
from articulens.course import self_check
from articulens.encoders import open_encoder
from articulens.evaluation.learning import collect
from articulens.probes.linear import LinearProbe
from articulens.publishing import record

recordings = open_corpus(corpus)
encoder = open_encoder("logmel")
record(corpora={corpus: recordings}, encoders={"logmel": encoder})
table = recordings.to_frame()
utterances = collect(recordings.select(speaker=[speaker]), encoder, "0")[speaker]
print(f"{len(table)} utterances of {table['sentence'].nunique()} sentences; {speaker} has {len(utterances)} utterances")
table[["id", "speaker", "condition", "sentence"]].head()


# %% [markdown]
# :::{exercise} 3.1 Split by sentence (level 1: warm up)
# :nonumber:
# `table` has one row an utterance, with a column `sentence`. Return two masks of rows, train and test, such that about a fifth of
# the *sentences* is tested and no sentence is on both sides, whoever says it.
# :::

# %%
def split_by_sentence(table: pd.DataFrame, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return masks (utterances,) of the training and the test rows."""
    ...  # your answer


# %% tags=["check"]
with self_check("3.1"):
    masks = split_by_sentence(table, np.random.default_rng(seed))
    assert masks is not None, "`split_by_sentence` returns nothing yet; replace the dots."
    train, test = (np.asarray(mask) for mask in masks)
    assert train.shape == test.shape == (len(table),), (
        f"two masks of {len(table)} rows are wanted, yours are {train.shape} and {test.shape}."
    )
    assert not (train & test).any(), f"{(train & test).sum()} utterances train and are tested."
    both = sorted(set(table["sentence"][train]) & set(table["sentence"][test]))
    assert not both, f"sentence '{both[0]}' is on both sides ({len(both)} are): draw sentences, not utterances."
    tested = table["sentence"][test].nunique() / table["sentence"].nunique()
    assert 0.1 < tested < 0.3, f"about a fifth of the sentences should be tested, you test {tested:.0%}."
    assert (train | test).all(), f"{(~(train | test)).sum()} utterances are on neither side."
    other = np.asarray(split_by_sentence(table, np.random.default_rng(seed + 1))[1])
    assert (other != test).any(), "another random generator gives the same split; draw the sentences with `rng`."

# %% [markdown]
# :::{exercise} 3.2 Mend the pipeline (level 2: build)
# :nonumber:
# The function below was published, so to say. It leaks in two places: the test set reaches the fitted probe. Write it again so that it does
# not. The check is merciless: it fills the test positions with rubbish and looks whether your probe changes.
# :::

# %%
PENALTIES = np.logspace(0, 6, 7)


def leaking(x: np.ndarray, y: np.ndarray, test: np.ndarray) -> LinearProbe:
    """Fit to z-scored positions, with the best penalty: but who says what is best?"""
    z = (y - y.mean(0)) / y.std(0)
    probes = [LinearProbe(alpha, standardize=True).fit(x[~test], z[~test]) for alpha in PENALTIES]
    errors = [np.mean((probe.predict(x[test]) - z[test]) ** 2) for probe in probes]
    return probes[int(np.argmin(errors))]


# %%
def honest(x: np.ndarray, y: np.ndarray, test: np.ndarray) -> LinearProbe:
    """Fit a probe of z-scored positions to the frames outside `test`; choose among PENALTIES without it."""
    ...  # your answer


# %% tags=["check"]
with self_check("3.2"):
    x, y = np.concatenate([u.x for u in utterances]), np.concatenate([u.y for u in utterances])
    test = np.repeat([u.fold == 0 for u in utterances], [len(u.x) for u in utterances])
    fitted = honest(x, y, test)
    assert fitted is not None, "`honest` returns nothing yet; replace the dots."
    rubbish = y.copy()
    rubbish[test] = 1000 * np.random.default_rng(seed).normal(size=rubbish[test].shape)
    again = honest(x, rubbish, test)
    moved = np.abs(again.predict(x[~test]) - fitted.predict(x[~test])).max()
    assert moved < 1e-9, (
        f"rubbish in the test positions changed your probe by up to {moved:.2g}: something of them still reaches it."
    )
    noise = x.copy()
    noise[test] = 1000 * np.random.default_rng(seed).normal(size=noise[test].shape)
    moved = np.abs(honest(noise, y, test).predict(x[~test]) - fitted.predict(x[~test])).max()
    assert moved < 1e-9, f"rubbish in the test features changed your probe by up to {moved:.2g}."
    spread = fitted.predict(x[~test]).std(0).max()
    assert spread < 1.5, f"predictions have a spread of {spread:.1f}; are the positions z-scored?"
    assert spread > 0.2, "your probe hardly moves; is the penalty chosen among PENALTIES?"

# %% [markdown]
# :::{exercise} 3.3 What a deaf probe scores (level 3: research)
# :nonumber:
# A null should keep everything but the pairing with the sound. Write `rolled(y, rng)`: the positions of one utterance, rolled in time
# by a random number of frames, at least a fifth and at most four fifths of its length, the same for all channels. Then
# fill in `null_score`: fit on the training utterances with rolled positions, score on the test utterances with rolled
# positions, and return mean r. Do you expect zero?
# :::


# %%
def mean_r(a: np.ndarray, b: np.ndarray) -> float:
    """Return Pearson's r, averaged over columns."""
    a, b = a - a.mean(0), b - b.mean(0)
    return float(((a * b).sum(0) / np.sqrt((a**2).sum(0) * (b**2).sum(0))).mean())


# %%
def rolled(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return positions (frames, channels) rolled in time."""
    ...  # your answer


# %%
def null_score(rng: np.random.Generator) -> float:
    """Return mean r of a probe fitted and tested on rolled positions; fold 0 is tested."""
    ...  # your answer


# %% tags=["check"]
with self_check("3.3"):
    rng = np.random.default_rng(seed)
    whole = max((u.y for u in utterances), key=len)
    turned = rolled(whole, rng)
    assert turned is not None, "`rolled` returns nothing yet; replace the dots."
    assert turned.shape == whole.shape, f"the shape must stay {whole.shape}, yours is {np.shape(turned)}."
    assert np.allclose(np.sort(turned, axis=0), np.sort(whole, axis=0)), (
        "every position must still be there, each in its column."
    )
    for _ in range(50):
        turned = rolled(whole, rng)
        shift = [k for k in range(len(whole)) if np.array_equal(np.roll(whole, k, axis=0), turned)]
        assert shift, "that is no roll in time: all channels must move together and keep their order."
        assert len(whole) / 5 <= shift[0] <= 4 * len(whole) / 5, (
            f"rolled by {shift[0]} of {len(whole)} frames: that is less than a fifth away."
        )
    scores = [null_score(np.random.default_rng(k)) for k in range(5)]
    assert scores[0] is not None, "`null_score` returns nothing yet; replace the dots."
    assert len(set(scores)) > 1, "five random generators gave one score; pass `rng` on to `rolled`."
    assert np.mean(scores) < 0.4, f"your null has r {np.mean(scores):.2f}; are both training and test positions rolled?"
    print(f"null r {np.mean(scores):.3f}, from {min(scores):.3f} to {max(scores):.3f}")
