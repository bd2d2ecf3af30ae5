"""Measurement noise for trajectories, put on when they are loaded: what an articulograph adds to a mouth.

The bundled tracks are exact. Real ones jitter, drop out, drift as glue gives way and keep some head movement
after correction. `MeasurementNoise` adds these four, each off by default and drawn from a seed and a name, so the
same utterance gets the same noise in every run.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from articulens.corpora import Trajectory
from articulens.errors import ArticulensError
from articulens.synthesis.trajectories import approach

_HEAD_HZ = 0.8  # how fast a head sways


@dataclass(frozen=True)
class MeasurementNoise:
    """A load-time transform of a `Trajectory`.

    Parameters
    ----------
    jitter_mm
        Standard deviation of white noise on every coordinate (an AG501 has about 0.1 to 0.3).
    dropouts_per_s, dropout_s
        Rate of gaps per sensor, and their mean length (exponential); a gap is NaN in all axes of the sensor.
    rotation_deg
        Standard deviation of a slow head rotation in the mid-sagittal plane that was not corrected, about the
        mean of all sensors; needs x and z of a sensor.
    drift_mm
        Distance each sensor has crept, in a random direction, by the end of the recording.
    seed
        With the name passed to `apply`, decides everything.

    Raises
    ------
    ArticulensError
        For a negative or non-finite amount.
    """

    jitter_mm: float = 0.0
    dropouts_per_s: float = 0.0
    dropout_s: float = 0.05
    rotation_deg: float = 0.0
    drift_mm: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("jitter_mm", "dropouts_per_s", "dropout_s", "rotation_deg", "drift_mm"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise ArticulensError(f"measurement noise: {name} is {value}, but 0 or more is needed; correct it.")

    def apply(self, trajectory: Trajectory, name: str) -> Trajectory:
        """Return a noisy copy of `trajectory`; `name` (the utterance id) keeps utterances apart.

        Parameters
        ----------
        trajectory
            Positions (samples, channels) in mm.
        name
            Usually the utterance's id.
        """
        clean = trajectory.positions
        positions = clean.copy()
        seconds = np.arange(len(positions)) / trajectory.rate_hz
        sensors = list(dict.fromkeys(channel.partition(".")[0] for channel in trajectory.channels))
        columns = {s: [k for k, c in enumerate(trajectory.channels) if c.startswith(s + ".")] for s in sensors}
        if self.rotation_deg:
            self._rotate(positions, trajectory, sensors, self._stream(name, "rotation"))
        if self.drift_mm:
            share = seconds / max(float(seconds[-1]), 1e-9) if len(seconds) else seconds
            rng = self._stream(name, "drift")
            for sensor in sensors:
                direction = rng.normal(size=len(columns[sensor]))
                direction /= max(float(np.linalg.norm(direction)), 1e-9)
                positions[:, columns[sensor]] += self.drift_mm * share[:, None] * direction
        if self.jitter_mm:
            positions += self.jitter_mm * self._stream(name, "jitter").normal(size=positions.shape)
        if self.dropouts_per_s:
            rng = self._stream(name, "dropouts")
            for sensor in sensors:
                for start in rng.uniform(0, len(positions), rng.poisson(self.dropouts_per_s * trajectory.duration_s)):
                    length = max(1, round(rng.exponential(self.dropout_s) * trajectory.rate_hz))
                    positions[int(start) : int(start) + length, columns[sensor]] = np.nan
        return Trajectory(positions, trajectory.channels, trajectory.rate_hz, trajectory.start_s, trajectory.source)

    def _stream(self, name: str, purpose: str) -> np.random.Generator:
        return np.random.default_rng([self.seed, zlib.crc32(name.encode()), zlib.crc32(purpose.encode())])

    def _rotate(
        self, positions: np.ndarray, trajectory: Trajectory, sensors: list[str], rng: np.random.Generator
    ) -> None:
        """Turn all sensors together by a slowly wandering angle, in place."""
        white = rng.normal(size=len(positions) + 8 * int(trajectory.rate_hz))
        tau = 1 / (2 * np.pi * _HEAD_HZ)
        angle = approach(white, tau, order=2, rate_hz=trajectory.rate_hz)[-len(positions) :]
        angle = np.deg2rad(self.rotation_deg) * (angle / max(float(angle.std()), 1e-9))
        names = list(trajectory.channels)
        pairs = [(names.index(f"{s}.x"), names.index(f"{s}.z")) for s in sensors if {f"{s}.x", f"{s}.z"} <= {*names}]
        if not pairs:
            return
        x, z = (np.array([pair[axis] for pair in pairs]) for axis in (0, 1))
        centre = np.nanmean(positions[:, x]), np.nanmean(positions[:, z])
        dx, dz = positions[:, x] - centre[0], positions[:, z] - centre[1]
        cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
        positions[:, x] = centre[0] + cos * dx - sin * dz
        positions[:, z] = centre[1] + sin * dx + cos * dz
