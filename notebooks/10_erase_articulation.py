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
# # Erase articulation
#
# A probe shows what a layer *holds*. Whether the network does anything with it is another question: what is encoded
# need not be used. Here articulation is taken out of a running network, the rest of the network runs on what is left,
# and its own behaviour is measured. Then nothing is taken out but exchanged: what the lips did in one word for what they
# did in its twin.
#
# ```{admonition} You will learn
# * how LEACE {cite}`belrose2023leace` takes a concept out so that no linear probe of the training speakers finds it,
# * why damage alone says nothing, and what random subspaces of equal rank *and* variance are for,
# * why two kinds of chance, speakers and subspaces, stand against a claim of use,
# * what interchange between minimal pairs adds to erasure.
# ```

# %% tags=["parameters"]
corpus: str = "bundled"  # corpus to open, as in articulens corpus describe
models: list = [
    ["tiny-multi-fi", "fi"],
    ["tiny-multi-ru", "ru"],
    ["tiny-ssl", ""],
    ["tiny-multi", ""],
]  # encoder, and the language it hears, empty for all
pairs: str = "tabular:../data/pairs"  # minimal pairs to interchange, empty for none
depths: int = 3  # layers to erase at, spread from the first block to the last
rank: int = 10  # directions to erase of every concept that has so many
ranks: list = [1, 2, 4, 10, 20]  # directions to erase at the middle one of those layers
draws: int = 3  # random subspaces for each fold
folds: int = 3  # groups of speakers, each tested by erasers of the others
speakers: list = []  # only these speakers, empty means all
fit_each: int = 8  # utterances of each speaker to find subspaces in
test_each: int = 2  # utterances of each speaker to test on
frames: str = "speech"  # frames to find subspaces in, speech or all
units: int = 50  # k-means units of the last layer, for a network without a head
seed: int = 0  # decides random subspaces, random weights and resampling
device: str = "auto"  # auto, cpu or cuda
cache: str = "../cache"  # folder of intermediate moments
results: str = "../cache/results"  # folder of the tables behind the figures

# %%
from pathlib import Path

import numpy as np
import pandas as pd

from articulens.corpora import open_corpus
from articulens.encoders import open_encoder
from articulens.erasure import gather
from articulens.erasure.behaviours import MEASURES
from articulens.erasure.experiment import Plan, erase, few, spread
from articulens.erasure.heads import open_heads
from articulens.erasure.judging import MARGIN, UNUSED, USED, beyond, dose_slopes, judge, patch_excess, shares
from articulens.erasure.patching import patch
from articulens.errors import ArticulensError
from articulens.evaluation.inference import interval_words, speaker_interval
from articulens.evaluation.scores import write_scores
from articulens.evaluation.verdicts import Verdicts
from articulens.figures import grid_heatmap, speaker_dots
from articulens.figures_erasure import damage_by_layer, dose_response, excess_rows, patch_matrix
from articulens.publishing import record
from articulens.targets import TargetOptions

# %%
recordings = open_corpus(corpus)
record(corpora={corpus: recordings})
if speakers:
    recordings = recordings.select(speaker=speakers)
by = "speaker" if len(recordings.speakers) >= folds else "id"
if by == "id":
    print(
        f"Not shown: what holds for speakers in general; {len(recordings.speakers)} speaker(s) cannot be dealt into "
        f"{folds} folds, so subspaces are found in some recordings and tested in others."
    )
heard, heads, names = {}, {}, {}
for name, language in models:
    try:
        speech = recordings.select(language=language) if language else recordings
        encoder = open_encoder(name, device=device, seed=seed)
        heads[encoder.name] = open_heads(name, encoder, few(speech, test_each))
        heard[encoder.name], names[encoder.name] = (encoder, speech), name
    except ArticulensError as error:
        print(f"Not shown: {name}; {error}")
        continue
    record(encoders={name: encoder})
    if not heads[encoder.name]:
        print(f"Not shown: what {encoder.name} itself does; its weights come without a head, so k-means units of its last "
              "layer and a phone probe stand in.")  # fmt: skip

# %% [markdown]
# ## What is erased, and what is measured
#
# One pass over the speech gathers, for every layer, the moments of its states together with articulation (z-scored by
# speaker, so that it is movement and not anatomy), phones, log-mel energies and who speaks. LEACE follows from them:
# with $W = \Sigma_{xx}^{-1/2}$ and $P$ the projector onto the columns of $W\Sigma_{xz}$ it maps a state $x$ to
# $x - W^{+}PW(x-\mu)$. Every eraser is found in some speakers and tested on others.

