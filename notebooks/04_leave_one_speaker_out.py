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
# # Leave one speaker out
#
# Does a probe trained on some mouths read another? Experiment E4 of {cite}`bilingual2026`. A vocal tract that was
# never seen is the first test; sentences that were never heard are the second, for a probe may know what *this text*
# does to a tongue. Then the question is turned round: how much of a new speaker must be known?
#
# ```{admonition} You will learn
# * what of a score is the speaker's and what is the sentence's,
# * how high a score could be, given the measurement and what saying it again leaves,
# * why r hides that a new speaker's mouth has another place and size,
# * what a shift, a scale and an affine map each repair.
# ```

# %% tags=["parameters"]
corpus: str = "bundled"  # corpus to open, as in articulens corpus describe
model: str = "tiny-multi"  # encoder to hear it with
layer: str = ""  # layer to read, empty means the one best for the other speakers
speakers: list = []  # only these speakers, empty means all
folds: int = 5  # folds of sentences
frames: str = "speech"  # frames to score, speech or all
watch: int = 4  # utterances to watch in the player, each of another speaker
jitter_mm: float = 0.2  # what an articulograph might add to every coordinate, for the ceiling of the measurement
seed: int = 0  # decides folds, random weights and resampling
device: str = "auto"  # auto, cpu or cuda
cache: str = "../cache"  # folder of intermediate moments
results: str = "../cache/results"  # folder of the tables behind the figures

# %%
from pathlib import Path

import numpy as np
import pandas as pd

from articulens.cells import CellDesign
from articulens.corpora import open_corpus
from articulens.encoders import open_encoder
from articulens.errors import ArticulensError
from articulens.evaluation.calibration import RUNGS, ladder
from articulens.evaluation.ceilings import measurement_ceilings, repetition_ceilings
from articulens.evaluation.comparison import at_chosen_layer, compare
from articulens.evaluation.inference import interval_words, summarise
from articulens.evaluation.predictions import movements, predict
from articulens.evaluation.protocols import open_protocol, within_reach
from articulens.evaluation.scores import evaluate, write_scores
from articulens.figures import grid_heatmap, speaker_dots
from articulens.figures_movements import movement_traces
from articulens.probes.linear import PENALTIES, LinearProbe
from articulens.publishing import record
from articulens.sweep import sweep
from articulens.synthesis import MeasurementNoise
from articulens.targets import TargetOptions

# %%
recordings = open_corpus(corpus)
encoder = open_encoder(model, device=device, seed=seed)
record(corpora={corpus: recordings}, encoders={model: encoder})
model = encoder.name  # a folder is called by its last part
if speakers:
    recordings = recordings.select(speaker=speakers)
if layer and layer not in encoder.layers:
    print(
        f"Not shown: layer {layer}; {model} has {', '.join(encoder.layers)}, and the best for other speakers is read."
    )
    layer = ""
reach = [within_reach(name, recordings.to_frame(), folds) for name in ("sentence", "loso", "loso_sentence")]
for lacking in dict.fromkeys(lacking for *_, lacking in reach if lacking):
    print(f"Not shown: {lacking}")
protocols = [open_protocol(name) for name in dict.fromkeys(name for name, *_ in reach)]
folds = reach[0][1]
design = CellDesign.for_protocols(protocols, folds=folds, seed=seed)
store = sweep(recordings, encoder, design, out=cache, options=TargetOptions(frames=frames, seed=seed))
print(f"{len(store.cells)} cells of {len(recordings.speakers)} speakers, {store.cells['frames'].sum()} frames")

# %% [markdown]
# ## Three protocols
#
# A protocol that the corpus cannot serve (one speaker cannot be left out of one) is named and left out.

# %%
probe = LinearProbe(PENALTIES, standardize=True)
tables = []
for protocol in protocols:
    try:
        tables.append(evaluate(store, protocol, probe, jobs=-1, experiment="E4", layers=[layer] if layer else None))
    except ArticulensError as error:
        print(f"Not shown: {error}")
scores = pd.concat(tables, ignore_index=True)
write_scores(scores.round({"r": 4, "rmse_mm": 4, "seconds": 2}), Path(results) / "04_leave_one_speaker_out.parquet")
at_best = at_chosen_layer(scores, by=["protocol"])
shown = list(pd.unique(at_best["protocol"]))
for protocol in protocols:
    if protocol.name in shown:
        print(f"{protocol.name}: {protocol.measures}")

