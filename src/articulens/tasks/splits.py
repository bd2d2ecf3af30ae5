"""Who trains, who decides when to stop, who tests: without a shared speaker, or a shared sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from articulens.errors import ArticulensError
from articulens.tasks.definitions import PHONES, Task

GIVEN = ("train", "valid", "test")


@dataclass(frozen=True)
class Parts:
    """Ids of the utterances that train, validate and test."""

    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...]


def split(table: pd.DataFrame, task: Task, *, folds: int = 5, seed: int = 0) -> list[Parts]:
    """Divide utterances so that the test set shares no value of ``task.apart`` with the others.

    Groups (speakers, or sentences) are dealt out to folds of about equal size. Each fold is the test set once, the next
    one validates (of large folds so much that it is a sixth of all groups), the rest trains; of these, utterances that
    share another column of ``task.apart`` with the test set are left out. A table with a column ``split`` keeps its own
    division.

    Parameters
    ----------
    table
        From :func:`articulens.tasks.answers`.
    task
        What is asked.
    folds, seed
        How many folds there may be, and what deals them out.

    Returns
    -------
    list of Parts
        One for each test set.

    Raises
    ------
    ArticulensError
        With too few groups for three parts; for a given split that shares what it must not; where an answer that
        is tested was never heard in training.
    """
    parts = [_given(table, task)] if "split" in table else _dealt(table, task, folds, seed)
    for part in parts:
        _check(table, task, part)
    return parts


def _dealt(table: pd.DataFrame, task: Task, folds: int, seed: int) -> list[Parts]:
    key = task.apart[0]
    sizes = table[key].value_counts()
    if len(sizes) < 3:
        raise ArticulensError(
            f"{task.describes} ({task.name}): {len(table)} utterance(s) of {len(sizes)} {key}(s) cannot be divided "
            f"into training, validation and test without a shared {key}, expected 3 {key}s or more; use a larger "
            "corpus."
        )
    folds = max(3, min(folds, len(sizes)))
    order = np.random.default_rng(seed).permutation(np.sort(sizes.index.to_numpy(dtype=str)))
    filled, fold_of = [0] * folds, {}
    for group in sorted(order, key=lambda name: -int(sizes[name])):  # stable: equal sizes stay as drawn
        fold_of[group] = int(np.argmin(filled))
        filled[fold_of[group]] += int(sizes[group])
    fold = table[key].map(fold_of)
    most = -(-len(sizes) // 6)
    parts = []
    for k in range(folds):
        validating = [group for group, place in fold_of.items() if place == (k + 1) % folds][:most]
        test = table[fold == k]
        others = table[fold != k]
        for column in task.apart[1:]:
            others = others[~others[column].isin(test[column])]
        valid = others[key].isin(validating)
        parts.append(Parts(tuple(others.index[~valid]), tuple(others.index[valid]), tuple(test.index)))
    return parts


def _given(table: pd.DataFrame, task: Task) -> Parts:
    parts = Parts(*(tuple(table.index[table["split"] == name]) for name in GIVEN))
    if not (parts.train and parts.valid and parts.test):
        found = ", ".join(map(str, sorted(table["split"].unique())))
        raise ArticulensError(
            f"{task.describes} ({task.name}): the column 'split' holds {found}, expected each of {', '.join(GIVEN)}; "
            "complete it, or take the column out to have the utterances divided."
        )
    for column in task.apart:
        shared = set(table.loc[[*parts.train, *parts.valid], column]) & set(table.loc[list(parts.test), column])
        if shared:
            raise ArticulensError(
                f"{task.describes} ({task.name}): training and test of the given split share {column} "
                f"'{min(map(str, shared))}', expected none in both; correct the split."
            )
    return parts


def _check(table: pd.DataFrame, task: Task, parts: Parts) -> None:
    for name, ids in zip(("training", "validation"), (parts.train, parts.valid), strict=True):
        if not ids:
            raise ArticulensError(
                f"{task.describes} ({task.name}): once the test set and what shares {' or '.join(task.apart)} with it "
                f"are taken out, {name} is empty; use a larger corpus or fewer folds."
            )
    if task.labels == (PHONES,):
        return  # a phone that was never heard is an error of the recogniser, not of the corpus
    for place, column in enumerate(task.labels):
        known = _values(table, parts.train, place)
        for name, ids in (("validation", parts.valid), ("test", parts.test)):
            new = sorted(_values(table, ids, place) - known)
            if new:
                raise ArticulensError(
                    f"{task.describes} ({task.name}): {column} '{new[0]}' occurs in {name} but not in training, so no "
                    "head can tell it; use more recordings of it, leave it out, or take another seed or other folds."
                )
        if len(known) < 2:
            raise ArticulensError(
                f"{task.describes} ({task.name}): all training utterances have the {column} '{min(known)}', expected "
                "two or more to tell apart; leave the task out."
            )


def _values(table: pd.DataFrame, ids: Sequence[str], place: int) -> set[str]:
    return {answer[place] for answer in table.loc[list(ids), "answer"]}
