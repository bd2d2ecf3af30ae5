"""Apply a saved probe to a recording of any length."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from articulens.corpora.audio import audio_duration, read_audio
from articulens.corpora.readers.tabular import read as read_table
from articulens.corpora.schema import Trajectory
from articulens.corpora.signals import channel_statistics, low_pass
from articulens.encoders.audio import prepare_audio
from articulens.encoders.base import Encoder, States
from articulens.errors import ArticulensError
from articulens.inversion.model import Inverter
from articulens.moments import Array

PIECE_S = 26
OVERLAP_S = 2
"""A long recording is heard in pieces of 30 s of which the outer 2 s are context; seconds are whole, so that frames
of all pieces lie on one clock whatever the sampling rate."""


SILENCE = 1e-4
"""Where no sample is further from the others (-80 dB), there is nothing to read movements out of."""


@dataclass(frozen=True)
class Inverted:
    """What a probe says of a recording.

    Attributes
    ----------
    audio
        The recording.
    times_s
        ``(frames,)``: centres of the frames, s.
    z
        ``(frames, channels)``: spreads away from the speaker's mean.
    positions
        The same in mm: of the speaker where it was calibrated, otherwise in the mouth of the average training speaker.
    calibrated
        Which of the two.
    inverter
        Who says so.
    """

    audio: Path
    times_s: Array
    z: Array
    positions: Trajectory
    calibrated: bool
    inverter: Inverter


def invert(
    audio: str | os.PathLike[str],
    inverter: Inverter,
    encoder: Encoder,
    *,
    calibrate: Sequence[str | os.PathLike[str]] = (),
    progress: Callable[[float, float], None] = lambda done_s, of_s: None,
) -> Inverted:
    """Read articulator positions out of a recording.

    Memory does not grow with the recording: it is heard in pieces of 30 s. Encoders that normalise a recording as a
    whole get it so: a long one is gone through twice, the first time for its mean and variance.

    Parameters
    ----------
    audio
        Any format that `articulens.corpora.audio.read_audio` knows.
    inverter, encoder
        A probe, and the encoder whose states it reads.
    calibrate
        Tables of measured positions of the same speaker (see `articulens.corpora.readers.tabular`): their mean and
        spread turn z-scores into the speaker's own mm.
    progress
        Called with the seconds done and the seconds there are.

    Raises
    ------
    ArticulensError
        When the encoder is another one than the probe was trained with, or a file cannot be read.
    """
    audio = Path(audio)
    if encoder.fingerprint != inverter.card["encoder_fingerprint"]:
        raise ArticulensError(
            f"the probe was trained on {inverter.card['encoder']} with other weights, preprocessing or precision than "
            f"this {encoder.name}; open that one, or train the probe anew."
        )
    mean, spread = _calibration(inverter, calibrate)
    times, z = [], []
    duration = check_recording(audio)
    if duration <= PIECE_S + OVERLAP_S or audio.suffix.lower() == ".mat":
        states = encoder.encode_batch([read_audio(audio)], sources=[str(audio)])[0]
        times, z = [states.times_s], [_read_out(inverter, states)]
        progress(duration, duration)
    else:
        mean_level, level = _loudness(audio, duration, encoder)
        plain = copy.copy(encoder)
        plain.do_normalize = False  # it is done here, for the recording as a whole
        for piece in _pieces(audio, duration, encoder):
            wave = (piece.wave - mean_level) / level
            states = plain.encode_batch([(wave, encoder.clock.rate_hz)], sources=[str(audio)])[0]
            at = piece.start_s + states.times_s
            kept = (at >= piece.from_s) & (at < piece.to_s)
            times.append(at[kept])
            z.append(_read_out(inverter, states)[kept])
            progress(min(piece.to_s, duration), duration)
    clock, scores = np.concatenate(times), np.concatenate(z)
    positions = Trajectory(
        scores * spread + mean,
        inverter.channels,
        encoder.clock.rate_hz / encoder.clock.hop,
        float(clock[0]),
        str(audio),
    )
    return Inverted(audio, clock, scores, positions, bool(calibrate), inverter)


def check_recording(audio: str | os.PathLike[str]) -> float:
    """Return the duration of a recording (s) in which there is something to hear.

    Raises
    ------
    ArticulensError
        When it cannot be read, or is silent throughout.
    """
    audio = Path(audio)
    duration = audio_duration(audio)
    lowest, highest = np.inf, -np.inf
    for block in _blocks(audio):
        lowest, highest = min(lowest, block.min()), max(highest, block.max())
        if not highest - lowest < SILENCE:  # NaN is told by whoever reads it
            return duration
    raise ArticulensError(
        f"{audio}: it is silent throughout, so there is nothing to read movements out of; record or export it again."
    )


def _blocks(audio: Path) -> Iterator[NDArray[np.float32]]:
    if audio.suffix.lower() == ".mat":
        yield read_audio(audio)[0]
        return
    try:
        with soundfile.SoundFile(audio) as stream:
            yield from (block for block in stream.blocks(1 << 16, dtype="float32") if len(block))
    except soundfile.LibsndfileError as error:
        raise ArticulensError(f"{audio}: cannot be read to its end ({error}); copy the file again.") from error


def _calibration(inverter: Inverter, tables: Sequence[str | os.PathLike[str]]) -> tuple[Array, Array]:
    if not tables:
        return inverter.mean_mm, inverter.spread_mm
    measured = []
    for table in tables:
        trajectory = read_table(table).select(inverter.channels)
        whole = trajectory.positions[np.isfinite(trajectory.positions).all(axis=1)]
        if len(whole) < trajectory.rate_hz:
            raise ArticulensError(f"{table}: less than a second of positions; calibrate with more.")
        # What is left of noise would widen the spread; 20 Hz as in the training targets.
        measured.append(low_pass(whole, trajectory.rate_hz, min(20.0, trajectory.rate_hz / 2.6)))
    return channel_statistics(*measured)


def _read_out(inverter: Inverter, states: States) -> Array:
    return inverter.read_out(states.layers[inverter.layer].cpu().double().numpy())


@dataclass(frozen=True)
class _Piece:
    """Sound from `start_s` on, at the encoder's rate, of which what lies between `from_s` and `to_s` counts."""

    start_s: float
    from_s: float
    to_s: float
    wave: NDArray[np.float32]


