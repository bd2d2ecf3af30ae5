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
# # How a mouth is measured
#
# Nobody can watch a tongue speak: it works behind the teeth. So small coils are glued to it, and the speaker sits in a
# weak, changing magnetic field. The field induces a voltage in each coil, and from the voltages follows where each coil
# is, a hundred times a second or more. This is electromagnetic articulography, EMA, and every position in this book
# comes from it or imitates it.
#
# ```{admonition} You will learn
# * what six coils see of a moving mouth, and what they miss,
# * how fast a mouth moves, and why nothing above 20 Hz is kept,
# * what noise and a nodding head do to the numbers, and what the laboratory does about it,
# * why the millimetres of two people cannot be compared as they are.
# ```
#
# **Needs** nothing but this notebook; half a minute on a laptop. The recordings are **synthetic**: exact, so that
# noise can be added and its effect be known.

# %% tags=["parameters"]
corpus: str = "bundled"  # corpus to open, as in articulens corpus describe
utterance: str = ""  # whose coils are drawn, empty means the first reading of several words
jitter_mm: float = 0.2  # white noise of a coil, standard deviation
seed: int = 0  # of the noise and the head

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from articulens.corpora import Trajectory, open_corpus
from articulens.corpora.signals import align, low_pass
from articulens.drawing import STYLE, STYLES, WIDTH
from articulens.publishing import record
from articulens.synthesis import MeasurementNoise

plt.rcParams.update(STYLE)

# %% [markdown]
# ## Six coils
#
# Tongue tip (TT), tongue body (TB) and tongue dorsum (TD) sit on the midline of the tongue; upper lip (UL), lower lip (LL)
# and jaw (JAW, glued to a lower front tooth) complete the picture. Each coil has an **x**, which grows towards the lips,
# and a **z**, which grows upwards, in millimetres. Real devices give a third coordinate, y, to the left; a mouth moves
# little that way.

# %%
recordings = open_corpus(corpus)
record(corpora={corpus: recordings})
chosen = next((u for u in recordings if u.id == utterance), None) or next(u for u in recordings if u.task != "T1")
samples, rate_hz, track = recordings.read(chosen)
print(f"{chosen.id}: {chosen.text}")
print(f"sound {samples.shape} at {rate_hz} Hz; positions {track.positions.shape} at {track.rate_hz:g} Hz")
pd.DataFrame(track.positions, columns=track.channels).describe().loc[["min", "mean", "max", "std"]].T.round(1)

# %% [markdown]
# Seen from the side, each coil draws its own little scribble. The tongue tip roams; the upper lip hardly leaves its place.

# %% mystnb={"image": {"alt": "Paths of six coils from the side: the three tongue coils sweep areas about a centimetre wide, the lips and the jaw smaller ones.", "width": "90%"}, "figure": {"caption": "The paths of six coils during one utterance. Lips are to the right.", "name": "fig-paths"}}
sensors = list(dict.fromkeys(channel.partition(".")[0] for channel in track.channels))
figure, axes = plt.subplots(figsize=(WIDTH, 3.6))
for sensor, (colour, marker, _) in zip(sensors, STYLES, strict=False):
    x, z = track.select([f"{sensor}.x", f"{sensor}.z"]).positions.T
    axes.plot(x, z, color=colour, linewidth=0.7)
    axes.plot(x.mean(), z.mean(), marker=marker, color=colour, linestyle="", label=sensor)
axes.set(xlabel="x, towards the lips (mm)", ylabel="z, upwards (mm)", aspect="equal")
axes.legend(ncols=6, loc="upper center", bbox_to_anchor=(0.5, -0.2), frameon=False)
plt.show()

# %% [markdown]
# What is missing is worth a thought: the sides of the tongue (an [l] lets air pass there), its root, the velum that opens
# the nose, the voice. A probe that reads coils reads part of articulation.
#
# ## How fast is a mouth?
#
# A vowel and a consonant together last a fifth of a second or so, which makes five movements a second. The power of the
# movements by frequency says the same, and says where to stop: what little is left above 20 Hz is mostly the measuring device,
# so positions are low-passed there before anything is predicted.

# %%
names = list(track.channels)
power = {}
for u in recordings.select(task=[chosen.task]).utterances[:40]:
    t = recordings.read_trajectory(u)
    moved = t.positions - t.positions.mean(0)
    spectrum = np.abs(np.fft.rfft(moved * np.hanning(len(moved))[:, None], axis=0)) ** 2
    power[u.id] = pd.DataFrame(spectrum, index=np.fft.rfftfreq(len(moved), 1 / t.rate_hz), columns=t.channels)
