"""Interchange patching: what one twin of a minimal pair says when a subspace of its states is the other twin's.

Nothing is destroyed, so nothing is out of distribution in size: the subspace of the lips, say, takes the value that it
has when the lips did something else. Behind a complete interchange the network would say the other twin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from articulens.corpora.corpus import Corpus
from articulens.encoders.base import Encoder
from articulens.encoders.changing import Change, Replay, changing, running
from articulens.erasure.behaviours import Behaviour
from articulens.erasure.concepts import Concepts
from articulens.erasure.erasers import Eraser, Whitener, leace, random_eraser
from articulens.erasure.experiment import folds_of
from articulens.erasure.heads import CtcHead, Head
from articulens.errors import ArticulensError

Reading = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Twins:
    """A word and its twin, frame by frame: ids of both, and what differs between them."""

    base: str
    twin: str
    changed: str
    word: str
    speaker: str


def find_twins(pairs: Corpus) -> list[Twins]:
    """Return the minimal pairs of a corpus that :func:`articulens.synthesis.pairs.make_pairs` wrote.

    Raises
    ------
    ArticulensError
        When its table has no column ``changed``, or no word comes with a twin.
    """
    table = pairs.to_frame()
    if "changed" not in table:
        raise ArticulensError(
            f"{pairs.root}: the manifest has no column 'changed' that says what differs from a word's base; make such "
            "a corpus with articulens.synthesis.pairs.make_pairs."
        )
    rows = table.to_dict("records")
    base = {(row["speaker"], row["sentence"]): row["id"] for row in rows if row["changed"] == "none"}
    twins = [
        Twins(base[row["speaker"], row["sentence"]], row["id"], row["changed"], row["sentence"], row["speaker"])
        for row in rows
        if row["changed"] != "none" and (row["speaker"], row["sentence"]) in base
    ]
    if not twins:
        raise ArticulensError(f"{pairs.root}: no word comes with a twin; make the corpus again.")
    return twins


def interchange(subspaces: Sequence[Eraser], device: str | torch.device = "cpu") -> Change:
    """Return the change that gives row *i* of a batch subspace *i* of the batch's last row.

    A batch holds as many copies of a recording as there are subspaces, then its twin.
    """
    most = max(e.rank for e in subspaces)
    # One product for all: subspaces of fewer directions are filled up with zeros.
    stack = lambda arrays: torch.from_numpy(np.stack(arrays)).to(device, torch.float32)  # noqa: E731
    right = stack([np.pad(e.right.T, ((0, 0), (0, most - e.rank))) for e in subspaces])
    left = stack([np.pad(e.left.T, ((0, most - e.rank), (0, 0))) for e in subspaces])

    def swap(x: torch.Tensor) -> torch.Tensor:
        if len(x) != len(subspaces) + 1:
            raise AssertionError(f"a batch of {len(x)} recordings for {len(subspaces)} subspaces and a twin")
        wide = x.float()
        moved = (wide[-1:] - wide[:-1]) @ right @ left
        return torch.cat([wide[:-1] + moved, wide[-1:]]).to(x.dtype)

    return swap


def transferred(base: torch.Tensor, twin: torch.Tensor, patched: torch.Tensor) -> float:
    r"""Return how far a patched reading went from that of the base to that of the twin: 0 not at all, 1 all the way.

    With readings ``(frames, outputs)``: :math:`\langle f_p - f_b, f_t - f_b\rangle / \|f_t - f_b\|^2`. NaN where base
    and twin read alike.
    """
    way = (twin - base).double()
    length = float(way.square().sum())
    return float(((patched - base).double() * way).sum() / length) if length > 0 else float("nan")


def reading_of(heads: Sequence[Behaviour]) -> Reading:
    """Return what is read off the last layer: the log-probabilities or values of the first head, else the states."""
    head = next((h for h in heads if isinstance(h, Head)), None)
    if head is None:
        return lambda states: states
    if isinstance(head, CtcHead):
        return lambda states: head.scores(states).log_softmax(-1)
    return head.scores


def patch(
    pairs: Corpus,
    encoder: Encoder,
    concepts: Concepts,
    heads: Sequence[Behaviour],
    *,
    layers: Sequence[str],
    patched: Sequence[tuple[str, int | None]],
    draws: int = 2,
    folds: int = 3,
    seed: int = 0,
) -> pd.DataFrame:
    """Interchange subspaces between all minimal pairs at every layer.

    Parameters
    ----------
    pairs
        See :func:`find_twins`; speakers that `concepts` does not know are left out.
    encoder, concepts, heads
        As in :func:`articulens.erasure.experiment.erase`; subspaces are found in other speakers.
    layers, patched
        Where, and which (concept, rank).
    draws
        Random subspaces of the same rank and variance for each of `patched`.
    folds, seed
        As in :func:`~articulens.erasure.experiment.erase`.

    Returns
    -------
    DataFrame of ``layer, method, concept, rank, draw, differs, word, speaker, fold, transferred``.
    """
    network, read, last = running(encoder), reading_of(heads), encoder.layers[-1]
    every, audio = find_twins(pairs), {u.id: pairs.read_audio(u) for u in pairs}
    rows = []
    for k, (train, test) in enumerate(folds_of(list(concepts.cells[last]), folds)):
        rng = np.random.default_rng([seed, k, 1])
        own = [twins for twins in every if twins.speaker in test]
        found = {layer: _subspaces(concepts, layer, train, patched, draws, rng) for layer in layers if own}
        for twins in own:
            items = [audio[twins.base]] * len(patched) * (1 + draws) + [audio[twins.twin]]
            replay = Replay(encoder)
            with replay.listening():
                base, *_, twin = (read(s[last]) for s in encoder.encode_batch(items, keep_on_device=True))
            for layer, (about, subspaces) in found.items():
                change: Mapping[str, Change] = {layer: interchange(subspaces, network.device)}
                with replay.resuming(layer), changing(encoder, change):
                    changed = [read(s[last]) for s in encoder.encode_batch(items, keep_on_device=True)]
                what_differs = {"differs": twins.changed, "word": twins.word, "speaker": twins.speaker, "fold": k}
                rows += [
                    {"layer": layer} | what | what_differs | {"transferred": transferred(base, twin, x)}
                    for what, x in zip(about, changed, strict=False)  # the last is the twin itself
                ]
    columns = ["layer", "method", "concept", "rank", "draw", "differs", "word", "speaker", "fold", "transferred"]
    return pd.DataFrame(rows, columns=columns)


def _subspaces(
    concepts: Concepts,
    layer: str,
    train: Sequence[str],
    patched: Sequence[tuple[str, int | None]],
    draws: int,
    rng: np.random.Generator,
) -> tuple[list[dict[str, object]], list[Eraser]]:
    about: list[dict[str, object]] = []
    found: list[Eraser] = []
    axes: Whitener | None = None
    for concept, rank in patched:
        m = concepts.of(concept, layer, train)
        axes = axes or Whitener(m)
        own = leace(m, rank, whitener=axes, name=concept)
        controls = [random_eraser(axes, own.rank, own.removed, rng) for _ in range(draws)]
        found += [own, *controls]
        about.append({"method": "leace", "concept": concept, "rank": own.rank, "draw": 0})
        about += [{"method": "random", "concept": concept, "rank": own.rank, "draw": d} for d in range(draws)]
    return about, found
