"""Does the model use what the lens reads? Take the word's direction out of a layer and see what suffers.

At the units of a word, in one layer, the states lose their part in the span of the directions by which the head reads
the word (all its spellings, first piece). The blocks behind run on. Measured are the loss of the next unit at these
places and the loss of the next word, written as text behind the speech. Beside it the same with a matched random word,
and with as many random directions: only what goes beyond these is about the word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from articulens.errors import ArticulensError
from articulens.speechlm.measures import mean_over_utterances
from articulens.speechlm.model import SpeechLM
from articulens.speechlm.readings import matched_words, word_facts
from articulens.speechlm.sequences import TEXT, UNIT, Spoken, interleave

REMOVED = ("nothing", "word", "random word", "random directions")
LOSSES = ("unit_loss", "next_word_loss")


def word_directions(lm: SpeechLM, word: str) -> torch.Tensor:
    """Return an orthonormal basis ``(dims, spellings)`` of the directions in which the head reads a word.

    Row of the head for the first piece of each spelling, minus the mean row of text, through the projection and the
    weight of the final norm, centred where that norm centres.
    """
    first = sorted({spelling[0] for spelling in lm.vocabulary.spellings(word)})
    rows = lm.head.weight.float()
    directions = rows[first] - rows[torch.from_numpy(lm.vocabulary.text_ids).to(rows.device)].mean(0)
    if lm.projection is not None:
        directions = directions @ lm.projection.weight.float()
    if lm.norm is not None:
        directions = directions * lm.norm.weight.float()
        if isinstance(lm.norm, nn.LayerNorm):
            directions = directions - directions.mean(1, keepdim=True)
    return torch.linalg.qr(directions.T).Q


def ablate_words(
    lm: SpeechLM,
    spoken: Sequence[Spoken],
    *,
    layers: Sequence[str] | None = None,
    counts: Mapping[str, int] | None = None,
    per_utterance: int = 1,
    seed: int = 0,
    batch: int = 16,
) -> pd.DataFrame:
    """Remove decoded words from layers and measure what follows.

    Parameters
    ----------
    lm
        A model that has units and text.
    spoken
        Utterances of two words or more; shorter ones are left out.
    layers
        Where to remove; all but the last by default (behind which nothing runs).
    counts
        Word counts of training text, for the matched word.
    per_utterance
        Words of each utterance that are tried, drawn by chance; the speech before and of the word is heard, the word
        behind it is text.
    seed, batch
        Chance; sequences run at once.

    Returns
    -------
    DataFrame: ``utterance, index, word, layer, removed, unit_loss, next_word_loss`` (nats a token).

    Raises
    ------
    ArticulensError
        For an unknown layer, a model without text, or when no utterance has two words.
    """
    rng, names = np.random.default_rng(seed), lm.choose(layers if layers is not None else lm.layers[:-1])
    items = _items(lm, spoken, counts, per_utterance, rng)
    bases = [_bases(lm, item, torch.Generator().manual_seed(seed + i)) for i, item in enumerate(items)]
    tables = []
    plain = _losses(lm, items, None, None, batch)
    for layer in names:
        for removed in REMOVED:
            found = plain if removed == "nothing" else _losses(lm, items, layer, [b[removed] for b in bases], batch)
            about = pd.DataFrame([{"utterance": i["id"], "index": i["index"], "word": i["word"]} for i in items])
            tables.append(about.assign(layer=layer, removed=removed, **dict(zip(LOSSES, found.T, strict=True))))
    return pd.concat(tables, ignore_index=True)


def ablation_effects(table: pd.DataFrame, *, draws: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return how much each removal adds to each loss, and how much removing the word adds beyond the controls.

    Returns
    -------
    DataFrame: ``layer, contrast, measure, mean, low, high, utterances``, in nats; contrasts are ``word - nothing``,
    ``random word - nothing``, ``random directions - nothing``, ``word - random word`` and ``word - random directions``.
    """
    wide = table.pivot(index=["utterance", "index", "layer"], columns="removed", values=list(LOSSES))
    pairs = [(a, "nothing") for a in REMOVED[1:]] + [("word", b) for b in REMOVED[2:]]
    long = [
        pd.DataFrame({m: wide[m, a] - wide[m, b] for m in LOSSES}).reset_index().assign(contrast=f"{a} - {b}")
        for a, b in pairs
    ]
    both = pd.concat(long)
    order = {layer: i for i, layer in enumerate(table["layer"].unique())}
    both = both.sort_values("layer", key=lambda column: column.map(order), kind="stable")
    return mean_over_utterances(both, LOSSES, by=["layer", "contrast"], draws=draws, seed=seed)


