"""One pass over the audio of a corpus: encoder → moments of every cell and layer.

Audio is read once for a model; hidden states are never stored: the moments that a sweep leaves are what every
protocol follows from. What needs the frames in their order streams them again (:func:`stream`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from articulens.cells import CellDesign, CellStore
from articulens.controls import SWAPPED, partners
from articulens.corpora.audio import audio_duration
from articulens.corpora.catalog import Corpus
from articulens.corpora.schema import Utterance
from articulens.encoders.base import Encoder, States
from articulens.errors import ArticulensError
from articulens.files import sha256_text
from articulens.moments import Accumulator, Array, Moments
from articulens.progress import Progress
from articulens.targets import Heard, TargetOptions


def sweep(
    corpus: Corpus,
    encoder: Encoder,
    design: CellDesign,
    *,
    out: str | Path,
    options: TargetOptions | None = None,
    batch_seconds: float = 60.0,
    skip_bad: bool = False,
    progress: bool = True,
) -> CellStore:
    """Run an encoder over a corpus and keep the moments of every cell and layer.

    Speakers are done one after the other and written when whole, so that memory does not grow with the corpus and
    a run that was killed goes on where it was: the same command ends with the same bytes.

    Parameters
    ----------
    corpus, encoder
        What to hear, and who hears it.
    design
        Which cells to keep apart; see :meth:`CellDesign.for_protocols`.
    out
        Folder under which the store gets a folder of its own, named by what it depends on.
    options
        How positions become targets.
    batch_seconds
        At most so much audio goes through the encoder at once (a longer file goes alone).
    skip_bad
        Leave out utterances that cannot be used and list them in ``store.skipped``; otherwise the first ends the run.
    progress
        Show rate and remaining time on stderr.

    Raises
    ------
    ArticulensError
        On the first unusable utterance, unless `skip_bad`.
    """
    options = options or TargetOptions()
    table = design.assign(corpus.to_frame())
    header = _header(corpus, encoder, design, options, table)
    name = "-".join(
        "".join(c if c.isalnum() or c in "+@." else "_" for c in part) for part in (corpus.name, encoder.name)
    )
    store = CellStore.create(Path(out) / f"{name}-{header['key'][:12]}", header)
    todo = [speaker for speaker in corpus.speakers if not store.has(speaker)]
    with Progress(f"{encoder.name} hears {corpus.name}", len(todo), shown=progress) as bar:
        for speaker in todo:
            utterances = [u for u in corpus if u.speaker == speaker]
            cells = _Cells(encoder, design, len(options.targets()))
            skipped: list[dict[str, str]] = []
            for utterance, states, keep, y in stream(
                corpus, encoder, utterances, table, options, batch_seconds, skipped if skip_bad else None
            ):
                cells.add(utterance, table.loc[utterance.id].to_dict(), states, keep, y)
                bar.heard(states.times_s[-1])
            store.add(speaker, *cells.result(speaker), skipped)
            bar.speaker_done()
    if store.skipped and not skip_bad:  # an earlier run was allowed to leave them out, this one is not
        raise ArticulensError(f"{store.skipped[0]['reason']} An earlier run left it out: {store.folder}.")
    return store


def stream(
    corpus: Corpus,
    encoder: Encoder,
    utterances: Sequence[Utterance],
    table: pd.DataFrame,
    options: TargetOptions,
    batch_seconds: float,
    skipped: list[dict[str, str]] | None,
) -> Iterator[tuple[Utterance, States, Array, Array]]:
    """Yield utterances with their hidden states, the mask of kept frames, and the targets of those.

    Utterances of one cell follow each other, so that what is added up together is encoded together.
    """
    order = sorted(utterances, key=lambda u: (*map(str, table.loc[u.id]), u.id))
    others = partners(corpus, {u.id: audio_duration(u.audio) for u in corpus}) if SWAPPED in options.readings else {}
    labelled = options.frames == "speech" or options.phones
    intervals_of = corpus.read_intervals if labelled else lambda _: []
    batch: list[Heard] = []
    for utterance in order:
        try:
            swap = others.get(utterance.id)
            other = (corpus.read_trajectory(swap), intervals_of(swap)) if swap else None
            item = Heard(utterance, *corpus.read(utterance), intervals_of(utterance), other)
        except ArticulensError as error:
            _skip(utterance, error, skipped)
            continue
        if batch and sum(i.seconds for i in batch) + item.seconds > batch_seconds:
            yield from _encode(encoder, batch, options, skipped)
            batch = []
        batch.append(item)
    yield from _encode(encoder, batch, options, skipped)


def _encode(
    encoder: Encoder, batch: Sequence[Heard], options: TargetOptions, skipped: list[dict[str, str]] | None
) -> Iterator[tuple[Utterance, States, Array, Array]]:
    if not batch:
        return
    try:
        every = encoder.encode_batch(
            [(i.samples, i.rate_hz) for i in batch],
            sources=[str(i.utterance.audio) for i in batch],
            keep_on_device=True,
        )
    except ArticulensError as error:
        if len(batch) == 1:
            _skip(batch[0].utterance, error, skipped)
        else:  # one of them cannot be heard: the others must not suffer for it
            for item in batch:
                yield from _encode(encoder, [item], options, skipped)
        return
    for item, states in zip(batch, every, strict=True):
        try:
            keep, y = options.of(item, states.times_s)
        except ArticulensError as error:
            _skip(item.utterance, error, skipped)
            continue
        yield item.utterance, states, keep, y


def _skip(utterance: Utterance, error: ArticulensError, skipped: list[dict[str, str]] | None) -> None:
    """List an utterance that cannot be used, or let its error end the run where skipping was not asked for."""
    if skipped is None:
        raise error
    skipped.append({"id": utterance.id, "reason": str(error)})


class _Cells:
    """The moments of one speaker's cells while they grow."""

    def __init__(self, encoder: Encoder, design: CellDesign, k: int) -> None:
        self.encoder, self.design, self.k = encoder, design, k
        self.sums: dict[tuple[Any, ...], dict[str, Accumulator]] = {}

    def add(self, utterance: Utterance, row: dict[Any, Any], states: States, keep: Array, y: Array) -> None:
        split_frames = "frame_fold" in self.design.by
        folds = self.design.frame_folds(utterance.id, len(y)) if split_frames else np.zeros(len(y), dtype=int)
        index = np.flatnonzero(keep)
        for fold in np.unique(folds):
            values = {**row, "frame_fold": int(fold)}
            cell = tuple(_plain(values[column]) for column in self.design.by)
            rows, targets = torch.from_numpy(index[folds == fold]), torch.from_numpy(y[folds == fold])
            for layer, x in states.layers.items():
                sums = self.sums.setdefault(cell, {})
                if layer not in sums:
                    sums[layer] = Accumulator(x.shape[1], self.k, x.device)
                sums[layer].update(x[rows.to(x.device)], targets)

    def result(self, speaker: str) -> tuple[list[dict[str, Any]], dict[str, list[Moments]]]:
        """Return the rows of the cell table, and for each layer their moments."""
        cells = sorted(self.sums, key=str)
        rows = [
            {
                "speaker": speaker,
                **dict(zip(self.design.by, cell, strict=True)),
                "frames": next(iter(self.sums[cell].values())).n,
            }
            for cell in cells
        ]
        return rows, {layer: [self.sums[cell][layer].moments() for cell in cells] for layer in self.encoder.layers}


def _plain(value: Any) -> Any:
    """Return a value that JSON keeps as it is."""
    return value.item() if isinstance(value, np.generic) else value


def _header(
    corpus: Corpus, encoder: Encoder, design: CellDesign, options: TargetOptions, table: pd.DataFrame
) -> dict[str, Any]:
    """Return what the moments depend on; its hash names the folder."""
    header = {
        "format": 1,
        "corpus": corpus.name,
        "corpus_fingerprint": corpus.fingerprint(),
        "speakers": list(corpus.speakers),
        "encoder": encoder.name,
        "encoder_fingerprint": encoder.fingerprint,
        "layers": list(encoder.layers),
        "frame_s": encoder.clock.hop / encoder.clock.rate_hz,
        "design": {"by": list(design.by), "folds": design.folds, "seed": design.seed},
        "options": {key: list(v) if isinstance(v, tuple) else v for key, v in vars(options).items()},
        "targets": [list(target) for target in options.targets()],
        "utterances": {str(i): {c: _plain(v) for c, v in row.items()} for i, row in table.to_dict("index").items()},
    }
    return {**header, "key": sha256_text([repr(header)]), "encoder_record": encoder.record()}
