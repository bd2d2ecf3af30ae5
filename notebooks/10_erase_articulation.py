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
models: list = ["tiny-multi-fi", "tiny-multi-ru", "tiny-ssl", "tiny-multi"]  # encoders
languages: dict = {
    "tiny-multi-fi": "fi",
    "tiny-multi-ru": "ru",
    "xls-r-300m-finnish": "fi",
    "xlsr-53-russian": "ru",
}  # what a model hears, all for others
minimal_pairs: str = "tabular:../data/pairs"  # minimal pairs to interchange, empty for none
words: list = []  # only these words of the minimal pairs, empty means all
depths: int = 3  # layers to erase at, spread from the first block to the last
rank: int = 10  # directions to erase of every concept that has so many
ranks: list = [1, 3, 20]  # other numbers of directions, at the middle one of those layers
draws: int = 3  # random subspaces for each fold, 2 or more to know their chance
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

import pandas as pd

from articulens.corpora import open_corpus
from articulens.encoders import open_encoder
from articulens.erasure import gather
from articulens.erasure.behaviours import MEASURES, OURS
from articulens.erasure.experiment import Plan, erase, few, spread
from articulens.erasure.heads import open_heads
from articulens.erasure.judging import (
    MARGIN,
    USED,
    beyond,
    beyond_all,
    dose_slopes,
    erasure_words,
    judge,
    largest,
    over_models,
    patch_excess,
    shares,
)
from articulens.erasure.patching import patch
from articulens.errors import ArticulensError
from articulens.evaluation.inference import interval_words, mean_words, speaker_interval
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
heard, heads = {}, {}
for name in models:
    try:
        speech = recordings.select(language=languages[name]) if name in languages else recordings
        encoder = open_encoder(name, device=device, seed=seed)
        own_heads = open_heads(name, encoder, few(speech, test_each))
    except ArticulensError as error:
        print(f"Not shown: {name}; {error}")
        continue
    record(encoders={name: encoder})
    heard[encoder.name], heads[encoder.name] = (encoder, speech), own_heads
    if not own_heads:
        print(
            f"Not shown: what {encoder.name} itself does; its weights come without a head, so k-means units of its last "
            "layer and a phone probe stand in."
        )

# %% [markdown]
# ## What is erased, and what is measured
#
# One pass over the speech gathers, for every layer, the moments of its states together with articulation (z-scored by
# speaker, so that it is movement and not anatomy), phones, log-mel energies and who speaks. LEACE follows from them:
# with $W = \Sigma_{xx}^{-1/2}$ and $P$ the projector onto the columns of $W\Sigma_{xz}$ it maps a state $x$ to
# $x - W^{+}PW(x-\mu)$. Every eraser is found in some speakers and tested on others.

