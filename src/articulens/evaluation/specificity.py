r"""Seeing and doing: whether a probe reads the articulator that moved, or the company it keeps.

In ordinary speech articulators move together, so a probe may read one by another and still correlate. An intervention
moves one of them alone. With the true displacement :math:`\Delta y` of every place between two versions of an utterance
and the displacement :math:`\Delta\hat y` that a probe reads,

.. math:: \Delta\hat y = \Delta y\, S + e

where :math:`S_{ij}` are the mm read at place j for each mm that place i truly moved, the others held. All true
movements are in the regression, also those that an intervention causes elsewhere through the anatomy. A probe on the
true sensors has :math:`S = I`. A probe that knows each place only by its company, :math:`C`, the regression of each
place on all others in ordinary speech, has :math:`S = C`, whose diagonal is 0. Two numbers say how much a probe has of
either:

.. math:: \Delta\hat y = a\,\Delta y + b\,\Delta y\, C + e
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from articulens.agreement import Agreement
from articulens.cells import CellStore, coarsen
from articulens.errors import ArticulensError
from articulens.evaluation.protocols import Split
from articulens.evaluation.scores import fit_split
from articulens.moments import Array, Moments
from articulens.probes.linear import LinearProbe

#: Where something can move by itself. The lips share their two causes (protrusion and opening), so they are one place:
#: x is the mean of both lips, z half the lower lip's height over the upper, what each of them does when they close.
PLACES = ("TT", "TB", "TD", "LIPS", "JAW")
_ALIKE = 1e-3  # smallest spread of a direction, relative to the largest, that tells it from the others


def places_of(channels: Sequence[str]) -> tuple[tuple[str, ...], Array]:
    """Return the coordinates of all places that `channels` tell, and the matrix ``(channels, coordinates)`` to them.

    Raises
    ------
    ArticulensError
        When not even two places are there with x and z.
    """
    index = {channel: i for i, channel in enumerate(channels)}
    names, columns = [], []
    for place in PLACES:
        for axis in "xz":
            parts = {"UL": 0.5 if axis == "x" else -0.5, "LL": 0.5} if place == "LIPS" else {place: 1.0}
            if all(f"{sensor}.{a}" in index for sensor in parts for a in "xz"):
                column = np.zeros(len(channels))
                for sensor, weight in parts.items():
                    column[index[f"{sensor}.{axis}"]] = weight
                names.append(f"{place}.{axis}")
                columns.append(column)
    if len(names) < 4:
        raise ArticulensError(
            f"channels {', '.join(channels) or 'none'}: a specificity matrix needs x and z of two places or more of "
            f"{', '.join(PLACES)} (LIPS: UL and LL), but {len(names) // 2} were found; read more channels."
        )
    return tuple(names), np.array(columns).T


@dataclass(frozen=True)
class Reading:
    """What a probe reads of one utterance in several versions, beside what is true.

    Attributes
    ----------
    speaker
        Who speaks.
    versions
        The intervention of each version; the first is the untouched one.
    channels
        Names such as ``"TT.x"``.
    times_s
        Frame centres, ``(frames,)``.
    true, read
        ``(versions, frames, channels)``, mm.
    """

    speaker: str
    versions: tuple[str, ...]
    channels: tuple[str, ...]
    times_s: Array
    true: Array
    read: Array

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the k coordinates of places that the channels tell."""
        return places_of(self.channels)[0]

    def placed(self) -> tuple[Array, Array]:
        """Return `true` and `read` in coordinates of places, ``(versions, frames, k)``."""
        _, weights = places_of(self.channels)
        return self.true @ weights, self.read @ weights

    def displacements(self) -> tuple[Array, Array]:
        """Return what moved and what was read to move, against the untouched version: ``(frames of the others, k)``."""
        true, read = self.placed()
        k = true.shape[2]
        return (true[1:] - true[0]).reshape(-1, k), (read[1:] - read[0]).reshape(-1, k)

    def matrix(self) -> Array:
        """Return S, ``(k, k)``; see :func:`specificity`."""
        return specificity(*self.displacements(), self.coordinates)

    def r(self) -> float:
        """Return the mean over channels of Pearson's r in the untouched version."""
        return float(np.mean(Agreement.of_frames(self.read[0], self.true[0]).r))

    def seen(self) -> Array:
        """Return the slope of what is read on what is true in the untouched version, ``(k,)``: mm per mm, by seeing."""
        true, read = self.placed()
        about = true[0] - true[0].mean(axis=0)
        return np.asarray((about * read[0]).sum(axis=0) / np.maximum((about**2).sum(axis=0), 1e-9))

    def timing(self) -> pd.DataFrame:
        """Return by how many ms each place comes later where one was delayed: ``moved, place, true_ms, read_ms``."""
        rows, both = [], self.placed()
        for v in (v for v, name in enumerate(self.versions) if "@" in name):
            for place, at in _columns(self.coordinates).items():
                true, read = (1000 * lag(x[0][:, at], x[v][:, at], self.times_s) for x in both)
                rows.append({"moved": self.versions[v], "place": place, "true_ms": true, "read_ms": read})
        return pd.DataFrame(rows, columns=["moved", "place", "true_ms", "read_ms"])

    def spreads(self) -> pd.DataFrame:
        """Return how much each place still moves where one was damped or held: ``moved, place, true, read``.

        1 is as much as before: the share of the standard deviation over time that is left, both axes together.
        """
        rows, both = [], self.placed()
        for v in (v for v, name in enumerate(self.versions) if "*" in name or "=" in name):
            for place, at in _columns(self.coordinates).items():
                true, read = (
                    float(np.sqrt(x[v][:, at].var(axis=0).sum() / max(x[0][:, at].var(axis=0).sum(), 1e-9)))
                    for x in both
                )
                rows.append({"moved": self.versions[v], "place": place, "true": true, "read": read})
        return pd.DataFrame(rows, columns=["moved", "place", "true", "read"])