bands = pd.cut(pd.concat(power).index.get_level_values(1), np.arange(0, 51, 1), labels=np.arange(0.5, 50, 1))
share = pd.concat(power).groupby(bands, observed=False).sum()
share = share.cumsum() / share.sum()
below = share[[c for c in names if c.startswith(("TT", "TB", "TD", "LL"))]].mean(axis=1)
print(f"share of the movement below 5 Hz {below[4.5]:.1%}, below 10 Hz {below[9.5]:.1%}, below 20 Hz {below[19.5]:.2%}")

# %% mystnb={"image": {"alt": "Share of movement power that lies below each frequency: all coils come close to one before 20 Hz, marked by a line.", "width": "90%"}, "figure": {"caption": "How much of each coil's vertical movement lies below a frequency. Dotted: 20 Hz, where positions are cut.", "name": "fig-speed"}}
figure, axes = plt.subplots(figsize=(WIDTH, 2.8))
for sensor, (colour, _, line) in zip(sensors, STYLES, strict=False):
    axes.plot(share.index.astype(float), share[f"{sensor}.z"], line, color=colour, label=f"{sensor}.z")
axes.axvline(20, color="0.4", linestyle=":")
axes.set(xlabel="frequency (Hz)", ylabel="share of power below", xlim=(0, 30), ylim=(0, 1.03))
axes.legend(frameon=False, ncols=2)
plt.show()

# %% [markdown]
# ## Noise, and how much smoothing is right
#
# A real coil trembles: the position of a coil that lies still jitters by a few tenths of a millimetre. Because these tracks are exact,
# we can add such jitter, smooth it with low-passes of different corner frequencies, and compare with the truth. Too low a
# corner smears the movement, too high a corner lets the noise in.

# %%
noisy = MeasurementNoise(jitter_mm=jitter_mm, seed=seed).apply(track, chosen.id)
corners_hz = np.array([3, 4, 5, 6, 8, 10, 12, 15, 20, 25])
inside = slice(int(0.2 * track.rate_hz), -int(0.2 * track.rate_hz))  # the ends are a story of their own
error = pd.DataFrame(
    {
        name: [
            np.sqrt(np.mean((low_pass(given, track.rate_hz, corner) - track.positions)[inside] ** 2))
            for corner in corners_hz
        ]
        for name, given in (("exact positions", track.positions), (f"{jitter_mm} mm of jitter", noisy.positions))
    },
    index=corners_hz,
)
best_hz = error.iloc[:, 1].idxmin()
print(
    f"with {jitter_mm} mm of jitter the error is smallest at {best_hz} Hz: {error.iloc[:, 1].min():.3f} mm; "
    f"at 20 Hz it is {error.loc[20].iloc[1]:.3f} mm, and the low-pass alone blurs exact positions by {error.loc[20].iloc[0]:.3f} mm"
)

# %% mystnb={"image": {"alt": "Error against the corner frequency: for exact positions it falls to almost nothing, with jitter it has a minimum and rises again.", "width": "90%"}, "figure": {"caption": "Distance from the true positions after a low-pass, over all coils.", "name": "fig-smoothing"}}
figure, axes = plt.subplots(figsize=(WIDTH, 2.8))
for (name, column), (colour, marker, line) in zip(error.items(), STYLES, strict=False):
    axes.plot(corners_hz, column, line, marker=marker, color=colour, label=name)
axes.axvline(20, color="0.4", linestyle=":")
axes.set(xlabel="corner of the low-pass (Hz)", ylabel="error (mm)", ylim=(0, None))
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# ## The head moves too
#
# Speakers nod. A coil on the tongue then moves without any articulation. So three coils are glued where nothing moves by
# itself (behind the ears, on the bridge of the nose): they show where the head is at every moment, and the best rotation
# and shift that brings *them* back to where they were is applied to all coils. Here a head nods by a few degrees, and
# the correction undoes it, as well as the jitter of the three reference coils allows.

# %%
rng = np.random.default_rng(seed)
seconds = np.arange(len(track)) / track.rate_hz
angle = np.deg2rad(4 * np.sin(2 * np.pi * 0.4 * seconds + 1))
turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]).transpose(2, 0, 1)
middle = track.positions.reshape(len(track), -1, 2).mean((0, 1))
neck = middle - [80, 60]  # the head turns about a point behind and below


def nod(points: np.ndarray) -> np.ndarray:
    """Turn points (samples, points, 2) with the head, and measure them with jitter."""
    turned = np.einsum("tij,tpj->tpi", turn, points - neck) + neck
    return turned + jitter_mm * rng.normal(size=turned.shape)


references = np.array([[30.0, 60.0], [-60.0, 20.0], [-65.0, 35.0]])  # nose bridge, behind the ears
still = np.broadcast_to(references, (len(track), 3, 2))
coils, seen = nod(track.positions.reshape(len(track), -1, 2)), nod(still)
print(f"coils {coils.shape} and references {seen.shape}: samples × coils × (x, z)")


