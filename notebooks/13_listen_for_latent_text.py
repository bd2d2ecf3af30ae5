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
# # Listen for latent text
#
# A language model that reads units of speech and words of text in one sequence is never asked to transcribe. Yet its
# middle layers are said to do so: held to the model's own output, they name the word that is being *said* (in up to 77 % of
# cases), then the word that will come *next*, and only then the next unit of speech {cite}`interleaved2026`. This page
# holds the same lens to four small models that come with the project, and gives the claim every chance to be wrong.
#
# ```{admonition} You will learn
# * how to read the layers of a language model through its own norm and head,
# * which controls a "latent transcription" has to beat before it deserves the name,
# * what begins to happen in a model of half a million parameters, and what does not.
# ```
#
# **Needs** nothing but this notebook: corpus and models come with the project. About a minute on a laptop.

# %% tags=["parameters"]
corpus: str = "bundled"  # corpus to open; its labels must have words
models: list = ["tiny-lm-interleaved", "tiny-lm-scratch", "tiny-lm-speech", "tiny-lm-text"]  # first: in focus
k: int = 10  # a word counts as a hit among so many text tokens: 1, 5, 10 or 100
speakers: list = []  # only these speakers, empty means all
utterances: int = 80  # recordings that are read, and as many of other speakers for the controls
utterance: str = ""  # the one that is drawn and played, by default the first with most words the model can write
removed: int = 24  # recordings of the causal test
tuning: int = 60  # steps of the tuned lens
seed: int = 0  # draws matched words, wrong pairs and bootstrap
device: str = "auto"  # auto, cpu or cuda
results: str = "../cache/results"  # folder of the tables behind the figures

# %%
import os
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import Audio, display

from articulens.corpora import open_corpus
from articulens.drawing import nothing
from articulens.encoders import open_encoder
from articulens.errors import ArticulensError
from articulens.evaluation.scores import write_scores
from articulens.evaluation.verdicts import Verdicts
from articulens.figures_speechlm import (
    effect_curves,
    hit_curves,
    lens_picture,
    loss_dots,
    mass_curves,
    top_words,
    training_curves,
)
from articulens.pretraining.saving import read_facts
from articulens.publishing import record
from articulens.speechlm import (
    Lens,
    Reading,
    ablate_words,
    ablation_effects,
    hits,
    interleave,
    load_codebook,
    mean_over_utterances,
    open_speech_lm,
    phases,
    picture,
    read_words,
    text_loss_after_speech,
    tune,
    unigram_ranks,
    unit_curves,
)
from articulens.speechlm.bundled import speech_lm_folder
from articulens.speechlm.listening import listen
from articulens.speechlm.readings import KS
from articulens.speechlm.texts import count_training_words

# %%
if k not in KS:
    raise ArticulensError(f"k is {k}, expected one of {', '.join(map(str, KS))}; correct the parameter.")
folders = {Path(name).name: speech_lm_folder(name) for name in models}
names = list(folders)
focus = names[0]
lms = {name: open_speech_lm(str(folder), device=device) for name, folder in folders.items()}
codebook = load_codebook(folders[focus])
encoder = open_encoder(codebook.card["encoder"], device="cpu", layers=[codebook.layer])
recordings = open_corpus(corpus)
record(
    corpora={corpus: recordings},
    encoders={codebook.card["encoder"]: encoder},
    files=[*(os.path.relpath(folder / "model.safetensors") for folder in folders.values()), "../data/published.csv"],
)
if speakers:
    recordings = recordings.select(speaker=speakers)
told = {name: read_facts(folder) for name, folder in folders.items()}
pd.DataFrame(
    [
        {
            "model": name,
            "begins as": facts["base"]["name"] if facts["base"] else "random weights",
            "documents": ", ".join(f"{kind} {share:.0%}" for kind, share in facts["recipe"]["mix"].items()),
            "parameters": facts["parameters"],
            "layers": len(lms[name].blocks),
        }
        for name, facts in told.items()
    ]
).set_index("model")

# %% [markdown]
# All four read the same words and the same units: clusters of a layer of a bundled encoder, equal neighbours merged. They
# were trained on generated Finnish, Russian and English, on other sentences and other voices than this corpus, though on many
# of its words. What each learned is in its curve: the loss on held-out documents, whatever the model itself was trained on.

