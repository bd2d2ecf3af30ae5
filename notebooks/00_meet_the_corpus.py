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
# # Meet the corpus
#
# Before asking what a model knows about the mouth, look at the mouths. The corpus that comes with this book was
# spoken by eighteen people who do not exist: a physical model of the vocal tract, shaped eighteen times, reading
# Finnish and Russian. Sound and sensor tracks come out of the same moving geometry, so they are truly paired, and
# every cause (anatomy, targets, timing, accent) is on file.
#
# ```{admonition} You will learn
# * what six sensors see of a moving vocal tract,
# * how far the synthetic vowels are from textbook ones, and how an accent can be a number,
# * what must **not** be concluded from a corpus whose effects were built in.
# ```
#
# **Needs** nothing but this notebook. The last section says one sentence again with the tongue tip raised; it needs
# `pip install "articulens[synth]"` and is skipped without it. A minute on a laptop.

# %% tags=["parameters"]
corpus: str = "bundled"  # a corpus made by articulens corpus synth
speaker: str = "FIN02"  # whose mouth is drawn
utterance: str = "FIN01_L1_fi_sent_05"  # the utterance that is heard and seen
word_list: str = "FIN01_L1_fi_list_01"  # a list of words that differ in quantity
intervention: str = "TT.z+3"  # what is changed in the last section

# %%
import numpy as np
import pandas as pd
from IPython.display import Audio, display

from articulens.corpora import open_corpus
from articulens.drawing import nothing
from articulens.errors import ArticulensError
from articulens.publishing import record
from articulens.synthesis import resynthesise
from articulens.synthesis.checks import formant_table, labels, open_audio, vowel_formants
from articulens.synthesis.figures import (
    accent_knob,
    mid_sagittal,
    minimal_set,
    speaker_card,
    utterance_picture,
    vowel_space,
)
from articulens.synthesis.sensors import CHANNELS

# %% [markdown]
# ## Who speaks
# One row an utterance: who, in which language, condition and task, and which text. A text read by several people,
# or with and without an accent, keeps its `sentence`: that is what sentence-disjoint tests split on.

# %%
mouths = open_corpus(corpus)
record(corpora={corpus: mouths})
readings = mouths.to_frame()
sounds = {u.id: open_audio(u) for u in mouths}
readings["seconds"] = [len(sounds[name][0]) / sounds[name][1] for name in readings["id"]]
print(readings.shape, f"{readings['seconds'].sum() / 60:.1f} minutes, {readings['sentence'].nunique()} texts")
known = {u.id: u for u in mouths}
told = [u for u in mouths if u.labels is not None and u.labels.suffix == ".json" and "alpha" in u.meta]
if len(told) < len(mouths):
    print(f"Not shown: causes of {len(mouths) - len(told)} utterances that this synthesiser did not make; what is said "
          "below about synthetic mouths does not hold for them.")  # fmt: skip
if speaker not in mouths.speakers:
    print(f"Not shown: {speaker}, who is not in {mouths.name}; {mouths.speakers[0]} is taken instead.")
    speaker = mouths.speakers[0]
if utterance not in known:
    print(f"Not shown: {utterance}, which is not in {mouths.name}; {mouths.utterances[0].id} is taken instead.")
    utterance = mouths.utterances[0].id
readings.pivot_table(index="condition", columns="task", values="seconds", aggfunc="sum").round(0)

# %% [markdown]
# ## A mouth from the side
# The tongue surface, palate, lips and jaw of one speaker, with the sensors where an articulograph's coils would be
# glued. Lips are to the right. A soft [tʲ] is a [t] whose tongue body is already at [i].

# %% mystnb={"image": {"alt": "Six mid-sagittal outlines of one synthetic speaker; the tongue closes at the teeth ridge for t, at the velum for k, and is low for the open vowel.", "width": "100%"}, "figure": {"caption": "Six phones of one speaker. Dots: the six sensors.", "name": "fig-midsagittal"}}
try:
    card = speaker_card(mouths, speaker)
    print(card["id"], card["sex"], card["l1"], f"tract on [i] {card['tract_cm']['length_i']} cm")
    figure = mid_sagittal(card, ["i", "ɑ", "u", "t", "tʲ", "k"])
except ArticulensError as error:
    print(f"Not shown: {error}")
    figure = nothing(f"{speaker} from the side")
figure
# %% [markdown]
# ## One utterance, heard and seen

# %%
chosen = known[utterance]
sound, rate = sounds[utterance]
print(chosen.text, sound.shape, mouths.read_trajectory(chosen).positions.shape)
display(Audio(sound, rate=rate))

# %% mystnb={"image": {"alt": "Spectrogram with phone boundaries above the vertical tracks of tongue tip, tongue dorsum, lower lip and jaw; each closure in the sound is a peak of one track.", "width": "100%"}, "figure": {"caption": "The same utterance as sound and as movement.", "name": "fig-utterance"}}
if chosen in told:
    figure = utterance_picture(mouths, chosen, ["TT.z", "TD.z", "LL.z", "JAW.z"])