def specificity(moved: Array, read: Array, coordinates: Sequence[str]) -> Array:
    """Return S, ``(k, k)``: mm read at each place (columns) for each mm that each place (rows) truly moved.

    Parameters
    ----------
    moved, read
        True and read displacements, ``(frames, k)``, mm.
    coordinates
        Names of the k coordinates.

    Raises
    ------
    ArticulensError
        When some place never moved independently of the others, so that its row cannot be told from theirs.
    """
    _, spread, directions = np.linalg.svd(moved, full_matrices=False)
    if len(spread) < moved.shape[1] or spread[-1] <= _ALIKE * spread[0]:
        stuck = coordinates[int(np.abs(directions[-1]).argmax())]
        raise ArticulensError(
            f"specificity: {stuck} did not move by itself in any version, so what is read of it cannot be told from "
            "the rest; add an intervention that moves it, or leave the place out."
        )
    return np.asarray(np.linalg.lstsq(moved, read, rcond=None)[0])


def sensor_probe(scatter: Array, coordinates: Sequence[str], *, others: bool = False, noise: float = 0.0) -> Array:
    """Return the weights, ``(k, k)``, of a least-squares probe on true sensors, as trained on ordinary speech.

    Parameters
    ----------
    scatter
        Σ(y−ȳ)(y−ȳ)' of the k coordinates over the training frames, about each speaker's mean.
    coordinates
        Their names.
    others
        Hide from the probe, for each place, the sensors of that place: then it can only use the company it keeps.
    noise
        Scatter of measurement noise on each sensor (frames × variance).
    """
    place = np.array([name.split(".")[0] for name in coordinates])
    gram = scatter + noise * np.eye(len(scatter))
    weights = np.zeros_like(scatter)
    for own in dict.fromkeys(place):
        at, used = np.flatnonzero(place == own), np.flatnonzero((place != own) | (not others))
        weights[np.ix_(used, at)] = np.linalg.lstsq(gram[np.ix_(used, used)], scatter[np.ix_(used, at)], rcond=1e-8)[0]
    return weights


def shares(moved: Array, read: Array, company: Array) -> tuple[float, float]:
    """Return a and b: how much of the displacement is read where it is, and how much by the company it keeps.

    Parameters
    ----------
    moved, read
        ``(frames, k)``, mm.
    company
        C, ``(k, k)``: :func:`sensor_probe` of the others.
    """
    scale = np.maximum(np.sqrt((moved**2).mean(axis=0)), 1e-9)  # no place counts for more because it was moved more
    design = np.stack([(moved / scale).ravel(), (moved @ company / scale).ravel()], axis=1)
    a, b = np.linalg.lstsq(design, (read / scale).ravel(), rcond=None)[0]
    return float(a), float(b)


