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
# # Audit the protocol
#
# Between a recording and a printed correlation lie a dozen choices. The paper {cite}`bilingual2026` shuffles frames,
# standardises every file by itself, decimates with zeros beyond the ends, pairs frames with positions by number,
# regularises nothing, and quotes its best cell. This page starts from that pipeline and turns one switch at a time
# until it arrives at the one the other chapters use.
#
# ```{admonition} You will learn
# * how much of a correlation is the mouth and how much is the protocol,
# * which of the usual shortcuts are harmless on these recordings and which are not,
# * why a number without its protocol cannot be compared with anything.
# ```
#
# **Needs** nothing but this notebook: the default corpus comes with the project. About a minute on a laptop.

# %% tags=["parameters"]
corpus: str = "bundled"  # corpus to open, as in articulens corpus describe
model: str = "tiny-multi"  # encoder to hear it with
pipeline: str = "published"  # whose map of layers and sensors is drawn, published or honest
speakers: list = []  # only these speakers, empty means all
folds: int = 5  # folds of frames and of sentences
frames: str = "speech"  # frames that the honest pipeline scores, speech or all
seed: int = 0  # decides folds, random weights and resampling
device: str = "auto"  # auto, cpu or cuda
cache: str = "../cache"  # folder of intermediate moments
results: str = "../cache/results"  # folder of the tables behind the figures

# %%
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from articulens.corpora import open_corpus, published
from articulens.corpora.signals import align
from articulens.encoders import open_encoder
from articulens.encoders.remembering import Remembering
from articulens.errors import ArticulensError
from articulens.evaluation.comparison import at_chosen_layer
from articulens.evaluation.inference import paired_difference, sign_flip, speaker_interval, summarise
from articulens.evaluation.scores import write_scores
from articulens.figures import layer_sensor_heatmap
from articulens.figures_audit import resampled_track, waterfall
from articulens.pipelines import HONEST, PUBLISHED, open_pipeline
from articulens.publishing import record

# %%
drawn = open_pipeline(pipeline)
recordings = open_corpus(corpus)
encoder = Remembering(open_encoder(model, device=device, seed=seed))  # several passes, but every sound is heard once
record(corpora={corpus: recordings}, encoders={model: encoder})
model = encoder.name  # a folder is called by its last part
if speakers:
    recordings = recordings.select(speaker=speakers)
table = recordings.to_frame()
if table["sentence"].nunique() < folds:
    folds = max(2, table["sentence"].nunique())
    print(f"So few sentences fill {folds} folds at most: the probes train on less than the published 80 %.")
print(
    f"{recordings.name}: {len(recordings)} utterances, {len(recordings.speakers)} speaker(s), "
    f"{table['sentence'].nunique()} sentences; {model} has {len(encoder.layers)} layer(s)"
)

# %% [markdown]
# ## What zero padding does to a track
#
# The published code low-passes the positions, then decimates them to 50 a second with a filter that takes everything
# before the first and after the last sample for zero. Positions are measured from an origin that may be far away, so
# both ends of every file are pulled towards it.

# %%
trajectory = recordings.read_trajectory(recordings.utterances[0]).select(["UL.x"])
decimated = published.preprocess(trajectory)
exact = align(trajectory, decimated.times_s)
worst = np.nanmax(np.abs(decimated.positions - exact))
tracks = pd.concat(
    [
        pd.DataFrame({"time_s": decimated.times_s, "mm": values[:, 0], "resampling": name})
        for name, values in {"zero-padded (published)": decimated.positions, "exact": exact}.items()
    ]
)
print(
    f"Upper lip, x, of {recordings.utterances[0].id}: {trajectory.rate_hz:g} Hz to {decimated.rate_hz:g} Hz, "
    f"{len(trajectory)} to {len(decimated)} samples; the two differ by up to {worst:.1f} mm, while the lip moves with a "
    f"standard deviation of {np.nanstd(exact):.1f} mm around {np.nanmean(exact):.0f} mm."
)

# %% mystnb={"figure": {"caption": "One channel of one utterance, as published and resampled exactly.", "name": "fig-padding"}}
resampled_track(tracks, title=f"UL.x, {recordings.utterances[0].id}")

# %% [markdown]
# ## The ladder
#
# Each switch replaces one choice of the published pipeline by that of the honest one and keeps all earlier ones. They
# interact, so the size of a step belongs to this order. *Reported* is not a way to score but a way to choose what is
# quoted: the published text quotes the best single cell of layers × channels.

