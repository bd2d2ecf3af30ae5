"""From the published pipeline to the honest one: every choice between recordings and number, in one record.

A :class:`Pipeline` says how positions become targets, how the probe is fitted, who trains and who tests. The two that
matter have names, and :func:`dataclasses.replace` turns one into the other a switch at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from articulens.cells import CellDesign
from articulens.corpora.catalog import Corpus
from articulens.encoders.base import Encoder
from articulens.errors import ArticulensError, suggest
from articulens.evaluation.protocols import open_protocol
from articulens.evaluation.scores import evaluate
from articulens.probes.linear import PENALTIES, LinearProbe
from articulens.sweep import sweep
from articulens.targets import TargetOptions


@dataclass(frozen=True)
class Pipeline:
    """Every choice between recordings and scores.

    Attributes
    ----------
    protocol
        Who trains and who tests, see :func:`articulens.evaluation.protocols.open_protocol`.
    probe
        ``"ols"``, or ``"ridge"`` with its penalty chosen inside the training data.
    scale
        ``"mm"``, or ``"speaker"``: z-scores by training speaker.
    zscore, resampling, pairing, frames
        As in :class:`articulens.targets.TargetOptions`.
    """

    protocol: str
    probe: str
    scale: str
    zscore: str
    resampling: str
    pairing: str
    frames: str

    def options(self, **more: Any) -> TargetOptions:
        """Return how positions become targets; `more` goes to :class:`~articulens.targets.TargetOptions`."""
        return TargetOptions(
            zscore=self.zscore, resampling=self.resampling, pairing=self.pairing, **{"frames": self.frames, **more}
        )

    def linear(self) -> LinearProbe:
        """Return the unfitted probe."""
        if self.probe not in ("ols", "ridge"):
            raise ArticulensError(f"probe '{self.probe}' is unknown; choose one of ols, ridge.")
        return LinearProbe(0.0) if self.probe == "ols" else LinearProbe(PENALTIES, standardize=True)

    def score(
        self,
        corpus: Corpus,
        encoder: Encoder,
        *,
        out: str | Path,
        folds: int = 5,
        seed: int = 0,
        readings: tuple[str, ...] = ("measured",),
        pool: str = "splits",
        by: Sequence[str] = (),
        progress: bool = True,
    ) -> pd.DataFrame:
        """Return the tidy score table of this pipeline.

        Parameters
        ----------
        corpus, encoder
            What is heard, and who hears it.
        out
            Folder of intermediate cells, shared by pipelines of equal targets whose protocols need the same folds.
        folds, seed, readings
            See :class:`articulens.cells.CellDesign` and :class:`articulens.targets.TargetOptions`.
        pool
            See :func:`articulens.evaluation.scores.evaluate`. ``"splits"``, as published: r inside each test set. Over
            pooled ``"frames"`` a shrunk probe of one speaker has a negative r where it knows nothing, because the mean
            it has learnt is low where the held-out part is high.
        by
            Columns of the corpus by which test frames are scored apart, besides the speaker.
        """
        protocol, options = open_protocol(self.protocol), self.options(readings=readings, seed=seed)
        design = CellDesign.for_protocols([protocol], by, folds=folds, seed=seed)
        store = sweep(corpus, encoder, design, out=out, options=options, progress=progress)
        return evaluate(store, protocol, self.linear(), by=by, scale=self.scale, pool=pool, jobs=-1, experiment="audit")


PUBLISHED = Pipeline(
    protocol="frame_shuffled",
    probe="ols",
    scale="mm",
    zscore="file",
    resampling="published",
    pairing="index",
    frames="all",
)
"""As published (arXiv 2606.31527, E1 to E3): random 80/20 frames, :mod:`articulens.corpora.published`, plain OLS."""

HONEST = Pipeline(
    protocol="loso_sentence",
    probe="ridge",
    scale="speaker",
    zscore="none",
    resampling="exact",
    pairing="centres",
    frames="speech",
)
"""What the chapters of the book do by default."""

PIPELINES = {"published": PUBLISHED, "honest": HONEST}


def open_pipeline(name: str) -> Pipeline:
    """Return the pipeline ``"published"`` or ``"honest"``; ArticulensError for another name."""
    if name not in PIPELINES:
        raise ArticulensError(f"unknown pipeline '{name}'{suggest(name, tuple(PIPELINES))}")
    return PIPELINES[name]
