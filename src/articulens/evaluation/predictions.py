"""Predictions frame by frame, for what needs the frames in their order: r of each utterance, drawings of movement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from articulens.agreement import Agreement
from articulens.cells import CellStore, coarsen
from articulens.corpora.corpus import Corpus
from articulens.corpora.schema import Utterance
from articulens.encoders.base import Encoder
from articulens.errors import ArticulensError
from articulens.evaluation.protocols import Protocol
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
        Those that `store` was made from; only utterances in `corpus` are predicted, so a selection is quicker.
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
    probes: dict[tuple[str, tuple[Any, ...]], LinearProbe] = {}
    for layer in layers:
        cells, moments = coarsen(store.cells, store.moments(layer), protocol.keys)
        for split, fitted in fit_splits(cells, moments, protocol, probe, scale):
            for row in cells[split.test][list(protocol.keys)].itertuples(index=False):
                probes[layer, tuple(row)] = fitted
    with Progress(f"{encoder.name} predicts {corpus.name}", len(corpus.speakers), shown=progress) as bar:
        for utterance, states, keep, y in stream(corpus, encoder, list(corpus), table, options, batch_seconds, None):
            cell = tuple(table.loc[utterance.id, list(protocol.keys)])
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