# %%
plans, gathered = {}, {}
for name, (encoder, speech) in heard.items():
    try:
        gathered[name] = gather(few(speech, fit_each), encoder, options=TargetOptions(frames=frames, seed=seed), by=by)
    except ArticulensError as error:
        print(f"Not shown: {name}; {error}")
        continue
    known = gathered[name].names
    equal = min(rank, gathered[name].of("articulation", encoder.layers[-1], gathered[name].speakers).k)
    organs = [(organ, 4) for organ in ("lips", "tongue") if organ in known]
    kinds = [(kind, equal) for kind in ("phones", "mel", "speaker") if kind in known]
    at = spread(encoder.layers, depths)
    plans[name] = Plan(
        layers=at,
        concepts=[("articulation", equal), *organs, *kinds],
        draws=draws,
        controlled=("articulation", "lips", "tongue"),
        inlp=[("articulation", equal)],
        doses={at[len(at) // 2]: [(concept, r) for concept in ("articulation", "mel") for r in ranks]},
    )
    cells = f"{len(gathered[name].cells[at[-1]])} {'speakers' if by == 'speaker' else 'recordings'}"
    print(f"{name}: {cells}, layers {', '.join(at)}; " + ", ".join(f"{c} {r}" for c, r in plans[name].concepts))
pd.Series(MEASURES, name="what is measured").to_frame()

# %% [markdown]
# ## The experiment
#
# The states of a layer go through the eraser, all blocks behind it run on them, and each behaviour compares what comes
# out with what the intact network gave for the same sound. *Share* is the damage relative to that of erasing the whole
# layer (every state set to the mean): so layers, measures and models can stand side by side.

# %%
about = ["layer", "method", "concept", "rank", "draw", "dose"]
damage = [
    pd.DataFrame(columns=[*about, "measure", "read_at", "fold", "speaker", "damage", "removed", "share", "model"])
]
residual = [pd.DataFrame(columns=[*about, "cell", "speaker", "probe", "r", "removed", "model"])]
for name, plan in list(plans.items()):
    encoder, speech = heard[name]
    tested = few(speech, test_each if by == "speaker" else fit_each)
    stand_in = 0 if heads[name] else units
    try:
        broken, found = erase(
            tested, encoder, gathered[name], plan, heads[name], folds=folds, by=by, units=stand_in, seed=seed
        )
    except ArticulensError as error:
        print(f"Not shown: {name}; {error}")
        del plans[name]
        continue
    damage.append(shares(broken).assign(model=name))
    residual.append(found.assign(model=name))
damage, residual = (pd.concat(parts[1:] or parts, ignore_index=True) for parts in (damage, residual))
behind = {name: heard[name][0].layers[-1] for name in plans}
last_block = {name: [layer for layer in heard[name][0].layers if layer.isdigit()][-1] for name in plans}
damage["erased"], residual["erased"] = erasure_words(damage), erasure_words(residual)
kept = damage[damage["read_at"].eq(damage["model"].map(behind)) | damage["erased"].eq("articulation")]
write_scores(kept.round({"damage": 4, "share": 4, "removed": 4}), Path(results) / "10_damage.parquet")
write_scores(residual.round({"r": 4, "removed": 4}), Path(results) / "10_residual.parquet")
print(f"{len(damage)} rows of damage, {len(residual)} of what is left")

# %%
names = list(plans)
middle = {name: plan.layers[len(plan.layers) // 2] for name, plan in plans.items()}
found = {name: set(damage.loc[damage["model"] == name, "measure"]) for name in names}
own = {name: next(measure for measure in ("KL", "reading", "units") if measure in found[name]) for name in names}
doses = damage[(damage["layer"] == damage["model"].map(middle)) & damage["concept"].isin(["articulation", "mel"])]
doses = doses[doses["method"].isin(["leace", "random"])]
plain = damage[~damage["dose"].astype(bool)]


def of(table: pd.DataFrame, name: str, measure: str) -> pd.DataFrame:
    """Return one measure of one model, read behind its last block."""
    return table[(table["model"] == name) & (table["measure"] == measure) & (table["read_at"] == behind[name])]


def own_measures(table: pd.DataFrame) -> pd.DataFrame:
    """Return every model's own behaviour, with the measure in its name."""
    parts = [of(table, name, own[name]).assign(model=f"{name}: {own[name]}") for name in names]
    return pd.concat(parts, ignore_index=True) if parts else table


# %% [markdown]
# ## Is it gone?
#
# For the speakers it was found in, exactly: a new least-squares probe on erased states finds nothing. For others a
# little is left, because their articulation lies in slightly other directions. What is left counts for reading all that
# follows: an effect that is missing may be an erasure that is incomplete.

# %% mystnb={"figure": {"caption": "r of a probe refitted to erased states of speakers that the eraser never met, at the middle one of the layers; a dot a speaker.", "name": "fig-erase-residual"}}
here = residual[~residual["dose"].astype(bool)]
here = here[here["layer"] == here["model"].map(middle)]
left = (
    here[here["probe"] == "refit, held out"]
    .groupby(["model", "erased", "speaker"], sort=False, as_index=False)["r"]
    .mean()
)
shown = ["nothing", "articulation", "articulation, null-space projection", "phones", "mel", "speaker"]
speaker_dots(
    left[left["erased"].isin(shown)],
    category="erased",
    group="model",
    title="Articulation that a new probe still finds",
    label="mean r over channels",
)

# %%
for name in names:
    mine, trained = left[left["model"] == name], here[(here["model"] == name) & (here["probe"] == "refit, training")]
    print(
        f"{name}, layer {middle[name]}: r {mean_words(mine.loc[mine['erased'] == 'nothing', 'r'])} before; after LEACE at "
        f"most {trained.loc[trained['erased'] == 'articulation', 'r'].max():.3f} in the speakers that it was found in, "
        f"{mean_words(mine.loc[mine['erased'] == 'articulation', 'r'])} in others."
    )

# %% [markdown]
# ## What breaks
#
# The network's own behaviour: the divergence of its output distribution where it has one, what it reads of its teacher
# where that was its task. Random subspaces take out as many directions and as much variance as articulation does.

# %% mystnb={"figure": {"caption": "What each erasure breaks of the network's own behaviour, by the layer that is erased. Band: 95 % interval over speakers.", "name": "fig-erase-damage"}}
shown = ["articulation", "random, as articulation", "phones", "mel", "speaker"]
damage_by_layer(own_measures(plain[plain["erased"].isin(shown)]), title="Erase, and let the rest of the network run")

# %%
at_middle = plain[plain["layer"] == plain["model"].map(middle)]
at_middle = at_middle[at_middle["read_at"] == at_middle["model"].map(behind)]
at_middle.groupby(["erased", "model", "measure"], sort=False)["damage"].mean().unstack(["model", "measure"]).round(3)

# %% [markdown]
# ## Beyond chance, beyond the sound, beyond the speaker
#
# Each row below is a difference of shares: what erasing articulation breaks, minus what another erasure breaks, speaker
# by speaker, at the layer where the difference is largest. The largest of several flatters, so intervals and `p` hold for
# all layers together. Against *random* it must be larger than chance over speakers (`p`) and over subspaces
# (`p_subspace`): all speakers share the luck of one subspace, so a test over speakers alone would call luck use. *mel*
# and *speaker* are erased at the same rank. Phones and units are told by probes of ours: where the last block is erased,
# none of the network is left to use anything for them, so that layer does not count there.

# %%
judged = {}
for name in names:
    for measure in dict.fromkeys(m for m in (own[name], "error rate", "phones") if m in found[name]):
        table = of(plain, name, measure)
        if measure in OURS:
            table = table[table["layer"] != last_block[name]]
        for erased, against in [("articulation", other) for other in ("random", "mel", "speaker")] + [
            (organ, "random") for organ in ("lips", "tongue")
        ]:
            try:
                verdict, rows = judge(beyond(table, erased, against), seed=seed)
            except ArticulensError:  # a concept that this corpus does not have
                continue
            if rows["mean"].notna().any():
                judged[name, measure, erased, against] = (verdict, rows)
compared = pd.DataFrame(
    [
        dict(zip(("model", "measure", "erased", "against"), key, strict=True))
        | rows.loc[rows["mean"].idxmax()].to_dict()
        | {"verdict": verdict}
        for key, (verdict, rows) in judged.items()
    ],
    columns=[
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
    ],
)
write_scores(compared.round(4), Path(results) / "10_beyond.parquet")
compared.round(3).astype(object).where(compared.notna(), "")

# %% mystnb={"figure": {"caption": "What erasing articulation breaks beyond another erasure, at the layer where that is most; bars: 95 % intervals over speakers, for all layers together.", "name": "fig-erase-beyond"}}
rows = compared[compared["erased"] == "articulation"].sort_values("against", kind="stable")
rows = rows.assign(name=rows["model"] + ", " + rows["measure"] + ", beyond " + rows["against"], group=rows["against"])
excess_rows(rows, label="difference of shares", title="Articulation erased, beyond other erasures")

# %% [markdown]
# ## Do later layers make it good?
#
# A phone probe of the intact network listens at every later layer. If what was erased could be put together again from
# what is left, the damage would shrink from left to right.

# %% mystnb={"figure": {"caption": "Accuracy that the phone probe loses, relative to erasing everything, by the layer that is erased and the layer that is read.", "name": "fig-erase-later"}}
later = plain[(plain["measure"] == "phones") & (plain["erased"] == "articulation")]
order = [layer for name in names for layer in heard[name][0].layers]
later = later.sort_values("read_at", key=lambda places: places.map(order.index), kind="stable")
later = later.assign(where=later["model"] + ", layer " + later["layer"])
if not len(later):
    print("Not shown: phones on later layers; these recordings have no labels.")
grid_heatmap(
    later.rename(columns={"where": "layer erased", "read_at": "layer read"}),
    rows="layer erased",
    columns="layer read",
    value="share",
    title="Articulation erased, phones read later",
)

# %% [markdown]
# ## Dose and response
#
# More directions, in the order of their covariance with the concept; random subspaces follow in rank and variance.

# %% mystnb={"figure": {"caption": "What is broken by the number of directions erased, at the middle one of the layers. Band: 95 % interval over speakers.", "name": "fig-erase-dose"}}
dose_response(own_measures(doses), title="Directions erased")

# %% [markdown]
# ## Interchange: the lips of one word in another
#
# Erasing sets a subspace to its mean, which no mouth ever did. Interchange does not destroy: in a minimal pair, synthesised
# so that only the lips (or only the tongue) of the vowel differ, one subspace of the one word's states is replaced by
# that of the other's. What is drawn is how much of the way to the other word the network's output goes.

# %%
twins, patched = None, [pd.DataFrame(columns=["model", "differs", "patched", "word", "speaker", "transferred"])]
try:
    twins = open_corpus(minimal_pairs) if minimal_pairs else None
except ArticulensError as error:
    print(f"Not shown: interchange; {error}")
if twins is not None:
    record(corpora={minimal_pairs: twins})
for name in names if twins is not None else []:
    shared = [speaker for speaker in twins.speakers if speaker in gathered[name].speakers.values()]
    if by == "id" or len(shared) < folds:
        print(f"Not shown: interchange in {name}; the minimal pairs were said by others than these {folds} folds need.")
        continue
    table = patch(
        twins.select(speaker=shared, **({"sentence": words} if words else {})), heard[name][0], gathered[name],
        heads[name], layers=plans[name].layers, patched=[("lips", 4), ("tongue", 4)], draws=draws, folds=folds, seed=seed,
    )  # fmt: skip
    patched.append(table.assign(model=name, patched=erasure_words(table)))
interchanged = pd.concat(patched[1:] or patched, ignore_index=True)
write_scores(interchanged.round({"transferred": 4}), Path(results) / "10_interchange.parquet")
said = [f"{word} ({part['speaker'].nunique()} speakers)" for word, part in interchanged.groupby("word", sort=False)]
print(f"{len(interchanged)} interchanges in {' and '.join(said) or 'no word'}")

# %% mystnb={"figure": {"caption": "Share of the difference between twins that an interchanged subspace carries to the output: mean over layers, words and speakers.", "name": "fig-interchange"}}
shown = ["lips", "tongue", "random, as lips", "random, as tongue"]
patch_matrix(interchanged, patched=shown, title="What carries the difference between twins")

# %%
crossed = {}
for name in dict.fromkeys(interchanged["model"]):
    table = interchanged[interchanged["model"] == name]
    for organ, other in (("lips", "tongue"), ("tongue", "lips")):
        for against in (other, "random") if draws else (other,):
            crossed[name, organ, against] = verdict, rows = judge(patch_excess(table, organ, organ, against), seed=seed)
            print(
                f"{name}, pairs that differ in {organ}: their own subspace carries {largest(rows)} more than that of "
                f"{against}: {'more' if verdict == USED else 'not shown to be more'}."
            )

# %% [markdown]
# ## Verdicts
#
# Rules first. *Used* means: at some layer the excess is above 0, p < .05 over speakers after correction for all layers,
# and p < .025 over random subspaces, corrected likewise. *Not used beyond chance* means: at every layer the 90 % interval
# ends below the margin. Everything else is undecided. Each model is judged by itself: *partly* is not corrected for how many
# there are.
#
# Not all of these rules are as they were before there was anything to see. After first results
#
# * U2 was made harder to hold: at first the last block counted, behind which only our probe listens;
# * U4 was made harder to fail: at first it failed where no model's interval ended below .1, now every interval must lie
#   above 0 as well, for one that holds 0 shows neither that something is left nor that nothing is;
# * U5 was made harder to hold: at first it asked for chance over speakers only, now over random subspaces too;
# * one claim about lips and tongue was taken apart into U6 and U7, for it could not tell which half of it failed;
# * the intervals that stand beside a largest difference were widened to hold for all layers together.

# %%
verdicts = Verdicts()


def claim(number: str, text: str, measures: dict[str, str], against: tuple[str, ...]) -> None:
    """Judge whether articulation is used for a measure of each model, beyond everything in `against`."""
    verdict, told = {}, []
    for name, measure in measures.items():
        keys = [(name, measure, "articulation", other) for other in against]
        if all(key in judged for key in keys):
            verdict[name] = beyond_all([judged[key][0] for key in keys])
            excess = ", ".join(f"{largest(judged[key][1])} beyond {key[3]}" for key in keys)
            told.append(f"{name}: {verdict[name]}; {measure} {excess}")
    rule = (
        f"holds if it is used beyond {' and '.join(against)} in every model, partly if in some, fails if in every model it "
        f"is not used beyond {'chance' if len(against) == 1 else 'one of them'} (margin {MARGIN:g})"
    )
    verdicts.judge(number, text, rule, over_models(verdict), "; ".join(told) or "nothing was measured")


claim("U1", "What a layer holds of articulation is used for what the network does", own, ("random",))
claim("U2", "What a layer holds of articulation is used to tell phones", dict.fromkeys(names, "phones"), ("random",))
claim("U3", "Erasing articulation breaks more than erasing the sound or the speaker", own, ("mel", "speaker"))


# %%
def several(number: str, text: str, rule: str, ends: dict[str, bool], told: list[str], fails: bool = False) -> None:
    """Judge a claim that is true or not for each model."""
    some = (
        "fails here" if fails and ends and not any(ends.values()) else "partly" if any(ends.values()) else "not shown"
    )
    verdicts.judge(
        number,
        text,
        rule,
        "holds here" if ends and all(ends.values()) else some,
        "; ".join(told) or "nothing was measured",
    )


gone = left[left["erased"] == "articulation"]
ends = {name: speaker_interval(gone.loc[gone["model"] == name, "r"]) for name in names}
ends = {name: end for name, end in ends.items() if end[0] == end[0]}
several(
    "U4",
    "What is erased is gone for new speakers too",
    "holds if, at the middle one of the layers, the 95 % interval of r of a probe refitted to other speakers ends below .1 in "
    "every model, fails if it lies above 0 and reaches .1 in every model",
    {name: high < 0.1 for name, (_, high) in ends.items()},
    [f"{name}: r {mean_words(gone.loc[gone['model'] == name, 'r'])}" for name in names]
    + ["by its first rule it fails here"] * (len(ends) > 0 and all(high >= 0.1 for _, high in ends.values())),
    fails=all(low > 0 for low, _ in ends.values()),
)

# %%
slopes = {}
for name in names:
    try:
        verdict, rows = judge(dose_slopes(of(doses, name, own[name]), "articulation"), seed=seed)
    except ArticulensError:  # no doses, or no random subspaces
        continue
    if rows[["p", "p_subspace"]].notna().all(axis=None):
        slopes[name] = verdict, rows.iloc[0]
several(
    "U5",
    "The more of articulation is erased, the more breaks beyond chance",
    "holds if, in every model, the excess over random subspaces grows as the rank doubles, by speakers (p < .05) and by "
    "subspaces (p < .025)",
    {name: verdict == USED for name, (verdict, _) in slopes.items()},
    [
        f"{name}: {row['mean']:+.3f} a doubling ({interval_words(row['low'], row['high'], signed=True)}; p {row['p']:.3f} by "
        f"speakers, {row['p_subspace']:.3f} by subspaces)"
        for name, (_, row) in slopes.items()
    ],
)


# %%
def carried(text: str, number: str, rivals: dict[str, str], rule: str) -> None:
    """Judge whether, in pairs that differ in an organ, its own subspace carries more than the rival's."""
    mine = {key: value for key, value in crossed.items() if rivals[key[1]] == key[2]}
    ends = {
        name: all(verdict == USED for (model, *_), (verdict, _) in mine.items() if model == name) for name, *_ in mine
    }
    told = [f"{name}, {organ} beyond {other}: {largest(rows)}" for (name, organ, other), (_, rows) in mine.items()]
    several(
        number, text, f"holds if, in every model and for pairs that differ in either, {rule}, at some layer", ends, told
    )


carried(
    "What the lips do and what the tongue does lie in subspaces of their own",
    "U6",
    {"lips": "tongue", "tongue": "lips"},
    "the organ's own subspace carries more of the difference to the output than the other organ's does",
)
carried(
    "These subspaces carry it better than random ones of equal rank and variance",
    "U7",
    {"lips": "random", "tongue": "random"},
    "the organ's own subspace carries more than random ones do, by speakers and by subspaces",
)
verdicts.save(Path(results) / "10_verdicts.parquet")
verdicts.table().set_index("number")[["claim", "verdict"]]

# %% [markdown]
# ## Go further
#
# * `-p models '["xlsr-53-russian", "xls-r-300m-finnish"]'` erases in the fine-tuned models of the paper; their letters are
#   judged against the texts.
# * `-p models '["/path/to/whisper-encoder"]'` takes an encoder without a head: units and phones stand in.
# * `articulens.encoders.changing.changing` applies any function at any layer of a running encoder.
