"""What one recording is like: clocks, gaps, speeds, postures, clipping; no judgement yet."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from articulens.corpora.corpus import Corpus
from articulens.corpora.readers import READERS
from articulens.corpora.schema import Trajectory, Utterance
from articulens.errors import ArticulensError
from articulens.files import sha256_file

FULL_SCALE = 0.999
FASTEST_MM_S = 1500.0
"""No articulator moves faster than 1.5 m/s."""


@dataclass
class Measured:
    """One utterance, measured. Lengths in s, positions in mm, shares from 0 to 1.

    Attributes
    ----------
    error
        Why it cannot be read; then nothing else is known.
    ema_s
        End of the positions on the clock of the audio.
    missing, longest_gap_s
        By sensor: share of samples without a position, and the longest run of them.
    jumps
        By sensor: how many steps from sample to sample are faster than 1.5 m/s.
    mean, spread
        By channel: posture and standard deviation of movement.
    clipped_runs
        How often three or more samples in a row are at full scale.
    repaired
        What is wrong with the header of the audio, though it could be read.
    """

    id: str
    speaker: str
    cell: tuple[str, str, str]
    audio: Path
    positions: Path
    error: str = ""
    audio_s: float = 0.0
    audio_hz: int = 0
    ema_s: float = 0.0
    ema_hz: float = 0.0
    start_s: float = 0.0
    samples: int = 0
    missing: dict[str, float] = field(default_factory=dict)
    longest_gap_s: dict[str, float] = field(default_factory=dict)
    jumps: dict[str, int] = field(default_factory=dict)
    mean: dict[str, float] = field(default_factory=dict)
    spread: dict[str, float] = field(default_factory=dict)
    clipped_runs: int = 0
    loudness_db: float = 0.0
    repaired: str = ""
    hashes: tuple[str, str] = ("", "")
    lag_s: float | None = None

    @property
    def difference_s(self) -> float:
        """How much longer the positions last than the audio."""
        return self.ema_s - self.audio_s


def measure(corpus: Corpus, utterance: Utterance) -> tuple[Measured, NDArray[np.float32] | None, Trajectory | None]:
    """Read and measure an utterance; also return its sound and its positions on their own clock.

    What cannot be read is measured too: its ``error`` says why.
    """
    cell = (utterance.language, utterance.condition, utterance.task)
    positions = utterance.positions or utterance.audio
    found = Measured(utterance.id, utterance.speaker, cell, utterance.audio, positions)
    try:
        if utterance.positions is None:
            corpus.read_trajectory(utterance)  # says that there is none
        samples, found.audio_hz = corpus.read_audio(utterance)
        # Not Corpus.read_trajectory: that refuses clocks that disagree, and the check is to say by how much.
        arguments = corpus.recipe.reader_arguments(utterance.speaker)
        trajectory = READERS[corpus.recipe["reader"]](positions, **arguments)
        found.hashes = (sha256_file(utterance.audio), sha256_file(positions))
    except ArticulensError as error:
        found.error = str(error)
        return found, None, None
    found.audio_s = len(samples) / found.audio_hz
    found.ema_hz, found.start_s, found.samples = trajectory.rate_hz, trajectory.start_s, len(trajectory)
    found.ema_s = trajectory.start_s + trajectory.duration_s
    _measure_positions(found, trajectory)
    loud: Any = np.abs(samples) >= FULL_SCALE
    found.clipped_runs = sum(stop - start >= 3 for start, stop in runs(loud))
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    found.loudness_db = 10 * float(np.log10(power + 1e-12))
    found.repaired = _header_faults(utterance.audio)
    return found, samples, trajectory


def _measure_positions(found: Measured, trajectory: Trajectory) -> None:
    for sensor in dict.fromkeys(name.split(".")[0] for name in trajectory.channels):
        own = [i for i, name in enumerate(trajectory.channels) if name.split(".")[0] == sensor]
        positions = trajectory.positions[:, own]
        lost: Any = np.isnan(positions).any(axis=1)
        found.missing[sensor] = float(lost.mean())
        longest = max((stop - start for start, stop in runs(lost)), default=0)
        found.longest_gap_s[sensor] = longest / trajectory.rate_hz
        speed = np.sqrt((np.diff(positions, axis=0) ** 2).sum(axis=1)) * trajectory.rate_hz
        found.jumps[sensor] = int((speed > FASTEST_MM_S).sum())
    for name, values in zip(trajectory.channels, trajectory.positions.T, strict=True):
        there = values[np.isfinite(values)]
        found.mean[name] = float(np.median(there)) if len(there) else float("nan")
        found.spread[name] = float(there.std()) if len(there) else float("nan")


def runs(mask: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _header_faults(path: Path) -> str:
    """Say what is wrong with the header of a WAV that libsndfile read all the same."""
    with open(path, "rb") as stream:
        content = stream.read(4096)
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return ""
    place, size, faults = 12, path.stat().st_size, []
    while place + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, place)
        if name == b"fmt " and length >= 16 and place + 24 <= len(content):
            rate, bytes_a_second, block = struct.unpack_from("<IIH", content, place + 12)
            if bytes_a_second != rate * block:
                faults.append(f"{bytes_a_second} bytes a second instead of {rate * block}")
        if name == b"data":
            if place + 8 + length > size and length != 0xFFFFFFFF:
                faults.append(f"{length} bytes of sound announced, {size - place - 8} there")
            break
        place += 8 + length + length % 2
    return "; ".join(faults)
