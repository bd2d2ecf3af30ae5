"""Erase at a layer, let the rest of the network run, see what breaks: one table of damage, and one of what is left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from articulens.corpora.corpus import Corpus
from articulens.encoders.audio import prepare_audio
from articulens.encoders.base import Encoder
from articulens.encoders.changing import Replay, changing, running
from articulens.erasure.behaviours import Behaviour, PhoneProbe, Units, compare
from articulens.erasure.concepts import ARTICULATION, PHONES, Concepts
from articulens.erasure.erasers import Eraser, Whitener, everything, inlp, leace, random_eraser
from articulens.errors import ArticulensError


@dataclass(frozen=True)
class Plan:
    """What is erased where.

    Attributes
    ----------
    layers
        Where.
    concepts
        (concept, rank) pairs; fewer directions where the concept has fewer.
    draws
        Random erasers of the same rank and variance for each of `controlled`; 0 for none.
    controlled
        Concepts that get random controls.
    inlp
        (concept, rank) pairs erased by iterative null-space projection too.
    doses
        Layer to more (concept, rank) pairs, marked ``dose`` in the tables; what is erased already is not done again.
    """

    layers: Sequence[str]
    concepts: Sequence[tuple[str, int]]
    draws: int = 3
    controlled: Sequence[str] = (ARTICULATION,)
    inlp: Sequence[tuple[str, int]] = ()
    doses: Mapping[str, Sequence[tuple[str, int]]] = field(default_factory=dict)

    def erasers(
        self, concepts: Concepts, layer: str, train: Sequence[str], rng: np.random.Generator
    ) -> Iterator[tuple[dict[str, object], Eraser]]:
        """Yield every eraser of one layer, fitted on `train`, with what it is."""
        axes = Whitener(concepts.of(ARTICULATION, layer, train))
        done: set[tuple[str, int]] = set()

        def about(method: str, concept: str, eraser: Eraser, draw: int = 0, dose: bool = False) -> dict[str, object]:
            return {
                "layer": layer, "method": method, "concept": concept, "rank": eraser.rank, "draw": draw, "dose": dose,
                "removed": eraser.removed,
            }  # fmt: skip

        wanted = [(*pair, False) for pair in self.concepts] + [(*pair, True) for pair in self.doses.get(layer, ())]
        for concept, rank, dose in wanted:
            eraser = leace(concepts.of(concept, layer, train), rank, at_most=True, whitener=axes, name=concept)
            if (concept, eraser.rank) in done:
                continue
            done.add((concept, eraser.rank))
            yield about("leace", concept, eraser, dose=dose), eraser
            for draw in range(self.draws if concept in self.controlled else 0):
                control = random_eraser(axes, eraser.rank, eraser.removed, rng)
                yield about("random", concept, control, draw, dose), control
        for concept, rank in self.inlp:
            eraser = inlp(concepts.of(concept, layer, train), rank, name=concept)
            yield about("inlp", concept, eraser), eraser
        whole = everything(concepts.of(ARTICULATION, layer, train))
        yield about("everything", "everything", whole), whole


def spread(layers: Sequence[str], number: int) -> list[str]:
    """Return so many blocks' outputs of `layers`, from the first to the last, evenly; ArticulensError for none."""
    if number < 1:
        raise ArticulensError(f"{number} layers to erase at were asked for; ask for 1 or more.")
    blocks = [layer for layer in layers if layer.isdigit() and layer != "0"]
    places = np.linspace(0, len(blocks) - 1, min(number, len(blocks))).round().astype(int)
    return [blocks[i] for i in dict.fromkeys(places.tolist())]


def folds_of(cells: Sequence[str], folds: int) -> list[tuple[list[str], list[str]]]:
    """Return (train, test) cells of each fold; every cell is tested once, by erasers that never met it.

    Raises
    ------
    ArticulensError
        With fewer cells than folds, or fewer than two folds.
    """
    cells = sorted(cells)
    if not 2 <= folds <= len(cells):
        raise ArticulensError(
            f"{len(cells)} speakers cannot be dealt into {folds} folds; use 2 to {max(len(cells), 2)} folds, or more "
            "speakers."
        )
    return [([c for c in cells if c not in cells[k::folds]], cells[k::folds]) for k in range(folds)]


def few(corpus: Corpus, each: int) -> Corpus:
    """Return at most `each` utterances of every speaker, spread evenly over what was read."""
    chosen = []
    for speaker in corpus.speakers:
        own = [u.id for u in corpus if u.speaker == speaker]
        chosen += [own[round(i)] for i in np.linspace(0, len(own) - 1, min(each, len(own)))]
    return corpus.select(id=chosen)


