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
# # What an encoder's frame sees
#
# A speech model turns sound into a row of vectors, fifty a second: frames. A probe will be asked what each frame knows about the
# mouth *at that moment*. So first things first: which moment is that? And how much of the sound around it has a frame
# heard? The first question has an exact answer that is easy to get wrong; the second has two answers.
#
# ```{admonition} You will learn
# * where in time frame 50 is, from the strides of seven convolutions,
# * how to see what a frame hears, by touching the sound,
# * what misalignment costs a probe,
# * that neighbouring frames are nearly the same frame, which will matter later.
# ```
#
# **Needs** {doc}`measure_a_mouth`; half a minute on a laptop.

# %% tags=["parameters"]
corpus: str = "bundled"  # corpus to open, as in articulens corpus describe
model: str = "tiny-multi"  # encoder to look into
speaker: str = "FIN01"  # whose speech is used
seed: int = 0  # of the touches

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from articulens.agreement import Agreement
from articulens.corpora import open_corpus
from articulens.corpora.schema import TARGETS
from articulens.corpora.signals import align
from articulens.drawing import STYLE, STYLES, WIDTH
from articulens.encoders import open_encoder
from articulens.probes.linear import PENALTIES, LinearProbe
from articulens.publishing import record

plt.rcParams.update(STYLE)

# %% [markdown]
# ## Seven convolutions
#
# The front end of wav2vec 2.0, HuBERT and their relatives is a stack of convolutions. Each looks at `kernel` values of the one
# below and moves on by `stride`. Follow two numbers up the stack: how many samples one value has heard, and how many
# samples lie between two values.

# %%
kernels, strides = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)
rows, heard, hop = [], 1, 1
for kernel, stride in zip(kernels, strides, strict=True):
    heard += (kernel - 1) * hop
    hop *= stride
    rows.append({"kernel": kernel, "stride": stride, "samples heard": heard, "samples between": hop})
stack = pd.DataFrame(rows, index=pd.RangeIndex(1, 8, name="layer"))
print(f"one frame hears {heard} samples = {heard / 16:.0f} ms, and the next is {hop} samples = {hop / 16:.0f} ms later")
stack

# %% [markdown]
# Frame $i$ hears the samples $320\,i$ to $320\,i + 399$, so its centre is at
#
# $$ t_i = \frac{320\, i + 199.5}{16000}\ \text{s} . $$
#
# Not at $i / 50$: that is 12.5 ms too early. An encoder of this package carries a clock that knows.

# %%
recordings = open_corpus(corpus)
encoder = open_encoder(model, seed=seed)
record(corpora={corpus: recordings}, encoders={model: encoder})
utterances = recordings.select(speaker=[speaker]).utterances
utterance = next(u for u in utterances if u.task != "T1")
samples, rate_hz = recordings.read_audio(utterance)
states = encoder.encode(samples, rate_hz)
print(
    f"{model}: {len(samples)} samples give {len(states)} frames × {encoder.width} dims at layers {', '.join(encoder.layers)}"
)
print(f"frame 50 by the clock {states.times_s[50]:.5f} s, by the formula {(320 * 50 + 199.5) / 16000:.5f} s")

# %% [markdown]
# ## Touch the sound and see who notices
#
# Do not believe the formula: test it. Disturb a few milliseconds of the sound and see which frames change. At layer 0 the peak is narrow:
# that is the seven convolutions. Its slopes come from one more, the positional convolution, which mixes frames over more than a second to tell
# the model where each one stands; and the floor far away from scaling each recording, as a whole, to variance 1. Further up, every block lets
# each frame attend to all others.

# %%
middle = len(samples) // 2
touched = samples.copy()
touched[middle : middle + 80] += 0.05 * np.random.default_rng(seed).normal(size=80).astype(np.float32)
other = encoder.encode(touched, rate_hz)


