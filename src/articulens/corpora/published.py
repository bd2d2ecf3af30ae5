"""The published FROST-EMA preprocessing, step by step, for comparison with :mod:`articulens.corpora.signals`.

Followed from the description of the first author's public code (github.com/ailinpollio/ssl-embeddings-to-articulatory
at 7f0cf08, which has no licence; nothing is copied): linear interpolation over missing samples, a Butterworth low-pass
of order 6 at 20 Hz run forwards and backwards, polyphase decimation to about 50 Hz, z-scores by file. Sample *i* of
the result is paired with frame *i* of the encoder. What that code leaves open is decided as its libraries do by
default: missing samples at the ends repeat the nearest valid one, the filter continues the ends by point reflection.

The decimation pads with zeros. Positions are tens of millimetres from zero, so the first and last ten frames or so of
every file are pulled towards it: on a real upper lip, frame 0 came out 86 true standard deviations away.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import butter, resample_poly, sosfiltfilt

from articulens.corpora.schema import Trajectory
from articulens.errors import ArticulensError

Array = NDArray[np.float64]

TARGET_HZ = 50.0
"""Positions a second that the decimation aims at: about the frames a second of a wav2vec 2.0 front end."""


def fill(positions: ArrayLike) -> Array:
    """Interpolate linearly over missing samples, however long the gap.

    Parameters
    ----------
    positions : (samples, channels)
        mm, NaN = missing.

    Returns
    -------
    (samples, channels) float64
        A channel with fewer than two valid samples becomes 0 throughout.
    """
    filled = np.array(positions, dtype=np.float64)
    index = np.arange(len(filled))
    for column in filled.T:
        valid = np.isfinite(column)
        column[:] = np.interp(index, index[valid], column[valid]) if valid.sum() >= 2 else 0.0
    return filled


def low_pass(values: Array, rate_hz: float, cutoff_hz: float = 20.0) -> Array:
    """Run a Butterworth filter of order 6 forwards and backwards: order 12 in effect, 1/2 at the cutoff.

    Parameters
    ----------
    values : (samples, channels)
        No NaN.
    rate_hz, cutoff_hz : float
        Hz.
    """
    sections = butter(6, cutoff_hz, fs=rate_hz, output="sos")
    return np.asarray(sosfiltfilt(sections, values, axis=0, padlen=min(21, len(values) - 1)))


def decimation(rate_hz: float) -> int:
    """Return by how much the positions are decimated: ``round(rate / 50)``, 25 for 1250 Hz."""
    return round(rate_hz / TARGET_HZ)


def decimate(values: Array, factor: int) -> Array:
    """Keep every `factor`-th sample after a polyphase anti-alias filter that takes the world outside for zero."""
    return np.asarray(resample_poly(values, 1, factor, axis=0))


def preprocess(trajectory: Trajectory, cutoff_hz: float = 20.0) -> Trajectory:
    """Return the positions at about 50 Hz, as published but for the z-score by file (``TargetOptions.zscore``).

    Parameters
    ----------
    trajectory
        Positions as recorded.
    cutoff_hz
        Of the low-pass, Hz.

    Returns
    -------
    Trajectory
        ``ceil(samples / decimation)`` samples; none is missing, whatever was.

    Raises
    ------
    ArticulensError
        When the rate is too low for the low-pass.
    """
    if trajectory.rate_hz <= 2 * cutoff_hz:
        raise ArticulensError(
            f"{trajectory.source}: {trajectory.rate_hz:g} Hz is too slow for the published low-pass at {cutoff_hz:g} "
            f"Hz; choose a cutoff below {trajectory.rate_hz / 2:g} Hz or the exact resampling."
        )
    factor = decimation(trajectory.rate_hz)
    smooth = low_pass(fill(trajectory.positions), trajectory.rate_hz, cutoff_hz)
    return Trajectory(
        decimate(smooth, factor),
        trajectory.channels,
        trajectory.rate_hz / factor,
        trajectory.start_s,
        trajectory.source,
    )


def index_times_s(trajectory: Trajectory, frames: int) -> Array:
    """Return the times of the position samples that index pairing gives to frames 0, 1, 2 …, ``(frames,)``, s.

    Frame *i* of the encoder is centred 12.5 ms later (at 16 kHz), so that every pair is off by that much.
    """
    step_s = decimation(trajectory.rate_hz) / trajectory.rate_hz
    return np.asarray(trajectory.start_s + step_s * np.arange(frames), dtype=np.float64)
