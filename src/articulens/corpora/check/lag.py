"""Do sound and positions belong to the same moment? The lag at which one predicts the other best.

Log energies of 20 mel bands, with their neighbours 20 ms before and after, predict the positions by ridge
regression; the positions are shifted against the sound, and the correlation on held-out utterances is highest where
the two go together. A positive lag means that the positions come after the sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import get_window

from articulens.corpora.schema import Trajectory
from articulens.corpora.signals import align

STEP_S = 0.01
REACH = 25  # steps: lags from -250 to 250 ms
BANDS = 20
LONGEST_S = 120.0
SHORTEST_S = 5.0

Array = NDArray[np.float64]


@dataclass
class Heard:
    """Frames of one utterance: sound ``(frames, features)`` and positions ``(frames, channels)``, NaN = missing."""

    id: str
    sound: Array
    positions: Array


@dataclass
class Lags:
    """What a speaker's recordings say of their lag.

    Attributes
    ----------
    speaker_s
        The lag of all recordings together; None where nothing can be said.
    curve
        Correlation at each lag from -250 to 250 ms.
    utterances
        Lag of each utterance that stands out, s.
    """

    speaker_s: float | None
    curve: list[float]
    utterances: dict[str, float]


def hear(name: str, samples: NDArray[np.float32], rate_hz: int, trajectory: Trajectory) -> Heard:
    """Turn sound and positions into frames of 10 ms on the same clock."""
    hop, width = round(STEP_S * rate_hz), round(0.025 * rate_hz)
    count = max(0, (len(samples) - width) // hop + 1)
    if count < 2:
        return Heard(name, np.zeros((0, 3 * BANDS)), np.zeros((0, len(trajectory.channels))))
    frames = np.lib.stride_tricks.sliding_window_view(samples, width)[::hop][:count]
    power = np.abs(np.fft.rfft(frames * get_window("hann", width), axis=1)) ** 2
    energies = np.log(power @ _mel(power.shape[1], rate_hz) + 1e-10)
    before, after = np.roll(energies, 2, axis=0), np.roll(energies, -2, axis=0)
    times = (np.arange(count) * hop + (width - 1) / 2) / rate_hz
    cutoff = min(20.0, trajectory.rate_hz / 2.6)
    positions = align(trajectory, times, cutoff_hz=cutoff)
    return Heard(name, np.concatenate([before, energies, after], axis=1), positions)


def _mel(bins: int, rate_hz: int) -> Array:
    def mel(hz: float) -> float:
        return 2595 * float(np.log10(1 + hz / 700))

    edges = 700 * (10 ** (np.linspace(mel(80), mel(min(8000, rate_hz / 2)), BANDS + 2) / 2595) - 1)
    hz = np.linspace(0, rate_hz / 2, bins)[:, None]
    rising, falling = (hz - edges[:-2]) / np.diff(edges)[:-1], (edges[2:] - hz) / np.diff(edges)[1:]
    return np.maximum(0, np.minimum(rising, falling))


def find_lags(heard: Sequence[Heard]) -> Lags:
    """Find the lag of a speaker's recordings, and of each that differs from the rest."""
    pieces = [h for h in heard if len(h.sound) > 2 * REACH + 30]
    seconds = sum(len(h.sound) for h in pieces) * STEP_S
    if len(pieces) < 2 or seconds < SHORTEST_S:
        return Lags(None, [], {})
    channels = [c for c in range(pieces[0].positions.shape[1]) if all(_moves(h.positions[:, c]) for h in pieces)]
    if not channels:
        return Lags(None, [], {})
    kept = [h for h in pieces if np.isfinite(h.positions[:, channels]).all(axis=1).sum() > 50]
    if len(kept) < 2:
        return Lags(None, [], {})
    folds = np.arange(len(kept)) % min(5, len(kept))
    shifts = range(-REACH, REACH + 1)
    frames = [_frames(h, channels) for h in kept]
    curve = np.array([_held_out(frames, folds, shift)[0] for shift in shifts])
    best = int(np.argmax(curve))
    if not curve[best] > 0.15 or curve[best] - np.median(curve) < 0.03 or best in (0, len(curve) - 1):
        return Lags(None, curve.tolist(), {})
    speaker_s = (best - REACH + _vertex(curve[best - 1 : best + 2])) * STEP_S
    _, predicted = _held_out(frames, folds, best - REACH)
    outstanding = {}
    for h, (_, positions), guess in zip(kept, frames, predicted, strict=True):
        own = np.array([_correlation(guess, positions, shift) for shift in shifts])
        top = int(np.argmax(own))
        clear = own[top] > 0.4 and own[top] - own[best] > 0.1 and top not in (0, len(own) - 1)
        if clear and len(guess) > 100:
            outstanding[h.id] = (top - REACH) * STEP_S
    return Lags(float(speaker_s), curve.tolist(), outstanding)


def _moves(values: Array) -> bool:
    there = values[np.isfinite(values)]
    return len(there) > len(values) / 2 and float(there.std()) > 1e-3


def _frames(heard: Heard, channels: list[int]) -> tuple[Array, Array]:
    """Standardise one utterance: level of the microphone and posture must not decide."""
    sound, positions = heard.sound, heard.positions[:, channels]
    sound = (sound - sound.mean(axis=0)) / (sound.std(axis=0) + 1e-3)
    positions = positions - np.nanmean(positions, axis=0)
    return sound, positions / (np.nanstd(positions, axis=0) + 1e-9)


def _held_out(frames: list[tuple[Array, Array]], folds: NDArray, shift: int) -> tuple[float, list[Array]]:
    """Return the mean correlation on held-out utterances and what is predicted for each."""
    moments = []
    for sound, positions in frames:
        x, y = sound[REACH:-REACH], _shifted(positions, shift)
        whole = np.isfinite(y).all(axis=1)
        moments.append((x[whole].T @ x[whole], x[whole].T @ y[whole]))
    predicted: list[Array] = [np.zeros((0, 0))] * len(frames)
    scores = []
    for fold in np.unique(folds):
        train = [moments[i] for i in np.flatnonzero(folds != fold)]
        gram = np.sum([m[0] for m in train], axis=0)
        ridge = gram + 0.01 * np.trace(gram) / len(gram) * np.eye(len(gram))
        weights = np.linalg.solve(ridge, np.sum([m[1] for m in train], axis=0))
        for i in np.flatnonzero(folds == fold):
            predicted[i] = frames[i][0] @ weights
            scores.append(_correlation(predicted[i], frames[i][1], shift))
    return float(np.nanmean(scores)), predicted


def _shifted(values: Array, shift: int) -> Array:
    return values[REACH + shift : len(values) - REACH + shift]


def _correlation(predicted: Array, positions: Array, shift: int) -> float:
    x, y = predicted[REACH:-REACH], _shifted(positions, shift)
    whole = np.isfinite(y).all(axis=1)
    if whole.sum() < 20:
        return float("nan")
    x, y = x[whole] - x[whole].mean(axis=0), y[whole] - y[whole].mean(axis=0)
    norm = np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    return float(np.mean((x * y).sum(axis=0) / (norm + 1e-12)))


def _vertex(three: Array) -> float:
    """Return where between -1 and 1 the parabola through three points has its top."""
    bend = three[0] - 2 * three[1] + three[2]
    return 0.0 if bend >= 0 else float(0.5 * (three[0] - three[2]) / bend)