def change(layer: str) -> np.ndarray:
    """Return how far each frame moved, relative to the spread of the layer: (frames,)."""
    a, b = states[layer].numpy(), other[layer].numpy()
    return np.linalg.norm(a - b, axis=1) / np.linalg.norm(a - a.mean(0), axis=1).mean()


away_ms = 1000 * (states.times_s - (middle + 40) / rate_hz)
layers = [encoder.layers[0], encoder.layers[len(encoder.layers) // 2], encoder.layers[-1]]
changes = pd.DataFrame({f"layer {layer}": change(layer) for layer in layers}, index=away_ms)
near, far = np.abs(away_ms) <= 40, np.abs(away_ms) > 100
ratio = changes[near].max() / changes[far].median().clip(lower=1e-7)
for layer, value in ratio.items():
    print(f"{layer}: the strongest change within 40 ms is {value:,.0f} times the usual one beyond 100 ms")

# %% mystnb={"image": {"alt": "Change of each frame against its distance from the touch, on a logarithmic axis: a narrow peak that stands on a floor which rises from layer to layer.", "width": "90%"}, "figure": {"caption": "Five milliseconds of sound are disturbed at 0. How much each frame changes.", "name": "fig-touch"}}
figure, axes = plt.subplots(figsize=(WIDTH, 3))
for (name, column), (colour, marker, line) in zip(changes.items(), STYLES, strict=False):
    axes.semilogy(away_ms, column.clip(lower=1e-7), line, marker=marker, markersize=3, color=colour, label=name)
axes.set(xlabel="centre of the frame, from the touch (ms)", ylabel="relative change", xlim=(-400, 400))
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# So there are two answers to "what does a frame see". Its *place* is a window of 25 ms. Its *knowledge* is the whole recording,
# and more so in higher layers. A frame that knows where the tongue is may have heard it, or may have
# concluded it from the word around. No probe can tell these apart by itself; the baseline `logmel+6`, which sees the
# spectrum of six frames to either side and nothing else, is there to compare with.
#
# ## What a wrong clock costs
#
# Now a first probe: ridge regression from one layer to the coils, on the odd utterances of one speaker, scored on the even ones. The
# positions are taken a little before or after the frames' centres. Where the correlation is highest, the clocks agree.

# %%
layer = encoder.layers[len(encoder.layers) // 2]
shifts_ms = np.array([-100, -75, -50, -25, -12.5, 0, 12.5, 25, 50, 75, 100])
heard = []
for u in utterances:
    samples, rate_hz, track = recordings.read(u)
    heard.append((encoder.encode(samples, rate_hz), track.select(TARGETS)))
print(f"{speaker}: {len(heard)} utterances, {sum(len(s) for s, _ in heard)} frames, layer {layer}")


# %%
def score(shift_ms: float) -> float:
    """Return mean r over channels when positions are read `shift_ms` after the frames' centres."""
    x, y, even = [], [], []
    for i, (found, track) in enumerate(heard):
        positions = align(track, found.times_s + shift_ms / 1000)
        # The same frames at every shift: those that are measured at the largest ones too.
        kept = (found.times_s > 0.11) & (found.times_s < track.duration_s - 0.13) & np.isfinite(positions).all(axis=1)
        x.append(found[layer].numpy()[kept])
        y.append(positions[kept])
        even += [i % 2 == 0] * int(kept.sum())
    x, y, even = np.concatenate(x), np.concatenate(y), np.array(even)
    probe = LinearProbe(PENALTIES, standardize=True).fit(x[~even], y[~even])
    return float(Agreement.of_frames(probe.predict(x[even]), y[even]).r.mean())


curve = pd.Series([score(shift) for shift in shifts_ms], index=shifts_ms, name="mean r")
print(f"highest at {curve.idxmax():+g} ms: r = {curve.max():.3f}; {len(curve)} shifts")

# %% mystnb={"image": {"alt": "Mean r against the shift between sound and positions: a hill with its top near zero.", "width": "90%"}, "figure": {"caption": "Mean r over ten channels when positions are read before (negative) or after the centre of each frame. Dotted: what pairing by number does.", "name": "fig-shift"}}
figure, axes = plt.subplots(figsize=(WIDTH, 2.8))
axes.plot(shifts_ms, curve, "o-", color=STYLES[0][0])
axes.axvline(-12.5, color="0.4", linestyle=":")
axes.set(xlabel="positions read after the frame's centre by (ms)", ylabel="mean r")
plt.show()

# %%
by_number, twice = curve[-12.5], curve[[-100.0, 100.0]].mean()
print(
    f"Pairing frame i with the position at i / 50 s reads 12.5 ms too early: r {by_number:.3f}, and {curve[0.0]:.3f} at the "
    f"centre. A tenth of a second off, it is {twice:.3f}."
)

# %% [markdown]
# A layer that has heard the whole recording can say where the mouth was a moment ago or will be soon, so the hill is
# broad, and a small error of the clock is hard to notice from the score. That makes it worse, not better: it adds to every number
# of one pipeline and to none of another. The chapter {doc}`../06_audit_the_protocol` has the whole bill.
#
# ## Neighbours are nearly the same frame
#
# Frames are 20 ms apart and a mouth needs a fifth of a second for a syllable. So the coils have hardly moved from one frame to the next, and
# the vectors of a layer have hardly changed. The correlation of a frame with the one that comes $k$ frames later says
# how many *different* frames a minute of speech really holds.


# %%
def likeness(values: list[np.ndarray], k: int) -> float:
    """Return the mean correlation over columns between a frame and the frame `k` later in the same utterance."""
    a = np.concatenate([v[:-k] for v in values if len(v) > k])
    b = np.concatenate([v[k:] for v in values if len(v) > k])
    return float(np.nanmean(Agreement.of_frames(a, b).r))


later = np.arange(1, 26)
tracks = [align(track, found.times_s) for found, track in heard]
tracks = [track[np.isfinite(track).all(axis=1)] for track in tracks]
alike = pd.DataFrame(
    {
        "positions": [likeness(tracks, k) for k in later],
        f"states of layer {layer}": [likeness([s[layer].numpy().astype(float) for s, _ in heard], k) for k in later],
    },
    index=20 * later,
)
alike.iloc[[0, 1, 4, 9, 24]].round(2).rename_axis("ms later")

# %% mystnb={"image": {"alt": "Correlation of a frame with later ones: starts high for neighbours and falls within a few tenths of a second, for positions and for states.", "width": "90%"}, "figure": {"caption": "How alike two frames of one utterance are, by the time between them.", "name": "fig-alike"}}
figure, axes = plt.subplots(figsize=(WIDTH, 2.8))
for (name, column), (colour, marker, line) in zip(alike.items(), STYLES, strict=False):
    axes.plot(alike.index, column, line, marker=marker, markersize=4, color=colour, label=name)
axes.axhline(0, color="0.7", linewidth=0.8)
axes.set(xlabel="time between the two frames (ms)", ylabel="correlation")
axes.legend(frameon=False)
plt.show()

# %%
frames = sum(len(track) for track in tracks)
alone = frames / (1 + 2 * (alike["positions"].clip(lower=0) ** 2).sum())
print(
    f"{frames} frames of {speaker} are worth about {alone:.0f} independent ones for a correlation between two such tracks "
    f"(n / (1 + 2 Σ ρ²)): a p-value computed from {frames} frames would be far too small."
)

# %% [markdown]
# Hence two rules of this book. The unit of inference is the speaker, never the frame. And a test frame must not have
# its neighbours in the training set, or the probe is asked what it has just been told.
#
# ## Takeaways
#
# * Frame $i$ is centred at $(320\,i + 199.5) / 16000$ s, and positions are read there, never by number.
# * Its place is 25 ms wide, its knowledge is the whole recording.
# * Neighbouring frames are nearly copies; count speakers, not frames.
#
# ## Go further
#
# `articulens run see_a_frame -p model tiny-multi@random` asks an untrained network the same questions: the place stays, and the rest does not.
