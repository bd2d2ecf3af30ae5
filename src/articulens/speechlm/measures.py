"""From ranks to statements: hits by layer, phases with intervals, baselines that need no model.

All intervals are percentiles of a bootstrap over utterances: words of one utterance share acoustics and context.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from articulens.errors import ArticulensError
from articulens.speechlm.readings import KS, Reading, count_words
from articulens.speechlm.sequences import Spoken, words_of_units


def hits(
    words: pd.DataFrame,
    *,
    ks: Sequence[int] = KS,
    by: Sequence[str] = ("layer", "target"),
    rank: str = "rank",
    at: str = "any",
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Return hit@k: the share of words whose rank is k or better.

    Parameters
    ----------
    words
        `Reading.words`, whole or in part, with more columns if wanted (``model``).
    ks
        Which k.
    by
        Columns to keep apart: add ``language``, ``condition``, or a binned ``frequency`` or ``length``.
    rank
        ``rank``, ``rank_full``, ``rank_whole`` or ``rank_whole_full``.
    at
        ``any`` or ``last`` unit of the word.
    level, draws, seed
        Of the bootstrap.

    Returns
    -------
    DataFrame: `by`, ``k, hit, low, high, utterances, words``; no interval for fewer than four utterances.
    """
    by, rows = list(by), []
    for key, group in words[words["at"] == at].groupby(by, sort=False, observed=True):
        hit = group[rank].to_numpy()[:, None] <= np.array(ks)
        codes, names = pd.factorize(group["utterance"])
        sums = np.zeros((len(names), len(ks) + 1))
        np.add.at(sums, codes, np.column_stack([hit, np.ones(len(hit))]))
        totals = _resampled(sums, draws, seed)
        low, high = _interval(totals[:, :-1] / totals[:, -1:], level, len(names))
        for i, k in enumerate(ks):
            row = {"k": k, "hit": float(hit[:, i].mean()), "low": low[i], "high": high[i]}
            rows.append({**dict(zip(by, key, strict=True)), **row, "utterances": len(names), "words": len(hit)})
    return pd.DataFrame(rows, columns=[*by, "k", "hit", "low", "high", "utterances", "words"])


