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
# # Compare tasks and conditions
#
# Is a second language as readable as the first, an imitated accent, spontaneous speech? Experiment E5 of
# {cite}`bilingual2026` leaves one speaker out within each group of first language. "No difference was found" is not
# "they are the same": here the second language has to be *equivalent* to the first within a margin that is stated
# before the numbers are seen.
#
# ```{admonition} You will learn
# * how to test for equivalence, and what a non-significant difference does not say,
# * why a verdict over all speakers need not hold in each language group,
# * what remains of a task's difference when length and phones are matched,
# * whether what was learned in one language reads another.
# ```

# %% tags=["parameters"]
corpus: str = "bundled"  # corpus to open, as in articulens corpus describe
model: str = "tiny-multi"  # encoder to hear it with
layer: str = ""  # layer to read, empty means the one best for the other speakers
margin: float = 0.05  # r within which two conditions count as equal, stated before looking
speakers: list = []  # only these speakers, empty means all
folds: int = 5  # folds of sentences
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
from articulens.errors import ArticulensError
from articulens.evaluation.comparison import at_chosen_layer, equivalence_words, equivalences
from articulens.evaluation.inference import interval_words, paired_difference, per_speaker
from articulens.evaluation.matching import coverage, matched_tasks
from articulens.evaluation.mixed import COLUMNS as MIXED
from articulens.evaluation.mixed import mixed_effects
from articulens.evaluation.protocols import open_protocol, within_reach
from articulens.evaluation.scores import COLUMNS, evaluate, write_scores
from articulens.figures import grid_heatmap, speaker_dots
from articulens.probes.linear import PENALTIES, LinearProbe
from articulens.publishing import record
from articulens.sweep import sweep
from articulens.targets import TargetOptions

# %%
recordings = open_corpus(corpus)
encoder = open_encoder(model, device=device, seed=seed)
record(corpora={corpus: recordings}, encoders={model: encoder})
model = encoder.name  # a folder is called by its last part
if speakers:
    recordings = recordings.select(speaker=speakers)
recordings = matched_tasks(recordings)
about = recordings.to_frame()
if "l1" not in about:
    print("The corpus does not say which language is a speaker's first: groups are by the language spoken.")
group = "l1" if "l1" in about else "language"
if layer and layer not in encoder.layers:
    print(
        f"Not shown: layer {layer}; {model} has {', '.join(encoder.layers)}, and the best for other speakers is read."
    )
    layer = ""
about.groupby([group, "condition", "task"]).agg(
    utterances=("id", "size"), speakers=("speaker", "nunique")
).reset_index()

# %% [markdown]
# ## Length and phones of the tasks
#
# Before and after matching: as many seconds of each task from every speaker, with phones in proportions as near to
# each other as the recordings allow (1: the same shares).

# %%
pd.concat(
    [
        coverage(recordings).assign(selection="all"),
        coverage(recordings.select(matched="yes")).assign(selection="matched"),
    ]
).round(2)

# %% [markdown]
# ## One pass, four questions

# %%
unseen, folds, lacking = within_reach("loso_sentence", about, folds)
if lacking:
    print(f"Not shown: {lacking}")
names = [f"loso_within({group})", unseen, "leave_language_out"]
protocols = {name: open_protocol(name) for name in names}
by = ["condition", "task", "matched"]
design = CellDesign.for_protocols(protocols.values(), [*by, "language"], folds=folds, seed=seed)
store = sweep(recordings, encoder, design, out=cache, options=TargetOptions(frames=frames, seed=seed))
probe = LinearProbe(PENALTIES, standardize=True)
layers = [layer] if layer else None


asked = {
    f"loso_within({group})": [["condition"], ["task", "condition"]],
    unseen: [[], ["task"], ["task", "matched"], ["language"]],
    "leave_language_out": [["language"]],
}
tables = {}
for name, columns in asked.items():
    try:
        tables[name] = evaluate(store, protocols[name], probe, by=columns, layers=layers, jobs=-1, experiment="E5")
    except ArticulensError as error:  # one speaker or one language, say: the rest goes on
        print(f"Not shown: {error}")
        tables[name] = pd.DataFrame(columns=[*COLUMNS, "matched"])
write_scores(pd.concat(tables).round({"r": 4, "rmse_mm": 4, "seconds": 2}), Path(results) / "05_compare_tasks.parquet")


def score(name: str, *columns: str) -> pd.DataFrame:
    """Return the scores of a protocol that were taken apart by just these columns."""
    table = tables[name].reindex(columns=[*COLUMNS, "matched"])
    apart = pd.Series(True, index=table.index)
    for column in ("condition", "task", "language", "matched"):
        whole = table[column].isna() if column == "matched" else table[column] == "all"
        apart &= ~whole if column in columns else whole
    return table[apart]


overall = score(unseen)
if len(overall):
    chosen = at_chosen_layer(overall, by=["protocol"]).set_index("speaker")["layer"]