# %%
plans, gathered = {}, {}
for name, (encoder, speech) in list(heard.items()):
    try:
        gathered[name] = gather(few(speech, fit_each), encoder, options=TargetOptions(frames=frames, seed=seed), by=by)
    except ArticulensError as error:
        print(f"Not shown: {name}; {error}")
        del heard[name]
        continue
    concepts = gathered[name]
    channels = sum("." in column for column in concepts.columns)
    kinds = [kind for kind in ("phones", "mel", "speaker") if kind in concepts.names]
    equal = min(rank, channels)
    organs = [organ for organ in ("lips", "tongue") if organ in concepts.names]
    erased = [("articulation", equal), *((organ, 4) for organ in organs), *((kind, equal) for kind in kinds)]
    at = spread(encoder.layers, depths)
    plans[name] = Plan(
        layers=at,
        concepts=erased,
        draws=draws,
        controlled=("articulation", "lips", "tongue"),
        inlp=[("articulation", equal)],
        doses={at[len(at) // 2]: [(concept, r) for concept in ("articulation", "mel") for r in ranks]},
    )
    print(f"{name}: {len(concepts.cells[encoder.layers[-1]])} {by}s, layers {', '.join(at)}, "
          f"{', '.join(f'{c} {r}' for c, r in plans[name].concepts)}")  # fmt: skip
pd.Series(MEASURES, name="what is measured").to_frame()

# %% [markdown]
# ## The experiment
#
# The states of a layer go through the eraser, all blocks behind it run on them, and each behaviour compares what comes
# out with what the intact network gave for the same sound. *Share* is the damage relative to that of erasing the whole
# layer (every state set to the mean): so layers, measures and models can stand side by side.

# %%
tables, residuals = [], []
for name, (encoder, speech) in heard.items():
    damage, residual = erase(
        few(speech, test_each), encoder, gathered[name], plans[name], heads[name],
        folds=folds, by=by, units=0 if heads[name] else units, seed=seed,
    )  # fmt: skip
    tables.append(shares(damage).assign(model=name))
    residuals.append(residual.assign(model=name))
damage = (
    pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["model", "measure", "read_at", "share"])
)
residual = pd.concat(residuals, ignore_index=True) if residuals else pd.DataFrame(columns=["model", "probe", "r"])
write_scores(damage.round({"damage": 4, "share": 4, "removed": 4}), Path(results) / "10_damage.parquet")
write_scores(residual.round({"r": 4, "removed": 4}), Path(results) / "10_residual.parquet")
last = {name: encoder.layers[-1] for name, (encoder, _) in heard.items()}
own = {
    name: next(m for m in ("KL", "reading", "units") if m in set(damage.loc[damage["model"] == name, "measure"]))
    for name in heard
}
middle = {name: plan.layers[len(plan.layers) // 2] for name, plan in plans.items() if name in heard}


def of(name: str, measure: str) -> pd.DataFrame:
    """Return the damage to one measure of a model, read behind its last block; erased at the common rank."""
    return damage[(damage["model"] == name) & (damage["measure"] == measure) & (damage["read_at"] == last[name])]


def common(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out the ranks of the dose-response."""
    return table[~table["dose"].astype(bool)]


print(f"{len(damage)} rows of damage, {len(residual)} of what is left")

# %% [markdown]
# ## Is it gone?
#
# For the speakers it was found in, exactly: a new least-squares probe on erased states finds nothing. For others a
# little is left, because their articulation lies in slightly other directions. What is left counts for reading all that
# follows: an effect that is missing may be an erasure that is incomplete.

# %% mystnb={"figure": {"caption": "r of a probe refitted to erased states of speakers that the eraser never met, at the middle one of the layers; a dot a speaker.", "name": "fig-erase-residual"}}
WORDS = {"none": "nothing erased", "leace": "LEACE", "inlp": "null-space projection"}
left = residual[residual["probe"] == "refit, held out"]
left = left[[row.layer == middle[row.model] for row in left.itertuples()]]
left = left[~left["dose"].astype(bool)]
left = left.assign(erased=[
    WORDS[m] if m == "none" else f"{c}" if m == "leace" else f"{c}, {WORDS[m]}" for m, c in zip(left["method"], left["concept"], strict=True)
])  # fmt: skip
shown = left[
    left["erased"].isin(
        ["nothing erased", "articulation", "articulation, null-space projection", "mel", "phones", "speaker"]
    )
]
speaker_dots(
    shown,
    category="erased",
    group="model",
    title="Articulation that a new probe still finds",
    label="mean r over channels",
)

# %%
training = residual[
    (residual["probe"] == "refit, training") & (residual["method"] == "leace") & (residual["concept"] == "articulation")
]
training = training[~training["dose"].astype(bool)]
for name in heard:
    rows = training[training["model"] == name]
    found = left[(left["model"] == name) & (left["erased"] == "articulation")]
    kept = left[(left["model"] == name) & (left["erased"] == "nothing erased")]
    print(
        f"{name}, layer {middle[name]}: r {kept['r'].mean():.3f} before; after LEACE {rows['r'].max():.3f} in the training "
        f"speakers and {found['r'].mean():.3f} ({interval_words(*speaker_interval(found['r']))}) in others."
    )

# %% [markdown]
# ## What breaks
#
# The network's own behaviour: the divergence of its output distribution where it has one, what it reads of its teacher
# where that was its task. Random subspaces take out as many directions and as much variance as articulation does.

# %% mystnb={"figure": {"caption": "What each erasure breaks of the network's own behaviour, by the layer that is erased. Band: 95 % interval over speakers.", "name": "fig-erase-damage"}}
curves = (
    pd.concat([common(of(name, own[name])).assign(model=f"{name}: {own[name]}") for name in heard])
    if len(heard)
    else damage
)
curves = curves[
    curves["method"].isin(["leace", "random"]) & curves["concept"].isin(["articulation", "phones", "mel", "speaker"])
]
curves = curves.assign(
    erased=[f"random, as {c}" if m == "random" else c for m, c in zip(curves["method"], curves["concept"], strict=True)]
)
damage_by_layer(curves, title="Erase, and let the rest of the network run")

# %%
wide = pd.concat([common(damage[(damage["model"] == name) & (damage["read_at"] == last[name]) & (damage["layer"] == middle[name])])
                  for name in heard]) if len(heard) else damage  # fmt: skip
numbers = (
    wide.groupby(["model", "measure", "method", "concept"], sort=False)["damage"].mean().unstack(["model", "measure"])
)
numbers.round(3)

# %% [markdown]
# ## Beyond chance, beyond the sound, beyond the speaker
#
# Each row below is a difference of shares: what erasing articulation breaks, minus what another erasure breaks, speaker
# by speaker, at the layer where the difference is largest. Against *random* it must be larger than chance over speakers
# and over subspaces; against *mel* and *speaker*, which are erased at the same rank, over speakers.

# %%
comparisons, judged = [], {}
for name in heard:
    for measure in dict.fromkeys([own[name], "error rate", "phones"]):
        table = common(of(name, measure))
        for concept in ("articulation", "lips", "tongue"):
            for against in ("random", "mel", "speaker") if concept == "articulation" else ("random",):
                try:
                    verdict, rows = judge(beyond(table, concept, against), seed=seed)
                except ArticulensError:
                    continue
                judged[name, measure, concept, against] = (verdict, rows)
                best = rows.loc[rows["mean"].idxmax()]
                comparisons.append({"model": name, "measure": measure, "erased": concept, "against": against,
                                    **best.to_dict(), "verdict": verdict})  # fmt: skip
columns = [
    "model",
    "measure",
    "erased",
    "against",
    "layer",
    "mean",
    "low",
    "high",
    "p",
    "p_subspace",
    "speakers",
    "verdict",
]
compared = pd.DataFrame(comparisons, columns=columns)
write_scores(compared.round(4), Path(results) / "10_beyond.parquet")
compared.round(3)

# %% mystnb={"figure": {"caption": "What erasing breaks beyond another erasure, at the layer where that is most; bars: 95 % intervals over speakers.", "name": "fig-erase-beyond"}}
rows = compared[compared["erased"] == "articulation"]
rows = rows.assign(name=rows["model"] + ", " + rows["measure"] + ", beyond " + rows["against"], group=rows["against"])
excess_rows(
    rows.sort_values("against", kind="stable"),
    label="difference of shares",
    title="Articulation erased, beyond other erasures",
)

# %% [markdown]
# ## Do later layers make it good?
#
# A phone probe of the intact network listens at every later layer. If what was erased could be put together again from
# what is left, the damage would shrink from left to right.

# %% mystnb={"figure": {"caption": "Share of the phone probe's accuracy lost, by the layer that is erased and the layer that is read.", "name": "fig-erase-later"}}
later = common(
    damage[(damage["measure"] == "phones") & (damage["method"] == "leace") & (damage["concept"] == "articulation")]
)
later = later.assign(erased=later["model"] + ", layer " + later["layer"]).rename(columns={"read_at": "read at layer"})
order = [layer for encoder, _ in heard.values() for layer in encoder.layers]
later = later.sort_values("read at layer", key=lambda column: column.map(order.index), kind="stable")
if not len(later):
    print("Not shown: phones on later layers; these recordings have no labels.")
grid_heatmap(
    later, rows="erased", columns="read at layer", value="share", title="Articulation erased, phones read later"
)

# %% [markdown]
# ## Dose and response
#
# More directions, in the order of their covariance with the concept; random subspaces follow in rank and variance.

# %% mystnb={"figure": {"caption": "What is broken by the number of directions erased, at the middle one of the layers. Band: 95 % interval over speakers.", "name": "fig-erase-dose"}}
doses = (
    pd.concat([of(name, own[name]).query("dose").assign(model=f"{name}: {own[name]}") for name in heard])
    if len(heard)
    else damage
)
doses = (
    doses.assign(
        erased=[
            f"random, as {c}" if m == "random" else c for m, c in zip(doses["method"], doses["concept"], strict=True)
        ]
    )
    if len(doses)
    else doses
)
dose_response(doses, title="Directions erased")

# %% [markdown]
# ## Interchange: the lips of one word in another
#
# Erasing sets a subspace to its mean, which no mouth ever did. Interchange does not destroy: in a minimal pair, synthesised
# so that only the lips (or only the tongue) of the vowel differ, one subspace of the one word's states is replaced by
# that of the other's. What is drawn is how much of the way to the other word the network's output goes.

# %%
patched = []
try:
    twins = open_corpus(pairs) if pairs else None
except ArticulensError as error:
    twins = None
    print(f"Not shown: interchange; {error}")
if twins is not None:
    record(corpora={pairs: twins})
    for name, (encoder, _) in heard.items():
        known = [s for s in twins.speakers if s in gathered[name].speakers.values()]
        if by == "id" or len(known) < folds:
            print(f"Not shown: interchange in {name}; the pairs were said by other speakers.")
            continue
        patched.append(
            patch(twins.select(speaker=known), encoder, gathered[name], heads[name], layers=plans[name].layers,
                  patched=[("lips", 4), ("tongue", 4)], draws=draws, folds=folds, seed=seed).assign(model=name)
        )  # fmt: skip
interchanged = (
    pd.concat(patched, ignore_index=True)
    if patched
    else pd.DataFrame(columns=["model", "differs", "patched", "transferred"])
)
if len(interchanged):
    interchanged["patched"] = interchanged["concept"].where(
        interchanged["method"] == "leace", "random, as " + interchanged["concept"]
    )
    write_scores(interchanged.round({"transferred": 4}), Path(results) / "10_interchange.parquet")

# %% mystnb={"figure": {"caption": "Share of the difference between twins that an interchanged subspace carries to the output: mean over layers, words and speakers.", "name": "fig-interchange"}}
patch_matrix(
    interchanged,
    patched=["lips", "tongue", "random, as lips", "random, as tongue"],
    title="What carries the difference between twins",
)

# %%
crossed = {}
for name in dict.fromkeys(interchanged["model"]):
    table = interchanged[interchanged["model"] == name]
    for organ, other in (("lips", "tongue"), ("tongue", "lips")):
        for against in (other, "random"):
            verdict, rows = judge(patch_excess(table, organ, organ, against), seed=seed)
            best = rows.loc[rows["mean"].idxmax()]
            crossed[name, organ, against] = verdict
            print(f"{name}, pairs that differ in {organ}: their subspace carries {best['mean']:+.3f} more than that of "
                  f"{against} at layer {best['layer']} ({interval_words(best['low'], best['high'], signed=True)}): "
                  + ("more" if verdict == USED else "not more" if verdict == UNUSED else "undecided"))  # fmt: skip

# %% [markdown]
# ## Verdicts
#
# Rules first. *Used* means: at some layer the excess is above 0, p < .05 over speakers after correction for all layers,
# and p < .025 over random subspaces, corrected likewise. *Not used beyond chance* means: at every layer the 90 % interval
# ends below the margin.

# %%
verdicts = Verdicts()


def all_of(found: dict[str, str]) -> tuple[str, str]:
    """Return the verdict over models, and what was found in each."""
    if not found:
        return "not shown", "nothing was measured"
    said = "; ".join(f"{model}: {word}" for model, word in found.items())
    kinds = set(found.values())
    if kinds == {USED}:
        return "holds here", said
    return ("fails here" if kinds == {UNUSED} else "partly" if USED in kinds else "not shown"), said


def told(key: tuple[str, str, str, str]) -> str:
    """Return the largest excess of a comparison, in words."""
    rows = judged[key][1]
    best = rows.loc[rows["mean"].idxmax()]
    return f"{best['mean']:+.3f} at layer {best['layer']} ({interval_words(best['low'], best['high'], signed=True)})"


def claim(number: str, text: str, measures: dict[str, str], against: tuple[str, ...], because: str = "") -> None:
    """Judge whether articulation is used for a measure of each model, beyond everything in `against`."""
    found, said = {}, []
    for name, measure in measures.items():
        keys = [
            (name, measure, "articulation", other)
            for other in against
            if (name, measure, "articulation", other) in judged
        ]
        if len(keys) < len(against):
            continue
        words = [judged[key][0] for key in keys]
        found[name] = (
            USED
            if set(words) == {USED}
            else UNUSED
            if UNUSED in words
            else words[0]
            if len(words) == 1
            else "undecided"
        )
        said.append(f"{name} ({measure}) " + ", ".join(f"{told(key)} beyond {key[3]}" for key in keys))
    word, per_model = all_of(found)
    rule = f"holds if, in every model, it is used beyond {' and '.join(against)}; fails if in none it is (margin {MARGIN:g})"
    verdicts.judge(number, text, rule, word, "; ".join([per_model, *said, *([because] if because else [])]))


claim("U1", "What a layer holds of articulation is used for what the network does", own, ("random",))
claim("U2", "It is used to tell phones", dict.fromkeys(heard, "phones"), ("random",))
claim(
    "U3",
    "Erasing articulation breaks more than erasing the sound or the speaker at the same rank",
    own,
    ("mel", "speaker"),
)

# %%
ends = {
    name: speaker_interval(left.loc[(left["model"] == name) & (left["erased"] == "articulation"), "r"])
    for name in heard
}
gone = {name: high < 0.1 for name, (_, high) in ends.items() if np.isfinite(high)}
verdicts.judge(
    "U4",
    "What is erased is gone for new speakers too",
    "holds if, at the middle one of the layers, a probe refitted to other speakers has r with a 95 % interval that ends below .1",
    "not shown"
    if not gone
    else "holds here"
    if all(gone.values())
    else "fails here"
    if not any(gone.values())
    else "partly",
    "; ".join(f"{name}: {interval_words(*ends[name])}" for name in ends) or "nothing was measured",
)

# %%
slopes = {}
for name in heard:
    try:
        slopes[name] = dose_slopes(of(name, own[name]).query("dose"), "articulation")
    except ArticulensError:
        continue
ends = {name: speaker_interval(slope, seed=seed) for name, slope in slopes.items()}
above = {name: low > 0 for name, (low, _) in ends.items() if np.isfinite(low)}
verdicts.judge(
    "U5",
    "The more directions of articulation are erased, the more breaks beyond chance",
    "holds if, in every model, the excess over random subspaces grows with each doubling of the rank (95 % interval above 0)",
    "not shown" if not any(above.values()) else "holds here" if all(above.values()) else "partly",
    "; ".join(
        f"{name}: {slopes[name].mean():+.3f} a doubling ({interval_words(*ends[name], signed=True)})" for name in ends
    )
    or "no doses were given",
)

# %%
apart = {
    name: all(crossed.get((name, organ, against)) == USED for organ, against in
              (("lips", "tongue"), ("lips", "random"), ("tongue", "lips"), ("tongue", "random")))
    for name in dict.fromkeys(interchanged["model"])
}  # fmt: skip
verdicts.judge(
    "U6",
    "Lips and tongue have subspaces of their own that carry what they do to the output",
    "holds if, in every model and for pairs that differ in either, the organ's own subspace carries more than the other's and "
    "more than random ones do, at some layer",
    "not shown" if not any(apart.values()) else "holds here" if all(apart.values()) else "partly",
    "; ".join(f"{name}, {organ} beyond {against}: {word}" for (name, organ, against), word in crossed.items())
    or "no pairs were interchanged",
)
verdicts.save(Path(results) / "10_verdicts.parquet")
verdicts.table().set_index("number")[["claim", "verdict"]]

# %% [markdown]
# ## Go further
#
# * `-p models '[["xlsr-53-russian", "ru"], ["xls-r-300m-finnish", "fi"]]'` erases in the fine-tuned models of the paper;
#   their letters are judged against the texts.
# * `-p models '[["/path/to/whisper-encoder", ""]]'` takes an encoder without a head: units and phones stand in.
# * `articulens.encoders.changing.changing` applies any function at any layer of a running encoder.