# %% mystnb={"figure": {"caption": "Every speaker under each protocol; large mark: mean, bar: 95 % interval over speakers.", "name": "fig-loso-dots"}}
first = recordings.to_frame().drop_duplicates("speaker").set_index("speaker")
group = "first language" if "l1" in first else None
if group:
    at_best[group] = at_best["speaker"].map(first["l1"])
speaker_dots(at_best, category="protocol", group=group, title=f"{model} on {recordings.name}")

# %% [markdown]
# ## Speaker by sensor

# %% mystnb={"figure": {"caption": "Mean r of each speaker and channel at the layer that is read: the parameter's, or the best for the other speakers.", "name": "fig-loso-speakers"}}
strict = scores[scores["protocol"] == shown[-1]].merge(
    at_best.loc[at_best["protocol"] == shown[-1], ["speaker", "layer"]], on=["speaker", "layer"]
)
strict = strict.assign(channel=strict["sensor"] + "." + strict["axis"])
grid_heatmap(strict, rows="speaker", columns="channel", title=f"{model}, {shown[-1]}")

# %% [markdown]
# ## How high could it be?
#
# No probe reaches 1. Three ceilings, each of another kind:
#
# * *measurement*: what a perfect predictor of the movement scores against a noisy record of it, judged by what the record
#   holds above the movements' frequencies. The bundled tracks are exact, so beside it stands the ceiling that they would
#   have with the jitter of an articulograph; there the truth is known, too (`known`).
# * *content*: what a predictor scores that knows only which sentence it is, from sentences that a speaker said twice,
#   aligned by their sound. A probe that hears this very token may pass it.
# * *speaker*: a probe of the speaker's own, on new sentences.

# %%
jitter = MeasurementNoise(jitter_mm=jitter_mm, seed=seed)
as_recorded = measurement_ceilings(recordings, frames=frames)
jittered = measurement_ceilings(recordings, frames=frames, noise=jitter.apply)
repeated = repetition_ceilings(recordings, open_encoder("mfcc"), frames=frames)
of_probe = {
    name: scores[scores["protocol"] == name].merge(at_best[["protocol", "speaker", "layer"]])
    for name in dict.fromkeys(["sentence", shown[-1]])
    if name in shown
}
parts = {
    "measurement, as recorded": as_recorded,
    f"measurement, {jitter_mm:g} mm jitter": jittered,
    "content, said again": repeated,
    "speaker, own probe (sentence)": of_probe.get("sentence", repeated[:0]),
    f"the probe ({shown[-1]})": of_probe[shown[-1]],
}
ceilings = pd.concat([part.assign(kind=kind) for kind, part in parts.items() if len(part)], ignore_index=True)
ceilings["channel"] = ceilings["sensor"] + "." + ceilings["axis"]
for kind, part in parts.items():
    if not len(part):
        print(f"Not shown: {kind}; the recordings are too slow or no sentence was said twice.")
summarise(ceilings, ["kind"]).round(3)

# %% mystnb={"figure": {"caption": "Ceilings and the probe's own r, mean over speakers, by channel.", "name": "fig-loso-ceilings"}}
grid_heatmap(ceilings, rows="kind", columns="channel", title=f"{recordings.name}: how high r could be")

# %% [markdown]
# ## How much of a new speaker must be known?
#
# From the probe as the other speakers left it (*zero-shot*) to the speaker's own. Calibration uses other sentences of
# the new speaker than those that are scored. r cannot see a shift or a scale; millimetres can.

# %%
focus = layer or at_best.loc[at_best["protocol"] == shown[-1], "layer"].mode()[0]
rungs = ladder(store, probe, focus) if "loso_sentence" in shown else pd.DataFrame()
if len(rungs):
    write_scores(rungs.round({"r": 4, "rmse_mm": 4}), Path(results) / "04_calibration.parquet")
    means = rungs.groupby(["rung", "speaker"], sort=False, as_index=False)[["r", "rmse_mm"]].mean()
    steps = summarise(rungs, ["rung"], value="rmse_mm").merge(
        summarise(rungs, ["rung"]), on="rung", suffixes=(" mm", " r")
    )
    display(steps.drop(columns=["speakers mm", "speakers r"]).round(3))  # noqa: F821
