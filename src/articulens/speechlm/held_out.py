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

#: Recordings that are read, and the k of the lead.
READ, K = 200, 10


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
        Of words that are one token ``lens``, rows of `articulens.speechlm.hits` by layer and target, and ``lead``, by
        how much hit@10 of the spoken word is above that of the random one, with intervals that hold for all layers
        together (Bonferroni); ``text``, the loss by context.
    """
    chosen = np.random.default_rng(seed).permutation(len(spoken))[:READ]
    some = [spoken[k] for k in sorted(chosen)]
    words = read_words(Lens(lm), some, counts=count_training_words(), seed=seed).words
    words = words[words["pieces"] == 1]
    found = hits(words, by=["layer", "target"], seed=seed)
    ranks = words[words["at"] == "any"].pivot(index=["utterance", "index", "layer"], columns="target", values="rank")
    ranks = ranks.reindex(columns=["spoken", "random"]).dropna()
    lead = (ranks["spoken"] <= K).astype(float) - (ranks["random"] <= K)
    together = 1 - 0.05 / len(lm.layers)
    leads = mean_over_utterances(
        lead.rename("lead").reset_index(), ["lead"], by=["layer"], level=together, draws=4000, seed=seed
    )
    losses = mean_over_utterances(text_loss_after_speech(lm, some, seed=seed), ["loss"], by=["context"], seed=seed)
    return {"lens": _plain(found), "lead": _plain(leads), "text": _plain(losses)}


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(key): round(value, 4) if isinstance(value, float) else value for key, value in row.items()}
        for row in table.drop(columns=["measure"], errors="ignore").to_dict("records")
    ]
