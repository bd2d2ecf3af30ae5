"""What scores without reading a mouth: constants, positions that do not go with the sound, an untrained model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from articulens.cells import CellStore, coarsen
from articulens.controls import ROLLED, SWAPPED
from articulens.evaluation.comparison import at_chosen_layer
from articulens.evaluation.protocols import Protocol
from articulens.moments import Array, Moments

PREDICTORS = ("mean of the training speakers", "the speaker's own mean")


def constant_scores(store: CellStore, protocol: Protocol) -> pd.DataFrame:
    """Score two constants under a protocol: what its training speakers, or the tested speaker, have on average.

    A constant has no r, so the error in mm is what it is compared by. The first is where a probe of others starts from;
    the second also uses the speaker's cells that are not tested, and is left out where there are none.

    Parameters
    ----------
    store
        Cells of any encoder: its states do not matter.
    protocol
        Who trains, who tests.

    Returns
    -------
    DataFrame with ``predictor``, ``protocol``, ``speaker``, ``sensor``, ``axis``, ``target``, ``n_frames``, ``r`` (NaN)
    and ``rmse_mm`` over all of the speaker's held-out frames.
    """
    table, moments = coarsen(store.cells, store.moments(store.layers[0]), protocol.keys)
    speakers = table["speaker"].to_numpy()
    error: dict[tuple[str, str], Array] = {}
    frames: dict[tuple[str, str], int] = {}
    for split in protocol.splits(table):
        trained = speakers[split.train]
        means = [_mean(moments, np.flatnonzero(split.train)[trained == s]) for s in np.unique(trained)]
        for speaker in np.unique(speakers[split.test]):
            tested = np.flatnonzero(split.test & (speakers == speaker))
            constants = {PREDICTORS[0]: np.mean(means, axis=0)}
            known = np.flatnonzero((speakers == speaker) & ~split.test)
            if len(known):
                constants[PREDICTORS[1]] = _mean(moments, known)
            for name, constant in constants.items():
                key = (name, str(speaker))
                parts = [moments[i] for i in tested]
                squares = np.sum([np.diagonal(m.syy) + m.n * (m.mean_y - constant) ** 2 for m in parts], axis=0)
                error[key] = error.get(key, 0) + squares
                frames[key] = frames.get(key, 0) + sum(m.n for m in parts)
    rows: list[dict[str, Any]] = []
    for (name, speaker), squares in error.items():
        rmse = np.sqrt(squares / frames[name, speaker])
        for j, (channel, reading) in enumerate(store.targets):
            sensor, axis = channel.split(".")
            rows.append(
                {
                    "predictor": name,
                    "protocol": protocol.name,
                    "speaker": speaker,
                    "sensor": sensor,
                    "axis": axis,
                    "target": reading,
                    "n_frames": frames[name, speaker],
                    "r": float("nan"),
                    "rmse_mm": float(rmse[j]),
                }
            )
    return pd.DataFrame(rows)


def _mean(moments: list[Moments], index: Any) -> Array:
    """Return the mean position over cells, ``(k,)``."""
    n = np.array([moments[i].n for i in index], dtype=np.float64)
    return np.asarray(n @ np.stack([moments[i].mean_y for i in index]) / n.sum())


def negative_controls(scores: pd.DataFrame, constants: pd.DataFrame, model: str) -> pd.DataFrame:
    """Put beside a model's score all that needs no articulation in the sound: one row a control and speaker.

    Parameters
    ----------
    scores
        The tidy score table of `model`, and of its untrained twin where there is one, with the readings that were made.
    constants
        From :func:`constant_scores`.
    model
        As in ``scores``; its twin is called ``model@random``.

    Returns
    -------
    DataFrame with ``control`` (in words), ``speaker``, ``r`` and ``rmse_mm``, means over channels at the layer that is
    best for the *other* speakers as measured.
    """
    measured = scores[scores["target"] == "measured"]
    words = {
        (model, "measured"): f"{model}, as measured",
        (model, ROLLED): "rolled in time",
        (model, SWAPPED): "another sentence's positions",
        (f"{model}@random", "measured"): "untrained twin",
    }
    layers = at_chosen_layer(measured)[["model", "speaker", "layer"]]
    read = scores.merge(layers, on=["model", "speaker", "layer"])
    read = read.assign(control=[words.get(key, "") for key in zip(read["model"], read["target"], strict=True)])
    every = pd.concat([read, constants.assign(control=constants["predictor"])], ignore_index=True)
    order = pd.Categorical(every["control"], [*words.values(), *PREDICTORS], ordered=True)
    table = every.assign(control=order).groupby(["control", "speaker"], observed=True)[["r", "rmse_mm"]].mean()
    return table.reset_index().astype({"control": str})
