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
# # Compare models
#
# Does a speech model that has heard a language know more about how mouths make it? Experiment E1 of
# {cite}`bilingual2026` compares five encoders by how familiar they are with Finnish and Russian. Here they stand
# beside what the comparison needs to mean anything: the models that the fine-tuned ones started from, the same
# architecture with weights that were never trained, and the plain sound.
#
# ```{admonition} You will learn
# * why the layer must be chosen by other speakers than the one it is scored on,
# * how to compare encoders on the same speakers, with an interval, and with all comparisons in one family,
# * what a probe scores that hears nothing of the mouth,
# * what the published mean over layers hides.
# ```

# %% tags=["parameters"]
corpus: str = "bundled"  # corpus to open, as in articulens corpus describe
models: list = [
    "tiny-english",
    "tiny-multi",
    "tiny-multi-other",
    "tiny-multi-fi",
    "tiny-multi-ru",
    "tiny-ssl",
    "tiny-multi@random",
]  # encoders to compare
references: list = ["logmel", "logmel+6", "mfcc"]  # baselines with one layer
pairs: list = [
    ["tiny-multi", "tiny-english"],
    ["tiny-multi", "tiny-multi-other"],
    ["tiny-multi-fi", "tiny-multi"],
    ["tiny-multi-ru", "tiny-multi"],
    ["tiny-multi", "tiny-multi@random"],
    ["tiny-multi", "logmel+6"],
    ["tiny-ssl", "logmel+6"],
]  # named comparisons, each [a, b] for a minus b; empty compares every model with every reference
control: str = "tiny-multi"  # the encoder that the negative controls are made for, one of models
protocol: str = "loso_sentence"  # who trains and who tests
speakers: list = []  # only these speakers, empty means all
folds: int = 5  # folds of sentences
frames: str = "speech"  # frames to score, speech or all
seed: int = 0  # decides folds, random weights and resampling
device: str = "auto"  # auto, cpu or cuda
cache: str = "../cache"  # folder of intermediate moments
results: str = "../cache/results"  # folder of the table behind the figures

# %%
from dataclasses import replace
from pathlib import Path

import pandas as pd

from articulens.cells import CellDesign
from articulens.corpora import open_corpus
from articulens.encoders import open_encoder
from articulens.evaluation.baselines import constant_scores, negative_controls
from articulens.evaluation.comparison import at_chosen_layer, compare
from articulens.evaluation.inference import interval_words, per_speaker, summarise
from articulens.evaluation.protocols import open_protocol, within_reach
from articulens.evaluation.scores import evaluate, write_scores
from articulens.figures import layer_profile, speaker_dots
from articulens.probes.linear import PENALTIES, LinearProbe
from articulens.publishing import record
from articulens.sweep import sweep
from articulens.targets import TargetOptions

# %%
recordings = open_corpus(corpus)
record(corpora={corpus: recordings})
if speakers:
    recordings = recordings.select(speaker=speakers)
opened = {name: open_encoder(name, device=device, seed=seed) for name in dict.fromkeys([*models, *references])}
record(encoders=opened)
called = {name: encoder.name for name, encoder in opened.items()}  # a folder is called by its last part
encoders = {encoder.name: encoder for encoder in opened.values()}
names, control = list(encoders), called.get(control, control)
models, references = [called[name] for name in models], [called[name] for name in references]
pairs = [[called.get(name, name) for name in pair] for pair in pairs]
print(f"{recordings.name}: {len(recordings)} utterances of {len(recordings.speakers)} speakers")
pd.DataFrame({name: {"layers": len(e.layers), "dimensions": e.width} for name, e in encoders.items()}).T

# %% [markdown]
# ## Score every layer of every encoder
#
# The same frames, the same folds and the same probe for all: ridge regression whose penalty is chosen inside the
# training data. `by` keeps the languages apart, for a model may be at home in one of them. For one encoder and its
# untrained twin the positions are read in two more ways, as negative controls: *rolled* in time by a random amount,
# and *swapped* with those of another sentence of the same speaker.

# %%
protocol, folds, lacking = within_reach(protocol, recordings.to_frame(), folds)
if lacking:
    print(f"Not shown: {lacking}")
chosen = open_protocol(protocol)
design = CellDesign.for_protocols([chosen], ["language"], folds=folds, seed=seed)
options = TargetOptions(frames=frames, seed=seed)
probe = LinearProbe(PENALTIES, standardize=True)
if control not in names:
    print(f"Not shown: negative controls for {control}, which is not among the models; those of {names[0]} are.")
    control = names[0]
several = recordings.to_frame().groupby("speaker")["sentence"].nunique().min() > 1
readings = ("measured", "rolled", "swapped") if several else ("measured", "rolled")
with_controls = {control, f"{control}@random"}
stores = {
    name: sweep(
        recordings, e, design, out=cache,
        options=replace(options, readings=readings) if name in with_controls else options,
    )
    for name, e in encoders.items()
}  # fmt: skip

# %%
scores = pd.concat(
    [evaluate(s, chosen, probe, by=[[], ["language"]], jobs=-1, experiment="E1") for s in stores.values()],
    ignore_index=True,
)
read_all = scores[scores["model"].isin(with_controls) & (scores["language"] == "all")]
scores = scores[scores["target"] == "measured"]
out = Path(results) / "01_compare_models.parquet"
write_scores(scores.round({"r": 4, "rmse_mm": 4, "seconds": 2}), out)
by_language, scores = scores[scores["language"] != "all"], scores[scores["language"] == "all"]
print(f"{len(scores)} scores under {protocol}, which measures {chosen.measures}")