def unit_curves(
    units: pd.DataFrame, *, by: Sequence[str] = ("layer",), level: float = 0.95, draws: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Return means over utterances of masses, unit loss and unit hits, as `mean_over_utterances` does."""
    measures = ["text_mass", "unit_mass", "unit_loss", *(f"unit_hit{k}" for k in KS)]
    return mean_over_utterances(units, measures, by=by, level=level, draws=draws, seed=seed)


def mean_over_utterances(
    table: pd.DataFrame,
    measures: Sequence[str],
    *,
    by: Sequence[str],
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Average columns over rows inside each utterance, then over utterances, with an interval over these.

    Returns
    -------
    DataFrame: `by`, ``measure, mean, low, high, utterances``; NaN is left out.
    """
    by, rows = list(by), []
    for key, group in table.groupby(by, sort=False, observed=True):
        each = group.groupby("utterance", sort=False)[list(measures)].mean()
        for measure in measures:
            values = each[measure].dropna().to_numpy(float)
            row = {"measure": measure, "mean": np.nan, "low": np.nan, "high": np.nan, "utterances": len(values)}
            if len(values):
                means = _resampled(values[:, None], draws, seed) / len(values)
                low, high = _interval(means, level, len(values))
                row |= {"mean": values.mean(), "low": low[0], "high": high[0]}
            rows.append({**dict(zip(by, key, strict=True)), **row})
    return pd.DataFrame(rows, columns=[*by, "measure", "mean", "low", "high", "utterances"])


def phases(
    reading: Reading,
    *,
    k: int = 10,
    rank: str = "rank",
    at: str = "any",
    least: float = 0.05,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Return where the phases of latent text begin.

    With the excess e of hit@k over that of the matched random word, and the masses of text and of units:

    * *transcription begins* in the first layer where e(spoken) reaches half its maximum, if that is at least `least`;
    * *transcription peaks* in the layer of that maximum;
    * *prediction begins* in the first layer behind the peak where e(next) is above e(spoken) and at least `least`;
    * *speech returns* in the first layer from which units hold more mass than text up to the last layer, if text held
      more before.

    Parameters
    ----------
    reading
        Of `read_words`, with the layers in their order.
    k, rank, at
        As of `hits`.
    least
        Smallest excess that counts.
    level, draws, seed
        Of the bootstrap.

    Returns
    -------
    DataFrame: ``boundary, layer`` (a name, "" where there is none), ``low, high`` (layers, over the draws in which it
    exists) and ``found`` (share of such draws).

    Raises
    ------
    ArticulensError
        When the reading has no words.
    """
    table = reading.words[reading.words["at"] == at]
    if table.empty:
        raise ArticulensError("there are no words to find phases by; give a reading of some.")
    layers, names = table["layer"].unique(), reading.units["utterance"].unique()
    place = {name: i for i, name in enumerate(names)}
    # (utterance, [hits, words], target, layer), then masses (utterance, [text, unit], layer), weighted by positions.
    sums = np.zeros((len(names), 2, 3, len(layers)))
    targets = ["spoken", "next", "random"]
    known = table[table["target"].isin(targets)]
    columns = (
        known["utterance"].map(place),
        known["target"].map(targets.index),
        known["layer"].map(list(layers).index),
    )
    who, what, where = (np.asarray(column, np.int64) for column in columns)
    zero = np.zeros_like(who)
    np.add.at(sums, (who, zero, what, where), known[rank].to_numpy() <= k)
    np.add.at(sums, (who, zero + 1, what, where), 1)
    masses = np.stack(
        [
            reading.units.assign(mass=reading.units[m] * reading.units["positions"])
            .pivot(index="utterance", columns="layer", values="mass")
            .loc[names, list(layers)]
            .to_numpy()
            for m in ("text_mass", "unit_mass")
        ],
        axis=1,
    )
    drawn = np.random.default_rng(seed).integers(0, len(names), (draws, len(names)))
    own = _boundaries(sums.sum(0), masses.sum(0), least)
    each = np.array([_boundaries(sums[d].sum(0), masses[d].sum(0), least) for d in drawn])
    rows = []
    for i, boundary in enumerate(BOUNDARIES):
        there = each[:, i][np.isfinite(each[:, i])]
        low = high = ""
        if len(there) and len(names) >= _FEWEST:
            ends = np.quantile(there, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
            low, high = (str(layers[int(end)]) for end in ends)
        layer = str(layers[int(own[i])]) if np.isfinite(own[i]) else ""
        rows.append({"boundary": boundary, "layer": layer, "low": low, "high": high, "found": len(there) / draws})
    return pd.DataFrame(rows)


BOUNDARIES = ("transcription begins", "transcription peaks", "prediction begins", "speech returns")
_FEWEST = 4


def _boundaries(sums: NDArray, masses: NDArray, least: float) -> list[float]:
    with np.errstate(invalid="ignore", divide="ignore"):
        spoken, ahead, chance = np.nan_to_num(sums[0] / sums[1])
    spoken, ahead = spoken - chance, ahead - chance
    found = [np.nan] * 4
    peak = int(spoken.argmax())
    if spoken[peak] >= least:
        found[0] = float(np.flatnonzero(spoken >= spoken[peak] / 2)[0])
        found[1] = float(peak)
        later = np.flatnonzero((ahead > spoken) & (ahead >= least) & (np.arange(len(spoken)) > peak))
        found[2] = float(later[0]) if len(later) else np.nan
    text = np.flatnonzero(masses[0] > masses[1])
    if len(text) and text[-1] + 1 < masses.shape[1]:
        found[3] = float(text[-1] + 1)
    return found


def unigram_ranks(train: Sequence[Spoken], test: Sequence[Spoken]) -> pd.DataFrame:
    """Return the rank that each word has without any model: among the commonest words, and among those of its units.

    ``frequency`` ranks the words of the training utterances in the language by how often they are said; ``unit`` by how
    often they were heard in a unit, the best over the units of the word, as the lens may hit at any of them.

    Returns
    -------
    DataFrame: ``utterance, index, word, control, rank, at`` (``any``), of which `hits` makes shares by ``control``; the
    rank of a word that was never said is infinite.

    Raises
    ------
    ArticulensError
        When no test utterance has a word with a unit.
    """
    common: dict[str, Counter[str]] = defaultdict(Counter)
    heard: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for s in train:
        language = s.meta.get("language", "")
        common[language] += count_words([s.texts()])
        for unit, k in zip(s.units.ids, words_of_units(s.units, s.words), strict=True):
            if k >= 0:
                heard[language, int(unit)][s.words[k][2].lower()] += 1
    rows = []
    for s in test:
        language, belongs = s.meta.get("language", ""), words_of_units(s.units, s.words)
        for k, word in enumerate(s.texts()):
            mine = s.units.ids[belongs == k]
            if len(mine):
                by_unit = min(_rank_in(heard[language, int(unit)], word.lower()) for unit in mine)
                for control, rank in (("frequency", _rank_in(common[language], word.lower())), ("unit", by_unit)):
                    about = {"utterance": s.id, "index": k, "word": word, "at": "any"}
                    rows.append(about | {"control": control, "rank": rank})
    if not rows:
        raise ArticulensError(
            f"none of {len(test)} utterances has a word with a unit; give test utterances with words."
        )
    return pd.DataFrame(rows)


def _rank_in(counts: Counter[str], word: str) -> float:
    """Return the rank of a word by its count, ties against it; infinite for an unseen word."""
    return sum(n >= counts[word] for n in counts.values()) if counts[word] else np.inf


def _resampled(sums: NDArray, draws: int, seed: int) -> NDArray:
    """Return sums over resampled rows: ``(rows, columns)`` to ``(draws, columns)``."""
    n = len(sums)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws)
    return counts @ sums


def _interval(values: NDArray, level: float, n: int) -> tuple[NDArray, NDArray]:
    if n < _FEWEST:
        return np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high