# %% mystnb={"figure": {"caption": "Held-out losses over training. Text in interleaved documents stands after speech as often as after text.", "name": "fig-lm-training"}}
curves = {name: pd.DataFrame(facts["curve"]) for name, facts in told.items()}
training_curves(
    curves, ["units in speech", "text in text", "text in interleaved"], title="Held-out documents during training"
)

# %% [markdown]
# ## Units with words
#
# Each recording becomes units with their times; the labels say which word is being said. Half of the speakers are read, no
# sentence twice; the others serve the controls: they choose the layers that are quoted, and train the tuned lens and the
# nearest unigram.


# %%
def hear(pool: list) -> list:
    """Return some utterances as units with words, drawn by chance and each of another text; name those without words."""
    drawn = np.random.default_rng(seed).permutation(len(pool))
    once = {pool[i].text or pool[i].id: pool[i].id for i in drawn}
    some = listen(recordings.select(id=list(once.values())[:utterances]), encoder, codebook) if once else []
    if silent := [s.id for s in some if not s.words]:
        print(f"Left out, no word is said: {', '.join(silent)}.")
    return [s for s in some if s.words]


def one_token(word: str) -> bool:
    """Return whether the models write a word as one token."""
    return [len(way) for way in lms[focus].vocabulary.spellings(word)[:1]] == [1]


asked = recordings.speakers[1::2] or recordings.speakers
read_by_lens = [u for u in recordings if u.speaker in asked]
for_controls = [u for u in recordings if u.speaker not in asked]
if not for_controls:  # one speaker: every second utterance
    read_by_lens, for_controls = read_by_lens[::2], read_by_lens[1::2]
heard, others = [], []
try:
    heard, others = hear(read_by_lens), hear(for_controls)
except ArticulensError as error:
    print(f"Not shown: any word; {error}")
ready = all(any(one_token(word) for s in part for word in s.texts()) for part in (heard, others))
if heard and not ready:
    print("Not shown: any word; two recordings with a word that the models know are needed, one to choose a layer by.")
if ready:
    units = sum(len(s.units) for s in heard)
    print(
        f"{recordings.name}: {len(heard)} utterances of {len({s.meta['speaker'] for s in heard})} speaker(s) are read, "
        f"{len(others)} serve the controls; {sum(len(s.words) for s in heard)} words in {units} units, "
        f"{units / sum(float(s.units.ends_s[-1]) for s in heard):.0f} a second."
    )

# %% [markdown]
# ## One utterance
#
# In each layer, the text token with the most probability while a word is said. Green: it is that word. Orange: it is the
# next one. Text must beat text only: the units, which hold most of the probability in the end, are left out of the picture.

# %%
counts = count_training_words()
lens = Lens(lms[focus])
if ready:
    known = [sum(map(one_token, s.texts())) for s in heard]
    shown = next((s for s in heard if s.id == utterance), heard[int(np.argmax(known))])
    original = next(u for u in recordings if u.id == shown.id)
    sound, rate = recordings.read_audio(original)
    said = top_words(picture(lens, shown))
    print(f"{shown.id}: {original.text} ({len(shown.units)} units)")
    display(Audio(sound, rate=rate))

# %% mystnb={"figure": {"caption": "Time against layer: what each layer would say, in words. Layer 0 is what goes into the first block.", "name": "fig-lens-picture"}}
lens_picture(said, title=f"{focus} listens to {shown.id}") if ready else nothing("One utterance")

# %% [markdown]
# One utterance proves nothing: the model knows a few hundred words, and some would fit by chance. So all of them are counted.
#
# ## How often, layer by layer
#
# Hit@k is the share of words that are among the k best text tokens at any of their units. A word has many units, hence many
# chances: three candidates that are ranked in the same way say how many. *Random* is another word of like frequency and
# length, *shuffled* the word at the same place of another utterance, *next* the word that will be said. Only words that the
# models write as one token are counted, and of their next words those that are one, too. Intervals are over utterances; those
# of one speaker count as different ones. The table has, besides, what is left when units and marks compete, too.