def erase(
    corpus: Corpus,
    encoder: Encoder,
    concepts: Concepts,
    plan: Plan,
    heads: Sequence[Behaviour],
    *,
    folds: int = 3,
    by: str = "speaker",
    units: int = 0,
    seed: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Erase every concept of a plan at every layer and measure what the network still does for unknown speakers.

    Parameters
    ----------
    corpus
        Whose utterances are tested; all are encoded together, so give a few a speaker.
    encoder
        The network, opened with every layer that is erased or read.
    concepts
        Of the same encoder, see :func:`~articulens.erasure.concepts.gather`.
    plan
        What is erased.
    heads
        What the network does; phone probes on its later layers are added where phones were gathered.
    folds, by
        Erasers are fitted on all cells but those of a fold; `by` as in `gather`.
    units
        K-means units of the last layer, for a network without heads; 0 for none.
    seed
        Of random erasers and of units.

    Returns
    -------
    damage, residual
        `damage`: one row for ``layer, method, concept, rank, draw, dose, measure, read_at, fold, speaker``, mean
        over utterances. ``method`` is ``leace`` or ``inlp``, ``random`` (the control of the first), or ``everything``
        (every state of the layer is set to its mean). `residual`: what a probe finds after erasure, ``layer, method,
        concept, rank, draw, dose, cell, speaker, probe, r``. Both with ``removed``, the share of variance that went.

    Raises
    ------
    ArticulensError
        For a layer or concept that is not there.
    """
    network = running(encoder)
    damage: list[dict[str, object]] = []
    residual: list[pd.DataFrame] = []
    last = encoder.layers[-1]
    for k, (train, test) in enumerate(folds_of(list(concepts.cells[last]), folds)):
        utterances = [u for u in corpus if str(getattr(u, by)) in test]
        if not utterances:
            continue
        rate = encoder.clock.rate_hz  # resampled once, for every eraser hears them again
        items = [(prepare_audio(*corpus.read_audio(u), encoder.clock, normalize=False, source=str(u.audio)), rate)
                 for u in utterances]  # fmt: skip
        rng = np.random.default_rng([seed, k])
        replay = Replay(encoder)
        with replay.listening():
            intact = encoder.encode_batch(items, keep_on_device=True)
        behaviours = [*heads, *_probes(corpus, concepts, encoder.layers, train)]
        if units:
            known = [u for u in corpus if str(getattr(u, by)) in train]
            states = encoder.encode_batch([corpus.read_audio(u) for u in known])
            behaviours.append(Units(last, torch.cat([s[last] for s in states]), units, seed))
        for layer in plan.layers:
            later = [b for b in behaviours if encoder.layers.index(b.reads) >= encoder.layers.index(layer)]
            for about, eraser in plan.erasers(concepts, layer, train, rng):
                with ExitStack() as stack:
                    stack.enter_context(replay.resuming(layer))
                    stack.enter_context(changing(encoder, {layer: eraser.on(network.device)}))
                    changed = encoder.encode_batch(items, keep_on_device=True)
                for u, a, b in zip(utterances, intact, changed, strict=True):
                    damage += [about | {"fold": k, "speaker": u.speaker} | row for row in compare(later, a, b, u.id)]
                if about["method"] in ("leace", "inlp"):
                    left = concepts.decodability(layer, eraser, train, test)
                    residual.append(left.assign(**about))  # type: ignore[arg-type]
            residual.append(concepts.decodability(layer, None, train, test).assign(
                layer=layer, method="none", concept="nothing", rank=0, draw=0, dose=False, removed=0.0))  # fmt: skip
    keys = ["layer", "method", "concept", "rank", "draw", "dose", "measure", "read_at", "fold", "speaker"]
    table = pd.DataFrame(damage, columns=[*keys, "damage", "removed"])
    return table.groupby(keys, sort=False, as_index=False).mean(), pd.concat(residual, ignore_index=True)


def _probes(corpus: Corpus, concepts: Concepts, layers: Sequence[str], train: Sequence[str]) -> list[Behaviour]:
    if PHONES not in concepts.names:
        return []
    labels: Mapping[str, Sequence[tuple]] = {u.id: corpus.read_intervals(u) for u in corpus if u.labels is not None}
    return [PhoneProbe(layer, concepts, train, labels) for layer in layers if layer in concepts.cells]
