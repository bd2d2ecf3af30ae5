"""What may be erased: articulation, phones, the sound itself and who speaks, beside the states of every layer.

One pass over a corpus gathers the moments of states and all concepts together, a cell for each speaker; every eraser
of every layer, fold and rank follows from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from articulens.agreement import Agreement
from articulens.corpora.corpus import Corpus
from articulens.corpora.labels import phone_indicators
from articulens.corpora.schema import Utterance
from articulens.encoders import open_encoder
from articulens.encoders.base import Encoder
from articulens.erasure.erasers import Eraser
from articulens.errors import ArticulensError, suggest
from articulens.evaluation.knowledge import phones_of
from articulens.moments import Accumulator, Array, Moments
from articulens.probes.linear import LinearProbe
from articulens.sweep import stream
from articulens.targets import TargetOptions

ARTICULATION, PHONES, MEL, SPEAKER = "articulation", "phones", "mel", "speaker"
ORGANS = {"lips": ("UL", "LL"), "tongue": ("TT", "TB", "TD")}
#: Of probes on standardised states that are refitted after erasure, and of phone probes.
PENALTY = 100.0


@dataclass(frozen=True)
class Concepts:
    """Moments of states and concepts.

    Attributes
    ----------
    columns
        Names of the concepts' columns: ``TT.x``, ``phones:a``, ``mel:0``.
    cells
        Layer to cell (a speaker, or an utterance) to its moments; articulation is z-scored by cell, so that it is
        movement and not anatomy.
    speakers
        Cell to the speaker.
    """

    columns: tuple[str, ...]
    cells: dict[str, dict[str, Moments]]
    speakers: dict[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Concepts that can be erased."""
        sensors = list(dict.fromkeys(c.split(".")[0] for c in self.columns if "." in c))
        organs = [organ for organ, own in ORGANS.items() if any(s in own for s in sensors)]
        kinds = [kind for kind in (PHONES, MEL) if any(c.startswith(f"{kind}:") for c in self.columns)]
        who = [SPEAKER] if len(set(self.speakers.values())) > 1 else []
        return (ARTICULATION, *organs, *sensors, *kinds, *who)

    def of(self, concept: str, layer: str, cells: Iterable[str]) -> Moments:
        """Return the moments of a layer's states with one concept, over some cells.

        Raises
        ------
        ArticulensError
            For a concept or layer that was not gathered.
        """
        if layer not in self.cells:
            raise ArticulensError(f"layer '{layer}' was not gathered{suggest(layer, list(self.cells))}")
        if concept not in self.names:
            raise ArticulensError(f"concept '{concept}' is unknown here{suggest(concept, list(self.names))}")
        chosen = [cell for cell in cells if cell in self.cells[layer]]
        parts = [self.cells[layer][cell] for cell in chosen]
        if concept == SPEAKER:
            return _who(parts, [self.speakers[cell] for cell in chosen])
        whole = Moments.sum(parts)
        index = [i for i, column in enumerate(self.columns) if _belongs(column, concept)]
        if concept == PHONES:  # a phone that these speakers never said is no part of the concept
            index = [i for i in index if whole.syy[i, i] > 0]
        return whole.select_targets(index)

    def decodability(
        self, layer: str, eraser: Eraser | None, train: Sequence[str], test: Sequence[str]
    ) -> pd.DataFrame:
        """Return how well a linear probe finds articulation after erasure: r, mean over channels.

        Parameters
        ----------
        layer, eraser
            Where, and what was erased (None: nothing).
        train, test
            Cells that the eraser was fitted on, and others.

        Returns
        -------
        DataFrame of ``cell``, ``speaker``, ``probe``, ``r``. Probe ``"refit, training"``: least squares on all of
        `train`, scored on itself, with cell and speaker called ``training``. ``"refit, held out"``: ridge on the other
        cells of `test`, scored on each.
        """

        def erased(cells: Sequence[str]) -> Moments:
            m = self.of(ARTICULATION, layer, cells)
            return eraser.moments(m) if eraser else m

        whole = erased(train)
        probe = LinearProbe(0.0).fit_moments(whole)
        rows = [("training", "training", "refit, training", _mean_r(Agreement.of(*probe.weights, whole).r))]
        parts = {cell: erased([cell]) for cell in test if cell in self.cells[layer]}
        for cell in parts:
            others = [m for other, m in parts.items() if other != cell]
            if not others:
                continue
            probe = LinearProbe(PENALTY, standardize=True).fit_moments(Moments.sum(others))
            r = _mean_r(Agreement.of(*probe.weights, parts[cell]).r)
            rows.append((cell, self.speakers[cell], "refit, held out", r))
        return pd.DataFrame(rows, columns=["cell", "speaker", "probe", "r"])

    def phone_probe(self, layer: str, train: Sequence[str]) -> tuple[list[str], Array, Array]:
        """Return phones, weights ``(p, phones)`` and intercept of a ridge classifier that takes the largest score."""
        index = [i for i, column in enumerate(self.columns) if column.startswith(f"{PHONES}:")]
        m = Moments.sum([self.cells[layer][cell] for cell in train if cell in self.cells[layer]]).select_targets(index)
        b, c = LinearProbe(PENALTY, standardize=True).fit_moments(m).weights
        return [self.columns[i].partition(":")[2] for i in index], b, c