# %%
QUOTING = "mean at a layer chosen by others"
switches = [
    ("held-out sentences", {"protocol": "sentence"}),
    ("z-scores of training speakers", {"zscore": HONEST.zscore, "scale": HONEST.scale}),
    ("exact resampling", {"resampling": HONEST.resampling}),
    ("frame centres", {"pairing": HONEST.pairing}),
    ("speech only", {"frames": frames}),
    ("ridge", {"probe": HONEST.probe}),
    (QUOTING, {"report": "mean at chosen layer"}),
    ("unknown speaker", {"protocol": HONEST.protocol}),
]
pd.DataFrame([vars(PUBLISHED), vars(replace(HONEST, frames=frames))], index=["published", "honest"]).T

# %% [markdown]
# Every step is scored twice: on the positions as measured, and on positions *rolled* in time by a random amount, which
# move like a mouth but do not go with the sound. r is taken inside each part that is held out and averaged; with five folds
# that is the published 80/20 split five times over. (Pooled over the parts it would be biased downwards for one speaker: a
# cautious probe predicts the training mean, and that is low where the held-out part is high.) A switch that the
# corpus cannot serve is named and left out, and the ladder goes on without it.

# %%
READINGS = ("measured", "rolled")
how = {"out": cache, "folds": folds, "seed": seed, "readings": READINGS}
now, report = PUBLISHED, "best cell"
ladder = [("published pipeline", now, report, now.score(recordings, encoder, **how))]
not_shown = {}
for step, changes in switches:
    candidate = replace(now, **{key: value for key, value in changes.items() if key != "report"})
    try:
        same = candidate == now
        scores = ladder[-1][-1] if same else candidate.score(recordings, encoder, **how)
    except ArticulensError as error:
        not_shown[step] = str(error)
        print(f"Not shown: {step} ({error})")
        continue
    if same and "report" not in changes:
        not_shown[step] = "asked for as it was"
        continue
    now, report = candidate, changes.get("report", report)
    ladder.append((step, now, report, scores))
print(f"{len(ladder)} steps, {sum(len(scores) for *_, scores in ladder)} scores")

# %%
every = pd.concat([scores.assign(step=step) for step, _, report, scores in ladder], ignore_index=True)
write_scores(every, Path(results) / "06_audit_cells.parquet")
every.head(3)[["step", "protocol", "probe", "layer", "speaker", "sensor", "axis", "target", "n_frames", "r"]]

# %% [markdown]
# ## What is quoted
#
# From one table three numbers a speaker: the best cell (chosen by the mean over the speakers it is scored on), the mean
# over channels at the layer that is best for the *other* speakers, and the mean over all layers and channels.


# %%
def best_cell(scores: pd.DataFrame) -> tuple[str, pd.Series]:
    """Return the layer and channel of the highest mean over speakers, and its r for each speaker."""
    cells = scores.pivot_table(index="speaker", columns=["layer", "sensor", "axis"], values="r")
    layer, sensor, axis = cells.mean().idxmax()
    return f"{sensor}.{axis}, layer {layer}", cells[layer, sensor, axis]


def quoted(scores: pd.DataFrame) -> pd.DataFrame:
    """Return one row a speaker, one column a way to quote the same scores."""
    chosen = at_chosen_layer(scores, by=["protocol"]).set_index("speaker")["r"]
    return pd.DataFrame(
        {
            "best cell": best_cell(scores)[1],
            "mean at chosen layer": chosen,
            "mean over layers": scores.groupby("speaker")["r"].mean(),
        }
    )


by_step = {
    step: {reading: quoted(scores[scores["target"] == reading]) for reading in READINGS}
    for step, _, _, scores in ladder
}
long = pd.concat(
    table.melt(ignore_index=False, var_name="quoted", value_name="r").reset_index().assign(step=step, target=reading)
    for step, tables in by_step.items()
    for reading, table in tables.items()
)
write_scores(long.round({"r": 4}), Path(results) / "06_audit_the_protocol.csv")
long.pivot_table(index="step", columns=["target", "quoted"], values="r", sort=False).round(3)

# %% [markdown]
# Along the ladder, speaker by speaker: the change at each step with its 95 % interval over speakers, and p from flipping
# the signs of whole speakers' changes, for all steps together.


