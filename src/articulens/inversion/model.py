"""A probe that can be kept: weights in safetensors, and a card that says what they are and how well they do."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from articulens.cells import CellDesign, CellStore, coarsen
from articulens.corpora.corpus import Corpus
from articulens.corpora.limits import read_bytes
from articulens.encoders.base import Encoder
from articulens.errors import ArticulensError, suggest
from articulens.evaluation.inference import summarise
from articulens.evaluation.protocols import Protocol, Split, loso
from articulens.evaluation.scores import evaluate, fit_splits
from articulens.files import atomic_write, write_json
from articulens.moments import Array, Moments
from articulens.probes.linear import PENALTIES, LinearProbe
from articulens.sweep import sweep
from articulens.targets import TargetOptions

WEIGHTS, CARD = "probe.safetensors", "card.json"
_FORMAT = 1
_TENSORS = ("weights", "intercept", "mean_mm", "spread_mm")


@dataclass(frozen=True)
class Inverter:
    """A linear read-out of articulator positions from one layer of an encoder.

    Attributes
    ----------
    weights, intercept
        ``(dims, channels)`` and ``(channels,)``: from hidden states to z-scores, that is, spreads of the speaker
        away from the speaker's mean.
    mean_mm, spread_mm
        ``(channels,)``: mean and standard deviation of the average training speaker.
    channels
        ``"TT.x"`` ...
    card
        What it was made from and how well it does; JSON values.
    """

    weights: Array
    intercept: Array
    mean_mm: Array
    spread_mm: Array
    channels: tuple[str, ...]
    card: dict[str, Any]

    @property
    def layer(self) -> str:
        """The encoder's layer that it reads."""
        return str(self.card["layer"])

    def read_out(self, states: Array) -> Array:
        """Return z-scores ``(frames, channels)`` of hidden states ``(frames, dims)``."""
        if states.shape[1] != len(self.weights):
            raise ArticulensError(
                f"the probe reads {len(self.weights)} dimensions but the encoder gives {states.shape[1]}; open the "
                f"encoder of its card, {self.card['encoder']}."
            )
        return np.asarray(states, dtype=np.float64) @ self.weights + self.intercept

    def describe(self) -> str:
        """Say plainly what it is and how well it did."""
        held_out = self.card["held_out"]
        scores = held_out["r"].values()
        return (
            f"A linear read-out of layer {self.layer} of {self.card['encoder']}, trained on {self.card['corpus']} "
            f"({len(self.card['speakers'])} speakers). It knows no anatomy: it finds in the sound what went along with "
            f"each sensor's movement. On speakers it was not trained on, r was {np.mean(list(scores)):.2f} on average "
            f"({min(scores):.2f} to {max(scores):.2f} by channel, {held_out['speakers']} speakers)."
        )

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``probe.safetensors`` and ``card.json`` into a folder; the same probe gives the same bytes."""
        from safetensors.numpy import save

        folder = Path(folder)
        tensors = {name: np.ascontiguousarray(getattr(self, name), dtype=np.float64) for name in _TENSORS}
        with atomic_write(folder / WEIGHTS) as stream:
            stream.write(save(tensors))
        write_json(folder / CARD, self.card)
        return folder


def load_inverter(folder: str | os.PathLike[str]) -> Inverter:
    """Read what `Inverter.save` wrote.

    Raises
    ------
    ArticulensError
        When the folder does not hold such a probe, or its two files do not fit together.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    folder = Path(folder)
    try:
        card = json.loads(read_bytes(folder / CARD))
        tensors = load(read_bytes(folder / WEIGHTS))
        channels = tuple(str(channel) for channel in card["channels"])
        parts = [np.asarray(tensors[name], dtype=np.float64) for name in _TENSORS]
        wanted = [(parts[0].shape[0], len(channels)), *[(len(channels),)] * 3]
        if (
            card["format"] != _FORMAT
            or [part.shape for part in parts] != wanted
            or not {"layer", "encoder"} <= set(card)
        ):
            raise ValueError("its parts do not fit together")
        if not all(np.isfinite(part).all() for part in parts):
            raise ValueError("its weights are not finite")
    except (ValueError, KeyError, TypeError, IndexError, SafetensorError) as error:
        raise ArticulensError(
            f"{folder}: not a saved probe ({error}); expected {WEIGHTS} and {CARD} as 'articulens predict --save' "
            "writes them."
        ) from error
    weights, intercept, mean, spread = parts
    return Inverter(weights, intercept, mean, spread, channels, card)


