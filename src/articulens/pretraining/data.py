"""Speech in memory, and random excerpts of it.

Short recordings of one kind and language are strung together into tracks of at most 28 s with short pauses: a teacher
that reads 30 s at once then runs once a track, and excerpts may cross a pause as they do in real recordings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from articulens.corpora.audio import read_audio
from articulens.encoders.audio import prepare_audio
from articulens.encoders.clock import FrameClock
from articulens.errors import ArticulensError
from articulens.pretraining.config import Source
from articulens.pretraining.speech import RATE_HZ, read_manifest

CLOCK = FrameClock()
TRACK_S = 28.0
PAUSE_S = 0.2
AUDIO = (".flac", ".wav", ".ogg")
Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Recording:
    """One recording: ``(n,)`` samples at 16 kHz of zero mean and unit variance, whose text may be unknown."""

    samples: Samples
    source: str
    language: str
    speaker: str
    text: str


@dataclass(frozen=True)
class Group:
    """Speech of one source and language.

    Attributes
    ----------
    source, language
        What it is.
    weight
        Share of the excerpts.
    recordings
        As they were.
    tracks
        Strung together, ``(n,)`` samples each.
    """

    source: str
    language: str
    weight: float
    recordings: tuple[Recording, ...]
    tracks: tuple[Samples, ...]

    @property
    def hours(self) -> float:
        """Length of the recordings."""
        return sum(len(r.samples) for r in self.recordings) / RATE_HZ / 3600

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all samples of the tracks."""
        digest = hashlib.sha256()
        for track in self.tracks:
            digest.update(len(track).to_bytes(8, "little"))
            digest.update(track.tobytes())
        return digest.hexdigest()


def read_groups(sources: Sequence[Source], speech: Path | None, made: Path | None) -> list[Group]:
    """Read what a configuration asks for.

    Parameters
    ----------
    sources
        Kinds of speech and their languages; the weight of a kind is shared by its languages.
    speech
        Folder of human recordings (any depth; FLAC, WAV or Ogg), all of one language.
    made
        Folder that `articulens.pretraining.speech.make_speech` made.

    Raises
    ------
    ArticulensError
        When a folder that is needed was not given or holds nothing of what was asked for.
    """
    groups = []
    for source in sources:
        place = speech if source.source == "human" else made
        if place is None:
            option = "--speech FOLDER" if source.source == "human" else "--made FOLDER"
            raise ArticulensError(f"this model is trained on {source.source} speech; say where it is with {option}.")
        for language in source.languages:
            recordings = (
                read_human(place, language) if source.source == "human" else _read_made(place, source, language)
            )
            if not recordings:
                raise ArticulensError(
                    f"{place}: there is no {source.source} speech in '{language}'; give a folder that has some."
                )
            weight = source.weight / len(source.languages)
            groups.append(Group(source.source, language, weight, tuple(recordings), tuple(string_together(recordings))))
    return groups


def read_human(folder: Path, language: str) -> list[Recording]:
    """Read human recordings, whose file names begin with their speaker, as those of LibriSpeech do."""
    paths = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in AUDIO)
    return [_read(path, "human", language, path.stem.split("-")[0], "") for path in paths]


def _read_made(folder: Path, source: Source, language: str) -> list[Recording]:
    return [
        _read(Path(folder) / row.file, row.source, row.language, row.speaker, row.text)
        for row in read_manifest(folder)
        if (row.source, row.language) == (source.source, language)
    ]


def _read(path: Path, source: str, language: str, speaker: str, text: str) -> Recording:
    samples, rate = read_audio(path)
    wave = prepare_audio(samples, rate, CLOCK, normalize=True, source=str(path))
    return Recording(wave.numpy(), source, language, speaker, text)


def string_together(recordings: Sequence[Recording]) -> list[Samples]:
    """Return tracks of at most 28 s (a longer recording is cut) with 0.2 s of silence between recordings."""
    longest, pause = round(TRACK_S * RATE_HZ), np.zeros(round(PAUSE_S * RATE_HZ), dtype=np.float32)
    tracks: list[list[Samples]] = [[]]
    length = 0
    for recording in recordings:
        samples = recording.samples[:longest]
        if length and length + len(samples) > longest:
            tracks.append([])
            length = 0
        tracks[-1] += [samples, pause]
        length += len(samples) + len(pause)
    return [np.concatenate(parts[:-1]) for parts in tracks]


class Excerpts:
    """Random excerpts of `frames` frames: a group by its weight, a track by its length, then a place.

    Parameters
    ----------
    groups
        Speech.
    frames
        Length of an excerpt.
    first_sample
        Where an excerpt begins relative to 320 times its first frame. 0 puts frame centres at 199.5 + 320 *i*, those
        of the convolutions; -200 puts them at 320 *i*, those of Whisper.
    tilt
        Largest coefficient of the random filter 1 - *a* z⁻¹ that each excerpt goes through; 0 for none.
    """

    def __init__(self, groups: Sequence[Group], frames: int, first_sample: int = 0, tilt: float = 0.0) -> None:
        self.groups, self.frames, self.first, self.tilt = groups, frames, first_sample, tilt
        self.n_samples = CLOCK.n_samples(frames)
        self._weights = np.array([group.weight for group in groups]) / sum(group.weight for group in groups)
        # Places at which an excerpt may begin, for each track; the first frame is left out where it would begin
        # before the track.
        self._skip = 1 if first_sample < 0 else 0
        needed = max(self.n_samples + first_sample, frames * CLOCK.hop)
        self._places = [
            np.array([max(0, (len(t) - needed) // CLOCK.hop + 1 - self._skip) for t in g.tracks]) for g in groups
        ]
        for group, places in zip(groups, self._places, strict=True):
            if not places.sum():
                raise ArticulensError(
                    f"no {group.source} speech in '{group.language}' is as long as an excerpt of "
                    f"{self.n_samples / RATE_HZ:.1f} s; ask for fewer seconds."
                )

    def draw(self, rng: np.random.Generator, batch: int) -> tuple[Samples, list[tuple[int, int, int]]]:
        """Return ``(batch, samples)`` at slightly varied levels, and (group, track, first frame) of each."""
        waves, places = [], []
        for _ in range(batch):
            g = int(rng.choice(len(self.groups), p=self._weights))
            possible = self._places[g]
            at = int(rng.integers(possible.sum()))
            track = int(np.searchsorted(np.cumsum(possible), at, side="right"))
            frame = at - int(possible[:track].sum()) + self._skip
            start = CLOCK.hop * frame + self.first
            wave = self.groups[g].tracks[track][start : start + self.n_samples]
            if self.tilt:
                wave = tilted(wave, rng.uniform(-self.tilt, self.tilt))
            waves.append(np.float32(np.exp(0.2 * rng.normal())) * wave)
            places.append((g, track, frame))
        return np.stack(waves), places


def tilted(wave: Samples, coefficient: float) -> Samples:
    """Return `wave` (n,) through 1 - `coefficient` z⁻¹, at its own level: above 0 the highs gain, below 0 the lows."""
    filtered = wave.copy()
    filtered[1:] -= np.float32(coefficient) * wave[:-1]
    level = float(np.sqrt(np.mean(filtered**2)))
    return filtered * np.float32(np.sqrt(np.mean(wave**2)) / level) if level > 0 else filtered
