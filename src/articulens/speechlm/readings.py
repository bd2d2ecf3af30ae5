"""Reading words off the layers of a model that listens: one pass, ranks and masses, no logits kept.

At the units of a spoken word, in each layer, stand four candidates side by side:

``spoken``    the word that is being said
``next``      the word that will be said next
``random``    another word of the same language, of like frequency and length, that the utterance does not hold
``shuffled``  the word at the same place of another utterance with another text: speech and text paired wrongly

The last two are written in as many tokens as the spoken word: the first piece of a long word is seldom a good candidate
for anything, and would make the spoken word look good beside it. Where an utterance has none, the nearest place counts.

A rank is 1 + the number of other tokens whose logit is as high or higher, so ties count against the model. Of the ways
in which a text model may write a word (`Vocabulary.spellings`) the best counts, for every candidate alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from articulens.errors import ArticulensError
from articulens.speechlm.lens import Lens
from articulens.speechlm.sequences import UNIT, Spoken, Tokens, interleave
from articulens.speechlm.vocabulary import Vocabulary

TARGETS = ("spoken", "next", "random", "shuffled")
KS = (1, 5, 10, 100)
_META = ("speaker", "language", "condition", "sentence")


@dataclass(frozen=True)
class Reading:
    """What `read_words` found.

    Attributes
    ----------
    words
        A row for each word, layer, target and rule ``at``: ``utterance, speaker, language, condition, sentence,
        index, word, length`` (letters), ``frequency`` (log10 per million), ``layer, target, at`` (``any``: the best of
        its units, ``last``: its last unit); and of the candidate ``pieces`` (its tokens), ranks of its first piece
        among text tokens (``rank``) and all tokens (``rank_full``), and of the worst of all its pieces
        (``rank_whole``, ``rank_whole_full``).
    units
        A row for each utterance and layer: ``positions``, ``text_mass``, ``unit_mass`` (mean probability on all text
        and all unit tokens), ``unit_loss`` (nats, of the next unit) and ``unit_hit1`` ... ``unit_hit100``.
    """

    words: pd.DataFrame
    units: pd.DataFrame


@dataclass(frozen=True)
class _Slot:
    """One word with its candidates; ``entries[target]`` are spellings, each a tuple of places in the flat arrays."""

    row: int
    index: int
    positions: NDArray[np.int64]
    candidates: dict[str, str]
    entries: dict[str, list[tuple[int, ...]]]


def count_words(texts: Iterable[Iterable[str]]) -> Counter[str]:
    """Count words (lower case) in training texts, each a sequence of words."""
    return Counter(word.lower() for text in texts for word in text)


def read_words(
    lens: Lens,
    spoken: Sequence[Spoken],
    *,
    counts: Mapping[str, int] | None = None,
    seed: int = 0,
    batch_tokens: int = 4_096,
) -> Reading:
    """Let the model listen to utterances and rank words and units at every layer.

    Parameters
    ----------
    lens
        Of the model.
    spoken
        Utterances with words; each is heard as a whole, as units only.
    counts
        How often words occur in training text; by default in these utterances.
    seed
        Draws the matched words and the wrong pairs.
    batch_tokens
        As of `Lens.read`.

    Raises
    ------
    ArticulensError
        For an utterance without words, when no word has a unit and a spelling, and for a model that has no text.
    """
    if not len(lens.vocabulary.text_ids):
        lens.vocabulary.tokens_of_text("")
    facts = word_facts(spoken, lens.vocabulary, counts)
    sequences = [interleave(s, lens.lm.vocabulary) for s in spoken]
    slots, flat = _slots(spoken, sequences, facts, lens.vocabulary, np.random.default_rng(seed))
    ranks = _Ranks(slots, flat, sequences, lens)
    where = [np.flatnonzero(tokens.kinds == UNIT) for tokens in sequences]
    lens.read(sequences, ranks, where=where, batch_tokens=batch_tokens)
    return Reading(ranks.words(facts), ranks.units(spoken))


def word_facts(
    spoken: Sequence[Spoken], vocabulary: Vocabulary, counts: Mapping[str, int] | None = None
) -> pd.DataFrame:
    """Return what is known about each word, indexed by ``row`` (which utterance) and ``index`` (which word of it).

    ``pieces`` is the number of tokens of its first spelling, 0 for a word that cannot be written.
    """
    if not spoken:
        raise ArticulensError("there is no utterance to read words in; give at least one.")
    counts = counts or count_words(s.texts() for s in spoken)
    total = sum(counts.values()) + len(counts)
    pieces = {w: len((vocabulary.spellings(w) or [()])[0]) for w in {w for s in spoken for w in s.texts()}}
    tables = []
    for s in spoken:
        texts = s.texts()
        frequency = [np.log10(1e6 * (counts.get(w.lower(), 0) + 1) / total) for w in texts]
        meta = {key: s.meta.get(key) or "" for key in _META}
        own = {"length": [len(w) for w in texts], "frequency": frequency, "pieces": [pieces[w] for w in texts]}
        tables.append(pd.DataFrame({"utterance": s.id, **meta, "word": texts, **own}))
    return pd.concat(tables, keys=range(len(spoken)), names=["row", "index"])


def matched_words(facts: pd.DataFrame, rng: np.random.Generator) -> list[str | None]:
    """Return for each word another one of its language, of like frequency and length, that its utterance does not hold.

    Drawn from the nearest five of as many pieces, where a factor of ten in frequency weighs as much as four letters;
    None where the language has no other such word.
    """
    found: list[str | None] = []
    types = facts.drop_duplicates(["language", "word"]).groupby(["language", "pieces"])
    columns = ("word", "frequency", "length")
    pools = {key: tuple(pool[column].to_numpy() for column in columns) for key, pool in types}
    for _, mine in facts.groupby(level="row", sort=False):
        for fact in mine.itertuples():
            words, frequencies, lengths = pools[fact.language, fact.pieces]
            free = ~np.isin(words, mine["word"].to_numpy())
            far = np.abs(frequencies - fact.frequency) + np.abs(lengths - fact.length) / 4
            nearest = words[free][np.argsort(far[free], kind="stable")[:5]]
            found.append(str(nearest[rng.integers(len(nearest))]) if len(nearest) else None)
    return found


def _slots(
    spoken: Sequence[Spoken],
    sequences: Sequence[Tokens],
    facts: pd.DataFrame,
    vocabulary: Vocabulary,
    rng: np.random.Generator,
) -> tuple[list[_Slot], list[int]]:
    """Return a slot for every word that has units, and the token of each place of the flat arrays."""
    matched = dict(zip(facts.index, matched_words(facts, rng), strict=True))
    pieces = [mine.to_numpy() for _, mine in facts["pieces"].groupby(level="row", sort=False)]
    slots: list[_Slot] = []
    flat: list[int] = []
    for row, (one, tokens) in enumerate(zip(spoken, sequences, strict=True)):
        texts, other = one.texts(), _other(row, spoken, rng)
        for k, word in enumerate(texts):
            positions = tokens.where(k)
            if not len(positions):
                continue
            candidates = {"spoken": word}
            if k + 1 < len(texts):
                candidates["next"] = texts[k + 1]
            if (other_word := matched[row, k]) is not None:
                candidates["random"] = other_word
            if other is not None and len(alike := np.flatnonzero(pieces[other] == pieces[row][k])):
                place = round(k * (len(pieces[other]) - 1) / max(1, len(texts) - 1))
                candidates["shuffled"] = spoken[other].texts()[alike[np.abs(alike - place).argmin()]]
            places: dict[int, int] = {}
            entries = {}
            for target, candidate in candidates.items():
                spellings = vocabulary.spellings(candidate)
                for token in (token for spelling in spellings for token in spelling):
                    if token not in places:
                        places[token] = len(flat)
                        flat.append(token)
                entries[target] = [tuple(places[token] for token in spelling) for spelling in spellings]
            if any(entries.values()):
                slots.append(_Slot(row, k, positions, candidates, entries))
    if not slots:
        raise ArticulensError(
            f"none of the words of {len(spoken)} utterances has a unit and can be written in tokens of the model; "
            "check that words and units are times of the same recordings, in seconds, and the language of the model."
        )
    return slots, flat


def _other(row: int, spoken: Sequence[Spoken], rng: np.random.Generator) -> int | None:
    """Return which other utterance to pair with: of the same language with another text; None if there is none."""
    mine = spoken[row].texts()
    others = [i for i, s in enumerate(spoken) if s.texts() != mine]
    same = [i for i in others if spoken[i].meta.get("language") == spoken[row].meta.get("language")] or others
    return same[rng.integers(len(same))] if same else None


class _Ranks:
    """Collects, as a reader of `Lens.read`, the ranks of all candidates and what is expected of the units."""

    def __init__(self, slots: list[_Slot], flat: list[int], sequences: Sequence[Tokens], lens: Lens) -> None:
        self.slots, self.lens, self.size = slots, lens, len(flat)
        vocabulary = lens.vocabulary
        tokens = np.asarray(flat, np.int64)
        # All positions of all sequences behind one another: the places of the candidates to be ranked there, -1 where
        # there are none; whether a word ends there; and the token that follows, if it is a unit.
        self.starts = np.cumsum([0, *map(len, sequences)])
        mine = [sorted({p for ways in s.entries.values() for way in ways for p in way}) for s in slots]
        self.places = np.full((self.starts[-1], max(map(len, mine))), -1, np.int64)
        self.last = np.zeros(self.starts[-1], bool)
        for slot, places in zip(slots, mine, strict=True):
            self.places[self.starts[slot.row] + slot.positions, : len(places)] = places
            self.last[self.starts[slot.row] + slot.positions[-1]] = True
        self.tokens = torch.from_numpy(np.append(tokens, 0))
        self.following = np.concatenate([np.append(t.ids[1:], 0) for t in sequences])
        self.has_next = np.concatenate([np.append(t.kinds[1:] == UNIT, False) for t in sequences])
        self.text = torch.from_numpy(vocabulary.text_ids)
        self.unit = torch.from_numpy(vocabulary.unit_ids)
        self.knows_units = lens.readout is lens.lm
        # Best ranks: layer -> (rule any/last, among text/all, place).
        self.best = {layer: np.full((2, 2, self.size), 2**31, np.int64) for layer in lens.layers}
        # Sums: layer -> (sequence, [positions, text mass, unit mass, predictions, loss, hits ...]).
        self.sums = {layer: np.zeros((len(sequences), 5 + len(KS))) for layer in lens.layers}

    def __call__(self, layer: str, rows: torch.Tensor, positions: torch.Tensor, logits: torch.Tensor) -> None:
        here, device = self.starts[rows.numpy()] + positions.numpy(), logits.device
        everything = _ascending(logits)
        mass = logits.logsumexp(1)
        only_text = logits[:, self.text.to(device)]
        text_mass = (only_text.logsumexp(1) - mass).exp()
        only_text = _ascending(only_text)

        places = self.places[here]
        wanted = logits.gather(1, self.tokens[torch.from_numpy(places)].to(device))
        among = torch.stack([_rank(only_text, wanted), _rank(everything, wanted)]).cpu().numpy()
        best = self.best[layer]
        for which, ranks in enumerate(among):
            there = places >= 0
            np.minimum.at(best[0, which], places[there], ranks[there])
            there &= self.last[here, None]
            np.minimum.at(best[1, which], places[there], ranks[there])

        columns = np.zeros((len(here), 5 + len(KS)))
        columns[:, 0], columns[:, 1] = 1, text_mass.cpu()
        if self.knows_units:
            unit_mass = (logits[:, self.unit.to(device)].logsumexp(1) - mass).exp()
            counts, ahead = self.has_next[here], torch.from_numpy(self.following[here]).to(device)[:, None]
            logit = logits.gather(1, ahead)
            rank = _rank(everything, logit)[:, 0].cpu().numpy()
            columns[:, 2], columns[:, 3] = unit_mass.cpu(), counts
            columns[:, 4] = counts * (mass - logit[:, 0]).cpu().numpy()
            columns[:, 5:] = counts[:, None] * (rank[:, None] <= np.array(KS))
        np.add.at(self.sums[layer], rows.numpy(), columns)

    def words(self, facts: pd.DataFrame) -> pd.DataFrame:
        """Return the table of ranks."""
        keys, found = [], []
        for slot in self.slots:
            for target, spellings in slot.entries.items():
                if spellings:
                    keys.append((slot.row, slot.index, target, len(spellings[0])))
                    found.append(spellings)
        tables = []
        for layer in self.lens.layers:
            for rule, at in enumerate(("any", "last")):
                first, whole = (
                    np.array(
                        [[min(f(best[list(w)]) for w in ways) for best in self.best[layer][rule]] for ways in found]
                    )
                    for f in (lambda ranks: ranks[0], np.max)
                )
                table = pd.DataFrame(keys, columns=["row", "index", "target", "pieces"])
                table["layer"], table["at"] = layer, at
                table[["rank", "rank_full"]] = first
                table[["rank_whole", "rank_whole_full"]] = whole
                tables.append(table)
        about = facts.drop(columns="pieces").reset_index()  # the spoken word's; each candidate has its own
        return about.merge(pd.concat(tables), on=["row", "index"]).drop(columns="row")

    def units(self, spoken: Sequence[Spoken]) -> pd.DataFrame:
        """Return the table of masses and of the next unit."""
        tables = []
        for layer, sums in self.sums.items():
            n, known = sums[:, 0], np.where(sums[:, 3] > 0, sums[:, 3], np.nan)
            columns = {"positions": n.astype(int), "text_mass": sums[:, 1] / n, "unit_mass": sums[:, 2] / n}
            columns["unit_loss"] = sums[:, 4] / known
            columns |= {f"unit_hit{k}": sums[:, 5 + i] / known for i, k in enumerate(KS)}
            meta = {key: [s.meta.get(key) or "" for s in spoken] for key in _META}
            table = pd.DataFrame({"utterance": [s.id for s in spoken], **meta, "layer": layer, **columns})
            if not self.knows_units:
                table["unit_mass"] = np.nan
            tables.append(table)
        return pd.concat(tables, ignore_index=True)


def _rank(ascending: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return 1 + how many others are as high or higher; `wanted` ``(n, m)`` in rows sorted ``(n, size)``."""
    return (ascending.shape[1] - torch.searchsorted(ascending, wanted.contiguous())).clamp(min=1)


def _ascending(logits: torch.Tensor) -> torch.Tensor:
    """Return rows in ascending order; on a processor numpy sorts floats twenty times faster than torch."""
    if logits.device.type == "cpu":
        return torch.from_numpy(np.sort(logits.numpy(), axis=1))
    return logits.sort(dim=1).values
