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
# # Vary the training size
#
# How much speech of one speaker does a probe need? Experiment E3 of {cite}`bilingual2026` found a flat start and then
# a rise, and concluded that about five minutes are needed. Ordinary least squares has a well-known weakness that draws
# just such a curve: it does worst where frames are about as many as features. So ridge regression runs beside it, on
# the same frames.
#
# ```{admonition} You will learn
# * what "double descent" looks like in an articulatory probe,
# * why a learning curve needs the same speakers at every size,
# * how shuffling frames makes little data look like enough.
# ```

# %% tags=["parameters"]
corpus: str = "bundled"  # corpus to open, as in articulens corpus describe
model: str = "tiny-multi"  # encoder to hear it with
layer: str = ""  # layer to read, empty means the middle one
speakers: list = []  # only these speakers, empty means those with enough speech
seconds: list = [1, 2, 3, 5, 10, 20, 30, 60, 120]  # training sizes
least_seconds: float = 90.0  # speakers with less speech than this are left out
draws: int = 5  # random orders of the training sentences
folds: int = 5  # one of so many folds of sentences is the test set
frames: str = "speech"  # frames to use, speech or all
seed: int = 0  # decides folds, random weights and orders
device: str = "auto"  # auto, cpu or cuda
results: str = "../cache/results"  # folder of the table behind the figures

# %%
from pathlib import Path

import numpy as np
import pandas as pd

from articulens.corpora import open_corpus
from articulens.corpora.audio import audio_duration
from articulens.encoders import open_encoder
from articulens.errors import ArticulensError
from articulens.evaluation.inference import FEWEST
from articulens.evaluation.learning import collect, learning_curve, published_curve, seconds_needed
from articulens.evaluation.scores import write_scores
from articulens.figures import learning_curves
from articulens.probes.linear import PENALTIES, LinearProbe
from articulens.publishing import record
from articulens.targets import TargetOptions

# %%
recordings = open_corpus(corpus)
encoder = open_encoder(model, device=device, seed=seed)
record(corpora={corpus: recordings}, encoders={model: encoder})
model = encoder.name  # a folder is called by its last part
if layer and layer not in encoder.layers:
    print(f"Not shown: layer {layer}; {model} has {', '.join(encoder.layers)}, and the middle one is read.")
    layer = ""
