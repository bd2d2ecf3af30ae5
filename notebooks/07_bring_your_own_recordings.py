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
# # Bring your own recordings
#
# Articulography comes in a dozen formats, with sensor names of its own, clocks that drift, sensors that fall off and
# a horizontal axis that may run either way. This page opens such data, finds out whether they can be trusted, and
# reads the movements of a mouth out of a recording that has none.
#
# ```{admonition} You will learn
# * that one trajectory comes back the same from every format,
# * how a corpus is described in twenty lines, and what a recipe does that does not know something,
# * how planted faults are found before they become results,
# * how a probe is kept, and what it may and may not be asked.
# ```
#
# **Needs** nothing but this notebook: all files are written here from the corpus that comes with the project.

# %% tags=["parameters"]
corpus: str = "bundled"  # corpus to write files from, as in articulens corpus describe
speaker: str = "FIN02"  # whose recordings become files, and who is left out when the probe is trained
speakers: list = []  # only these other speakers train the probe, empty means all
sentences: int = 6  # recordings that become files
encoder: str = "logmel+6"  # whose states the probe reads
device: str = "auto"  # auto, cpu or cuda
cache: str = "../cache"  # folder of intermediate moments
results: str = "../cache/results"  # folder of the table behind the page

# %%
import tempfile
from dataclasses import replace
from html import escape
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import HTML

from articulens.agreement import Agreement
from articulens.corpora import Trajectory, Utterance, align, audio_duration, foreign, open_corpus
from articulens.corpora.check import check
from articulens.corpora.convert import convert
from articulens.corpora.readers import READERS
from articulens.corpora.survey import survey
from articulens.drawing import nothing
from articulens.encoders import open_encoder
from articulens.errors import ArticulensError
from articulens.inversion import invert, train_inverter
from articulens.inversion.page import to_html
from articulens.publishing import record

recordings = open_corpus(corpus)
heard_by = open_encoder(encoder, device=device)
record(corpora={corpus: recordings}, encoders={encoder: heard_by})
if speaker not in recordings.speakers:
    print(f"Not shown: {speaker}, who is not in {recordings.name}; {recordings.speakers[0]} is taken instead.")
    speaker = recordings.speakers[0]
folder = Path(tempfile.mkdtemp())

# %% [markdown]
# ## One trajectory, every format
#
# A recording is put on the clock of an AG501, 250 Hz, and written byte for byte as each program would write it. Every
# reader gets the file and nothing else, apart from what a recipe says: which socket or name is which sensor, and
# which way the axes run.

# %%
utterances = list(recordings.select(speaker=speaker).utterances[:sentences])


def at_250_hz(utterance: Utterance) -> Trajectory:
    """Put positions on the device's clock, with the lateral axis, for as long as there is sound."""
    trajectory = recordings.read_trajectory(utterance)
    sensors = list(dict.fromkeys(name.split(".")[0] for name in trajectory.channels))
    names = [f"{sensor}.{axis}" for sensor in sensors for axis in "xyz"]
    seconds = min(trajectory.duration_s, audio_duration(utterance.audio))
    clock = np.arange(int(seconds * 250)) / 250
    there = align(trajectory, clock, cutoff_hz=None)
    columns = [there[:, trajectory.channels.index(n)] if n in trajectory.channels else 0 * clock + 0.5 for n in names]
    return Trajectory(np.round(np.stack(columns, 1), 2), tuple(names), 250.0)


