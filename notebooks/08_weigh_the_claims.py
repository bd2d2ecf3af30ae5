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
# # Weigh the claims
#
# Five claims of {cite}`bilingual2026`, each with the rule by which it is judged. Everything here is computed from the
# tables that the chapters before this one left; nothing is typed. The rules are part of the code: those of E1 and E4 were
# made stricter and clearer after first runs, so none of this is a registered test.
#
# Intervals are over speakers. Every small model was trained once, so a small difference between two models can be the luck
# of a training run, which no interval here contains.
#
# ```{admonition} Mind what the numbers are about
# :class: warning
# The bundled corpus is **synthetic** and the bundled models are small. A verdict says whether the *method* finds the
# effect there. Run the chapters on FROST-EMA and the models of the paper to judge the paper.
# ```

# %% tags=["parameters"]
results: str = "../cache/results"  # folder of the tables that the chapters left
multilingual: list = ["tiny-multi", "tiny-multi-other"]  # models of chapter 1 that heard more languages
monolingual: str = "tiny-english"  # what it is compared with
middle_of: str = "tiny-multi"  # a model of chapter 1 with several layers
margin: float = 0.05  # r within which two protocols count as equal, stated before looking
picture: str = "../book/executed/verdicts.svg"  # where the figure of the front page goes

# %%
from pathlib import Path

import pandas as pd
from myst_nb import glue

from articulens.drawing import nothing
from articulens.evaluation.comparison import at_chosen_layer, compare, layer_peak
from articulens.evaluation.inference import equivalence, interval_words, paired_difference
from articulens.evaluation.learning import seconds_to_plateau
from articulens.evaluation.scores import read_scores
from articulens.figures import layer_profile
from articulens.publishing import record

# %%
names = ["01_compare_models", "03_vary_training_size", "04_leave_one_speaker_out", "05_compare_tasks"]
paths = {name[:2]: Path(results) / f"{name}.parquet" for name in names}
record(files=paths.values())
tables = {number: read_scores(path) for number, path in paths.items() if path.exists()}
print(f"tables found: {', '.join(str(path.name) for path in paths.values() if path.exists()) or 'none'}")
corpora = {number: ", ".join(table["corpus"].unique()) for number, table in tables.items() if "corpus" in table}
if len(set(corpora.values())) > 1:
    told = "; ".join(f"chapter {number}: {name}" for number, name in corpora.items())
    print(f"The tables are of different corpora, so the verdicts do not go together ({told}).")
verdicts = {}


def judge(number: str, claim: str, rule: str, verdict: str, because: str) -> None:
    verdicts[number] = {"claim": claim, "rule": rule, "verdict": verdict, "because": because}
    print(f"{claim}\n  Rule: {rule}\n  Verdict: {verdict}. {because}")


# %% [markdown]
# ## E1: having heard more languages helps

# %%
claim = "Models that heard many languages read the mouth better than a model that heard one"
rule = (
    "holds if the difference at layers chosen by other speakers has a 95 % interval above 0 for every multilingual "
    "model, partly if for one"
)
heard = [model for model in multilingual if "01" in tables and model in set(tables["01"]["model"])]
if heard and monolingual in set(tables["01"]["model"]):
    e1 = tables["01"][tables["01"]["language"] == "all"]
    d = compare(at_chosen_layer(e1), [(model, monolingual) for model in heard])
    above = (d["low"] > 0).sum()
    verdict = "holds here" if above == len(heard) == len(multilingual) else "partly" if above else "not shown"
    words = [f"{row['a']} minus {row['b']}: {row['difference']:+.3f} "
             f"({interval_words(row['low'], row['high'], signed=True)})" for _, row in d.iterrows()]  # fmt: skip
    if e1["corpus"].iloc[0].startswith("bundled") and {"tiny-multi", "tiny-multi-other"} <= set(heard):
        words.append("tiny-multi has heard the synthesiser of the bundled corpus, tiny-multi-other has not")
    judge("E1", claim, rule, verdict, "; ".join(words))
else:
    judge("E1", claim, rule, "not shown", f"{monolingual} and {' or '.join(multilingual)} were not compared")

# %% [markdown]
# ## E2: the middle knows most

# %%
claim = "Articulation is read best in the middle layers"
rule = "holds if the 95 % interval of the best layer's place contains neither the first nor the last layer"
if "01" in tables and middle_of in set(tables["01"]["model"]):
    e2 = tables["01"][(tables["01"]["language"] == "all") & (tables["01"]["model"] == middle_of)]
    peak = layer_peak(e2)
    judge("E2", claim, rule, "holds here" if peak.inside else "not shown", f"{middle_of} is read best at {peak}")