layer = layer or encoder.layers[len(encoder.layers) // 2]
length = pd.Series({u.id: audio_duration(u.audio) for u in recordings})
owner = pd.Series({u.id: u.speaker for u in recordings})
minutes = length.groupby(owner).sum() / 60
if not speakers:
    speakers = list(minutes.index[minutes * 60 >= least_seconds])
if not speakers:
    speakers = [minutes.idxmax()]
    print(f"Not shown: speakers with {least_seconds:g} s; nobody has more than {60 * minutes.max():.0f} s.")
print(f"{model}, layer {layer} ({encoder.width} dimensions), speakers {', '.join(speakers)}")
minutes[speakers].rename("minutes").round(2).to_frame()

# %% [markdown]
# ## Frames of the speakers, one layer
#
# A learning curve takes frames in a random order of sentences, so here they are kept: one layer of a few speakers.

# %%
recordings = recordings.select(speaker=speakers)
folds = min(folds, recordings.to_frame()["sentence"].nunique())
kept = collect(recordings, encoder, layer, folds=folds, seed=seed, options=TargetOptions(frames=frames))
frame_s = encoder.clock.hop / encoder.clock.rate_hz
for speaker, utterances in kept.items():
    print(f"{speaker}: {len(utterances)} utterances, {sum(len(u.y) for u in utterances)} frames × {encoder.width} dims")

# %% [markdown]
# ## Two probes, more and more speech
#
# The test sentences are the same at every size. The features are standardised for both probes; ridge chooses its
# penalty among the training frames it has.

# %%
probes = {"least squares": LinearProbe(0.0, standardize=True), "ridge": LinearProbe(PENALTIES, standardize=True)}
curves = []
for speaker, utterances in kept.items():
    for split in ("new sentences", "shuffled frames"):
        try:
            curve = learning_curve(
                utterances,
                seconds,
                probes,
                frame_s=frame_s,
                draws=draws,
                shuffled=split == "shuffled frames",
                seed=seed,
            )
        except ArticulensError as error:  # one sentence only, say: the rest goes on
            print(f"Not shown: {split} of {speaker} ({error})")
            continue
        curves.append(curve.assign(speaker=speaker, split=split))
curves = pd.concat(curves, ignore_index=True)
curves.insert(0, "model", model)
write_scores(
    curves.drop(columns="features").round({"r": 4, "seconds": 2}), Path(results) / "03_vary_training_size.parquet"
)
mean = curves.groupby(["split", "probe", "speaker", "draw", "seconds", "n_frames"], as_index=False)["r"].mean()
print(f"{len(curves)} scores")
longest = curves["seconds"].max()
if too_long := [size for size in seconds if size > longest]:
    print(f"Not shown: {', '.join(f'{size:g}' for size in too_long)} s; the longest training set has {longest:.1f} s.")

# %% [markdown]
# In grey the curve of the paper (`data/published.csv`: wav2vec2-large on FROST-EMA, least squares on shuffled frames, read
# off a figure to ±0.01; the band goes from its lowest to its highest speaker). Another corpus and a model of more
# dimensions: compare the shape, not the level.

# %%
printed = published_curve("../data/published.csv")
record(files=["../data/published.csv"])
printed.round(3)

# %% mystnb={"figure": {"caption": "New sentences: thick, mean over speakers and draws; thin, every speaker and draw.", "name": "fig-size-sentences"}}
learning_curves(
    mean[mean["split"] == "new sentences"],
    mark=encoder.width * frame_s,
    published=printed,
    title=f"{model}, layer {layer}, new sentences",
)

# %% [markdown]
# ## The same with shuffled frames
#
# As published: a fifth of all frames, drawn at random, is the test set.

# %% mystnb={"figure": {"caption": "Shuffled frames: the test frames' neighbours are in the training set.", "name": "fig-size-shuffled"}}
learning_curves(
    mean[mean["split"] == "shuffled frames"],
    mark=encoder.width * frame_s,
    published=printed,
    title=f"{model}, layer {layer}, shuffled frames",
)

# %% [markdown]
# ## Takeaways
#
# Computed from the curves.

# %%
away = (mean["n_frames"] / encoder.width).map(np.log).abs()
near = mean[away == away.groupby([mean["split"], mean["probe"]]).transform("min")]
dip = near.groupby(["split", "probe"])["r"].mean()
first = mean[mean["seconds"] == mean["seconds"].min()].groupby(["split", "probe"])["r"].mean()
splits = list(mean["split"].unique())
for split in splits:
    at, ratio = near.loc[near["split"] == split, ["seconds", "n_frames"]].iloc[0] / (1, encoder.width)
    if not 0.5 <= ratio <= 2:
        print(f"Not shown: {split}, about as many frames as features; the nearest size has {ratio:.1f} times as many.")
        continue
    print(
        f"{split}: at {at:.1f} s, where frames are about as many as features, least squares has r "
        f"{dip[split, 'least squares']:.3f} and ridge {dip[split, 'ridge']:.3f}; with {mean['seconds'].min():.0f} s "
        f"they had {first[split, 'least squares']:.3f} and {first[split, 'ridge']:.3f}."
    )
everything = mean.loc[mean.groupby(["split", "probe", "speaker", "draw"])["seconds"].idxmax()]
gap = everything.groupby(["split", "probe"])["r"].mean()
if len(splits) == 2:
    print(
        f"With all there is, ridge has {gap['new sentences', 'ridge']:.3f} on new sentences and "
        f"{gap['shuffled frames', 'ridge']:.3f} on shuffled frames: shuffling is worth "
        f"{gap['shuffled frames', 'ridge'] - gap['new sentences', 'ridge']:+.3f}."
    )

# %%
needed = seconds_needed(mean, seed=seed)
for _, row in needed.iterrows():
    sure = f"95 % {row['low']:.1f} to {row['high']:.1f}" if pd.notna(row["low"]) else "too few speakers for an interval"
    print(f"{row['split']}, {row['probe']}: 95 % of the highest r with {row['seconds']:.1f} s ({sure}).")
needed.round(1)

# %% [markdown]
# The intervals draw speakers anew, and the random orders inside each. The highest r is that of the speech there is: where curves still rise at the
# right edge, these seconds are a lower bound.

# %%
if len(kept) < FEWEST:
    print(f"{len(kept)} speaker(s): no interval over speakers can be given, only the draws above.")
if mean.groupby("speaker")["seconds"].nunique().max() < 2:
    print("Not shown: how many seconds are needed; there is one training size only.")