class _Everybody(Protocol):
    """Nobody is held out: the probe to keep, once the scores are known."""

    def splits(self, cells: pd.DataFrame) -> Iterator[Split]:
        """Yield one split in which all cells train."""
        everyone = np.ones(len(cells), dtype=bool)
        yield Split(everyone, ~everyone, "all speakers", cells["speaker"].to_numpy())


_EVERYBODY = _Everybody("everybody", ("speaker",), "nothing: nobody is held out", lambda cells: iter(()))


def train_inverter(
    corpus: Corpus,
    encoder: Encoder,
    *,
    cache: str | Path,
    layer: str | None = None,
    hold_out: str | None = None,
    options: TargetOptions | None = None,
    progress: bool = True,
) -> Inverter:
    """Train a probe on a corpus: ridge on standardised features, positions z-scored by speaker.

    Parameters
    ----------
    corpus, encoder
        What to hear, and who hears it.
    cache
        Folder of intermediate moments, as of `articulens.sweep.sweep`.
    layer
        Which layer; by default the one that does best on speakers left out.
    hold_out
        A speaker who takes no part in the training, to try the probe on.
    options
        How positions become targets.
    progress
        Show how far it is, on stderr.

    Raises
    ------
    ArticulensError
        When the corpus cannot be swept, has fewer than two speakers, or no such layer or speaker.
    """
    if hold_out is not None and hold_out not in corpus.speakers:
        raise ArticulensError(f"corpus '{corpus.name}' has no speaker '{hold_out}'{suggest(hold_out, corpus.speakers)}")
    if layer is not None and layer not in encoder.layers:
        raise ArticulensError(f"{encoder.name} has no layer '{layer}'{suggest(layer, encoder.layers)}")
    options = options or TargetOptions()
    store = sweep(corpus, encoder, CellDesign(), out=cache, options=options, progress=progress)
    probe = LinearProbe(PENALTIES, standardize=True)
    scores = evaluate(store, loso(), probe, layers=[layer] if layer else None)
    if hold_out is not None:
        scores = scores[scores["speaker"] != hold_out]  # the choice of a layer must not know the held-out speaker
    by_layer = scores.groupby("layer")["r"].mean()
    layer = layer or str(by_layer.idxmax())
    table, moments = coarsen(store.cells, store.moments(layer), ["speaker"])
    if hold_out is not None:
        kept = np.flatnonzero((table["speaker"] != hold_out).to_numpy())
        table, moments = table.iloc[kept].reset_index(drop=True), [moments[i] for i in kept]
    _, fitted = next(fit_splits(table, moments, _EVERYBODY, probe))
    b, c = fitted.weights
    own = [
        Moments.sum(m for m, s in zip(moments, table["speaker"], strict=True) if s == name)
        for name in set(table["speaker"])
    ]
    mean = np.mean([m.mean_y for m in own], axis=0)
    spread = np.mean([m.scale_y for m in own], axis=0)
    card = _card(corpus, encoder, store, scores[scores["layer"] == layer], layer, list(table["speaker"]), hold_out)
    return Inverter(b / spread, (c - mean) / spread, mean, spread, tuple(options.channels), card)


def _card(
    corpus: Corpus,
    encoder: Encoder,
    store: CellStore,
    scores: pd.DataFrame,
    layer: str,
    speakers: list[str],
    hold_out: str | None,
) -> dict[str, Any]:
    by_channel = scores.assign(channel=scores["sensor"] + "." + scores["axis"])
    mean = by_channel.groupby("channel")["r"].mean()
    overall = summarise(scores, ["layer"]).iloc[0]
    return {
        "format": _FORMAT,
        "what": "linear read-out of articulator positions (ridge regression on standardised hidden states)",
        "encoder": encoder.name,
        "encoder_fingerprint": encoder.fingerprint,
        "layer": layer,
        "channels": list(store.header["options"]["channels"]),
        "unit": "z-scores by speaker; mm of the average training speaker by mean_mm and spread_mm",
        "corpus": corpus.name,
        "corpus_fingerprint": store.header["corpus_fingerprint"],
        "licence_of_corpus": corpus.licence,
        "speakers": sorted(speakers),
        "not_used": hold_out,
        "options": store.header["options"],
        "held_out": {
            "protocol": "leave one speaker out",
            "speakers": int(scores["speaker"].nunique()),
            "r": {str(channel): round(float(r), 4) for channel, r in mean.items()},
            "mean_r": [round(float(overall[key]), 4) for key in ("mean", "low", "high")],
        },
    }