def gather(
    corpus: Corpus,
    encoder: Encoder,
    *,
    options: TargetOptions | None = None,
    by: str = "speaker",
    batch_seconds: float = 60.0,
) -> Concepts:
    """Hear a corpus once and gather the moments of every layer with every concept that the corpus allows.

    Parameters
    ----------
    corpus, encoder
        What to hear, and who hears it.
    options
        Which channels and frames; one reading only.
    by
        What a cell is: ``"speaker"``, or ``"id"`` where there is one speaker only.
    batch_seconds
        Audio that goes through the encoder at once.

    Raises
    ------
    ArticulensError
        When an utterance cannot be used.
    """
    options = options or TargetOptions(frames="speech")
    phones = phones_of(corpus)
    mel = open_encoder("logmel", device="cpu")
    columns = (*options.channels, *(f"{PHONES}:{p}" for p in phones), *(f"{MEL}:{i}" for i in range(mel.width)))
    table = corpus.to_frame().set_index("id", drop=False)[["speaker"]]
    sums: dict[str, dict[str, Accumulator]] = {layer: {} for layer in encoder.layers}
    for utterance, states, keep, y in stream(
        corpus, encoder, list(corpus), table, options, batch_seconds, skipped=None
    ):
        index = np.flatnonzero(keep)
        times = states.times_s[index]
        heard = _at(times, *_mel(mel, corpus, utterance))
        said = phone_indicators(corpus.read_intervals(utterance) if phones else (), times, phones)
        z = np.hstack([y, said, heard])
        targets, cell = torch.from_numpy(z), str(getattr(utterance, by))
        for layer, x in states.layers.items():
            if cell not in sums[layer]:
                sums[layer][cell] = Accumulator(x.shape[1], len(columns), x.device)
            sums[layer][cell].update(x[torch.from_numpy(index).to(x.device)], targets)
    cells = {
        layer: {cell: _by_cell(own.moments(), len(options.channels)) for cell, own in every.items() if own.n > 1}
        for layer, every in sums.items()
    }
    return Concepts(columns, cells, {str(getattr(u, by)): u.speaker for u in corpus})


def _belongs(column: str, concept: str) -> bool:
    sensor = column.split(".")[0] if "." in column and ":" not in column else None
    if concept == ARTICULATION:
        return sensor is not None
    if concept in ORGANS:
        return sensor in ORGANS[concept]
    return column.startswith(f"{concept}:") or sensor == concept


def _who(parts: Sequence[Moments], who: Sequence[str]) -> Moments:
    """Return the moments of states with one column a speaker that says whether it is he: from counts and means."""
    whole = Moments.sum(parts)
    names = sorted(set(who))
    if len(names) < 2:
        raise ArticulensError(f"concept 'speaker': {len(names)} speaker; at least 2 are needed to tell them apart.")
    counts, pull = np.zeros(len(names)), np.zeros((whole.p, len(names)))
    for part, name in zip(parts, who, strict=True):
        counts[names.index(name)] += part.n
        pull[:, names.index(name)] += part.n * (part.mean_x - whole.mean_x)
    share = counts / whole.n
    return Moments(whole.n, whole.mean_x, share, whole.sxx, pull, np.diag(counts) - whole.n * np.outer(share, share))


def _by_cell(m: Moments, channels: int) -> Moments:
    """Z-score the first `channels` targets by this cell's own mean and spread."""
    mean, scale = np.zeros(m.k), np.ones(m.k)
    mean[:channels], scale[:channels] = m.mean_y[:channels], m.scale_y[:channels]
    return m.standardise_targets(mean, scale)


def _mean_r(r: Array) -> float:
    """Return the mean over channels; where a probe has nothing left to go by, its reading does not vary: r is 0."""
    return float(np.nan_to_num(r).mean())


def _mel(mel: Encoder, corpus: Corpus, utterance: Utterance) -> tuple[Array, Array]:
    states = mel.encode(*corpus.read_audio(utterance), source=str(utterance.audio))
    return states.times_s, states["0"].numpy().astype(np.float64)


def _at(times: Array, clock: Array, frames: Array) -> Array:
    """Return frames ``(n, dims)`` of one clock at the times of another, linearly."""
    if len(times) and len(clock) == len(times) and np.allclose(clock, times):
        return frames
    place = np.clip(np.interp(times, clock, np.arange(len(clock))), 0, len(clock) - 1)
    low = np.minimum(place.astype(int), len(clock) - 2)
    share = (place - low)[:, None]
    return frames[low] * (1 - share) + frames[low + 1] * share