# %%
def corrected(coils: np.ndarray, seen: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Undo the head: the rotation and shift that bring the reference coils home (Kabsch), applied to all coils."""
    centre, home = seen.mean(1, keepdims=True), references.mean(0)
    u, _, vt = np.linalg.svd(np.einsum("tpi,pj->tij", seen - centre, references - home))
    flip = np.stack([np.ones(len(u)), np.linalg.det(u @ vt)], axis=1)  # a rotation, never a mirror image
    return np.einsum("tpi,tij->tpj", coils - centre, (u * flip[:, None, :]) @ vt) + home


fixed = corrected(coils, seen, references)
true = track.positions.reshape(len(track), -1, 2)
apart = {name: np.sqrt(np.mean((given - true) ** 2)) for name, given in (("as seen", coils), ("corrected", fixed))}
print(f"error as seen {apart['as seen']:.2f} mm, corrected {apart['corrected']:.2f} mm, jitter alone {jitter_mm} mm")

# %% mystnb={"image": {"alt": "Vertical tongue tip position over time, three lines: the true one, the one with a nodding head that swings far away, and the corrected one on top of the truth.", "width": "90%"}, "figure": {"caption": "Tongue tip height: true, with a nodding head, and corrected by three reference coils.", "name": "fig-head"}}
figure, axes = plt.subplots(figsize=(WIDTH, 2.8))
tip = sensors.index("TT")
for (name, given), (colour, _, line) in zip(
    (("true", true), ("with a nodding head", coils), ("corrected", fixed)), STYLES, strict=False
):
    axes.plot(seconds, given[:, tip, 1], line, color=colour, linewidth=1.2, label=name)
axes.set(xlabel="time (s)", ylabel="TT.z (mm)")
axes.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
plt.show()

# %% [markdown]
# ## Whose millimetres?
#
# Mouths differ in size, coils sit where the glue held, and zero is wherever the laboratory put it. Pool all speakers, and most of
# the variance of a coordinate may be *who speaks*, not what is said. A map that learned only to recognise the speaker would look like a good
# probe. So this book scores inside each speaker, and training speakers are brought to mean 0 and spread 1 first.

# %%
rows = []
for u in recordings:
    positions = recordings.read_trajectory(u).positions
    rows.append([u.speaker, len(positions), *positions.sum(0), *(positions**2).sum(0)])
table = pd.DataFrame(rows).groupby(0).sum().astype(float)
n, sums, squares = table[1].to_numpy()[:, None], table.iloc[:, 1 : 1 + len(names)], table.iloc[:, 1 + len(names) :]
within = (squares.to_numpy() - sums.to_numpy() ** 2 / n).sum(0)
total = squares.to_numpy().sum(0) - sums.to_numpy().sum(0) ** 2 / n.sum()
who = pd.Series(1 - within / total, index=names, name="share of variance between speakers").sort_values()
print(f"most: {who.index[-1]} {who.iloc[-1]:.0%}; least: {who.index[0]} {who.iloc[0]:.0%}")
who.round(2).to_frame()

# %% [markdown]
# ## Onto the clock of the frames
#
# One step is left. Positions come a hundred times a second here, 250 or 400 times on other devices; a speech model has
# fifty frames a second, at times of its own. `align` fills short gaps, low-passes without moving anything in time,
# and evaluates the track exactly at the times it is given.

# %%
gappy = MeasurementNoise(jitter_mm=jitter_mm, dropouts_per_s=0.5, seed=seed).apply(track, chosen.id)
frames_s = np.arange(0.0125, track.duration_s - 0.02, 0.02)
at_frames = align(gappy, frames_s)
exact = align(Trajectory(track.positions, track.channels, track.rate_hz), frames_s, cutoff_hz=None)
whole = np.isfinite(at_frames).all(axis=1)
print(f"missing samples {np.isnan(gappy.positions).mean():.1%}; frames with every coil {whole.sum()} of {len(whole)}")
print(f"distance from the truth there: {np.sqrt(np.mean((at_frames[whole] - exact[whole]) ** 2)):.3f} mm")

# %% [markdown]
# ## Takeaways
#
# * Coils see points of the midline, in mm; sides, root and velum stay hidden.
# * Speech movements are slow. A low-pass at 20 Hz costs them almost nothing and takes much of the noise away.
# * The head must be taken out, by coils that do not speak.
# * A coordinate says who speaks before it says what is said: score inside speakers.
#
# ## Go further
#
# `articulens run measure_a_mouth -p jitter_mm 0.5` shows a worse device. On recordings of your own, `articulens corpus check`
# looks for dead and swapped coils, wrong axes, gaps and lags.
