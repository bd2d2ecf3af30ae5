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
# # Solutions to sheet 1: frames and clocks
#
# Belongs to {doc}`/book/executed/foundations/see_a_frame`. About 40 minutes. Replace the dots; the cell below each answer
# tells you whether it is right, or what is wrong.

# %% tags=["parameters"]
corpus: str = "bundled"  # corpus to open, as in articulens corpus describe
speaker: str = "RUS02"  # whose speech is used

# %%
import numpy as np

from articulens.corpora import Trajectory, open_corpus
from articulens.corpora.schema import TARGETS
from articulens.corpora.signals import align
from articulens.course import self_check
from articulens.encoders import open_encoder
from articulens.probes.linear import LinearProbe
from articulens.publishing import record

recordings = open_corpus(corpus)
encoder = open_encoder("logmel")
record(corpora={corpus: recordings}, encoders={"logmel": encoder})
heard = [recordings.read(u) for u in recordings.select(speaker=[speaker])]
print(f"{speaker}: {len(heard)} utterances; the first has {len(heard[0][0])} samples at {heard[0][1]} Hz")

# %% [markdown]
# :::{exercise} 1.1 When is a frame? (level 1: warm up)
# :label: when-is-a-frame
# :nonumber:
# Frame $i$ of a wav2vec 2.0 front end hears the samples $320\,i$ to $320\,i + 399$ of sound at 16 kHz. Write a function that returns
# the time of its centre, in seconds.
# :::

# %% [markdown] tags=["solution"]
# :::{solution-start} when-is-a-frame
# :::


# %%
def frame_time_s(i: int) -> float:
    """Return the centre of frame `i` in seconds."""
    # solution
    return (320 * i + 399 / 2) / 16_000


# %% [markdown] tags=["solution"]
# The first sample is number $320\,i$ and the last $320\,i + 399$; the centre is their mean.
#
# :::{solution-end}
# :::

# %% tags=["check"]
with self_check("1.1"):
    got = frame_time_s(0)
    assert got is not None, "`frame_time_s` returns nothing yet; replace the dots."
    assert got != 0, "you have frame 0 at 0 s, but that is where it begins; its centre is half a window later."
    assert abs(got - 200 / 16_000) > 1e-9, "you have frame 0 at 12.5 ms: very near. The mean of 0 and 399 is not 200."
    assert abs(got - 199.5 / 16_000) < 1e-9, (
        f"you have frame 0 at {1000 * got:.3f} ms; take the mean of its first and last sample."
    )
    assert abs(frame_time_s(50) - frame_time_s(49) - 0.02) < 1e-9, "the next frame must be 320 samples, 20 ms, later."

# %% [markdown]
# :::{exercise} 1.2 How many frames? (level 2: build)
# :label: how-many-frames
# :nonumber:
# A frame exists only where all of its 400 samples do. Write a function that returns the number of frames of a recording of
# `n_samples` samples.
# :::

# %% [markdown] tags=["solution"]
# :::{solution-start} how-many-frames
# :::


# %%
def count_frames(n_samples: int) -> int:
    """Return how many frames a recording has."""
    # solution
    return max(0, (n_samples - 400) // 320 + 1)


# %% [markdown] tags=["solution"]
# The last frame that fits starts at or before sample `n_samples - 400`. The `max` is for recordings shorter than one frame.
#
# :::{solution-end}
# :::

# %% tags=["check"]
with self_check("1.2"):
    assert count_frames(400) is not None, "`count_frames` returns nothing yet; replace the dots."
    assert count_frames(400) == 1, f"400 samples are just one frame, you have {count_frames(400)}."
    assert count_frames(719) == 1, f"719 samples lack one for a second frame, you have {count_frames(719)} frames."
    assert count_frames(720) == 2, f"720 samples are two frames, you have {count_frames(720)}."
    assert count_frames(399) == 0, f"399 samples are no frame, you have {count_frames(399)}."
    assert count_frames(10) == 0, f"10 samples cannot give {count_frames(10)} frames; mind the negative numbers."

# %% [markdown]
# :::{exercise} 1.3 Find the lag (level 3: research)
# :label: find-the-lag
# :nonumber:
# In a laboratory the sound was recorded by one computer and the coils by another, and their clocks differ: every position is stamped
# the same number of milliseconds too late or too early. Write a function that finds the shift from the data alone. Read the
# positions at `times + shift` for shifts from −100 to 100 ms, fit a probe to half of the utterances, score it on the other half,
# and return the shift with the highest mean r, in ms. `features[i]` are the frames of utterance $i$, at `times[i]` seconds;
# `align(tracks[i], t)` gives its positions at the times `t`, NaN outside the recording.
# :::

# %%
sounds = [encoder.encode(samples, rate_hz) for samples, rate_hz, _ in heard]
features = [found["0"].numpy().astype(float) for found in sounds]
times = [found.times_s for found in sounds]
print(f"{len(features)} utterances, the first {features[0].shape} frames × mel bands")


def mean_r(a: np.ndarray, b: np.ndarray) -> float:
    """Return Pearson's r, averaged over columns."""
    a, b = a - a.mean(0), b - b.mean(0)
    return float(((a * b).sum(0) / np.sqrt((a**2).sum(0) * (b**2).sum(0))).mean())


# %% [markdown] tags=["solution"]
# :::{solution-start} find-the-lag
# :::


# %%
def find_lag_ms(features: list[np.ndarray], times: list[np.ndarray], tracks: list[Trajectory]) -> float:
    """Return the shift in ms at which positions follow best from the sound."""

    # solution
    def score(shift_ms: float) -> float:
        positions = [align(track, t + shift_ms / 1000) for track, t in zip(tracks, times, strict=True)]
        kept = [np.isfinite(p).all(axis=1) for p in positions]
        x = [f[k] for f, k in zip(features, kept, strict=True)]
        y = [p[k] for p, k in zip(positions, kept, strict=True)]
        probe = LinearProbe(100.0, standardize=True).fit(np.concatenate(x[::2]), np.concatenate(y[::2]))
        return mean_r(probe.predict(np.concatenate(x[1::2])), np.concatenate(y[1::2]))

    return float(max(range(-100, 101, 10), key=score))


# %% [markdown] tags=["solution"]
# The utterances are split in two before anything is fitted, and the split is the same at every shift. Frames whose positions lie outside the
# recording are left out. A tempting shortcut, scoring on the frames that trained, works here too, but would not on a
# model with a thousand features: it fits any shift.
#
# :::{solution-end}
# :::

# %% tags=["check"]
with self_check("1.3"):
    for hidden_ms in (0, 60, -40):
        late = [
            Trajectory(t.positions, t.channels, t.rate_hz, t.start_s + hidden_ms / 1000)
            for t in (track.select(TARGETS) for _, _, track in heard)
        ]
        got = find_lag_ms(features, times, late)
        assert got is not None, "`find_lag_ms` returns nothing yet; replace the dots."
        assert abs(got) >= 1 or hidden_ms == 0, (
            f"positions stamped {hidden_ms} ms late: you found {got:g}; is it seconds?"
        )
        assert not (hidden_ms and abs(got + hidden_ms) <= 20), (
            f"you found {got:g} ms where it is {hidden_ms}: turn the sign."
        )
        assert abs(got - hidden_ms) <= 20, f"positions are stamped {hidden_ms} ms late, but you found {got:g} ms."

# %% [markdown]
# **Where to go from here.** The resolution of your method is limited by how slowly a mouth moves. How broad is the top of the curve
# of scores? What would you need to tell 5 ms from 0?