# %%
def with_interval(table: pd.DataFrame, value: str) -> list[str]:
    """Return a column with its 95 % interval as text."""
    return [f"{mean:.2f} [{low:.2f}, {high:.2f}]" for mean, low, high in table[[value, "low", "high"]].to_numpy()]


def whole(reading: Reading) -> Reading:
    """Return the reading of candidates that are one token, at words that are."""
    words = reading.words[reading.words["pieces"] == 1]
    places = words.loc[words["target"] == "spoken", ["utterance", "index"]].drop_duplicates()
    return Reading(words.merge(places), reading.units)


readings, chosen = {}, {}
if ready:
    for name, lm in lms.items():
        here = read_words(Lens(lm), heard, counts=counts, seed=seed)
        readings[name] = whole(here)
        away = hits(whole(read_words(Lens(lm), others, counts=counts, seed=seed)).words, ks=[k], draws=1)
        gap = away.pivot(index="layer", columns="target", values="hit").reindex(columns=["spoken", "random"]).fillna(0)
        chosen[name] = str((gap["spoken"] - gap["random"]).idxmax())
    every = pd.concat([reading.words.assign(model=name) for name, reading in readings.items()], ignore_index=True)
    by_layer = hits(every, by=["model", "layer", "target"], seed=seed)
    write_scores(by_layer.round(4), Path(results) / "13_listen_for_latent_text.parquet")
    spoken = every[every["target"] == "spoken"].set_index(["utterance", "index"])
    n_words, n_all = spoken.index.nunique(), sum(len(s.words) for s in heard)
    print(
        f"{n_words} of {n_all} words are one token for the models. Layers chosen on the other recordings, by the lead "
        f"over the random word: " + ", ".join(f"{name} {layer}" for name, layer in chosen.items()) + "."
    )
    at_chosen = spoken[spoken["layer"] == spoken["model"].map(chosen)].reset_index()
    quoted = pd.concat(
        hits(at_chosen, by=["model", "layer"], rank=rank, seed=seed).assign(among=among)
        for rank, among in {"rank": "text", "rank_full": "all tokens"}.items()
    )
    quoted["hit@k"] = with_interval(quoted, "hit")
    display(quoted.pivot(index=["among", "model", "layer"], columns="k", values="hit@k"))

# %% mystnb={"figure": {"caption": "Hit@k of the spoken word and of three others in every layer of the interleaved model. Bars: 95 % intervals over utterances.", "name": "fig-lens-targets"}}
if ready:
    figure = hit_curves(
        by_layer[by_layer["model"] == focus], compare="target", k=k, title=f"{focus}: which word is read"
    )
else:
    figure = nothing("Hits by layer")
figure

# %% [markdown]
# ## The controls
#
# The spoken word in the other models; through a *tuned* lens, an affine map for each layer that was trained to foretell the
# last layer (never to name words); and of the same words, without any model: the commonest words, and the words that each unit
# was heard in most among the other recordings, whose speakers say many of the same sentences. The published number is the best of large
# models on another corpus; it marks what is claimed, not what these models should reach.

# %%
printed = pd.read_csv("../data/published.csv", keep_default_na=False)
printed = printed[printed["quantity"] == "share_transcription_among_top_candidates"].iloc[0]
published = float(printed["value"])
if ready:
    tuned = tune(lms[focus], [interleave(s, lms[focus].vocabulary) for s in others], steps=tuning, seed=seed)
    through = whole(read_words(Lens(lms[focus], tuned=tuned), heard, counts=counts, seed=seed))
    compared = pd.concat([every, through.words.assign(model=f"{focus}, tuned lens")], ignore_index=True)
    compared = compared[compared["target"] == "spoken"]
    controls = hits(compared, by=["model", "layer"], seed=seed)
    without = unigram_ranks(others, heard).set_index(["utterance", "index"])
    without = hits(without.loc[spoken.index.unique()].reset_index(), by=["control"], seed=seed)
    without["control"] = without["control"].map({"frequency": "commonest words", "unit": "words of the unit"})
    write_scores(controls.round(4), Path(results) / "13_controls.parquet")
    display(without[without["k"] == k].drop(columns="k").set_index("control").round(3))

