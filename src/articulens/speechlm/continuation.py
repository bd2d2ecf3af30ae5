"""Text after speech: how well a model that has heard the first words predicts the next ones as text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import cross_entropy

from articulens.errors import ArticulensError
from articulens.speechlm.model import SpeechLM
from articulens.speechlm.sequences import TEXT, UNIT, Spoken, Tokens, interleave, join_tokens

CONTEXTS = ("speech", "other speech", "text", "nothing")


def text_loss_after_speech(
    lm: SpeechLM,
    spoken: Sequence[Spoken],
    *,
    share: float = 0.5,
    contexts: Sequence[str] = CONTEXTS,
    seed: int = 0,
    batch: int = 16,
) -> pd.DataFrame:
    """Return how well the second part of an utterance is predicted as text, after its first part.

    Parameters
    ----------
    lm
        A model that has text.
    spoken
        Utterances of two words or more; shorter ones are left out.
    share
        Share of the words that are context (at least one, and one is left to predict).
    contexts
        The first part as ``speech``, as ``other speech`` (that of another utterance in the same language: what a mere
        change of modality does), as ``text``, or ``nothing``.
    seed, batch
        What draws the other utterance; sequences run at once.

    Returns
    -------
    DataFrame: ``utterance, speaker, language, condition, context, loss`` (nats a text token), ``tokens``.

    Raises
    ------
    ArticulensError
        When no utterance has two words, or the model has no text.
    """
    usable = [s for s in spoken if len(s.words) > 1]
    if not usable:
        raise ArticulensError(f"none of {len(spoken)} utterances has two words with times; give some that have.")
    rng, vocabulary = np.random.default_rng(seed), lm.vocabulary
    cuts = [min(len(s.words) - 1, max(1, round(share * len(s.words)))) for s in usable]
    plain = [interleave(s, vocabulary, np.zeros(len(s.words), bool)) for s in usable]
    heard = [interleave(s, vocabulary, np.arange(len(s.words)) < cut) for s, cut in zip(usable, cuts, strict=True)]
    n_prefix, mark = len(vocabulary.prefix), int(vocabulary.text_mark is not None)
    items: list[tuple[Tokens, int, dict]] = []
    for i, (s, cut) in enumerate(zip(usable, cuts, strict=True)):
        begin = int(np.flatnonzero((heard[i].kinds == TEXT) & (heard[i].words >= cut))[0]) - mark
        head, tail = heard[i].part(0, begin), heard[i].part(begin, len(heard[i]))
        others = [j for j, o in enumerate(usable) if o.texts() != s.texts()]
        same = [j for j in others if usable[j].meta.get("language") == s.meta.get("language")] or others
        for context in contexts:
            if context == "other speech" and not same:
                continue
            if context == "other speech":
                other = heard[same[rng.integers(len(same))]]
                stop = int(np.flatnonzero(other.kinds == UNIT)[-1]) + 1
                whole = join_tokens(other.part(0, stop), tail)
            elif context == "text":
                whole = plain[i]
            else:
                whole = join_tokens(head if context == "speech" else heard[i].part(0, n_prefix), tail)
            n = len(tail) - mark
            meta = {key: s.meta.get(key, "") for key in ("speaker", "language", "condition")}
            items.append((whole, n, {"utterance": s.id, **meta, "context": context}))
    losses = last_losses(lm, [(whole, n) for whole, n, _ in items], batch=batch)
    return pd.DataFrame(
        [{**about, "loss": loss, "tokens": n} for (_, n, about), loss in zip(items, losses, strict=True)]
    )


def last_losses(lm: SpeechLM, items: Sequence[tuple[Tokens, int]], *, batch: int = 16) -> list[float]:
    """Return the mean loss (nats) of the last n tokens of each sequence, given as (tokens, n)."""
    losses = [0.0] * len(items)
    order = sorted(range(len(items)), key=lambda i: len(items[i][0]))
    for first in range(0, len(order), batch):
        rows = order[first : first + batch]
        ids = torch.full((len(rows), max(len(items[i][0]) for i in rows)), lm.vocabulary.pad)
        for row, i in enumerate(rows):
            ids[row, : len(items[i][0])] = torch.from_numpy(items[i][0].ids)
        states = lm.run(ids, None, ())
        for row, i in enumerate(rows):
            tokens, n = items[i]
            logits = lm.head(states[row, len(tokens) - n - 1 : len(tokens) - 1]).float()
            wanted = torch.from_numpy(tokens.ids[-n:]).to(logits.device)
            losses[i] = float(cross_entropy(logits, wanted))
    return losses
