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
# # Map layers and sensors
#
# Which layer of a speech encoder knows where the tongue tip is, and is it the layer that knows about the lips?
# This is experiment E2 of {cite}`bilingual2026`: a linear probe from every layer to every articulator, drawn as a
# map.
#
# ```{admonition} You will learn
# * how hidden states and articulator positions meet on one clock,
# * how one pass over the audio serves every probe and every protocol,
# * whether a late layer is read badly because it has stopped moving,
# * how much of a correlation is left once the sentence, and then the speaker, has never been heard.
# ```
#
# **Needs** nothing but this notebook: the default corpus comes with the project. A few minutes on a laptop.

# %% tags=["parameters"]
corpus: str = "bundled"  # corpus to open, as in articulens corpus describe
models: list = ["logmel", "mfcc", "tiny-multi", "tiny-multi@random"]  # encoders to hear it with
focus: str = "tiny-multi"  # the encoder whose map is drawn, beside models
protocol: str = "loso_sentence"  # who trains and who tests in the map
speakers: list = []  # only these speakers, empty means all
folds: int = 5  # folds of sentences and frames
frames: str = "speech"  # frames to score, speech or all
seed: int = 0  # decides folds, random weights and resampling
device: str = "auto"  # auto, cpu or cuda
cache: str = "../cache"  # folder of intermediate moments
results: str = "../cache/results"  # folder of the table behind the figures

# %%
from pathlib import Path

import pandas as pd

from articulens.cells import CellDesign
from articulens.corpora import open_corpus
from articulens.encoders import open_encoder
from articulens.evaluation.comparison import layer_peak
from articulens.evaluation.inference import interval_words, summarise
from articulens.evaluation.protocols import open_protocol, within_reach
from articulens.evaluation.representation import describe_layers
from articulens.evaluation.scores import evaluate, write_scores
from articulens.figures import layer_panels, layer_profile, layer_sensor_heatmap
from articulens.probes.linear import PENALTIES, LinearProbe
from articulens.publishing import record
from articulens.sweep import sweep
from articulens.targets import TargetOptions

# %% [markdown]
# ## Speech with articulation
#
# Every utterance is a sound file and the positions of coils glued to tongue and lips, in mm; `x` grows towards the
# lips, `z` upwards.

# %%
recordings = open_corpus(corpus)
record(corpora={corpus: recordings})
if speakers:
    recordings = recordings.select(speaker=speakers)
table = recordings.to_frame()
trajectory = recordings.read_trajectory(recordings.utterances[0])
print(
    f"{recordings.name}: {len(recordings)} utterances, {len(recordings.speakers)} speakers, "
    f"{table['sentence'].nunique()} sentences"
)
print(f"first trajectory: {trajectory.positions.shape} samples × channels at {trajectory.rate_hz:g} Hz")
table.groupby(["language", "condition", "task"]).size().rename("utterances").reset_index()

# %% [markdown]
# ## Encoders and their clock
#
# Layer `0` is what enters the first block, `1` to `N` are the outputs of the blocks. `logmel` and `mfcc` are no
# models at all: they are the floor that a model has to leave behind. A name that ends in `@random` is the
# architecture with weights that were never trained.

# %%
opened = {name: open_encoder(name, device=device, seed=seed) for name in dict.fromkeys([*models, focus])}
record(encoders=opened)
encoders = {encoder.name: encoder for encoder in opened.values()}  # a folder is called by its last part
models, focus = list(encoders), opened[focus].name
for name, encoder in encoders.items():
    samples, rate_hz = recordings.read_audio(recordings.utterances[0])
    states = encoder.encode(samples, rate_hz)
    shapes = {tuple(x.shape) for x in states.layers.values()}
    print(
        f"{name}: layers {', '.join(encoder.layers)}; {shapes} frames × dims; "
        f"frame 0 is centred at {1000 * states.times_s[0]:.2f} ms"
    )

# %% [markdown]
# ## One pass over the audio
#
# A linear probe needs of its frames only how many there are, their means and their scatter. `sweep` keeps these for
# the smallest groups that the protocols below ever separate, and forgets the frames. The positions are read twice:
# as *measured*, and *rolled* in time by a random amount. Rolled positions move like a tongue but do not go with the
# sound: what a probe scores on them, it scores without listening.

# %%
protocol, folds, lacking = within_reach(protocol, table, folds)
if lacking:
    print(f"Not shown: {lacking}")
weak = [name for name in ("frame_shuffled", "sentence") if within_reach(name, table, folds)[0] == name]
protocols = {name: open_protocol(name) for name in dict.fromkeys([*weak, protocol])}
design = CellDesign.for_protocols(protocols.values(), folds=folds, seed=seed)
options = TargetOptions(frames=frames, readings=("measured", "rolled"), seed=seed)
stores = {name: sweep(recordings, encoder, design, out=cache, options=options) for name, encoder in encoders.items()}
for name, store in stores.items():
    print(f"{name}: {len(store.cells)} cells, {store.cells['frames'].sum()} frames, {len(store.targets)} targets")

# %% [markdown]
# ## Fit and score
#
# Ridge regression on standardised features; the penalty of each target is chosen inside the training data, where there
# is more than one group to choose by. Positions
# are z-scored by the training speakers' own means and spreads.

# %%
probe = LinearProbe(PENALTIES, standardize=True)
scores = pd.concat(
    [
        evaluate(stores[name], chosen, probe, jobs=-1, experiment="E2")
        for name in models
        for chosen in (protocols.values() if name == focus else [protocols[protocol]])
    ],
    ignore_index=True,
)
write_scores(scores.round({"r": 4, "rmse_mm": 4, "seconds": 2}), Path(results) / "02_map_layers_and_sensors.parquet")
measured = scores[scores["target"] == "measured"]
print(f"{len(scores)} scores; protocol {protocol} measures {protocols[protocol].measures}")
measured.head(3)[["model", "layer", "speaker", "sensor", "axis", "n_frames", "r", "rmse_mm"]]