else:
    print(f"Not shown: the phones of {utterance}, which has no labels of this synthesiser.")
    figure = nothing(utterance)
figure
# %% [markdown]
# ## Are these vowels Finnish and Russian?
# Formants are measured on the audio, by linear prediction, as on any recording, and compared with ranges around
# published values. A speaker's targets were fitted to those values scaled by the vocal tract, so agreement here
# says that the synthesis works. It is no finding about people.

# %%
tokens = vowel_formants(told)
if len(tokens):
    formants = formant_table(tokens)
    print(tokens.shape, f"{formants['inside'].mean():.0%} of {len(formants)} vowel and sex pairs inside their range")
    display(formants.pivot(index="vowel", columns="sex", values=["f1_hz", "f2_hz"]))
else:
    print("Not shown: vowels; none was read in a first language with labels of this synthesiser.")

# %% mystnb={"image": {"alt": "Vowel charts for men and women: each speaker's medians lie in or near the shaded range of their vowel.", "width": "100%"}, "figure": {"caption": "Each speaker's median formants (markers) over the accepted ranges (boxes).", "name": "fig-vowels"}}
vowel_space(tokens, ["i", "y", "u", "e", "ø", "o", "æ", "ɑ", "ɨ"]) if len(tokens) else nothing("Vowels")
# %% [markdown]
# ## A minimal set: quantity
# *tuli* (fire), *tuuli* (wind), *tulli* (customs) differ only in what is long. The tongue tip shows which.

# %% mystnb={"image": {"alt": "Vertical tongue-tip position in three words: the long vowel delays the rise, the long consonant holds it.", "width": "100%"}, "figure": {"caption": "Tongue tip height in three words that differ in quantity.", "name": "fig-quantity"}}
if known.get(word_list) in told:
    figure = minimal_set(mouths, known[word_list], "TT.z")
else:
    print(f"Not shown: {word_list}, which is not in {mouths.name}.")
    figure = nothing("A minimal set")
figure
# %% [markdown]
# ## The accent knob
# An accent here is a number, α: 0 is native, 1 is the full set of rules that move one language toward the other.
# One of its effects in Finnish is that long phones lose length. The ratio below comes from the label files, so it
# shows what was *caused*; whether an accent can be heard in the sound is a question for a classifier.

# %%
rows = []
for u in (u for u in told if u.language == "fi"):
    phones = [p for p in labels(u.labels)["phones"] if p.get("parts")]
    seconds = {
        long: [p["end_s"] - p["start_s"] for p in phones if p["label"].endswith("ː") == long] for long in (True, False)
    }
    if len(seconds[True]) >= 2:
        rows.append((u.meta["alpha"], u.condition, np.mean(seconds[True]) / np.mean(seconds[False])))
quantity = pd.DataFrame(rows, columns=["alpha", "condition", "ratio"])
graded = quantity["alpha"].nunique() > 1
if graded:
    print(quantity.shape, f"r(α, ratio) = {quantity['alpha'].corr(quantity['ratio']):.2f}")
else:
    print("Not shown: the accent knob; Finnish was read with no two strengths of accent.")

# %% mystnb={"image": {"alt": "The ratio of long to short phones falls as the accent strength grows.", "width": "100%"}, "figure": {"caption": "Quantity against accent strength, one point a reading in Finnish.", "name": "fig-accent"}}
accent_knob(quantity, "ratio", "long / short duration") if graded else nothing("The accent knob")
# %% [markdown]
# ## Change one cause
# Because causes are known, they can be changed: here the tongue tip's targets are raised by 3 mm and everything else,
# random draws included, stays. Where the tip is free it moves by what was asked; in contact it cannot.

# %%
try:
    before, _ = resynthesise(utterance)
    after, _ = resynthesise(utterance, intervene=intervention)
    moved = pd.DataFrame(after.positions - before.positions, columns=CHANNELS).abs().median().round(2)
    print(moved.to_dict())
except ArticulensError as error:
    print(f"Not shown: {error}")

# %% [markdown]
# ## What is synthetic about it
# * One model and one set of phone targets for all eighteen: speakers differ in anatomy, voice, rate and accent
#   strength, not in habits.
# * Differences between tasks, conditions and languages are rules that somebody wrote. That a probe finds them proves
#   that the probe works, never that people do this.
# * No subglottal, nasal or lip detail beyond the model; voiced energy falls above 4.8 kHz; nobody has tested
#   intelligibility.
# * Sensors have no noise. `articulens.synthesis.MeasurementNoise` adds jitter, gaps, drift and head movement at load
#   time.
#
# The card beside the data lists every limit.
#
# ## Takeaways
# * Sound and movement are paired by construction, at 0 ms lag.
# * Vowels, closures and quantity are where textbooks put them, because they were put there.
# * Every later chapter runs on these mouths first; claims about people need real recordings.
#
# ## Go further
# Make another eighteen with `articulens corpus synth --seed 7 --out DIR`, and see which numbers of the next chapters
# change.