def by_place(matrix: Array, coordinates: Sequence[str]) -> pd.DataFrame:
    """Return a matrix of coordinates place by place: half the trace of each 2 × 2 block, which no rotation changes."""
    columns = _columns(coordinates)
    return pd.DataFrame(
        {read: {moved: float(np.trace(matrix[np.ix_(i, j)]) / 2) for moved, i in columns.items()}
         for read, j in columns.items()}
    )  # fmt: skip


def lag(before: Array, after: Array, times_s: Array, *, reach_s: float = 0.12, step_s: float = 0.005) -> float:
    """Return by how many s a movement comes later in `after` than in `before`.

    Parameters
    ----------
    before, after
        The same utterance in two versions, ``(frames, axes)``; axes count by how much they move.
    times_s
        Frame centres, ``(frames,)``.
    reach_s, step_s
        Lags that are tried; between them a parabola finds the least squared difference.

    Returns
    -------
    NaN where nothing moves at all.

    Raises
    ------
    ArticulensError
        When the utterance is too short to try such lags.
    """
    tried = np.arange(-round(reach_s / step_s), round(reach_s / step_s) + 1) * step_s
    inside = (times_s > times_s[0] + reach_s) & (times_s < times_s[-1] - reach_s)
    if inside.sum() < 5:
        raise ArticulensError(
            f"lag: {times_s[-1] - times_s[0]:.2f} s of frames are too few to try lags of {reach_s:g} s; give a longer "
            "utterance or a smaller reach."
        )
    if np.ptp(before, axis=0).max() < 1e-9:
        return float("nan")
    cost = np.zeros(len(tried))
    for old, new in zip(before.T, after.T, strict=True):
        cost += [np.mean((new[inside] - np.interp(times_s[inside] - s, times_s, old)) ** 2) for s in tried]
    at = int(np.clip(cost.argmin(), 1, len(tried) - 2))
    left, middle, right = cost[at - 1 : at + 2]
    bend = left - 2 * middle + right
    return float(tried[at] + (np.clip(0.5 * (left - right) / bend, -1, 1) * step_s if bend > 0 else 0.0))


def outside_probes(
    store: CellStore, layer: str, probe: LinearProbe, held: Mapping[str, str]
) -> dict[str, tuple[LinearProbe, Array, int]]:
    """Fit, for each speaker, a probe to what others said in other words.

    Parameters
    ----------
    store
        Cells of untouched speech, separated by ``sentence_fold``.
    layer, probe
        Which layer is read, and the unfitted probe.
    held
        Utterance of each speaker. Where the store knows it, its text is held out too; a speaker that the store does
        not know is read by a probe of all.

    Returns
    -------
    For each speaker the probe, the scatter of the targets over its training frames about each speaker's mean, and how
    many frames these are; a speaker is left out where nobody else is there to train on.
    """
    table, moments = coarsen(store.cells, store.moments(layer), ("speaker", "sentence_fold"))
    speakers, folds = table["speaker"].to_numpy(), table["sentence_fold"].to_numpy()
    found: dict[str, tuple[LinearProbe, Array, int]] = {}
    for speaker, utterance in held.items():
        train = (speakers != speaker) & (folds != store.utterances["sentence_fold"].get(utterance, -1))
        if not train.any():
            continue
        several = len(np.unique(speakers[train])) > 1  # of one speaker a penalty can only be chosen between sentences
        split = Split(train, ~train, "other speakers", speakers if several else folds)
        fitted = fit_split(table, moments, split, probe)
        parts = [
            Moments.sum(moments[i] for i in np.flatnonzero(train & (speakers == s))) for s in np.unique(speakers[train])
        ]
        found[speaker] = (fitted, np.sum([part.syy for part in parts], axis=0), sum(part.n for part in parts))
    return found


def _columns(coordinates: Sequence[str]) -> dict[str, list[int]]:
    """Return the columns of each place."""
    columns: dict[str, list[int]] = {}
    for i, name in enumerate(coordinates):
        columns.setdefault(name.split(".")[0], []).append(i)
    return columns