# %% [markdown]
# ## The map

# %% mystnb={"figure": {"caption": "Mean r over speakers, by layer, sensor and axis, of the encoder in focus.", "name": "fig-map"}}
of_focus = measured[(measured["model"] == focus) & (measured["protocol"] == protocol)]
layer_sensor_heatmap(of_focus, title=f"{focus} on {recordings.name}, {protocol}")

# %% [markdown]
# ## The profile
#
# The same averaged over channels, with 95 % intervals over speakers, and encoders with one layer as lines across.

# %% mystnb={"figure": {"caption": "Mean r over channels by layer; bars and bands are 95 % bootstrap intervals over speakers.", "name": "fig-profile"}}
references = [name for name in models if len(encoders[name].layers) == 1]
layer_profile(measured[measured["protocol"] == protocol], references=references, title=f"{recordings.name}, {protocol}")

# %% [markdown]
# Where the peak lies is an estimate too: speakers are drawn again and again, and each time the best layer is noted.

# %%
of_profile = measured[measured["protocol"] == protocol]
for name in models:
    print(f"{name} is read best at {layer_peak(of_profile[of_profile['model'] == name], seed=seed)}.")

# %% [markdown]
# ## Beneath the profile
#
# A layer can be read badly because the probe is weak, or because there is little left to read: the last layers of some
# large encoders hardly change from frame to frame. Two properties of the states themselves, with no probe in between:
#
# * **share that changes**: how much of the states' energy varies over the frames of one speaker, against what is the
#   same in all of them;
# * **effective rank**: in how many directions they vary.
#
# Beside the trained model stands its twin with weights that were never trained.

# %% mystnb={"figure": {"caption": "By layer: how well articulation is read, how much of the states changes, in how many directions. 95 % intervals over speakers.", "name": "fig-beneath"}}
twins = [name for name in (focus, f"{focus}@random") if name in models]
if len(twins) < 2:
    print(f"Not shown: the untrained twin; add {focus}@random to models.")
states = pd.concat([describe_layers(stores[name]) for name in twins], ignore_index=True)
panels = {
    "mean r": (of_profile[of_profile["model"].isin(twins)], "r"),
    "share that changes": (states, "temporal_share"),
    "effective rank": (states, "effective_rank"),
}
layer_panels(panels, title=f"{' and '.join(twins)} on {recordings.name}")

# %%
for name in twins:
    of_states = states[states["model"] == name]
    share, rank = (summarise(of_states, ["layer"], value=v) for v in ("temporal_share", "effective_rank"))
    least, last = share.loc[share["mean"].idxmin()], rank.iloc[-1]
    print(
        f"{name}: the share that changes is smallest at layer {least['layer']}, {least['mean']:.2f} "
        f"({interval_words(least['low'], least['high'])}); the last layer varies in {last['mean']:.1f} of "
        f"{encoders[name].width} directions, the first in {rank.iloc[0]['mean']:.1f}."
    )

# %% [markdown]
# ## What the protocol does to the number
#
# Frames at random, new sentences of a known speaker, and the protocol of the map, as far as the corpus can serve them:
# the same encoder and the same frames.

# %% mystnb={"figure": {"caption": "The encoder in focus under protocols from weak to strong.", "name": "fig-protocols"}}
layer_profile(measured[measured["model"] == focus], compare="protocol", title=f"{focus} on {recordings.name}")

# %% [markdown]
# ## Takeaways
#
# Every sentence below is computed from the table above it.

# %%
summary = summarise(scores, ["model", "protocol", "target", "layer"])
summary.loc[summary["protocol"] == protocol].round(3)


# %%
def best(rows: pd.DataFrame) -> pd.Series:
    """Return the row of the highest mean: chosen on what it is scored on, so a little too good."""
    return rows.loc[rows["mean"].idxmax()]


def words(row: pd.Series) -> str:
    return f"{row['mean']:.3f} ({interval_words(row['low'], row['high'])})"


of_map = summary[summary["protocol"] == protocol]
top = best(of_map[(of_map["model"] == focus) & (of_map["target"] == "measured")])
print(f"{focus} reads articulation best at layer {top['layer']}: mean r {words(top)}.")
for name in [name for name in references if name != focus]:
    row = best(of_map[(of_map["model"] == name) & (of_map["target"] == "measured")])
    print(f"{name}, which has one layer, has {words(row)}.")
null = of_map[(of_map["model"] == focus) & (of_map["target"] == "rolled") & (of_map["layer"] == top["layer"])].iloc[0]
print(f"The control with rolled positions has {words(null)} at the same layer.")
for name in protocols:
    row = best(summary[(summary["model"] == focus) & (summary["protocol"] == name) & (summary["target"] == "measured")])
    print(f"Under {name} the best layer is {row['layer']}, with {words(row)}.")
easiest = of_focus[of_focus["layer"] == top["layer"]].groupby(["sensor", "axis"])["r"].mean().sort_values()
print(
    f"Hardest channel {'.'.join(easiest.index[0])} ({easiest.iloc[0]:.2f}), "
    f"easiest {'.'.join(easiest.index[-1])} ({easiest.iloc[-1]:.2f})."
)

# %% [markdown]
# ## Go further
#
# * `articulens run 02_map_layers_and_sensors -p models '["logmel", "xls-r-300m"]' -p focus xls-r-300m` draws the map
#   of a model of the paper, where its weights can be had.
# * `-p corpus frost:/path/to/FROST-EMA` runs this page on the recordings of the paper.