# %%
def walk(values: pd.DataFrame) -> pd.DataFrame:
    """Return one row a step, from one column a step and one row a speaker."""
    changes = values.diff(axis=1).iloc[:, 1:]
    p = sign_flip(changes.to_numpy(), seed=seed) if len(changes) >= 2 else np.full(changes.shape[1], np.nan)
    rows = []
    for i, step in enumerate(values):
        low, high = speaker_interval(values[step], seed=seed)
        row = {"step": step, "r": values[step].mean(), "low": low, "high": high}
        if i:
            d = paired_difference(values[step], values.iloc[:, i - 1], seed=seed)
            row |= {"change": d.mean, "change low": d.low, "change high": d.high, "p": p[i - 1]}
        rows.append(row)
    return pd.DataFrame(rows)


as_quoted = pd.DataFrame({step: by_step[step]["measured"][report] for step, _, report, _ in ladder})
channels = pd.DataFrame(
    {step: by_step[step]["measured"]["mean at chosen layer"] for step in as_quoted if step != QUOTING}
)
walk(as_quoted).round(3).fillna("")

# %%
walk(channels).round(3).fillna("")

# %%
printed = pd.read_csv("../data/published.csv", keep_default_na=False)
tables = printed[printed["quantity"] == "pearson_r_loso_within_group"].astype({"value": float})
by_table = tables.groupby(["group", "condition", "task"], sort=False)["value"].agg(["max", "mean"])
top = by_table["max"].idxmax()
best, mean = by_table.loc[top]
by_table.round(3).rename(columns={"max": "best cell", "mean": "mean over ten channels"})

# %% [markdown]
# These are the printed tables (FROST-EMA, MMS-300m, unknown speaker of the same language group; read off the cells of a
# figure, see `data/published.md`): another corpus and another model, to be compared in pattern, not in level.

# %% mystnb={"figure": {"caption": "What is quoted, from the published pipeline to the honest one. Black lines: 95 % intervals over speakers; hatched: printed for FROST-EMA.", "name": "fig-waterfall"}}
waterfall(walk(as_quoted), printed={"printed, best cell": best}, title=f"As quoted: {model} on {recordings.name}")

# %% [markdown]
# The best cell may stand still while all others fall. The same ladder for the mean over channels throughout:

# %% mystnb={"figure": {"caption": "The mean over channels at a layer chosen by the other speakers, from the published pipeline to the honest one.", "name": "fig-waterfall-channels"}}
waterfall(
    walk(channels), printed={"printed, mean over channels": mean}, title=f"All channels: {model} on {recordings.name}"
)

# %% [markdown]
# ## The published pipeline under its other protocols
#
# E4 and E5 of the paper leave speakers out, but keep the rest of the published pipeline: z-scores of each file, decimation
# with zeros, pairing by number, least squares. Here are our numbers for both, which the last chapter sets beside the printed
# ones.

# %%
group = "l1" if "l1" in table else "language"
elsewhere = {"E4": ("loso", []), "E5": (f"loso_within({group})", ["condition"])}
others = []
for experiment, (protocol, by) in elsewhere.items():
    try:
        scores = replace(PUBLISHED, protocol=protocol).score(
            recordings, encoder, out=cache, folds=folds, seed=seed, by=by
        )
        others.append(scores.assign(experiment=experiment))
    except ArticulensError as error:
        print(f"Not shown: {experiment} ({error})")
if others:
    others = pd.concat(others, ignore_index=True)
    write_scores(others.round({"r": 4}), Path(results) / "06_published_protocols.parquet")
    chosen = at_chosen_layer(others, by=["experiment", "condition"])
    display(summarise(chosen, ["experiment", "condition"]).round(3))  # noqa: F821

# %% [markdown]
# ## The map under one pipeline
#
# The parameter `pipeline` decides which end of the ladder is drawn: layers × channels, the mean over speakers.

# %%
ends = {"published": ladder[0], "honest": ladder[-1]}
step, setting, _, scores = ends[pipeline]
print(
    f"{pipeline}: {setting}" + ("" if setting in (drawn, replace(drawn, frames=frames)) else ", as far as shown here")
)

# %% mystnb={"figure": {"caption": "Layers and channels under the chosen pipeline.", "name": "fig-audit-map"}}
layer_sensor_heatmap(scores[scores["target"] == "measured"], title=f"{model} on {recordings.name}, {pipeline}")

# %% [markdown]
# ## Printed, published pipeline, last step

