"""Versions of one utterance: said untouched, and again with one articulator moved, held, delayed or damped.

The set that ships with the project (``data/moved``, see its card) was made by

    python -m articulens.synthesis.versions data/moved

which needs the extra ``[synth]``; reading a set needs nothing. All else that is random stays as it was, so versions
are equally long and their frames can be compared one by one.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from articulens.corpora import Trajectory
from articulens.corpora.labels import Interval
from articulens.corpora.signals import align
from articulens.errors import ArticulensError, suggest
from articulens.files import atomic_write
from articulens.synthesis import vtl
from articulens.synthesis.anatomy import Speaker, cohort
from articulens.synthesis.design import design
from articulens.synthesis.interventions import parse
from articulens.synthesis.render import AUDIO_RATE, EMA_RATE, Prompt, SpeechProducer, find_voice
from articulens.synthesis.sensors import CHANNELS
from articulens.synthesis.trajectories import boundaries
from articulens.synthesis.vtl import Floats

UNTOUCHED = "untouched"
SEED = 2026
#: Who speaks in the shipped set.
SPEAKERS = (*(f"FIN{k:02}" for k in range(1, 8)), *(f"RUS{k:02}" for k in range(1, 6)))
#: What the shipped set does to every speaker, one change a version.
CHANGES = (
    "TT.x-2.5", "TT.z-2.5", "TB.z+2.5", "TB=0", "TD.x+2.5", "TD.z-2.5",
    "LL.x+2.5", "LL.z-2.5", "LL.z+2.5", "JAW.x-2.5", "JAW.z-2.5",
    "TT@+60", "TD@+60", "LL@+60", "TT*0.5", "TD*0.5", "LL*0.5", "TT=0", "LL=0",
)  # fmt: skip
_STEP_MM = 0.01  # resolution of stored positions
_COMPRESSION = 0.93  # of Opus in libsndfile, 0 to 1: about 26 kbit/s


@dataclass(frozen=True)
class Versions:
    """One utterance of one speaker, said in several ways.

    Attributes
    ----------
    speaker, utterance
        Who says what: the utterance is one of the bundled corpus.
    names
        The intervention of each version, as text; the first is ``"untouched"``.
    audio
        (versions, samples), 16 kHz.
    positions
        (versions, frames, 12) mm at 100 Hz, channels as in `articulens.synthesis.sensors.CHANNELS`.
    intervals
        (start, end, phone), s: the same in every version.
    impossible
        Interventions that this mouth could not do, and why.
    """

    speaker: str
    utterance: str
    names: tuple[str, ...]
    audio: NDArray[np.float32]
    positions: Floats
    intervals: tuple[Interval, ...]
    impossible: tuple[str, ...] = ()

    def at(self, times_s: Floats, channels: Sequence[str] = CHANNELS) -> Floats:
        """Return where sensors truly are at some times (s), low-passed as all targets: (versions, times, channels)."""
        tracks = [Trajectory(p, CHANNELS, EMA_RATE, source=self.utterance).select(channels) for p in self.positions]
        return np.stack([align(track, times_s) for track in tracks])


def say_versions(producer: SpeechProducer, prompt: Prompt, changes: Sequence[str] = CHANGES) -> Versions:
    """Return `prompt` said untouched and once with each of `changes`; what a mouth cannot do is listed instead."""
    names, impossible = [UNTOUCHED], []
    made = [producer.say(prompt)]
    for change in changes:
        try:
            made.append(producer.say(prompt, parse(change)))
        except ArticulensError as error:
            impossible.append(f"{change}: {error}")
        else:
            names.append(change)
    edges = boundaries(made[0].segments)
    return Versions(
        producer.speaker.id,
        prompt.id,
        tuple(names),
        np.stack([m.audio for m in made]).astype(np.float32),
        np.stack([m.positions for m in made]),
        tuple(
            (float(start), float(end), segment.label)
            for segment, start, end in zip(made[0].segments, edges[:-1], edges[1:], strict=True)
        ),
        tuple(impossible),
    )


def write_versions(folder: Path | str, versions: Versions) -> None:
    """Write ``SPEAKER.ogg`` (Opus, versions one after the other) and ``SPEAKER.npz`` (all else)."""
    folder, sound, rest = Path(folder), io.BytesIO(), io.BytesIO()
    soundfile.write(
        sound, versions.audio.ravel(), AUDIO_RATE, format="OGG", subtype="OPUS", compression_level=_COMPRESSION
    )
    steps = np.round(versions.positions / _STEP_MM).astype(np.int32)
    steps[1:] -= steps[0]  # what an intervention leaves alone is zero, and packs into nothing
    starts, ends, labels = zip(*versions.intervals, strict=True)
    np.savez_compressed(
        rest,
        allow_pickle=False,
        speaker=versions.speaker,
        utterance=versions.utterance,
        names=np.array(versions.names),
        impossible=np.array(versions.impossible, dtype=str),
        steps=np.diff(steps, axis=1, prepend=0).astype(np.int16),
        labels=np.array(labels),
        edges_s=np.array([starts, ends]),
    )
    for ending, content in ((".ogg", sound), (".npz", rest)):
        with atomic_write(folder / f"{versions.speaker}{ending}") as stream:
            stream.write(content.getvalue())


def read_versions(folder: Path | str, speakers: Sequence[str] | None = None) -> Iterator[Versions]:
    """Yield the versions of each speaker of a folder, or only of `speakers`.

    Raises
    ------
    ArticulensError
        When the folder holds no versions, lacks a speaker, or a file cannot be read.
    """
    folder = Path(folder)
    there = sorted(path.stem for path in folder.glob("*.npz"))
    if not there:
        raise ArticulensError(
            f"{folder}: no versions were found; make them with `python -m articulens.synthesis.versions {folder}`."
        )
    for speaker in there if speakers is None else speakers:
        if speaker not in there:
            raise ArticulensError(f"{folder}: no versions of speaker {speaker}; there are {', '.join(there)}.")
        yield _read(folder / f"{speaker}.npz")


def _read(path: Path) -> Versions:
    try:
        with np.load(path, allow_pickle=False) as stored:
            field = {name: stored[name] for name in stored.files}
        audio, rate_hz = soundfile.read(path.with_suffix(".ogg"), dtype="float32")
        steps = np.cumsum(field["steps"].astype(np.int32), axis=1)
        steps[1:] += steps[0]
        names = tuple(map(str, field["names"]))
        if rate_hz != AUDIO_RATE or len(audio) % len(names) or steps.shape[::2] != (len(names), len(CHANNELS)):
            raise ValueError(f"{len(audio)} samples at {rate_hz} Hz, positions {steps.shape}, {len(names)} versions")
        return Versions(
            str(field["speaker"]),
            str(field["utterance"]),
            names,
            audio.reshape(len(names), -1),
            steps * _STEP_MM,
            tuple(
                (float(start), float(end), str(label))
                for start, end, label in zip(*field["edges_s"], field["labels"], strict=True)
            ),
            tuple(map(str, field["impossible"])),
        )
    except (OSError, ValueError, KeyError, EOFError, soundfile.LibsndfileError) as error:
        raise ArticulensError(
            f"{path}: not readable as versions of an utterance ({error}); make it again with "
            f"`python -m articulens.synthesis.versions {path.parent}`."
        ) from error


def prompt_of(speaker: Speaker) -> Prompt:
    """Return what a speaker says in the shipped set: the first command in the first language, which is short."""
    return next(p for p in design(speaker) if p.condition == "L1" and "_cmd_" in p.id)


def make_versions(folder: Path | str, speakers: Sequence[str] = SPEAKERS, changes: Sequence[str] = CHANGES) -> None:
    """Make a set of versions, one speaker after the other; those that are there are kept.

    Raises
    ------
    ArticulensError
        When the extra ``[synth]`` is missing, or a speaker is not one of the 18 of the bundled corpus.
    """
    vtl.require()
    known = {speaker.id: speaker for speaker in cohort(18, SEED)}
    for name in speakers:
        if name not in known:
            raise ArticulensError(f"versions of {name!r} cannot be made{suggest(name, list(known))}")
        if not Path(folder, f"{name}.npz").exists():
            write_versions(folder, say_versions(find_voice(known[name]), prompt_of(known[name]), changes))


if __name__ == "__main__":
    make_versions(sys.argv[1], sys.argv[2:] or SPEAKERS)
