"""Make tasks comparable: as much speech of each, with phones in like proportions.

Read sentences and spontaneous speech differ in length and in what is said; a difference in r may be that of the
material. A matched selection takes from every task of a speaker as many seconds as the smallest has, and chooses the
utterances whose phones together are nearest to what the speaker's tasks share.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from articulens.corpora.corpus import Corpus
from articulens.corpora.labels import SILENCE
from articulens.corpora.schema import Utterance
from articulens.moments import Array


def phone_seconds(corpus: Corpus, utterance: Utterance) -> dict[str, float]:
    """Return how long each phone lasts in an utterance, s; silence is left out, and no labels give nothing."""
    seconds: dict[str, float] = defaultdict(float)
    if utterance.labels is not None:
        for start, end, label in corpus.read_intervals(utterance):
            if label not in SILENCE:
                seconds[label] += end - start
    return seconds


def matched_tasks(corpus: Corpus) -> Corpus:
    """Return the corpus with ``matched`` ("yes" or "no") among the columns of every utterance.

    For each speaker, utterances are picked greedily from every task: whichever brings the task's phone shares nearest
    to the mean shares of the speaker's tasks, until the seconds of the smallest task are reached. Without labels only
    the seconds are matched, in the order of ids.
    """
    phones = {u.id: phone_seconds(corpus, u) for u in corpus}
    names = sorted(set().union(*phones.values()))
    vector = {i: np.array([p.get(name, 0.0) for name in names]) for i, p in phones.items()}
    length = {u.id: sum(phones[u.id].values()) or corpus.read_trajectory(u).duration_s for u in corpus}
    matched: set[str] = set()
    for speaker in corpus.speakers:
        tasks: dict[str, list[str]] = {}
        for u in corpus:
            if u.speaker == speaker:
                tasks.setdefault(u.task, []).append(u.id)
        goal_s = min(sum(length[i] for i in ids) for ids in tasks.values())
        target = np.mean([_shares([vector[i] for i in ids]) for ids in tasks.values()], axis=0)
        for ids in tasks.values():
            matched |= set(_pick(ids, vector, length, target, goal_s))
    return Corpus(
        corpus.name,
        corpus.root,
        [replace(u, meta={**u.meta, "matched": "yes" if u.id in matched else "no"}) for u in corpus],
        corpus.recipe,
        corpus.skipped,
    )


def coverage(corpus: Corpus) -> pd.DataFrame:
    """Return seconds of each task and how alike its phone shares are to those of all (1: the same; total variation).

    Columns ``task``, ``seconds``, ``phone_overlap``.
    """
    phones: dict[str, dict[str, float]] = {task: defaultdict(float) for task in sorted({u.task for u in corpus})}
    for u in corpus:
        for name, seconds in phone_seconds(corpus, u).items():
            phones[u.task][name] += seconds
    names = sorted(set().union(*phones.values()))
    shares = {task: _shares([np.array([p.get(name, 0.0) for name in names])]) for task, p in phones.items()}
    mean = np.mean(list(shares.values()), axis=0)
    return pd.DataFrame(
        {
            "task": list(phones),
            "seconds": [sum(p.values()) for p in phones.values()],
            "phone_overlap": [1 - 0.5 * np.abs(s - mean).sum() for s in shares.values()],
        }
    )


def _shares(vectors: Sequence[Array]) -> Array:
    total = np.sum(vectors, axis=0)
    return total / max(total.sum(), 1e-12)


def _pick(
    ids: Sequence[str], vector: dict[str, Array], length: dict[str, float], target: Array, goal_s: float
) -> list[str]:
    left, seconds = sorted(ids), 0.0
    picked: list[str] = []
    sum_so_far = np.zeros_like(target)
    while left and seconds < goal_s:
        distance = [np.abs(_shares([sum_so_far, vector[i]]) - target).sum() for i in left]
        best = left.pop(int(np.argmin(distance)))
        # The last one is taken only if that comes nearer to the goal than stopping short.
        if picked and seconds + length[best] - goal_s > goal_s - seconds:
            continue
        picked.append(best)
        sum_so_far = sum_so_far + vector[best]
        seconds += length[best]
    return picked