# %%
of_e1 = printed[
    (printed["quantity"] == "pearson_r_mean_over_layers_and_dims") & printed["how_known"].str.startswith("paper")
]["value"].astype(float)
first, last = by_step[ladder[0][0]]["measured"], by_step[ladder[-1][0]]["measured"]
side_by_side = pd.DataFrame(
    {
        "printed (FROST-EMA)": [f"{best:.2f}", f"{of_e1.min():.2f} to {of_e1.max():.2f}"],
        "ours, published pipeline": first[["best cell", "mean over layers"]].mean().round(3).to_list(),
        "ours, last step": last[["best cell", "mean over layers"]].mean().round(3).to_list(),
    },
    index=["best cell", "mean over layers and channels"],
)
side_by_side

# %% [markdown]
# ## Takeaways
#
# Every sentence is computed from the tables above.


# %%
def verdict(row: pd.Series) -> str:
    """Say what one switch does, as far as the speakers allow."""
    text = f"{row['step']}: {row['change']:+.3f}"
    if np.isnan(row["change low"]):
        return f"{text}; {len(as_quoted)} speaker(s) are too few for an interval."
    text += f" (95 % {row['change low']:+.3f} to {row['change high']:+.3f}, p {row['p']:.4f} over all steps)"
    if row["change low"] <= 0 <= row["change high"]:
        return f"{text}: no clear change."
    words = "lowers" if row["change"] < 0 else "raises"
    sure = row["p"] < 0.05
    return f"{text}: it {words} r" + ("." if sure else ", but not beyond chance among so many steps.")


print("As quoted")
for _, row in walk(as_quoted).iloc[1:].iterrows():
    print("  " + verdict(row))
print("Mean over channels")
for _, row in walk(channels).iloc[1:].iterrows():
    print("  " + verdict(row))
for step, reason in not_shown.items():
    print(f"Not shown: {step}; {reason}")

# %%
for name, values in {"What is quoted": as_quoted, "The mean over channels": channels}.items():
    first, last = values.iloc[:, 0], values.iloc[:, -1]
    total = paired_difference(last, first, seed=seed)
    print(
        f"{name} goes from {first.mean():.3f} (published pipeline) to {last.mean():.3f} (last step): "
        f"{total.mean:+.3f}" + ("." if np.isnan(total.low) else f" (95 % {total.low:+.3f} to {total.high:+.3f}).")
    )
for _, setting, _, scores in (ladder[0], ladder[-1]):
    cell, _ = best_cell(scores[scores["target"] == "measured"])
    print(f"The best cell under {setting.protocol} with {setting.probe} is {cell}.")
seconds = [scores["seconds"].mean() for *_, scores in (ladder[0], ladder[-2], ladder[-1])]
print(
    f"Probes train on {seconds[0]:.0f} s of speech and silence in the published pipeline, on {seconds[1]:.0f} s in the "
    f"last step but one and on {seconds[2]:.0f} s in the last."
    + (" Other speakers bring more speech than one has oneself." if seconds[2] > seconds[1] else "")
)
rolled = {step: tables["rolled"]["mean at chosen layer"].mean() for step, tables in by_step.items()}
told = dict.fromkeys([*list(rolled)[:2], list(rolled)[-1]])
print(
    "Rolled positions, which the sound cannot explain, score "
    + ", ".join(f"{rolled[step]:.3f} ({step})" for step in told)
    + ": what is above zero there was not read off the mouth."
)
gap = by_table["max"] - by_table["mean"]
print(
    f"In the printed tables the best cell lies {gap.mean():.2f} above the mean over channels ({gap.min():.2f} to "
    f"{gap.max():.2f} in {len(gap)} tables); {by_table['max'].max():.2f} is the best cell of "
    f"{', '.join(part for part in top if part != 'all')}, whose mean is {by_table.loc[top, 'mean']:.2f}."
)
if len(recordings.speakers) < 2:
    print(
        "With one speaker nothing can be said about speakers in general, nor about an unknown one; and with nobody else "
        "to choose the layer, the middle one was taken."
    )

# %% [markdown]
# ## Go further
#
# * `articulens run 06_audit_the_protocol -p pipeline honest` draws the map of the other end.
# * `articulens probe --published --corpus bundled --model logmel` scores the published pipeline from the command line.
# * `-p corpus frost:/path/to/FROST-EMA -p model mms-300m` audits the recordings and a model of the paper.