first = at_250_hz(utterances[0])
first = replace(first, positions=first.positions[: len(first) // 12 * 12])
rows = []
for name, sample in foreign.samples(first).items():
    path = folder / f"one{sample.suffix}"
    path.write_bytes(sample.content)
    again = READERS[sample.reader](path, **sample.arguments)
    difference = np.abs(again.positions - first.select(again.channels).positions)
    rows.append(
        {
            "format": name,
            "reader": sample.reader,
            "kB": round(len(sample.content) / 1000),
            "channels": len(again.channels),
            "rate_hz": again.rate_hz,
            "largest difference, mm": np.nanmax(difference),
        }
    )
formats = pd.DataFrame(rows)
print(f"{first.positions.shape} samples × channels")
formats.round(6)

# %% [markdown]
# Formats with two dimensions have no lateral axis; formats in single precision differ in the sixth digit. A file that
# was cut or damaged is told, in one sentence that says what to do:

# %%
sample = foreign.samples(first)["AG501 binary"]
for what, content in {
    "cut in the middle": sample.content[: len(sample.content) // 2 + 3],
    "one digit changed": sample.content.replace(b"NumberOfChannels=16", b"NumberOfChannels=12"),
}.items():
    path = folder / "damaged.pos"
    path.write_bytes(content)
    try:
        READERS[sample.reader](path, **sample.arguments)
    except ArticulensError as error:
        print(f"{what}: {str(error).replace(str(folder) + '/', '')}\n")

# %% [markdown]
# The second file has exactly the right length for twelve sockets. What gives it away is that positions move little
# from one sample to the next, and at the wrong width they would not.
#
# ## A corpus in twenty lines
#
# A folder of sweeps as the Carstens programs leave it: positions in `pos`, sound in `wav`. What is particular to it is
# said in a small YAML file; a recipe needs no code.

# %%
sweeps = folder / "sweeps"
for number, utterance in enumerate(utterances, start=1):
    moved = at_250_hz(utterance)
    xyz = {
        sensor: moved.select([f"{sensor}.{axis}" for axis in "xyz"]).positions
        for sensor in dict.fromkeys(name.split(".")[0] for name in moved.channels)
    }
    sockets = dict(zip(xyz, (7, 9, 8, 12, 13, 5), strict=False))
    pos, wav = sweeps / speaker / "pos" / f"{number:04d}.pos", sweeps / speaker / "wav" / f"{number:04d}.wav"
    for place in (pos, wav):
        place.parent.mkdir(parents=True, exist_ok=True)
    pos.write_bytes(foreign.carstens_binary(foreign.carstens_frames({sockets[s]: p for s, p in xyz.items()})))
    wav.write_bytes(foreign.riff(*recordings.read_audio(utterance)))

language = utterances[0].meta.get("l1") or utterances[0].language
recipe = f"""
name: my-corpus
description: sweeps of one evening
licence: mine

reader: carstens                  # text or binary, as the file is
channels: {{{", ".join(f"{sensor}: {socket}" for sensor, socket in sockets.items())}}}
axes: {{x: +X, y: +Y, z: +Z}}       # turn a sign where lips are not in front of the tongue

positions: '(?P<speaker>[^/]+)/pos/(?P<stem>[^/]+)\\.pos'
audio: '(?P<speaker>[^/]+)/wav/(?P<stem>[^/]+)\\.wav'
max_clock_drift: 0.01

names:                            # what the names of speakers and files say
  speaker: '(?P<l1>{speaker[:3]}).*'
tables:
  l1: {{from: l1, values: {{{speaker[:3]}: {language}}}}}
defaults: {{language: {language}, condition: L1, task: T1, sentence: '{{stem}}'}}
"""
(folder / "my-corpus.yaml").write_text(recipe)
mine = open_corpus(f"{folder / 'my-corpus.yaml'}:{sweeps}")
print(f"{len(recipe.strip().splitlines())} lines; {mine}")
mine.to_frame()[["id", "speaker", "l1", "language", "sentence", "positions"]].head(3)

# %% [markdown]
# Recipes for published corpora come with the project. Where something about a corpus is not known, its recipe says so
# and opens nothing until you do:

# %%
try:
    open_corpus(f"carstens-folder:{sweeps}")
except ArticulensError as error:
    print(error)

# %% [markdown]
# Which sensor was in which socket only the one who glued it there knows. But a file tells much: sensors on the head stand
# still, lips are in front, one above the other, and what lies clearly above the lower lip is tongue.
# `articulens corpus look FILE` shows what any file of positions holds, in all of these formats, and begins a recipe; what
# it cannot tell it leaves open. Here it sees the first of these sweeps and knows nothing of the recipe above:

# %%
seen = survey(sweeps / speaker / "pos" / "0001.pos")
wrong = [sensor for sensor, socket in seen.channels.items() if sockets.get(sensor) != socket]
print(seen.recipe())
print(f"told: {len(seen.channels)} of {len(sockets)} sensors, of which {len(wrong)} wrong")
seen.table[seen.table["is"] != "empty"].set_index("sensor").round(2)

# %% [markdown]
# ## Is it usable?
#
# `articulens corpus check my-corpus.yaml:sweeps --html report.html` goes through it file by file and speaker by
# speaker. First as it is, then with faults planted, each in another recording: a clock that drifts by one per cent, two
# sensors that changed places, positions that come 80 ms late, and a sensor that was lost for half a second.

# %%
clean = check(mine)
lag_s = clean.lags[speaker].speaker_s
print(
    f"as recorded: {len(clean.findings)} findings, "
    f"{'too little speech to find a lag' if lag_s is None else f'lag {1000 * lag_s:.0f} ms'}, "
    f"{'usable' if clean.usable else 'not usable'}"
)


def plant(number: int, change) -> None:
    path = sweeps / speaker / "pos" / f"{number:04d}.pos"
    frames = np.fromfile(path, "<f4", offset=4096).reshape(-1, 16, 7)
    path.write_bytes(foreign.carstens_binary(change(frames)))


def drift(frames: np.ndarray) -> np.ndarray:
    place = np.linspace(0, len(frames) - 1, round(len(frames) * 1.01))
    return frames[np.round(place).astype(int)]


def swap(frames: np.ndarray) -> np.ndarray:
    frames[:, [sockets["TT"] - 1, sockets["TD"] - 1]] = frames[:, [sockets["TD"] - 1, sockets["TT"] - 1]]
    return frames


def lose(frames: np.ndarray) -> np.ndarray:
    frames[100:225, sockets["TB"] - 1, :3] = 0
    return frames


def delay(frames: np.ndarray) -> np.ndarray:
    return np.roll(frames, 20, axis=0)


faults = (drift, swap, delay, lose)
planted = faults[: len(utterances)]
for fault in faults[len(planted) :]:
    print(f"Not shown: {fault.__name__}; there are {len(utterances)} recordings only.")
for number, fault in enumerate(planted, start=1):
    plant(number, fault)
faulty = check(open_corpus(f"{folder / 'my-corpus.yaml'}:{sweeps}"))
findings = pd.DataFrame([finding.to_dict() for finding in faulty.findings])
findings.style.hide(axis="index")

# %% [markdown]
# Half of what a check knows is anatomy: lips lie in front of the tongue, its tip in front of its back, the upper lip
# above the lower. The figure is that of the report: a tongue tip that lies where the back should be stands out.

# %% mystnb={"image": {"alt": "Mean position of every sensor in the midsagittal plane, a point for each recording; where tongue tip and tongue dorsum were exchanged, their points lie apart from the others."}, "figure": {"caption": "Mean positions of the sensors in each recording; a pair that changed places stands out.", "name": "fig-postures"}}
figure, axes = plt.subplots(figsize=(6, 4))
for number, sensor in enumerate(sockets):
    x = [m.mean[f"{sensor}.x"] for m in faulty.measured]
    z = [m.mean[f"{sensor}.z"] for m in faulty.measured]
    axes.plot(x, z, "o", alpha=0.7, color=f"C{number}", label=sensor)
axes.set(xlabel="x, mm (forwards)", ylabel="z, mm (upwards)", aspect="equal")
axes.legend(ncols=2, fontsize="small")
plt.show()

# %% [markdown]
# ## Into a form that everything reads
#
# Audio, a table of positions for each recording, and a manifest: `articulens corpus convert`. What was read is what
# is read again.

# %%
convert(mine, folder / "tables")
tables = open_corpus(f"tabular:{folder / 'tables'}")
worst = max(
    np.nanmax(np.abs(a.select(b.channels).positions - b.positions))
    for a, b in ((mine.read_trajectory(u), tables.read_trajectory(v)) for u, v in zip(mine, tables, strict=True))
)
print(f"{tables}: largest difference {worst:g} mm; {tables.verify()} files with checksums")

# %% [markdown]
# ## A mouth for a voice without one
#
# A probe that reads positions out of hidden states can be kept and applied to any recording. It is trained here on
# everybody but the speaker whose files these are, so that what it says of the speaker can be compared with what was
# measured. `articulens predict speech.wav` does the same for a file of yours.

# %%
others = recordings.select(speaker=[speaker, *speakers]) if speakers else recordings
probe = train_inverter(others, heard_by, cache=cache, hold_out=speaker) if len(others.speakers) > 2 else None
if probe:
    print(probe.describe())
    probe.save(folder / "probe")
    print(*sorted(path.name for path in (folder / "probe").iterdir()))
else:
    print(f"Not shown: a probe for {speaker}; it needs two other speakers, one to train on and one to choose by.")

# %%
said = [invert(utterance.audio, probe, heard_by) for utterance in utterances] if probe else []
scores = []
for utterance, result in zip(utterances, said, strict=False):
    truth = align(recordings.read_trajectory(utterance).select(probe.channels), result.times_s)
    whole = np.isfinite(truth).all(axis=1)
    r = Agreement.of_frames(result.z[whole], truth[whole]).r
    scores += [
        {"id": utterance.id, "channel": c, "r": round(float(v), 4)} for c, v in zip(probe.channels, r, strict=True)
    ]
table = pd.DataFrame(scores, columns=["id", "channel", "r"])
Path(results).mkdir(parents=True, exist_ok=True)
table.to_csv(Path(results) / "07_bring_your_own_recordings.csv", index=False)
table.pivot(index="id", columns="channel", values="r")[list(probe.channels)].round(2) if probe else None

# %% mystnb={"image": {"alt": "Height of tongue tip, tongue dorsum and lower lip over time in one recording: measured, and read out of the sound."}, "figure": {"caption": "What was measured and what was read out of the sound, of a speaker the probe has never heard.", "name": "fig-read-out"}}
if said:
    truth = align(recordings.read_trajectory(utterances[0]).select(probe.channels), said[0].times_s)
    figure, panels = plt.subplots(3, 1, figsize=(8, 5), sharex=True, layout="constrained")
    for axes, channel in zip(panels, ("TT.z", "TD.z", "LL.z"), strict=True):
        column = probe.channels.index(channel)
        measured = (truth[:, column] - np.nanmean(truth[:, column])) / np.nanstd(truth[:, column])
        axes.plot(said[0].times_s, measured, color="0.3", label="measured")
        axes.plot(said[0].times_s, said[0].z[:, column], color="C1", label="read from the sound")
        axes.set_ylabel(f"{channel}, z-score")
    panels[0].legend(ncols=2, fontsize="small")
    panels[-1].set_xlabel("time, s")
    plt.show()
else:
    display(nothing(f"{speaker}, read out of the sound"))  # noqa: F821

# %% [markdown]
# The same as a mouth that moves with the sound. The page is one file that needs nothing else, so it can be sent to
# anybody.

# %%
page = HTML(
    f'<iframe title="A mouth that moves with the sound" width="100%" height="760" '
    f'style="border:0" srcdoc="{escape(to_html(said[0])) if said else ""}"></iframe>'
)
page if said else None

# %% [markdown]
# ## Takeaways
#
# Every sentence below is computed from the tables above.

# %%
exact = formats["largest difference, mm"].max()
print(f"{len(formats)} formats gave back the same trajectory, within {exact:.2g} mm.")
kinds = findings.groupby("kind")["where"].agg(lambda names: ", ".join(sorted(set(names))))
print(
    f"The clean folder raised {len(clean.findings)} findings; with {len(planted)} faults there were "
    f"{'; '.join(f'{kind} ({where})' for kind, where in kinds.items())}."
)
if said:
    by_channel = table.groupby("channel")["r"].mean()
    print(
        f"On the {len(utterances)} recordings of {speaker}, whom the probe has never heard, it reads {by_channel.idxmax()} "
        f"best (mean r {by_channel.max():.2f}) and {by_channel.idxmin()} worst ({by_channel.min():.2f})."
    )
    print(
        "It says how far a sensor is from its usual place, not where in the mouth that is: without measured positions of "
        "the speaker there are no millimetres."
    )

# %% [markdown]
# ## Go further
#
# * `articulens corpus fetch mocha` says where a corpus is and under which licence, or whom to ask.
# * `articulens predict speech.wav --calibrate measured.csv` gives millimetres where some positions of the speaker are
#   known.
# * A recipe of yours may say `extends: frost` and change only what differs.