else:
    chosen = pd.Series(encoder.layers[len(encoder.layers) // 2], index=list(recordings.speakers))
print(f"{len(store.cells)} cells; layers read: {', '.join(sorted(set(chosen)))}")


def at_layer(name: str, *columns: str) -> pd.DataFrame:
    """Return those scores at the layer chosen by the other speakers."""
    table = score(name, *columns)
    return table[table["layer"] == table["speaker"].map(chosen)]


def read(name: str, *columns: str) -> pd.DataFrame:
    """Return one row a speaker and value of the columns, the mean over channels."""
    table = at_layer(name, *columns)
    return per_speaker(table, columns) if len(table) else pd.DataFrame(columns=[*columns, "speaker", "r"])


# %% [markdown]
# ## Condition
#
# Trained on other speakers of the same group, as published; tested in each condition.

# %% mystnb={"figure": {"caption": "Every speaker in each condition, trained on other speakers of the same group.", "name": "fig-conditions"}}
condition = read(f"loso_within({group})", "condition")
owner = about.drop_duplicates("speaker").set_index("speaker")[group]
condition["group"] = condition["speaker"].map(owner)
speaker_dots(condition, category="condition", group="group", title=f"{model}, other speakers of the same {group}")

# %% [markdown]
# ### Equivalent or not?

# %%
verdicts = equivalences(condition, margin, seed=seed)
verdicts.round(3) if len(verdicts) else None

# %% [markdown]
# ### The same question to a mixed model
#
# A check by another road: one model of all scores on Fisher's z scale, in which condition and task each have their effect
# and every speaker a level of their own. Its differences hold the task fixed, which the table above does not.

# %%
cells = read(f"loso_within({group})", "task", "condition")
try:
    mixed = mixed_effects(at_layer(f"loso_within({group})", "task", "condition"), {"condition": "L1", "task": "T2"})
except ArticulensError as error:
    print(f"Not shown: {error}")
    mixed = pd.DataFrame(columns=list(MIXED))
mixed.round(3) if len(mixed) else None

# %% [markdown]
# ## Task by condition

# %% mystnb={"figure": {"caption": "Mean r over speakers by task and condition, trained on other speakers of the same group.", "name": "fig-tasks-conditions"}}
grid_heatmap(cells, rows="task", columns="condition", title=f"{model} on {recordings.name}")

# %% [markdown]
# ## Task, matched
#
# Training is the same; only the test utterances are those of the matched selection.

# %% mystnb={"figure": {"caption": "Every speaker in each task: all utterances, and a selection matched for seconds and phones.", "name": "fig-tasks-matched"}}
task_all = read(unseen, "task").assign(selection="all")
task_matched = read(unseen, "task", "matched")
task_matched = task_matched[task_matched["matched"] == "yes"].drop(columns="matched").assign(selection="matched")
tasks = pd.concat([task_all, task_matched], ignore_index=True)
speaker_dots(tasks, category="task", group="selection", title=f"{model}, {unseen}")

# %% [markdown]
# ## Across languages
#
# The held-out speaker's language was never in training, against training on both.

# %%
across = read("leave_language_out", "language").rename(columns={"r": "other language only"})
within = read(unseen, "language").rename(columns={"r": "both languages"})
languages = across.merge(within, on=["speaker", "language"]) if len(across) else across
languages.groupby("language")[["both languages", "other language only"]].mean().round(3) if len(languages) else None

# %% [markdown]
# ## Takeaways

# %%
for _, row in verdicts.iterrows():
    words = "equivalent" if row["equivalent"] else "not shown to be equivalent"
    print(
        f"{row['comparison']}, {row['group']} ({row['speakers']} speakers): {row['difference']:+.3f} "
        f"({interval_words(row['low'], row['high'], signed=True)}); {words} within ±{margin} "
        f"(p {row['p equivalence']:.3f})."
    )
for name, words in equivalence_words(verdicts).items():
    print(f"Verdict, {'all speakers together' if name == 'all' else f'{group} {name}'}: {words} within ±{margin}.")
pooled = verdicts[verdicts["group"] == "all"].set_index("comparison")
for _, row in mixed[mixed["factor"] == "condition"].iterrows():
    name = f"{row['level']} - {row['against']}"
    text = f"Mixed model, {name}: {row['difference']:+.3f} (95 % {row['low']:+.3f} to {row['high']:+.3f})"
    if name in pooled.index and pd.notna(pooled.loc[name, "low"]):
        paired = pooled.loc[name]
        meet = row["low"] <= paired["high"] and paired["low"] <= row["high"]
        text += f"; paired over speakers {paired['difference']:+.3f}: the two {'agree' if meet else 'do not agree'}"
    print(text + ".")
for name, part in tasks.groupby("selection"):
    r = part.groupby("task")["r"].mean()
    print(f"{name}: " + ", ".join(f"{task} {value:.3f}" for task, value in r.items()) + ".")
if len(languages):
    per = languages.groupby("speaker")[["other language only", "both languages"]].mean()
    d = paired_difference(per["other language only"], per["both languages"], seed=seed)
    print(
        f"A language that was never in training changes r by {d.mean:+.3f} ({interval_words(d.low, d.high, signed=True)}); part of "
        "that is that there is less to train on, and that the sentences of the other protocol were held out too."
    )
if about["task"].nunique() < 2:
    print(f"Not shown: tasks side by side; all recordings are of {about['task'].iloc[0]}.")
if about["condition"].nunique() < 2:
    print(f"Not shown: conditions side by side; all recordings are of {about['condition'].iloc[0]}.")
elif not len(condition):
    print(f"Not shown: conditions side by side; no speaker could be left out among those of the same {group}.")
elif not len(verdicts):
    print(
        "Not shown: conditions side by side; fewer than two speakers were recorded in the first language and another."
    )
