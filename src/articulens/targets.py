"""From what was measured to what is predicted: the targets of every frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from articulens.controls import ROLLED, SWAPPED, parse_reading, roll, stretch
from articulens.corpora import published
from articulens.corpora.labels import Interval, phone_indicators, speech_mask
from articulens.corpora.schema import TARGETS, Trajectory, Utterance
from articulens.corpora.signals import align, channel_statistics
from articulens.errors import ArticulensError
from articulens.moments import Array

PHONE = "phone"
"""What stands in place of a sensor where a target is a phone."""

WORDS = {
    "frames": ("all", "speech"),
    "zscore": ("none", "file"),
    "resampling": ("exact", "published"),
    "pairing": ("centres", "index"),
}
"""The options that are words, and the words."""


@dataclass(frozen=True)
class Heard:
    """One utterance as read: sound, positions, and the labelled intervals where they were asked for.

    `other` is another sentence of the same speaker, positions and intervals, where swapped positions were asked for.
    """

    utterance: Utterance
    samples: npt.NDArray[np.float32]
    rate_hz: float
    trajectory: Trajectory
    intervals: list[Interval]
    other: tuple[Trajectory, list[Interval]] | None = None

    @property
    def seconds(self) -> float:
        """Length of the sound, s."""
        return len(self.samples) / self.rate_hz


@dataclass(frozen=True)
class TargetOptions:
    """How articulator positions become the targets of frames.

    Parameters
    ----------
    channels
        Sensor and axis, ``"TT.x"``.
    readings
        ``"measured"``; negative controls: ``"rolled"`` (every utterance's positions rolled in time by a random
        amount), ``"swapped"`` (those of another sentence of the same speaker, the one nearest in length, stretched
        evenly to the same number of frames), ``"lag+0.100"`` (positions that many seconds after the sound; any signed
        number).
    frames
        ``"all"``, or ``"speech"``: only frames that the utterance's labels do not call silence.
    cutoff_hz
        Low-pass edge, Hz.
    edge_s
        Frames so close to either end of the recording are left out, s.
    zscore
        ``"file"`` z-scores each channel by its own file, as published; it hides posture and uses test data.
    resampling
        ``"exact"``: :func:`articulens.corpora.signals.align`; ``"published"``: zero-padded decimation to about 50 Hz
        (:mod:`articulens.corpora.published`), which distorts both ends of a file.
    pairing
        ``"centres"``: a frame's position is that at its centre; ``"index"``: frame *i* gets position sample *i* at
        about 50 Hz, as published, 12.5 ms too early.
    seed
        Of the rolled control.
    phones
        Phones that become targets beside the channels: 1 in the frames that the labels give to them, 0 elsewhere. The
        same probe then reads what is articulated and which phone it is.
    """

    channels: tuple[str, ...] = TARGETS
    readings: tuple[str, ...] = ("measured",)
    frames: str = "all"
    cutoff_hz: float = 20.0
    edge_s: float = 0.0
    zscore: str = "none"
    resampling: str = "exact"
    pairing: str = "centres"
    seed: int = 0
    phones: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the words."""
        for option, known in WORDS.items():
            if getattr(self, option) not in known:
                raise ArticulensError(
                    f"{option} '{getattr(self, option)}' is unknown; choose one of {', '.join(known)}."
                )
        for reading in self.readings:
            parse_reading(reading)
        if SWAPPED in self.readings and (self.zscore, self.resampling) != ("none", "exact"):
            raise ArticulensError(
                f"'{SWAPPED}' positions are in mm and exactly resampled, but zscore is '{self.zscore}' and resampling "
                f"'{self.resampling}'; leave the reading out, or set 'none' and 'exact'."
            )

    def targets(self) -> list[tuple[str, str]]:
        """Return (channel, reading) of every target column; the channel of a phone is ``"phone.a"``."""
        channels = [(channel, reading) for reading in self.readings for channel in self.channels]
        return [*channels, *((f"{PHONE}.{phone}", "measured") for phone in self.phones)]

    def of(self, heard: Heard, times_s: Array) -> tuple[Array, Array]:
        """Return which frames are kept, a mask ``(frames,)``, and their targets ``(kept, targets)``.

        A frame is kept where every channel was measured, in every lag asked for.
        """
        trajectory = heard.trajectory.select(self.channels)
        lags = [parse_reading(reading) for reading in self.readings]
        paired_s = times_s if self.pairing == "centres" else published.index_times_s(trajectory, len(times_s))
        track, cutoff_hz = trajectory, self.cutoff_hz or None
        if self.resampling == "published":
            track, cutoff_hz = published.preprocess(trajectory, self.cutoff_hz), None  # low-passed already
        at = {
            lag: align(track, paired_s + lag, cutoff_hz=cutoff_hz, edge_s=self.edge_s)
            for lag in dict.fromkeys([0.0, *(lag for lag in lags if lag is not None)])
        }
        keep = np.isfinite(np.concatenate(list(at.values()), axis=1)).all(axis=1)
        if self.frames == "speech":
            keep &= speech_mask(heard.intervals, times_s)
        rng = np.random.default_rng([self.seed, *heard.utterance.id.encode()])
        frame_s = float(np.diff(times_s).mean()) if len(times_s) > 1 else 1.0
        controls = {
            ROLLED: lambda: roll(at[0.0][keep], rng, frame_s),
            SWAPPED: lambda: stretch(self._of_other(heard, frame_s), int(keep.sum())),
        }
        columns = [
            controls[reading]() if lag is None else at[lag][keep]
            for reading, lag in zip(self.readings, lags, strict=True)
        ]
        if self.zscore == "file":
            whole = track.positions if self.resampling == "published" else at[0.0]
            mean, spread = channel_statistics(whole)
            columns = [(column - mean) / spread for column in columns]
        if self.phones:
            columns.append(phone_indicators(heard.intervals, times_s[keep], self.phones))
        return keep, np.concatenate(columns, axis=1)

    def _of_other(self, heard: Heard, frame_s: float) -> Array:
        """Return the positions of the other sentence at frames of its own, those that would be kept."""
        utterance = heard.utterance
        if heard.other is None:
            raise ArticulensError(
                f"{utterance.id}: '{SWAPPED}' positions need another sentence of speaker {utterance.speaker}, but "
                "there is none; leave this reading out."
            )
        trajectory, intervals = heard.other
        times_s = np.arange(trajectory.start_s, trajectory.start_s + trajectory.duration_s, frame_s)
        y = align(trajectory.select(self.channels), times_s, cutoff_hz=self.cutoff_hz or None, edge_s=self.edge_s)
        keep = np.isfinite(y).all(axis=1)
        if self.frames == "speech":
            keep &= speech_mask(intervals, times_s)
        if not keep.any():
            raise ArticulensError(
                f"{trajectory.source}: no frame of it can stand for those of {utterance.id}; leave '{SWAPPED}' out."
            )
        return y[keep]