def _pieces(audio: Path, duration: float, encoder: Encoder) -> Iterator[_Piece]:
    with soundfile.SoundFile(audio) as stream:
        rate = stream.samplerate
        for first in range(0, int(np.ceil(duration)), PIECE_S):
            start = max(0, first - OVERLAP_S)
            last = duration - first <= PIECE_S + OVERLAP_S  # nothing is left that would be too short to be heard
            stop = duration if last else first + PIECE_S + OVERLAP_S
            stream.seek(start * rate)
            samples = stream.read(int(np.ceil((stop - start) * rate)), dtype="float32", always_2d=True)
            wave = prepare_audio(samples, rate, encoder.clock, normalize=False, source=f"{audio} after {start} s")
            yield _Piece(float(start), float(first), np.inf if last else float(first + PIECE_S), wave.numpy())
            if last:
                return


def _loudness(audio: Path, duration: float, encoder: Encoder) -> tuple[float, float]:
    """Return what `articulens.encoders.audio.prepare_audio` would subtract from the whole recording, and divide by."""
    if not encoder.do_normalize:
        return 0.0, 1.0
    n, total, squares = 0, 0.0, 0.0
    for piece in _pieces(audio, duration, encoder):
        begin = round((piece.from_s - piece.start_s) * encoder.clock.rate_hz)
        end = None if np.isinf(piece.to_s) else round((piece.to_s - piece.start_s) * encoder.clock.rate_hz)
        counted = piece.wave[begin:end].astype(np.float64)
        n, total, squares = n + len(counted), total + counted.sum(), squares + (counted**2).sum()
    mean = total / n
    return float(mean), float(np.sqrt(squares / n - mean**2 + 1e-7))