# %% [markdown]
# ## Layer by layer

# %% mystnb={"figure": {"caption": "Mean r over channels by layer, with 95 % intervals over speakers. Lines across: encoders with one layer.", "name": "fig-models-profile"}}
layer_profile(scores, references=references, title=f"{recordings.name}, {protocol}")

# %% [markdown]
# ## One number an encoder
#
# A model with 25 layers has 25 chances to look good. So each speaker is scored at the layer that is best for all
# *other* speakers. The mean over layers, which is what was published, stands beside it.

# %% mystnb={"figure": {"caption": "Every speaker at the layer chosen by the others; large mark: mean, bar: 95 % interval over speakers.", "name": "fig-models-dots"}}
at_best = at_chosen_layer(scores)
l1 = recordings.to_frame().drop_duplicates("speaker").set_index("speaker")
group = "first language" if "l1" in l1 else None
if group:
    at_best[group] = at_best["speaker"].map(l1["l1"])
speaker_dots(at_best, category="model", group=group, title=f"{recordings.name}, {protocol}")

# %%
mean_over_layers = per_speaker(scores, ["model"])
table = summarise(scores, ["model"]).rename(columns={"mean": "mean over layers"})[["model", "mean over layers"]]
best = at_best.groupby("model", sort=False).agg(r=("r", "mean"), layer=("layer", lambda s: s.mode()[0]))
table = table.merge(best.rename(columns={"r": "layer chosen", "layer": "most often layer"}), on="model")
table.round(3)

# %% [markdown]
# ## What scores without a mouth
#
# A correlation is to be read against what can be had without any articulation in the sound. Rolled and swapped
# positions move like this speaker's tongue but do not go with the sound; the untrained twin hears the sound with weights
# that know nothing; and a *constant* has no r at all, but an error in mm that a probe has to beat.

# %%
if not several:
    print("Not shown: swapped positions; a speaker has one sentence only.")
nulls = negative_controls(read_all, constant_scores(stores[control], chosen), control)
write_scores(nulls.round({"r": 4, "rmse_mm": 4}), Path(results) / "01_negative_controls.parquet")
r, mm = (summarise(nulls, ["control"], value=value).set_index("control") for value in ("r", "rmse_mm"))
r.join(mm, lsuffix=" r", rsuffix=" mm").drop(columns=["speakers r"]).round(3)

# %% mystnb={"figure": {"caption": "Negative controls: every speaker; large mark: mean, bar: 95 % interval over speakers. The constants have no r.", "name": "fig-models-controls"}}
speaker_dots(nulls.dropna(subset=["r"]), category="control", title=f"{control} on {recordings.name}, {protocol}")

# %% [markdown]
# ## Who is better than whom
#
# Differences are taken speaker by speaker. `p_family` asks how often, if no encoder differed from any other, the
# *largest* difference of this table would be as clear as this one.

# %%
wanted = [tuple(pair) for pair in pairs] or [(m, r) for m in models for r in references]
for a, b in wanted:
    if missing := [name for name in (a, b) if name not in names]:
        print(f"Not shown: {a} minus {b}; {' and '.join(missing)} is not among the encoders.")
differences = compare(at_best, [pair for pair in wanted if set(pair) <= set(names)], seed=seed)
differences.round(3)

# %% [markdown]
# On the bundled corpus mind what the models heard: `tiny-multi`, and what was fine-tuned from it, also heard this
# synthesiser (other speakers, other sentences), so what it gains may be that and no language. `tiny-multi-other` heard
# many languages but neither Finnish nor Russian nor the synthesiser.
#
# ## Language by language

# %%
languages = at_chosen_layer(by_language, by=["model", "language"])
languages.groupby(["model", "language"], sort=False)["r"].mean().unstack("language").round(3)

# %% [markdown]
# ## Takeaways
#
# Computed from the tables above. On the bundled corpus, which is synthetic, they are about the method and not about
# people.


# %%
def verdict(row: pd.Series) -> str:
    if pd.isna(row["low"]):
        return "too few speakers for an interval"
    if row["low"] > 0:
        return "the interval excludes 0"
    return "the other way round, the interval excludes 0" if row["high"] < 0 else "the interval includes 0"


for _, row in differences.iterrows():
    sure = f", p in the family {row['p_family']:.4f}" if pd.notna(row["p_family"]) else ""
    words = f"{interval_words(row['low'], row['high'], signed=True)}{sure}): {verdict(row)}"
    print(f"{row['a']} minus {row['b']}: {row['difference']:+.3f} " + (f"({words}." if sure else f"({verdict(row)})."))
top = at_best.groupby("model")["r"].mean().sort_values()
by_others = (at_best["chosen"] == "by other speakers").all()
print(
    f"Highest at {'a layer chosen by other speakers' if by_others else 'the middle layer'}: {top.index[-1]} ({top.iloc[-1]:.3f}); lowest: {top.index[0]} "
    f"({top.iloc[0]:.3f})."
)
mean_r, mean_mm = (nulls.groupby("control", sort=False)[value].mean() for value in ("r", "rmse_mm"))
for name in mean_r.dropna().index[1:]:
    print(f"{name}: r {mean_r[name]:.3f}, where {control} has {mean_r.iloc[0]:.3f} as measured.")
print("Errors in mm: " + ", ".join(f"{name} {value:.2f}" for name, value in mean_mm.items()) + ".")
if by_language["language"].nunique() < 2:
    print(f"Not shown: languages side by side; all was said in {', '.join(by_language['language'].unique())}.")
if not by_others:
    print("With one speaker nobody else can choose the layer: the middle layer was taken, and nothing here compares.")
