r"""How high a score could be: what measurement, and what saying it again, leave of a correlation.

A perfect predictor of the movement does not reach :math:`r = 1` against a noisy record of it, but the square root of
the record's reliability. And one that knows only *what* is said, not how it was said this time, cannot do better than
another repetition allows: :math:`\sqrt{r}` between repetitions. The second is no bound for a model that hears the token
itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial.distance import cdist

from articulens.corpora.corpus import Corpus
from articulens.corpora.labels import speech_mask
from articulens.corpora.schema import TARGETS, Trajectory, Utterance
from articulens.corpora.signals import align, fill_gaps, low_pass
from articulens.encoders.base import Encoder
from articulens.moments import Array

T = TypeVar("T")
Noise = Callable[[Trajectory, str], Trajectory]


def measurement_ceilings(
    corpus: Corpus,
    *,
    noise: Noise | None = None,
    channels: Sequence[str] = TARGETS,
    frames: str = "all",
    cutoff_hz: float = 20.0,
    most: int = 12,
) -> pd.DataFrame:
    """Estimate from the recordings themselves which r their noise allows.

    Articulators hardly move faster than `cutoff_hz`; what a record holds above it is taken for white noise, of which
    the low-pass lets a known part through. True movement up there counts as noise, so that the ceiling is rather too
    low than too high.

    Parameters
    ----------
    corpus
        Recordings; those whose rate is not above 2.5 `cutoff_hz` say nothing and are left out.
    noise
        Put on every trajectory first, by its utterance id (:meth:`articulens.synthesis.MeasurementNoise.apply`).
        The ceiling is then known besides: r between the tracks without and with it.
    channels, frames, cutoff_hz
        As in :class:`articulens.targets.TargetOptions`.
    most
        At most so many utterances of each speaker, evenly spaced over the list.

    Returns
    -------
    DataFrame with ``speaker``, ``sensor``, ``axis``, ``noise_mm`` and ``movement_mm`` (standard deviations below
    `cutoff_hz`), ``r`` (the estimated ceiling) and, with `noise`, ``known``.
    """
    rows = []
    for speaker in corpus.speakers:
        tracks, truth, residual = [], [], []
        for utterance in _some([u for u in corpus if u.speaker == speaker], most):
            exact = corpus.read_trajectory(utterance).select(channels)
            track = noise(exact, utterance.id) if noise else exact
            said = corpus.read_intervals(utterance) if frames == "speech" else None
            kept = _below_and_above(track, said, cutoff_hz)
            if kept is None:
                continue
            tracks.append(kept[0])
            residual.append(kept[1])
            truth.append(align(exact, kept[2], cutoff_hz=cutoff_hz))
        if not tracks:
            continue
        low, high, clean = (np.concatenate(parts) for parts in (tracks, residual, truth))
        variance, noisy = low.var(axis=0), (high**2).mean(axis=0)
        ceiling = np.sqrt(np.clip(1 - noisy / np.maximum(variance, 1e-12), 0, 1))
        known = [np.corrcoef(a, b)[0, 1] for a, b in zip(low.T, clean.T, strict=True)]
        for j, channel in enumerate(channels):
            sensor, axis = channel.split(".")
            row = {"speaker": speaker, "sensor": sensor, "axis": axis, "noise_mm": float(np.sqrt(noisy[j]))}
            row |= {"movement_mm": float(np.sqrt(variance[j])), "r": float(ceiling[j])}
            rows.append(row | ({"known": float(known[j])} if noise else {}))
    columns = ["speaker", "sensor", "axis", "noise_mm", "movement_mm", "r", *(["known"] if noise else [])]
    return pd.DataFrame(rows, columns=columns)


def repetition_ceilings(
    corpus: Corpus, encoder: Encoder, *, channels: Sequence[str] = TARGETS, frames: str = "all", most: int = 6
) -> pd.DataFrame:
    """Return the ceiling of a predictor that knows only what is said: from sentences that a speaker said twice.

    The second time is warped onto the first by their sound (dynamic time warping), never by the positions, which would
    fit noise to noise.

    Parameters
    ----------
    corpus
        Any; pairs of one condition are taken where there are some, else pairs across conditions, whose ceiling holds
        the difference between the conditions too.
    encoder
        One whose last layer tells sounds apart: ``mfcc``, say.
    channels, frames
        As in :class:`articulens.targets.TargetOptions`.
    most
        At most so many pairs a speaker.

    Returns
    -------
    DataFrame with ``speaker``, ``sensor``, ``axis``, ``pairs``, ``same_condition`` and ``r``, the square root of the
    correlation between repetitions (0 where that is negative); no rows where nobody says a sentence twice.
    """
    rows = []
    for speaker in corpus.speakers:
        pairs, same = _repeated([u for u in corpus if u.speaker == speaker])
        first, second = [], []
        for a, b in _some(pairs, most):
            (xa, ya), (xb, yb) = (_heard(corpus, u, encoder, channels, frames) for u in (a, b))
            if len(xa) and len(xb):
                first.append(ya)
                second.append(yb[warp(xa, xb)])
        if not first:
            continue
        one, other = np.concatenate(first), np.concatenate(second)
        for j, channel in enumerate(channels):
            r = np.corrcoef(one[:, j], other[:, j])[0, 1]
            sensor, axis = channel.split(".")
            row = {"speaker": speaker, "sensor": sensor, "axis": axis, "pairs": len(first), "same_condition": same}
            rows.append(row | {"r": float(np.sqrt(max(r, 0)))})
    return pd.DataFrame(rows, columns=["speaker", "sensor", "axis", "pairs", "same_condition", "r"])


def warp(a: Array, b: Array) -> npt.NDArray[np.intp]:
    """Return for every row of `a` the row of `b` that goes with it, in order: dynamic time warping.

    Parameters
    ----------
    a, b
        ``(n, dims)`` and ``(m, dims)``, compared by Euclidean distance after z-scoring each by itself, so that another
        voice level does not count.
    """
    scaled = [(x - x.mean(0)) / np.maximum(x.std(0), 1e-9) for x in (a, b)]
    cost = cdist(*scaled)
    n, m = cost.shape
    total = np.full((n + 1, m + 1), np.inf)
    total[0, 0] = 0
    for diagonal in range(2, n + m + 1):  # all of an anti-diagonal at once
        rows = np.arange(max(1, diagonal - m), min(n, diagonal - 1) + 1)
        columns = diagonal - rows
        before = np.minimum(total[rows - 1, columns], total[rows, columns - 1])
        total[rows, columns] = cost[rows - 1, columns - 1] + np.minimum(before, total[rows - 1, columns - 1])
    i, j = n, m
    partner = np.zeros(n, dtype=np.intp)
    while i > 0 and j > 0:
        partner[i - 1] = j - 1
        step = int(np.argmin([total[i - 1, j - 1], total[i - 1, j], total[i, j - 1]]))
        i, j = i - (step != 2), j - (step != 1)
    return partner


def _below_and_above(
    track: Trajectory, said: list[tuple[float, float, str]] | None, cutoff_hz: float
) -> tuple[Array, Array, Array] | None:
    """Return positions below the cutoff, noise that was let through with them, and their times; None if too slow."""
    if track.rate_hz <= 2.5 * cutoff_hz:
        return None
    filled = fill_gaps(track.positions, round(0.05 * track.rate_hz))
    whole = np.isfinite(filled).all(axis=1)
    start, stop = _longest(whole)
    edge = round(2 * track.rate_hz / cutoff_hz)  # the filter lets more noise through at the ends of a recording
    if stop - start <= 4 * edge:
        return None
    low = low_pass(filled[start:stop], track.rate_hz, cutoff_hz)
    impulse = np.zeros((stop - start, 1))
    impulse[(stop - start) // 2] = 1
    response = low_pass(impulse, track.rate_hz, cutoff_hz)[:, 0]
    passed, stopped = (response**2).sum(), ((impulse[:, 0] - response) ** 2).sum()
    times_s = track.times_s[start:stop]
    spoken = speech_mask(said, times_s) if said is not None else np.ones(len(times_s), dtype=bool)
    high = (filled[start:stop] - low) * np.sqrt(passed / stopped)
    spoken[:edge] = spoken[-edge:] = False
    return low[spoken], high[spoken], times_s[spoken]


def _longest(mask: npt.ArrayLike) -> tuple[int, int]:
    """Return start and end of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(mask, dtype=int), [0]])))
    if not len(edges):
        return 0, 0
    longest = int(np.argmax(edges[1::2] - edges[::2]))
    return int(edges[2 * longest]), int(edges[2 * longest + 1])


def _some(items: Sequence[T], most: int) -> Iterator[T]:
    """Yield at most so many, evenly spaced."""
    for i in np.unique(np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int)) if items else []:
        yield items[i]


def _repeated(utterances: Sequence[Utterance]) -> tuple[list[tuple[Utterance, Utterance]], bool]:
    """Return pairs of one text, within a condition where there are any, and whether they are."""
    pairs = [(a, b) for a, b in combinations(utterances, 2) if a.sentence == b.sentence]
    within = [(a, b) for a, b in pairs if a.condition == b.condition]
    return (within or pairs), bool(within)


def _heard(
    corpus: Corpus, utterance: Utterance, encoder: Encoder, channels: Sequence[str], frames: str
) -> tuple[Array, Array]:
    """Return the last layer and the positions of an utterance, where both are there and somebody speaks."""
    states = encoder.encode(*corpus.read_audio(utterance))
    y = align(corpus.read_trajectory(utterance).select(channels), states.times_s)
    keep = np.isfinite(y).all(axis=1)
    if frames == "speech":
        keep &= speech_mask(corpus.read_intervals(utterance), states.times_s)
    return states.layers[encoder.layers[-1]].cpu().double().numpy()[keep], y[keep]
