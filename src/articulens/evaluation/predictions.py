"""Predictions frame by frame, for what needs the frames in their order: r of each utterance, drawings of movement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from articulens.agreement import Agreement
from articulens.cells import CellStore, coarsen
from articulens.corpora.corpus import Corpus
from articulens.corpora.schema import Utterance
from articulens.encoders.base import Encoder
from articulens.errors import ArticulensError
from articulens.evaluation.protocols import Protocol, Split
from articulens.evaluation.scores import fit_splits
from articulens.moments import Array
from articulens.probes.linear import LinearProbe
from articulens.progress import Progress
from articulens.sweep import stream
from articulens.targets import TargetOptions


@dataclass(frozen=True)
class Prediction:
    """What a probe says of one utterance that it was not trained on.

    Attributes
    ----------
    utterance, layer
        What was heard, and where it was read.
    times_s
        Frame centres, ``(frames,)``, s.
    predicted, measured
        Positions, ``(frames, targets)``, mm.
    """

    utterance: Utterance
    layer: str
    times_s: Array
    predicted: Array
    measured: Array


def predict(
    corpus: Corpus,
    encoder: Encoder,
    store: CellStore,
    protocol: Protocol,
    probe: LinearProbe,
    *,
    layers: Sequence[str] | None = None,
    batch_seconds: float = 60.0,
    scale: str = "speaker",
    progress: bool = True,
) -> Iterator[Prediction]:
    """Yield, for every utterance and layer, what the probe predicts that was fitted without it.

    Parameters
    ----------
    corpus, encoder
        Those that `store` was made from; only utterances in `corpus` are predicted, and only the probes that they ask
        for are fitted, so a selection is quicker.
    store
        Cells to fit to.
    protocol
        A protocol that never divides an utterance (not ``frame_shuffled``).
    probe, layers, scale
        As in :func:`articulens.evaluation.scores.evaluate`.
    """
    if "frame_fold" in protocol.keys:
        raise ArticulensError(
            f"protocol '{protocol.name}' divides the frames of an utterance; predict with one that holds out whole "
            "utterances."
        )
    stored: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in store.header["options"].items()}
    options = TargetOptions(**stored)
    layers = tuple(layers or store.layers)
    table = store.utterances
    keys = list(protocol.keys)
    heard = {tuple(row) for row in table.loc[table.index.isin([u.id for u in corpus]), keys].itertuples(index=False)}

    def needed(cells: pd.DataFrame) -> Iterator[Split]:
        asked = [tuple(row) in heard for row in cells[keys].itertuples(index=False)]
        return (split for split in protocol.divide(cells) if (split.test & asked).any())

    probes: dict[tuple[str, tuple[Any, ...]], LinearProbe] = {}
    for layer in layers:
        cells, moments = coarsen(store.cells, store.moments(layer), protocol.keys)
        for split, fitted in fit_splits(cells, moments, replace(protocol, divide=needed), probe, scale):
            for row in cells[split.test][keys].itertuples(index=False):
                probes[layer, tuple(row)] = fitted
    with Progress(f"{encoder.name} predicts {corpus.name}", len(corpus.speakers), shown=progress) as bar:
        for utterance, states, keep, y in stream(corpus, encoder, list(corpus), table, options, batch_seconds, None):
            cell = tuple(table.loc[utterance.id, keys])
            for layer in layers:
                chosen = probes.get((layer, cell))
                if chosen is not None and len(y):
                    x = states.layers[layer].cpu().double().numpy()[keep]
                    yield Prediction(utterance, layer, states.times_s[keep], chosen.predict(x), y)
            bar.heard(states.times_s[-1])


def utterance_scores(predictions: Iterator[Prediction], store: CellStore, min_frames: int = 25) -> pd.DataFrame:
    """Return r and RMSE of each utterance, layer and target, one row each.

    Utterances of fewer than `min_frames` kept frames are listed with NaN: too short for a correlation to mean much.
    """
    rows = []
    for p in predictions:
        agreement = Agreement.of_frames(p.predicted, p.measured)
        long_enough = len(p.times_s) >= min_frames
        for j, (channel, reading) in enumerate(store.targets):
            rows.append(
                {
                    "id": p.utterance.id,
                    "speaker": p.utterance.speaker,
                    "language": p.utterance.language,
                    "condition": p.utterance.condition,
                    "task": p.utterance.task,
                    "layer": p.layer,
                    "sensor": channel.split(".")[0],
                    "axis": channel.split(".")[1],
                    "target": reading,
                    "n_frames": agreement.n,
                    "r": float(agreement.r[j]) if long_enough else float("nan"),
                    "rmse_mm": float(agreement.rmse[j]),
                }
            )
    return pd.DataFrame(rows)


MEASURED = "measured"


def movements(predictions: Iterable[Prediction], channels: Sequence[str]) -> pd.DataFrame:
    """Return where the sensors were and where the probes put them: one row a frame, utterance and layer.

    Returns
    -------
    DataFrame with ``utterance``, ``layer``, ``time_s`` and a column for each of `channels`, mm; the truth is the layer
    ``"measured"``.
    """
    parts: dict[tuple[str, str], pd.DataFrame] = {}
    for p in predictions:
        for layer, positions in ((MEASURED, p.measured), (p.layer, p.predicted)):
            frames = pd.DataFrame(positions, columns=list(channels))
            frames.insert(0, "time_s", p.times_s)
            frames.insert(0, "layer", layer)
            frames.insert(0, "utterance", p.utterance.id)
            parts[p.utterance.id, layer] = frames
    return pd.concat(parts.values(), ignore_index=True)
