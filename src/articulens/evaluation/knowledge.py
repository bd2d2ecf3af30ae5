"""What a model knows of mouths and of phones, by one probe on the same frames: two scores that can be compared.

The *articulatory score* is the mean r of a linear probe over the channels of the sensors, the *phonetic score* the mean
r of the same probe over phones (1 in the frames of the phone, 0 elsewhere). Same frames, same folds, same penalties,
same layers; only the target differs. Speakers are held out, as they are from the heads of the downstream tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from articulens.cells import CellDesign, CellStore
from articulens.corpora.corpus import Corpus
from articulens.corpora.labels import phone_of
from articulens.encoders.base import Encoder
from articulens.evaluation.comparison import at_chosen_layer
from articulens.evaluation.protocols import open_protocol
from articulens.evaluation.scores import evaluate
from articulens.probes.linear import LinearProbe
from articulens.sweep import sweep
from articulens.targets import PHONE, TargetOptions

ARTICULATORY, PHONETIC = "articulatory", "phonetic"
BY = ("language", "sentence_fold")
PENALTIES = tuple(float(alpha) for alpha in np.logspace(0, 5, 6))


def phones_of(corpus: Corpus) -> tuple[str, ...]:
    """Return the phones that occur in the labels, sorted; none unless every utterance is labelled."""
    if any(u.labels is None for u in corpus):
        return ()
    labels = {phone_of(label) for u in corpus for *_, label in corpus.read_intervals(u)}
    return tuple(sorted(labels - {""}))


def hear(
    corpus: Corpus, encoder: Encoder, *, out: str | Path, folds: int = 4, frames: str = "speech", seed: int = 0
) -> CellStore:
    """Return the cells of a corpus under an encoder, with channels and phones as targets.

    A cell is one speaker in one language and fold of sentences.

    Parameters
    ----------
    corpus, encoder, out
        As in :func:`articulens.sweep.sweep`.
    folds, frames, seed
        Folds of sentences, which frames, and what decides the folds.
    """
    options = TargetOptions(frames=frames, seed=seed, phones=phones_of(corpus))
    return sweep(corpus, encoder, CellDesign(BY, folds, seed), out=out, options=options, progress=False)


def knowledge(stores: Mapping[str, CellStore], *, protocol: str = "loso") -> pd.DataFrame:
    """Return both scores of every model and speaker.

    Parameters
    ----------
    stores
        From :func:`hear`, by the names that the models are to have in the table.
    protocol
        Who trains and who tests.

    Returns
    -------
    DataFrame with ``model``, ``score`` ("articulatory" or "phonetic"), ``speaker``, ``layer`` (the best one for the
    other speakers), ``r`` at that layer, and ``r_mean`` over all layers.
    """
    probe = LinearProbe(PENALTIES, standardize=True)
    tables = []
    for name, store in stores.items():
        scores = evaluate(store, open_protocol(protocol), probe, inner_folds=3).assign(model=name)
        scores["score"] = [PHONETIC if sensor == PHONE else ARTICULATORY for sensor in scores["sensor"]]
        everywhere = scores.groupby(["model", "score", "layer", "speaker"], sort=False)["r"].mean()
        mean = everywhere.groupby(["model", "score", "speaker"]).mean().rename("r_mean").reset_index()
        tables.append(at_chosen_layer(scores, by=["model", "score"]).merge(mean, on=["model", "score", "speaker"]))
    columns = ["model", "score", "speaker", "layer", "r", "r_mean"]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def achieved(heads: pd.DataFrame) -> pd.DataFrame:
    """Return what each model achieves in each task: the share that is right, mean over the rows of a model.

    Parameters
    ----------
    heads
        Of :func:`articulens.tasks.by_speaker` or :func:`articulens.tasks.summarise_tasks`; weighted sums of layers of
        equal length are taken.

    Returns
    -------
    DataFrame with a row for each model and a column for each task; of phone recognition one minus the error rate.
    """
    chosen = heads[(heads["variant"] == "weighted sum") & (heads["norm"] == "layer")]
    right = chosen["score"].where(chosen["measure"] != "PER", 1 - chosen["score"])
    table = chosen.assign(right=right).groupby(["model", "task"], sort=False)["right"].mean()
    return table.unstack("task").rename_axis(columns=None).reset_index()
