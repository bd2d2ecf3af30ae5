"""What is asked: tasks in the manner of SUPERB, and what a corpus can answer of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from articulens.corpora.corpus import Corpus
from articulens.corpora.labels import SILENCE
from articulens.corpora.schema import Utterance
from articulens.errors import ArticulensError, suggest

PHONES = "phones"


@dataclass(frozen=True)
class Task:
    """A question about an utterance.

    Attributes
    ----------
    name, describes
        ``"SID"``, ``"speaker identification"``.
    labels
        Columns of the corpus that hold the answers; an answer is right if all of them are. ``("phones",)``: the phones
        in their order, told by CTC.
    apart
        Columns of which training and test never share a value; test sets are made of groups of the first.
    parts
        Equal parts of an utterance over which frames are averaged before the head: 1 forgets order, 3 keeps the
        beginning, the middle and the end apart.
    """

    name: str
    describes: str
    labels: tuple[str, ...]
    apart: tuple[str, ...]
    parts: int = 1

    @property
    def measure(self) -> str:
        """``"PER"`` (phone error rate) or ``"accuracy"``."""
        return "PER" if self.labels == (PHONES,) else "accuracy"


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task("PR", "phone recognition", (PHONES,), ("speaker",)),
        Task("SID", "speaker identification", ("speaker",), ("sentence",)),
        Task("IC", "intent classification", ("action", "object", "place"), ("speaker",), parts=3),
        Task("LID", "language identification", ("language",), ("speaker", "sentence")),
        Task("AID", "accent identification", ("condition",), ("speaker", "sentence")),
    )
}


def open_task(name: str) -> Task:
    """Return a task by its name.

    Raises
    ------
    ArticulensError
        For an unknown one.
    """
    if name not in TASKS:
        raise ArticulensError(f"task '{name}' is unknown{suggest(name, list(TASKS))}")
    return TASKS[name]


def answers(corpus: Corpus, task: Task) -> pd.DataFrame:
    """Return the utterances that have an answer.

    Parameters
    ----------
    corpus
        Phones come from a column ``phones`` (separated by spaces) or else from labelled intervals, where length marks
        are left off and silences left out.
    task
        What is asked.

    Returns
    -------
    DataFrame
        One row an utterance, index ``id``: ``speaker``, ``sentence``, ``answer`` (a tuple of str), and ``split`` where
        the corpus has such a column.

    Raises
    ------
    ArticulensError
        When no utterance has an answer.
    """
    table = corpus.to_frame().set_index("id")
    if task.labels == (PHONES,):
        found = {u.id: _phones(corpus, u) for u in corpus}
        missing = "has neither phones nor labels"
    else:
        lacking = [column for column in task.labels if column not in table]
        if lacking:
            raise ArticulensError(
                f"corpus '{corpus.name}' has no column '{lacking[0]}', which {task.describes} ({task.name}) asks for; "
                "add it to the manifest or leave the task out."
            )
        whole = table[list(task.labels)].notna() & (table[list(task.labels)] != "")
        rows = table.loc[whole.all(axis=1), list(task.labels)].astype(str)
        found = {str(i): tuple(row) for i, row in zip(rows.index, rows.to_numpy(), strict=True)}
        missing = f"has no value of {', '.join(task.labels)}"
    kept = [str(i) for i in table.index if found.get(str(i))]
    if not kept:
        raise ArticulensError(
            f"corpus '{corpus.name}': every utterance {missing}, which {task.describes} ({task.name}) asks for; give "
            "labels or leave the task out."
        )
    columns = [column for column in ("speaker", "sentence", "split") if column in table]
    return table.loc[kept, columns].assign(answer=pd.Series({i: found[i] for i in kept}))


def _phones(corpus: Corpus, utterance: Utterance) -> tuple[str, ...]:
    if PHONES in utterance.meta:
        return tuple(str(utterance.meta[PHONES]).split())
    if utterance.labels is None:
        return ()
    labels = [label.strip() for *_, label in corpus.read_intervals(utterance)]
    return tuple(label.replace("ː", "") for label in labels if label not in SILENCE)


def select_evenly(table: pd.DataFrame, per_speaker: int) -> list[str]:
    """Return the ids of at most so many utterances of each speaker, spread over the speaker's list.

    Parameters
    ----------
    table
        With index ``id`` and column ``speaker``.
    per_speaker
        0 for all.
    """
    if per_speaker < 1:
        return list(table.index)
    chosen: list[str] = []
    for _, own in table.groupby("speaker", sort=True):
        places = _spread(len(own), per_speaker)
        chosen.extend(str(i) for i in own.index[places])
    return sorted(chosen)


def _spread(n: int, wanted: int) -> Sequence[int]:
    return range(n) if n <= wanted else [int((i + 0.5) * n / wanted) for i in range(wanted)]
