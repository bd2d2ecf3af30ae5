"""Is what was built in really in the sound? Classifiers for language and accent strength, with intervals.

An utterance is described by its cepstra, normalised by speaker: means, spreads, rates of change, and how often each of
64 typical frames occurs. Ridge predicts the language or α; each speaker and each fifth of the texts are held out at
once. Intervals are bootstrapped over speakers.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.cluster.vq import kmeans2
from scipy.fft import dct

from articulens.corpora import Corpus
from articulens.synthesis.checks import log_bands, open_audio
from articulens.synthesis.vtl import Floats

PENALTY = 100.0
_CEPSTRA, _TYPICAL, _FOLDS, _EDGE = 20, 64, 5, 12


def contrasts(corpus: Corpus, seed: int = 0, draws: int = 1000) -> pd.DataFrame:
    """Return one row per contrast: what was measured, its value, chance, and a 95 % interval.

    Parameters
    ----------
    corpus
        A corpus whose utterances have ``alpha`` and ``l1`` in `meta`.
    seed, draws
        Of the clustering and the bootstrap; how many bootstrap samples.
    """
    frame = corpus.to_frame()
    meta = pd.DataFrame({"alpha": [float(u.meta["alpha"]) for u in corpus], "l1": [u.meta["l1"] for u in corpus]})
    speaker, language = frame["speaker"].to_numpy(), frame["language"].to_numpy()
    fold = np.array([zlib.crc32(text.encode()) % _FOLDS for text in frame["sentence"]])
    features = _describe(corpus, speaker, seed)
    alpha, l1 = meta["alpha"].to_numpy(), meta["l1"].to_numpy()
    accented = np.where(frame["condition"].to_numpy() == "accent", 1.0, -1.0)
    everything = np.ones(len(frame), bool)
    finnish = np.where(language == "fi", 1.0, -1.0)

    def guess(wanted: Floats, rows: np.ndarray) -> Floats:
        return _predict(features, wanted, rows, speaker, fold)

    pooled = np.where(language == "fi", guess(alpha, language == "fi"), guess(alpha, language == "ru"))
    rows = [("language, area under the curve", 0.5, _area, guess(finnish, everything), finnish, everything)]
    rows.append(("α, r, within language", 0.0, _pearson, pooled, alpha, everything))
    for code in ("fi", "ru"):
        spoken = language == code
        rows.append((f"α, r, {code}", 0.0, _pearson, pooled, alpha, spoken))
        own = spoken & (l1 == code)
        rows.append(
            (f"L1 or imitated accent, area under the curve, {code}", 0.5, _area, guess(accented, own), accented, own)
        )
    table = []
    for name, chance, measure, guessed, truth, chosen in rows:
        low, high = _interval(measure, guessed, truth, chosen, speaker, np.random.default_rng(seed), draws)
        table.append((name, int(chosen.sum()), measure(guessed[chosen], truth[chosen]), low, high, chance))
    return pd.DataFrame(table, columns=["contrast", "n", "value", "low", "high", "chance"]).round(3)


def _describe(corpus: Corpus, speaker: np.ndarray, seed: int) -> Floats:
    """Return one row of features per utterance."""
    cepstra = []
    for utterance in corpus:
        bands = log_bands(*open_audio(utterance))[_EDGE:-_EDGE]
        cepstra.append(np.asarray(dct(bands, norm="ortho", axis=1))[:, :_CEPSTRA])
    for name in np.unique(speaker):
        mine = np.flatnonzero(speaker == name)
        stacked = np.vstack([cepstra[k] for k in mine])
        mean, spread = stacked.mean(0), stacked.std(0)
        for k in mine:
            cepstra[k] = (cepstra[k] - mean) / spread
    stacked = np.vstack(cepstra)
    sample = stacked[np.random.default_rng(seed).choice(len(stacked), min(8000, len(stacked)), replace=False)]
    typical = kmeans2(sample, _TYPICAL, minit="++", seed=seed)[0]
    rows = []
    for frames in cepstra:
        distance = ((frames[:, None] - typical) ** 2).sum(2)
        share = np.exp(-(distance - distance.min(1, keepdims=True)) / 8)
        share /= share.sum(1, keepdims=True)
        changes = np.abs(np.diff(frames, axis=0)).mean(0)
        rows.append(np.concatenate([frames.mean(0), frames.std(0), changes, np.sqrt(share.mean(0))]))
    return np.array(rows)


def _predict(features: Floats, wanted: Floats, rows: np.ndarray, speaker: np.ndarray, fold: np.ndarray) -> Floats:
    """Return ridge predictions (utterances,) for `rows`, each from other speakers and other texts; NaN elsewhere."""
    guessed = np.full(len(features), np.nan)
    for name in np.unique(speaker[rows]):
        for k in range(_FOLDS):
            test, train = rows & (speaker == name) & (fold == k), rows & (speaker != name) & (fold != k)
            if not test.any() or not train.any():
                continue
            mean, spread = features[train].mean(0), features[train].std(0) + 1e-9
            x = (features[train] - mean) / spread
            centre = wanted[train].mean()
            weights = np.linalg.solve(x.T @ x + PENALTY * np.eye(x.shape[1]), x.T @ (wanted[train] - centre))
            guessed[test] = (features[test] - mean) / spread @ weights + centre
    return guessed


def _pearson(guessed: Floats, truth: Floats) -> float:
    return float(np.corrcoef(guessed, truth)[0, 1])


def _area(guessed: Floats, truth: Floats) -> float:
    """Return the probability that a positive case is ranked above a negative one."""
    return float((guessed[truth > 0][:, None] > guessed[truth < 0]).mean())


def _interval(
    measure: Callable[[Floats, Floats], float],
    guessed: Floats,
    truth: Floats,
    chosen: np.ndarray,
    speaker: np.ndarray,
    rng: np.random.Generator,
    draws: int,
) -> tuple[float, float]:
    """Return the 2.5 % and 97.5 % points of `measure` over speakers drawn with replacement."""
    names = np.unique(speaker[chosen])
    rows = {name: np.flatnonzero(chosen & (speaker == name)) for name in names}
    values = []
    for _ in range(draws):
        mine = np.concatenate([rows[name] for name in rng.choice(names, len(names))])
        values.append(measure(guessed[mine], truth[mine]))
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)