else:
    judge("E2", claim, rule, "not shown", f"the layers of {middle_of} were not scored")

# %% [markdown]
# ## E3: five minutes are enough

# %%
claim = "About five minutes of speech are needed, and enough"
rule = "the late rise is least squares' own if ridge needs less than half the seconds for 95 % of its highest r"
if "03" in tables and "new sentences" in set(tables["03"]["split"]):
    e3 = tables["03"][tables["03"]["split"] == "new sentences"]
    mean = e3.groupby(["probe", "speaker", "draw", "seconds"], as_index=False)["r"].mean()
    need = (
        mean.groupby(["probe", "speaker", "draw"])[["seconds", "r"]].apply(seconds_to_plateau).groupby("probe").median()
    )
    judge("E3", claim, rule,
          "the late rise is the probe's" if need["ridge"] < need["least squares"] / 2 else "not shown",
          f"median seconds to 95 % of the highest r: ridge {need['ridge']:.0f}, least squares "
          f"{need['least squares']:.0f}; the longest training set has {e3['seconds'].max():.0f} s")  # fmt: skip
else:
    judge("E3", claim, rule, "not shown", "no training size was varied with sentences to test on")

# %% [markdown]
# ## E4: it carries to mouths never seen

# %%
claim = "What is learned from some speakers reads another"
rule = (
    f"holds if the 95 % interval of unknown minus known speaker lies above -{margin}, partly if only r of unknown "
    "speakers lies above 0"
)
protocols = {"sentence", "loso_sentence"}
if "04" in tables and protocols <= set(tables["04"]["protocol"]):
    wide = (
        at_chosen_layer(tables["04"], by=["protocol"]).pivot(index="speaker", columns="protocol", values="r").dropna()
    )
    d = paired_difference(wide["loso_sentence"], wide["sentence"])
    zero = paired_difference(wide["loso_sentence"], 0 * wide["sentence"])
    good = d.low > -margin
    judge("E4", claim, rule, "holds here" if good else "partly" if zero.low > 0 else "not shown",
          f"unknown speaker {wide['loso_sentence'].mean():.3f}, known speaker {wide['sentence'].mean():.3f}, difference "
          f"{d.mean:+.3f} ({interval_words(d.low, d.high, signed=True)}); a known speaker's probe has that speaker's speech only")  # fmt: skip
else:
    judge("E4", claim, rule, "not shown", "nobody could be left out")

# %% [markdown]
# ## E5: a second language and an accent are as readable as the first

# %%
claim = "A second language and an imitated accent are as readable as the first language"
rule = f"holds if both are equivalent to L1 within ±{margin}, partly if one is"
wide = pd.DataFrame()
if "05" in tables:
    e5 = tables["05"]
    e5 = e5[e5["protocol"].str.startswith("loso_within") & (e5["task"] == "all") & (e5["condition"] != "all")]
    if len(e5):
        wide = at_chosen_layer(e5, by=["condition"]).pivot(index="speaker", columns="condition", values="r").dropna()
if len(wide) >= 2 and {"L1", "L2", "accent"} <= set(wide.columns):
    tests = {c: equivalence(wide[c], wide["L1"], margin) for c in ("L2", "accent")}
    passed = sum(test.holds for test in tests.values())
    judge("E5", claim, rule, ["not shown", "partly", "holds here"][passed], "; ".join(
          f"{c} - L1 {t.mean:+.3f} (90 % {t.low:+.3f} to {t.high:+.3f}, p of equivalence {t.p:.3f})"
          for c, t in tests.items()))  # fmt: skip
else:
    judge("E5", claim, rule, "not shown", "no two speakers were scored in all three conditions")

# %% [markdown]
# ## All five

# %%
for number, row in verdicts.items():
    glue(f"{number}_claim", row["claim"], display=False)
    glue(f"{number}_verdict", row["verdict"], display=False)
    glue(f"{number}_because", row["because"], display=False)
pd.DataFrame(verdicts).T[["claim", "verdict"]]

# %% [markdown]
# ## The figure of the front page

# %% mystnb={"image": {"alt": "Mean Pearson r by layer of the compared encoders, with intervals over speakers and lines for the acoustic baselines."}}
if "01" in tables:
    drawn = tables["01"][tables["01"]["language"] == "all"]
    single = [m for m, part in drawn.groupby("model") if part["layer"].nunique() == 1]
    figure = layer_profile(drawn, references=single, title=f"{drawn['corpus'].iloc[0]}, {drawn['protocol'].iloc[0]}")
else:
    print("Not shown: layers of the encoders; chapter 1 has left no table.")
    figure = nothing("Layer by layer")
Path(picture).parent.mkdir(parents=True, exist_ok=True)
figure.savefig(picture, metadata={"Date": None})
figure
