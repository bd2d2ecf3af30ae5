"""What a model knows, and what it achieves, while it is trained: the states of the weights that a training kept.

A training with ``--milestones`` leaves model folders behind. Each is scored as a finished model is: the articulatory
and the phonetic score of its best layer, and small heads for downstream tasks on a weighted sum of its layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from articulens.corpora.corpus import Corpus
from articulens.encoders import open_encoder
from articulens.encoders.remembering import Remembering
from articulens.errors import ArticulensError
from articulens.evaluation.inference import speaker_interval
from articulens.evaluation.knowledge import achieved, hear, knowledge
from articulens.evaluation.scores import read_scores, write_scores
from articulens.files import sha256_text
from articulens.pretraining.saving import read_facts
from articulens.tasks import SUM, Features, answers, by_speaker, open_task, select_evenly, weigh

#: Tasks, with their folds and how many of them are tested: those of the chapter on downstream tasks.
TASKS: dict[str, tuple[int, int | None]] = {
    "PR": (3, 1),
    "SID": (8, None),
    "IC": (6, None),
    "LID": (6, None),
    "AID": (6, None),
}


def milestones(run: Path, steps: Sequence[int] = ()) -> list[Path]:
    """Return the model folders that a training kept, first step first; those of `steps` only, where given.

    Raises
    ------
    ArticulensError
        When there is none.
    """
    kept = {int(folder.name): folder for folder in sorted((run / "milestones").glob("[0-9]*")) if folder.is_dir()}
    chosen = [folder for step, folder in kept.items() if not steps or step in steps]
    if not chosen:
        there = f"only those of steps {', '.join(map(str, kept))}" if kept else "none"
        raise ArticulensError(
            f"{run / 'milestones'}: no states of the weights that were asked for, {there}; train with --milestones, or "
            "ask for other steps."
        )
    return chosen


def follow(
    corpus: Corpus,
    folders: Sequence[Path],
    cache: Path,
    *,
    per_speaker: int = 6,
    hours: Mapping[str, float] | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> pd.DataFrame:
    """Score model folders of trainings.

    Parameters
    ----------
    corpus
        With labelled phones; several speakers.
    folders
        From :func:`milestones`, of one training or several.
    cache
        Folder for moments and for what is done: a run that was interrupted goes on.
    per_speaker
        At most so many utterances of each speaker, beside those that have an intent; 0: all.
    hours
        Hours of speech in a step, by the name of the training.
    say
        Called with a line for each folder.

    Returns
    -------
    DataFrame, one row a folder: ``training``, ``step``, ``hours`` (drawn until then), ``articulatory`` and
    ``phonetic`` with ``_low``, ``_high`` (95 % over speakers) and ``_layer`` (the one most often chosen), one column a
    task (share that is right; not those that the corpus cannot answer), ``sha256`` of the weights.
    """
    table = corpus.to_frame().set_index("id")
    intents = table.index[table["action"].notna()] if "action" in table else table.index[:0]
    chosen = corpus.select(id=sorted({*select_evenly(table.drop(intents), per_speaker), *intents}))
    rows = []
    for folder in folders:
        facts = read_facts(folder)
        key = sha256_text([corpus.fingerprint(), facts["sha256"]["model.safetensors"], str(per_speaker)])[:12]
        path = cache / f"milestone-{key}.csv"
        if not path.exists():
            write_scores(pd.DataFrame([_row(chosen, folder, cache)]), path)
        row = {str(name): value for name, value in read_scores(path).astype(object).iloc[0].items()}
        drawn = facts["step"] * (hours or {}).get(facts["name"], float("nan"))
        about: dict[str, Any] = {"training": facts["name"], "step": facts["step"], "hours": round(drawn, 3)}
        rows.append({**about, **row, "sha256": facts["sha256"]["model.safetensors"]})
        say(f"{facts['name']}, step {facts['step']}: r {row['articulatory']:.3f}, {row['phonetic']:.3f}")
    return pd.DataFrame(rows)


def _row(corpus: Corpus, folder: Path, cache: Path) -> dict[str, Any]:
    encoder = Remembering(open_encoder(str(folder), device="cpu"))
    row: dict[str, Any] = {}
    for score, part in knowledge({"it": hear(corpus, encoder, out=cache)}).groupby("score", sort=False):
        low, high = speaker_interval(part["r"])
        row |= {str(score): part["r"].mean(), f"{score}_low": low, f"{score}_high": high}
        row[f"{score}_layer"] = part["layer"].mode()[0]
    features = Features(corpus, encoder, framewise=[u.id for u in corpus], stride=2)
    for name, (folds, tested) in TASKS.items():
        try:
            table = answers(corpus, open_task(name))
            scores = weigh(features, table, open_task(name), variants=[SUM], folds=folds, tested=tested).scores
        except ArticulensError:
            continue
        row[name] = float(achieved(by_speaker(scores))[name].iloc[0])
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()}