# %% mystnb={"figure": {"caption": "Hit@k of the spoken word by layer in all models and controls. Grey: without any model. Dotted: the best case that is published, of large models on another corpus.", "name": "fig-lens-controls"}}
if ready:
    figure = hit_curves(
        controls,
        compare="model",
        k=k,
        across=without,
        published={printed["source"]: published},
        title="The spoken word",
    )
else:
    figure = nothing("The spoken word")
figure

# %% [markdown]
# ## Speech like that of training
#
# These recordings come from another synthesiser than most of the training speech. Is a word not read because it is not
# there, or because the voice is strange? The same lens on held-out recordings of the training's own voices, measured when
# each model was made and kept in its `training.json`. Their sentences come from the same small grammars: none was in
# training, but many differ from one that was by a single word, and several voices say each, which the intervals do not know.
# So what the *shuffled* word reaches matters most here: it stands at the same place of a like sentence.

# %%
at_home = pd.concat([pd.DataFrame(facts["held_out"]["lens"]).assign(model=name) for name, facts in told.items()])
lines = [at_home[at_home["target"] == "spoken"].assign(line=lambda t: t["model"] + ", spoken")]
lines += [
    at_home[(at_home["model"] == focus) & (at_home["target"] == target)].assign(line=f"{focus}, {target}")
    for target in ("random", "shuffled")
]
home_text = pd.concat([pd.DataFrame(facts["held_out"]["text"]).assign(model=name) for name, facts in told.items()])
home_text["loss"] = with_interval(home_text, "mean")
home_text.pivot(index="context", columns="model", values="loss")[names]

# %% [markdown]
# (The table has the loss of the second half of a sentence as text, in nats a token, after different first halves.)

# %% mystnb={"figure": {"caption": "Hit@k by layer on held-out sentences of the voices that the models were trained on.", "name": "fig-lens-home"}}
hit_curves(pd.concat(lines), compare="line", k=k, title="Held-out sentences, known voices")

# %% [markdown]
# ## Three phases?
#
# Transcription *begins* where the lead of the spoken over the random word reaches half its maximum, prediction where the
# next word leads by more, speech *returns* where units hold more probability than text for good. A boundary that is not found in
# the recordings, or in few of their bootstrap samples, is not there.

# %%
if ready:
    bounds = phases(readings[focus], k=k, seed=seed)
    masses = unit_curves(readings[focus].units, seed=seed)
    masses = masses[masses["measure"].isin(["text_mass", "unit_mass", "unit_hit1"])].replace(
        {"text_mass": "mass of text", "unit_mass": "mass of units", "unit_hit1": "next unit is the best"}
    )
    write_scores(bounds, Path(results) / "13_phases.parquet")
    display(bounds.set_index("boundary").round({"found": 2}))

# %% mystnb={"figure": {"caption": "What text and units hold of the probability, and how often the next unit is the best candidate, by layer; dashed: where phases begin, shaded: 95 % intervals.", "name": "fig-lens-phases"}}
mass_curves(masses, bounds, title=f"{focus}: text and units") if ready else nothing("Text and units")

# %% [markdown]
# ## Which words
#
# At the layer that the other recordings chose.

# %%
if ready:
    best = every[(every["model"] == focus) & (every["layer"] == chosen[focus]) & (every["target"] == "spoken")]
    best = best.assign(
        frequency=np.where(best["frequency"] > best["frequency"].median(), "above the median", "below"),
        length=np.where(best["length"] > best["length"].median(), "above the median", "below"),
    )
    parts = [
        hits(best, ks=[k], by=[column], seed=seed).rename(columns={column: "value"}).assign(of=column)
        for column in ("frequency", "length", "language", "condition")
    ]
    display(pd.concat(parts).set_index(["of", "value"])[["hit", "low", "high", "words", "utterances"]].round(3))

# %% [markdown]
# ## Does the model use it?
#
# A lens can read what a model ignores. So the direction in which the head reads the spoken word is removed from the states at
# the word's units, in one layer at a time, and the model goes on from there: what becomes of the next unit, and of the next
# word, written as text? The same is done with the direction of the matched random word.