else:
    means = pd.DataFrame(columns=["rung", "speaker", "r", "rmse_mm"])
    print("Not shown: calibration, which needs other speakers to begin with, and two sentences of the new one.")

# %% mystnb={"figure": {"caption": "Error in mm of every speaker on each rung of the calibration ladder.", "name": "fig-ladder"}}
speaker_dots(means, category="rung", value="rmse_mm", label="RMSE (mm), mean over channels", title=f"{model}")

# %% [markdown]
# ## Watch mouths that were never seen
#
# A few utterances, each of another speaker, read by the probes of the strictest protocol above; under `loso_sentence`
# neither the speaker nor the sentence was in their training. In the {doc}`player </book/player>` these movements go with the sound, layer by layer.

# %%
places = np.linspace(0, len(recordings.speakers) - 1, min(watch, len(recordings.speakers))).round().astype(int)
watched = []
for i, place in enumerate(places):  # from another part of each speaker's list: other conditions, other tasks
    own = recordings.select(speaker=recordings.speakers[place]).utterances
    watched.append(own[len(own) * (i + 1) // (len(places) + 1)].id)
strictest = next(protocol for protocol in protocols if protocol.name == shown[-1])
channels = [channel for channel, _ in store.targets]
read = movements(predict(recordings.select(id=watched), encoder, store, strictest, probe), channels)
write_scores(read.round({"time_s": 5} | dict.fromkeys(channels, 2)), Path(results) / "04_movements.parquet")
print(f"{', '.join(watched)}: {len(read)} rows under {strictest.name}, for {read['layer'].nunique() - 1} layers")

# %% mystnb={"image": {"alt": "Height of tongue tip, tongue dorsum and lower lip over time in one utterance, measured and predicted."}, "figure": {"caption": "One utterance under the strictest protocol that the corpus serves, each channel about its own mean.", "name": "fig-loso-movements"}}
movement_traces(read, utterance=watched[0], layer=at_best.loc[at_best["protocol"] == shown[-1], "layer"].mode()[0])

# %% [markdown]
# ## Takeaways

# %%
for _, row in summarise(scores.merge(at_best[["protocol", "speaker", "layer"]]), ["protocol"]).iterrows():
    print(f"{row['protocol']}: mean r {row['mean']:.3f} ({interval_words(row['low'], row['high'])}).")
if {"loso", "loso_sentence"} <= set(shown):
    d = compare(at_best, [("loso", "loso_sentence")], column="protocol").iloc[0]
    print(
        f"Having heard the sentences from others is worth {d['difference']:+.3f} "
        f"({interval_words(d['low'], d['high'], signed=True)})."
    )
for kind, r in summarise(ceilings, ["kind"]).set_index("kind")["mean"].items():
    print(f"Ceiling, {kind}: {r:.3f}." if kind in list(parts)[:-1] else f"Reached, {kind}: {r:.3f}.")
own, reached = (of_probe.get(name, repeated)["r"].mean() for name in ("sentence", shown[-1]))
if own < reached:
    print("A speaker's own probe is no ceiling here: it has that speaker's speech only, the other that of many.")
if len(jittered):
    off = (jittered["r"] - jittered["known"]).abs().max()
    print(f"With jitter the truth is known: the estimated ceilings are off by {off:.4f} at most.")
if len(repeated):
    kind = "one condition" if repeated["same_condition"].all() else "different conditions, for want of others"
    pairs = repeated.groupby("speaker")["pairs"].first()
    print(f"Repetitions: {pairs.sum()} pairs of {len(pairs)} speakers, in {kind}.")
if len(means):
    error = means.groupby("rung")["rmse_mm"].mean()
    print("Error in mm, " + ", ".join(f"{rung} {error[rung]:.2f}" for rung in RUNGS) + ".")
    ranked = at_best[at_best["protocol"] == "loso_sentence"].sort_values("r")
    print(
        f"Hardest speaker {ranked.iloc[0]['speaker']} ({ranked.iloc[0]['r']:.3f}), "
        f"easiest {ranked.iloc[-1]['speaker']} ({ranked.iloc[-1]['r']:.3f})."
    )
if (at_best["chosen"] != "by other speakers").any():
    print("With one speaker nobody else can choose the layer: the middle layer was taken.")
