r"""How much of a new speaker has to be known: from zero-shot to the speaker's own probe, from moments alone.

A probe trained on others gives :math:`\hat y = B^\top x + c`. What a few sentences of the new speaker can add, rung by
rung: *shift* (the mean), *scale* (mean and gain of each channel), *affine* (a linear map from all predicted channels
to each measured one; Cho et al. 2024 report that affine maps carry articulation between speakers), *own* (a probe
of the speaker's own). All are least squares on the calibration sentences; the test sentences are others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from articulens.agreement import Agreement
from articulens.cells import CellStore, coarsen
from articulens.evaluation.protocols import Protocol, loso
from articulens.evaluation.scores import fit_splits, settled
from articulens.moments import Array, Moments
from articulens.probes.linear import LinearProbe

RUNGS = ("zero-shot", "shift", "scale", "affine", "own")


def calibrated(b: Array, c: Array, known: Moments) -> dict[str, tuple[Array, Array]]:
    """Return the weights of the first four rungs.

    Parameters
    ----------
    b, c
        Weights ``(p, k)`` and intercept ``(k,)`` of a probe trained on others.
    known
        Moments of the new speaker's calibration frames.
    """
    mean_p = known.mean_x @ b + c
    spp, spy = b.T @ known.sxx @ b, b.T @ known.sxy
    gain = np.diagonal(spy) / np.maximum(np.diagonal(spp), np.finfo(float).tiny)
    # Channels that the probe predicts alike (the two lips' x, say) make this singular: least squares of least norm.
    mix = np.linalg.pinv(spp, rcond=1e-10, hermitian=True) @ spy
    return {
        "zero-shot": (b, c),
        "shift": (b, c + known.mean_y - mean_p),
        "scale": (b * gain, (c - mean_p) * gain + known.mean_y),
        "affine": (b @ mix, (c - mean_p) @ mix + known.mean_y),
    }


def ladder(
    store: CellStore,
    probe: LinearProbe,
    layer: str,
    *,
    protocol: Protocol | None = None,
    inner_folds: int = 3,
    rungs: Sequence[str] = RUNGS,
) -> pd.DataFrame:
    """Score every rung for every speaker, with speaker and sentences held out.

    For each speaker and sentence fold the probe is trained on the other speakers' other sentences, calibrated on the
    speaker's other sentences, and scored on the fold. r is the mean over the speaker's folds, RMSE is over all frames.

    Parameters
    ----------
    store
        Cells separated by ``sentence_fold``.
    probe
        Unfitted.
    layer
        Which layer is read.
    protocol
        ``loso_sentence`` by default; ``transfer(language)`` climbs the ladder between languages: calibrated on, and
        scored in, each language of the speaker by probes of every language.
    inner_folds, rungs
        As in :func:`articulens.evaluation.scores.evaluate`; which rungs.

    Returns
    -------
    DataFrame with ``rung``, ``speaker``, ``sensor``, ``axis``, ``target``, ``n_frames``, ``r``, ``rmse_mm``; and, for a
    protocol with a column of its own, that column of the speech that is read and ``train_group``.
    """
    protocol = protocol or loso(sentences=True)
    table, moments = coarsen(store.cells, store.moments(layer), protocol.keys)
    columns = [column for column in protocol.keys if column != "sentence_fold"]
    group, folds = table.groupby(columns).ngroup().to_numpy(), table["sentence_fold"].to_numpy()
    own: dict[int, tuple[Array, Array]] = {}
    total: dict[tuple[str, ...], Agreement] = {}
    fold_r: dict[tuple[str, ...], list[Array]] = {}
    for split, fitted in fit_splits(table, moments, protocol, probe, inner_folds=inner_folds):
        for test in map(int, np.flatnonzero(split.test)):
            parts = [moments[i] for i in np.flatnonzero((group == group[test]) & (folds != folds[test]))]
            if not parts:
                continue
            known = Moments.sum(parts)
            weights = calibrated(*fitted.weights, known)
            if "own" in rungs:
                if test not in own:
                    own[test] = _own(probe, parts, known)
                weights["own"] = own[test]
            for rung in rungs:
                key = (rung, split.train_group, *map(str, table.loc[test, columns]))
                part = Agreement.of(*weights[rung], moments[test])
                total[key] = total[key] + part if key in total else part
                fold_r.setdefault(key, []).append(part.r)
    rows: list[dict[str, Any]] = []
    for (rung, train_group, *values), agreement in total.items():
        r = np.mean(fold_r[rung, train_group, *values], axis=0)
        read = dict(zip(columns, values, strict=True)) | ({"train_group": train_group} if len(columns) > 1 else {})
        for j, (channel, reading) in enumerate(store.targets):
            sensor, axis = channel.split(".")
            rows.append(
                {
                    "rung": rung,
                    **read,
                    "sensor": sensor,
                    "axis": axis,
                    "target": reading,
                    "n_frames": agreement.n,
                    "r": float(r[j]),
                    "rmse_mm": float(agreement.rmse[j]),
                }
            )
    return pd.DataFrame(rows)


def _own(probe: LinearProbe, parts: Sequence[Moments], known: Moments) -> tuple[Array, Array]:
    """Return the weights of a probe trained on the calibration frames alone."""
    return settled(probe, len(parts)).fit_moments(known, folds=list(parts)).weights