# %%
if ready:
    try:
        ablated = ablate_words(lms[focus], heard[:: max(1, len(heard) // removed)], counts=counts, seed=seed)
        effects = ablation_effects(ablated, seed=seed)
    except ArticulensError as error:
        print(f"Not shown: the causal test; {error}")
        effects = pd.DataFrame(columns=["layer", "contrast", "measure", "mean", "low", "high"])
    write_scores(effects.round(5), Path(results) / "13_causal.parquet")
    drawn = effects[effects["contrast"].isin(["word - nothing", "random word - nothing"])]

# %% mystnb={"figure": {"caption": "What removing a word's direction from one layer adds to the loss of the next unit and of the next word. Bars: 95 % intervals over utterances.", "name": "fig-lens-causal"}}
if ready and len(effects):
    figure = effect_curves(
        drawn,
        {"unit_loss": "next unit\n(nats)", "next_word_loss": "next word\n(nats)"},
        title=f"{focus}: removing one word",
    )
else:
    figure = nothing("Removing one word")
figure

# %% [markdown]
# ## Text after speech
#
# The second half of each utterance as text, after its first half as speech, after the speech of another utterance, after the
# same words as text, and after nothing. What was *heard* helps only if the first is below the second.

# %%
if ready:
    try:
        losses = pd.concat(
            [text_loss_after_speech(lm, heard, seed=seed).assign(model=name) for name, lm in lms.items()],
            ignore_index=True,
        )
        after = mean_over_utterances(losses, ["loss"], by=["context", "model"], seed=seed)
        write_scores(after.round(4), Path(results) / "13_text_after_speech.parquet")
        display(
            after.assign(loss=with_interval(after, "mean")).pivot(index="context", columns="model", values="loss")[
                names
            ]
        )
    except ArticulensError as error:
        print(f"Not shown: text after speech; {error}")
        losses = pd.DataFrame(columns=["utterance", "context", "model", "loss"])

# %% mystnb={"figure": {"caption": "Loss of the second half of an utterance as text, after different first halves. Bars: 95 % intervals over utterances.", "name": "fig-lens-text-loss"}}
if ready and len(losses):
    figure = loss_dots(
        after, rows="context", compare="model", label="loss (nats a text token)", title="Text after speech"
    )
else:
    figure = nothing("Text after speech")
figure

# %% [markdown]
# ## Verdicts
#
# The rules are part of the code, not a registered test. Two were changed **after first results had been printed**. T3 compared
# hit@k itself, by which it held in that run; now it compares leads over the random word, so that nothing is gained by ranking
# all words high. T6 asked that two intervals lie apart, by which it did not hold; now it asks for the interval of the difference
# and, since a later review, for a lead over the shuffled word as well. After the first run the models were trained for
# longer, too, and since the review random and shuffled words have as many tokens as the spoken one, without which they were
# too easily beaten. What the first rules would say now stands with the verdicts.


# %%
def difference(left: pd.Series, right: pd.Series) -> tuple[float, float, float]:
    """Return mean and 95 % interval over utterances of a paired difference of series indexed by utterance (and word)."""
    table = (left - right).dropna().rename("difference").reset_index()
    if table.empty:
        return (np.nan,) * 3
    row = mean_over_utterances(table.assign(all=0), ["difference"], by=["all"], seed=seed).iloc[0]
    return row["mean"], row["low"], row["high"]


def hit(model: str, target: str) -> pd.Series:
    """Return 1 for each word of a target that is among the k best at the model's chosen layer, else 0."""
    table = every[(every["model"] == model) & (every["target"] == target) & (every["at"] == "any")]
    table = table[table["layer"] == chosen[model]].set_index(["utterance", "index"])
    return (table["rank"] <= k).astype(float)


def words_of(d: tuple[float, float, float], unit: str = "", over: str = "over utterances") -> str:
    """Return a difference with its interval in words."""
    sure = f"95 % {over} {d[1]:+.3f} to {d[2]:+.3f}" if np.isfinite(d[1]) else "too few utterances for an interval"
    return f"{d[0]:+.3f}{unit} ({sure})"


def judged(*low_ends: float) -> str:
    """Return the verdict of differences that all have to be above 0: by the lower ends of their intervals."""
    if not all(np.isfinite(low_ends)):
        return "not shown"
    return "holds here" if min(low_ends) > 0 else "does not hold here"


claims = {
    "T1": "Some layer names the word that is being said",
    "T2": "Layers transcribe, then predict the next word, then return to speech",
    "T3": "It comes from interleaving, not from speech or text alone",
    "T4": "The interleaved model writes on from what it heard",
    "T5": "The model uses the word that is read from it",
    "T6": "Of voices it knows, some layer names the word that is being said",
}
verdicts = Verdicts()
if ready:
    lead = {target: difference(hit(focus, "spoken"), hit(focus, target)) for target in ("random", "shuffled")}
    share = hit(focus, "spoken").mean()
    spoken_best = without.loc[(without["k"] == k) & (without["control"] == "words of the unit")].iloc[0]
    verdicts.judge(
        "T1",
        claims["T1"],
        f"holds if, at the layer chosen on other recordings, hit@{k} of the spoken word is above that of the random and of the "
        "shuffled word, the intervals of both differences excluding 0",
        judged(lead["random"][1], lead["shuffled"][1]),
        f"At layer {chosen[focus]} of {focus} {share:.2f} of the words are among the {k} best text tokens (published, best case "
        f"of large models on another corpus: {published:.2f}): {words_of(lead['random'])} against the random, "
        f"{words_of(lead['shuffled'])} against the shuffled word. The words of the unit alone give {spoken_best['hit']:.2f}.",
    )
    there = bounds.set_index("boundary")
    places = [lens.layers.index(layer) if layer else np.inf for layer in there["layer"]]
    begins = there.index.get_indexer(["transcription begins", "prediction begins", "speech returns"])
    found = bool(np.isfinite([places[i] for i in begins]).all() and (there["found"].iloc[begins] >= 0.95).all())
    ordered = found and places[begins[0]] < places[begins[1]] <= places[begins[2]]
    verdicts.judge(
        "T2",
        claims["T2"],
        "holds if all three boundaries are found in 95 % of bootstrap samples, in this order",
        "holds here" if ordered else "does not hold here",
        "; ".join(
            f"{name} " + (f"at layer {row['layer']}" if row["layer"] else "nowhere") + f", found in {row['found']:.0%}"
            for name, row in there.iterrows()
        )
        + ".",
    )
    ahead = {name: hit(name, "spoken") - hit(name, "random") for name in names}
    rivals = {name: difference(ahead[focus], ahead[name]) for name in names[1:]}
    kinds = {name: facts["recipe"]["mix"] for name, facts in told.items()}
    apart = [name for name in rivals if "interleaved" not in kinds[name]]
    at_first = judged(*(difference(hit(focus, "spoken"), hit(name, "spoken"))[1] for name in apart)) if apart else ""
    verdicts.judge(
        "T3",
        claims["T3"],
        f"holds if the lead of the spoken over the random word in hit@{k} is larger in {focus} than in every model that never "
        "saw both in one document, each at its own chosen layer, all intervals excluding 0 (changed after first results: "
        f"hit@{k} itself was compared)",
        judged(*(rivals[name][1] for name in apart)) if apart else "not shown",
        "Difference of the leads: "
        + "; ".join(f"to {name} {words_of(d)}" for name, d in rivals.items())
        + (f". By its first rule: {at_first}." if apart else "."),
    )
    if len(losses):
        by = losses.set_index("utterance").groupby(["model", "context"])["loss"]
        of = {key: by.get_group(key) for key in by.groups}
        silent = [name for name in names if set(kinds[name]) == {"speech"}]
        less = {name: difference(of[name, "speech"], of[focus, "speech"]) for name in silent}
        own = (
            difference(of[focus, "other speech"], of[focus, "speech"])
            if (focus, "other speech") in of
            else (np.nan,) * 3
        )
        verdicts.judge(
            "T4",
            claims["T4"],
            "holds if its loss of text after speech is below that of the speech-only model, and below its own loss after the "
            "speech of another utterance, the intervals of both differences excluding 0",
            judged(own[1], *(d[1] for d in less.values())) if less else "not shown",
            "; ".join(f"{name} loses {words_of(d, ' nats')} more" for name, d in less.items())
            + f"; after other speech {focus} loses {words_of(own, ' nats')} more.",
        )
    if len(effects):
        at = effects[(effects["layer"] == chosen[focus]) & (effects["contrast"] == "word - random word")]
        at = at.set_index("measure")[["mean", "low", "high"]].apply(tuple, axis=1).to_dict()
        verdicts.judge(
            "T5",
            claims["T5"],
            "holds if removing the spoken word's direction at the chosen layer costs more of the next word than removing the "
            "random word's, the interval excluding 0",
            judged(at["next_word_loss"][1]) if at else "not shown",
            f"At layer {chosen[focus]}: next word {words_of(at['next_word_loss'], ' nats')}, next unit "
            f"{words_of(at['unit_loss'], ' nats')} more than the random word costs."
            if at
            else f"Nothing runs behind layer {chosen[focus]}.",
        )
for number in list(claims)[:5]:
    if number not in set(verdicts.table()["number"]):
        verdicts.judge(
            number, claims[number], "needs words with times", "not shown", "nothing was measured to judge it by"
        )
home = pd.DataFrame(told[focus]["held_out"]["lead"]).set_index("layer")
at_best = str(home["low"].idxmax())
shares = at_home[(at_home["model"] == focus) & (at_home["k"] == 10)].set_index(["layer", "target"])[
    ["hit", "low", "high"]
]


def above(layer: str, target: str) -> bool:
    """Return whether hit@10 of the spoken word lies above that of another at home, one interval above the other."""
    return bool(shares.loc[(layer, "spoken"), "low"] > shares.loc[(layer, target), "high"])


named = judged(home["low"].max())
verdicts.judge(
    "T6",
    claims["T6"],
    "holds if in some layer hit@10 of the spoken word is above that of the random word on held-out sentences of the "
    "training's voices, the interval of the difference, which is wide enough for all layers together, excluding 0, and if in "
    "the clearest layer its interval lies above that of the shuffled word (changed after first results: the intervals of "
    "spoken and random word had to lie apart, and the shuffled word was not asked for)",
    named if named != "holds here" or above(at_best, "shuffled") else "does not hold here",
    f"Clearest at layer {at_best}: "
    f"{words_of(tuple(home.loc[at_best, ['mean', 'low', 'high']]), over='for all layers together, over recordings,')}; there "
    + ", ".join(
        f"{target} {row['hit']:.2f} (95 % {row['low']:.2f} to {row['high']:.2f})"
        for target, row in shares.loc[at_best].iterrows()
    )
    + f". By its first rule: {'holds' if any(above(layer, 'random') for layer in home.index) else 'does not hold'} here.",
)
verdicts.save(Path(results) / "13_verdicts.parquet")

# %% [markdown]
# ## Takeaways
#
# A lens on a real model of this kind is opened in the same way: `open_speech_lm("slprl/SIMS-7B")` with units of the encoder
# that it was trained with. Whatever it shows there has to pass the same controls.

# %%
after_home = home_text[home_text["model"] == focus].set_index("context")["mean"]
print(
    f"Of voices it knows, {focus} predicts the rest of a sentence as text with {after_home['speech']:.2f} nats a token after "
    f"its speech and {after_home['other speech']:.2f} after other speech; the lens "
    + ("names" if verdicts.table().set_index("number").loc["T6", "verdict"] == "holds here" else "does not name")
    + " the spoken word there."
)
if ready:
    ends = {name: table.iloc[-1] for name, table in curves.items()}
    print(
        "Held-out text in interleaved documents at the end of training (nats a token): "
        + ", ".join(f"{name} {row['text in interleaved']:.2f}" for name, row in ends.items())
        + "."
    )
    for name in names:
        lead_here = difference(hit(name, "spoken"), hit(name, "random"))
        print(
            f"{name}, layer {chosen[name]}: hit@{k} {hit(name, 'spoken').mean():.2f}, over random {words_of(lead_here)}."
        )
print("; ".join(f"{row.number} {row.verdict}" for row in verdicts.table().itertuples()) + ".")
