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
# # Sheet 4: read a table of scores
#
# Belongs to {doc}`/book/executed/02_map_layers_and_sensors`. About 50 minutes. No speech today: the table behind a chapter of this book is
# all you need, and what most readers of a paper will ever have.
#
# *Generated from `sol_4_read_a_table.py`; solutions: {doc}`/book/executed/exercises/sol_4_read_a_table`.*

# %% tags=["parameters"]
scores: str = "../../data/results/02_map_layers_and_sensors.parquet"  # table of scores, as written by that chapter
model: str = "tiny-multi"  # the encoder that is looked at
against: str = "logmel"  # what it is compared with

# %%
from itertools import product

import numpy as np

from articulens.course import self_check
from articulens.evaluation.inference import paired_difference, speaker_interval
from articulens.evaluation.scores import read_scores
from articulens.publishing import record

table = read_scores(scores)
record(files=[scores])
print(table.shape, ", ".join(table.columns))
table.groupby(["model", "protocol", "target"]).size().rename("rows").reset_index()

# %% [markdown]
# :::{exercise} 4.1 The best layer (level 1: warm up)
# :nonumber:
# For the encoder `model`, protocol `loso_sentence`, with positions as `measured`: average r over channels inside each speaker, then over
# speakers. Set `best_layer` (a string) and `best_r`.
# :::

# %%
...  # your answer

# %% tags=["check"]
with self_check("4.1"):
    best_layer, best_r
    of_model = table[(table["model"] == model) & (table["protocol"] == "loso_sentence")]
    measured = of_model[of_model["target"] == "measured"].groupby("layer")["r"].mean()
    assert str(best_layer) in measured.index, f"'{best_layer}' is no layer; there are {', '.join(measured.index)}."
    mixed = of_model.groupby("layer")["r"].mean().max()
    assert abs(best_r - mixed) > 1e-6, (
        "your mean includes the control with rolled positions; keep `target == 'measured'`."
    )
    every = table[(table["model"] == model) & (table["target"] == "measured")].groupby("layer")["r"].mean().max()
    assert abs(best_r - every) > 1e-6, "your mean mixes protocols; keep `loso_sentence`."
    single = of_model[of_model["target"] == "measured"]["r"].max()
    assert best_r < single - 1e-6, "that is the best single cell of the table, not a mean."
    assert str(best_layer) == measured.idxmax(), (
        f"layer {best_layer} has mean r {measured[str(best_layer)]:.3f}; another has more."
    )
    assert abs(best_r - measured.max()) < 1e-3, (
        f"at layer {best_layer} mean r is {measured.max():.3f}, you have {best_r:.3f}."
    )


# %% [markdown]
# :::{exercise} 4.2 An interval over speakers (level 2: build)
# :nonumber:
# Write a bootstrap interval: `values` holds one mean r a speaker. Draw as many speakers with replacement as there are, 2000 times,
# and return the 2.5 % and the 97.5 % percentile of the means. Use `rng`.
# :::

# %%
def bootstrap_interval(values: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % percentile interval of the mean."""
    ...  # your answer


# %% tags=["check"]
with self_check("4.2"):
    rows = table[(table["model"] == model) & (table["protocol"] == "loso_sentence") & (table["target"] == "measured")]
    first = rows["layer"].iloc[0]
    by_speaker = rows[rows["layer"] == first].groupby("speaker")["r"].mean().to_numpy()
    got = bootstrap_interval(by_speaker, np.random.default_rng(0))
    assert got is not None, "`bootstrap_interval` returns nothing yet; replace the dots."
    low, high = got
    assert low < by_speaker.mean() < high, (
        f"the mean is {by_speaker.mean():.3f}, outside your interval {low:.3f} to {high:.3f}."
    )
    expected = 2 * 1.96 * by_speaker.std() / np.sqrt(len(by_speaker))
    width = (high - low) / expected
    assert width < 1.6, (
        f"your interval is {width:.1f} times as wide as it should be; is it that of single speakers, not of their mean?"
    )
    assert width > 0.6, (
        f"your interval is only {width:.2f} times as wide as it should be; draw as many speakers as there are."
    )
    other = bootstrap_interval(by_speaker, np.random.default_rng(1))
    assert other != got, "another random generator gives the same interval; use `rng`."
    package = speaker_interval(by_speaker)
    print(
        f"yours {low:.3f} to {high:.3f}, the package's {package[0]:.3f} to {package[1]:.3f}, {len(by_speaker)} speakers"
    )


# %% [markdown]
# :::{exercise} 4.3 Is the model better? (level 3: research)
# :nonumber:
# Two encoders were tested on the same speakers. If they were equally good, each speaker's difference could as well have the other sign.
# Write the exact sign-flip test: over all $2^n$ choices of signs, the share whose mean difference is at least as far from zero as the one observed.
# :::

# %%
def sign_flip_p(differences: np.ndarray) -> float:
    """Return the exact two-sided p of the mean of paired differences (at most 12 speakers, say)."""
    ...  # your answer


# %% tags=["check"]
with self_check("4.3"):
    got = sign_flip_p(np.array([0.1, 0.2, 0.3]))
    assert got is not None, "`sign_flip_p` returns nothing yet; replace the dots."
    assert got != 0, "p is 0, but the observed signs are one of the choices and must be counted."
    assert abs(got - 1 / 8) > 1e-9, "p is 1/8: count means as far from zero on the other side too."
    assert abs(got - 2 / 8) < 1e-9, f"three speakers who agree give p = 2/8, you have {got:.3f}."
    rng = np.random.default_rng(0)
    for mean in (0.0, 0.4):
        sample = rng.normal(mean, 1, 10)
        true = np.mean([abs(np.dot(s, sample)) >= abs(sample.sum()) - 1e-9 for s in product([-1, 1], repeat=10)])
        assert abs(sign_flip_p(sample) - true) < 1e-9, (
            f"ten speakers: p is {true:.3f}, you have {sign_flip_p(sample):.3f}."
        )
    means = (
        table[(table["protocol"] == "loso_sentence") & (table["target"] == "measured")]
        .groupby(["model", "layer", "speaker"])["r"]
        .mean()
    )
    layers = means[model].groupby("layer").mean()
    a, b = means[model][layers.idxmax()], means[against].groupby("speaker").mean()
    d = (a - b).sort_index()
    print(
        f"{model} − {against}: {d.mean():+.3f} over {len(d)} speakers, package p = {paired_difference(a[d.index], b[d.index]).p:.4f}"
    )
    print(f"your p of the first ten speakers {sign_flip_p(d.to_numpy()[:10]):.4f}")

# %% [markdown]
# **Where to go from here.** The best layer was chosen on the speakers it is tested on. How would you choose it without them, and how much is lost?