def _items(
    lm: SpeechLM, spoken: Sequence[Spoken], counts: Mapping[str, int] | None, most: int, rng: np.random.Generator
) -> list[dict]:
    facts = word_facts(spoken, lm.vocabulary, counts)
    matched = dict(zip(facts.index, matched_words(facts, rng), strict=True))
    items = []
    for row, s in enumerate(spoken):
        texts = s.texts()
        for k in sorted(rng.permutation(len(texts) - 1)[:most].tolist()):
            tokens = interleave(s, lm.vocabulary, np.arange(len(texts)) <= k)
            last = int(np.flatnonzero((tokens.kinds == TEXT) & (tokens.words == k + 1))[-1])
            tokens, positions = tokens.part(0, last + 1), tokens.where(k)
            other = matched[row, k]
            usable = lm.vocabulary.spellings(texts[k]) and other and lm.vocabulary.spellings(other)
            if usable and len(positions):
                before = positions[tokens.kinds[positions + 1] == UNIT]
                behind = np.flatnonzero((tokens.kinds == TEXT) & (tokens.words == k + 1)) - 1
                item = {"id": s.id, "index": k, "word": texts[k], "other": other, "tokens": tokens}
                items.append(item | {"positions": positions, "places": (before, behind)})
    if not items:
        raise ArticulensError(
            f"none of {len(spoken)} utterances has two words with units, and another word to compare with; give more."
        )
    return items


def _bases(lm: SpeechLM, item: dict, generator: torch.Generator) -> dict[str, torch.Tensor]:
    word = word_directions(lm, item["word"])
    chance = torch.linalg.qr(torch.randn(word.shape, generator=generator)).Q
    return {"word": word, "random word": word_directions(lm, item["other"]), "random directions": chance}


def _losses(
    lm: SpeechLM, items: Sequence[dict], layer: str | None, bases: Sequence[torch.Tensor] | None, batch: int
) -> np.ndarray:
    """Return ``(items, 2)``: loss of the next unit at the word, and of the next word."""
    found = np.full((len(items), 2), np.nan)
    order = sorted(range(len(items)), key=lambda i: len(items[i]["tokens"]))
    for first in range(0, len(order), batch):
        rows = order[first : first + batch]
        ids = torch.full((len(rows), max(len(items[i]["tokens"]) for i in rows)), lm.vocabulary.pad)
        for row, i in enumerate(rows):
            ids[row, : len(items[i]["tokens"])] = torch.from_numpy(items[i]["tokens"].ids)

        def remove(_: str, states: torch.Tensor, rows: list[int] = rows) -> torch.Tensor:
            states = states.clone()
            for row, i in enumerate(rows):
                basis = bases[i].to(states.device, torch.float32)  # type: ignore[index]
                there = torch.from_numpy(items[i]["positions"]).to(states.device)
                h = states[row, there].float()
                states[row, there] = (h - (h @ basis) @ basis.T).to(states.dtype)
            return states

        states = lm.run(ids, None if layer is None else remove, () if layer is None else (layer,))
        # All predictions of the batch at once: where, of what, and for which item and which of the two losses.
        spots = [(row, i, kind, places) for row, i in enumerate(rows) for kind, places in enumerate(items[i]["places"])]
        where = [np.concatenate(x) for x in zip(*((np.full(len(p), row), p) for row, *_, p in spots), strict=True)]
        wanted = np.concatenate([items[i]["tokens"].ids[p + 1] for _, i, _, p in spots])
        logits = lm.head(states[torch.from_numpy(where[0]), torch.from_numpy(where[1])]).float()
        losses = cross_entropy(logits, torch.from_numpy(wanted).to(logits.device), reduction="none").cpu().numpy()
        borders = np.cumsum([len(places) for *_, places in spots])[:-1]
        for (_, i, kind, places), part in zip(spots, np.split(losses, borders), strict=True):
            found[i, kind] = part.mean() if len(places) else np.nan
    return found
