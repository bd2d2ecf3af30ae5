"""What a corpus hands on: an utterance, its trajectory, and the names of sensors and axes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from articulens.errors import ArticulensError, suggest

SENSORS = ("TT", "TB", "TD", "UL", "LL", "JAW")
"""Tongue tip, tongue body (blade), tongue dorsum, upper lip, lower lip, jaw (lower incisor)."""

AXES = ("x", "y", "z")
"""x grows towards the lips (anterior), y towards the speaker's left, z upwards; all in mm."""

TARGETS = tuple(f"{sensor}.{axis}" for sensor in ("TT", "TB", "TD", "UL", "LL") for axis in ("x", "z"))
"""The ten channels a probe predicts by default."""


def split_channel(channel: str) -> tuple[str, str]:
    """Split ``"TT.x"`` into ``("TT", "x")``.

    Raises
    ------
    ArticulensError
        When the sensor or the axis is not one of `SENSORS` and `AXES`.
    """
    sensor, _, axis = channel.partition(".")
    if sensor not in SENSORS or axis not in AXES:
        known = [f"{s}.{a}" for s in SENSORS for a in AXES]
        raise ArticulensError(f"'{channel}' is not a channel{suggest(channel, known)}")
    return sensor, axis


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Sensor positions over time.

    Parameters
    ----------
    positions : (samples, channels) float64
        mm; NaN where the sensor was not tracked.
    channels : tuple of str
        Channel names such as ``"TT.x"``, one for each column.
    rate_hz : float
        Samples per second.
    start_s : float
        Time of the first sample on the clock of the audio (sample 0 of the audio = 0.0 s).
    source : str
        The file it came from, for messages.

    Raises
    ------
    ArticulensError
        When shape, names or rate do not fit together.
    """

    positions: NDArray[np.float64]
    channels: tuple[str, ...]
    rate_hz: float
    start_s: float = 0.0
    source: str = "trajectory"

    def __post_init__(self) -> None:
        positions: ArrayLike = self.positions
        array = np.ascontiguousarray(positions, dtype=np.float64)
        channels = tuple(self.channels)
        if array.ndim != 2 or array.shape[1] != len(channels) or len(set(channels)) != len(channels):
            raise ArticulensError(
                f"{self.source}: positions of shape {array.shape} do not fit the channels "
                f"{list(channels)}; expected (samples, channels) and a different name for each channel."
            )
        for name in channels:
            split_channel(name)
        if not (np.isfinite(self.rate_hz) and self.rate_hz > 0):
            raise ArticulensError(
                f"{self.source}: a rate of {self.rate_hz} Hz is not possible; set 'rate_hz' to the number "
                "of positions a second."
            )
        object.__setattr__(self, "positions", array)
        object.__setattr__(self, "channels", channels)

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def times_s(self) -> NDArray[np.float64]:
        """Time of each sample in seconds, (samples,)."""
        return self.start_s + np.arange(len(self.positions)) / self.rate_hz

    @property
    def duration_s(self) -> float:
        """Samples divided by rate, in seconds."""
        return len(self.positions) / self.rate_hz

    def select(self, channels: Iterable[str]) -> Trajectory:
        """Keep some channels, in the order asked for.

        Raises
        ------
        ArticulensError
            When a sensor is missing, or one of its channels holds no valid sample at all.
        """
        wanted = tuple(channels)
        for name in wanted:
            split_channel(name)
            if name not in self.channels:
                found = ", ".join(self.channels) or "none"
                raise ArticulensError(
                    f"{self.source}: channel {name} is missing (found: {found}); correct the channel map "
                    f"of the recipe or leave {name} out of the targets."
                )
        columns = [self.channels.index(name) for name in wanted]
        positions = self.positions[:, columns]
        for name, values in zip(wanted, positions.T, strict=True):
            if np.isnan(values).all():
                raise ArticulensError(
                    f"{self.source}: channel {name} holds no valid sample (an unplugged socket, or values "
                    f"the reader found implausible); correct the channel map of the recipe or leave {name} "
                    "out of the targets."
                )
        return Trajectory(positions, wanted, self.rate_hz, self.start_s, self.source)


@dataclass(frozen=True)
class Utterance:
    """One recording: who said what, how, and where its files are.

    Parameters
    ----------
    id : str
        Unique in its corpus.
    speaker : str
        The speaker's name in the corpus.
    language : str
        ISO 639-1 code of the language spoken (``"fi"``, ``"ru"``, ``"en"``).
    condition : str
        ``"L1"``, ``"L2"`` or ``"accent"`` (L1 with an imitated accent).
    task : str
        ``"T1"`` read, ``"T2"`` sentence elicited, ``"T3"`` spontaneous.
    sentence : str
        Identity of the *text*: the same for everybody who says it, so that sentence-disjoint splits are
        possible.
    text : str or None
        The words, if known.
    audio, positions : Path
        The two files; positions are None where only sound was recorded.
    labels : Path or None
        Phone or word intervals, see `articulens.corpora.labels`.
    meta : dict
        Anything else that is known, such as ``sex``, ``l1`` or ``alpha``.
    """

    id: str
    speaker: str
    language: str
    condition: str
    task: str
    sentence: str
    text: str | None
    audio: Path
    positions: Path | None
    labels: Path | None = None
    meta: dict[str, Any] = field(default_factory=dict, hash=False)
