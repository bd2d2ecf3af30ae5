"""What a model does with held-out speech of its own kind: the voices it was trained on, other sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from articulens.speechlm.continuation import text_loss_after_speech
from articulens.speechlm.lens import Lens
from articulens.speechlm.measures import hits, mean_over_utterances
from articulens.speechlm.model import SpeechLM
from articulens.speechlm.readings import read_words
from articulens.speechlm.sequences import Spoken
from articulens.speechlm.texts import count_training_words

#: Recordings that are read.
READ = 100


def read_held_out(lm: SpeechLM, spoken: Sequence[Spoken], *, seed: int = 0) -> dict[str, list[dict[str, Any]]]:
    """Return what the lens finds on held-out recordings, and the loss of text after them.

    Parameters
    ----------
    lm
        The trained model.
    spoken
        Held-out recordings; at most `READ` of them are drawn by `seed`.

    Returns
    -------
    dict
        ``lens``: rows of `articulens.speechlm.hits` by layer and target, of words that are one token; ``text``: rows of
        `articulens.speechlm.mean_over_utterances` by context.
    """
    chosen = np.random.default_rng(seed).permutation(len(spoken))[:READ]
    some = [spoken[k] for k in sorted(chosen)]
    words = read_words(Lens(lm), some, counts=count_training_words(), seed=seed).words
    found = hits(words[words["pieces"] == 1], by=["layer", "target"], seed=seed)
    losses = mean_over_utterances(text_loss_after_speech(lm, some, seed=seed), ["loss"], by=["context"], seed=seed)
    return {"lens": _plain(found), "text": _plain(losses)}


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}
        for row in table.drop(columns=["measure"], errors="ignore").to_dict("records")
    ]
