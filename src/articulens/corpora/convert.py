"""Any corpus as audio, tables of positions and a manifest."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
import yaml

from articulens.corpora.corpus import Corpus
from articulens.corpora.integrity import write_checksums
from articulens.corpora.labels import read_tiers
from articulens.corpora.manifest import write_manifest
from articulens.corpora.readers.tabular import write_trajectory
from articulens.corpora.schema import Utterance
from articulens.errors import ArticulensError
from articulens.files import atomic_write, write_atomically

_SUFFIXES = (".parquet", ".csv")
_OWN_LABELS = (".lab", ".trans", ".mat")  # forms of one corpus each, which become JSON


def convert(
    corpus: Corpus,
    folder: str | os.PathLike[str],
    *,
    resolution_mm: float | None = None,
    suffix: str = ".parquet",
    skip_bad: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> list[str]:
    """Write a corpus in the tabular form.

    Positions are written on the clock of the audio, in mm, our axes and names: exact to single precision (parquet),
    to nine digits (CSV), or to half of `resolution_mm`. Sound and labels are copied as they are; sound that is not in
    a file of its own is written as WAV in single precision, and labels in a form of one corpus as JSON.
    ``SHA256SUMS`` is written last.

    Parameters
    ----------
    corpus
        What to write.
    folder
        Where; it must not exist, or be empty.
    resolution_mm
        Round positions to multiples of this.
    suffix
        ``.parquet`` or ``.csv``.
    skip_bad
        Leave out what cannot be read, instead of raising an error.
    say
        Called with a line for each speaker.

    Returns
    -------
    list of str
        Why each utterance that is not there was left out.

    Raises
    ------
    ArticulensError
        When the folder is not empty, two ids cannot be told apart as names of files, or (unless `skip_bad`) an
        utterance cannot be read.
    """
    folder = Path(folder)
    if suffix not in _SUFFIXES:
        raise ArticulensError(f"'{suffix}' is no form of tables; choose {' or '.join(_SUFFIXES)}.")
    if os.path.exists(folder) and (not os.path.isdir(folder) or any(folder.iterdir())):
        raise ArticulensError(f"{folder}: there is something already; name a folder that is new or empty.")
    if resolution_mm is not None and not 0 < resolution_mm < np.inf:
        raise ArticulensError(f"positions cannot be rounded to multiples of {resolution_mm:g} mm; choose such as 0.01.")
    names = _file_names(corpus)
    written: list[Utterance] = []
    left_out = list(corpus.skipped)
    for speaker in corpus.speakers:
        for utterance in (u for u in corpus if u.speaker == speaker):
            try:
                written.append(_write(corpus, utterance, folder, names[utterance.id], suffix, resolution_mm))
            except ArticulensError as error:
                if not skip_bad:
                    raise
                left_out.append(f"{utterance.id}: {error}")
        say(f"{speaker}: written")
    if not written:
        raise ArticulensError(f"{corpus.root}: nothing of it can be read; run 'articulens corpus check' on it.")
    write_manifest(folder, written)
    about = {
        key: corpus.recipe[key]
        for key in ("name", "description", "licence", "labels_tier")
        if key in corpus.recipe.keys
    }
    with atomic_write(folder / "corpus.yaml", "w") as stream:
        yaml.safe_dump(about, stream, allow_unicode=True, sort_keys=False)
    write_checksums(folder)
    return left_out


def _file_names(corpus: Corpus) -> dict[str, str]:
    """Return a name for the files of every utterance: its id, without what some file system cannot hold."""
    names: dict[str, str] = {}
    taken: dict[str, str] = {}
    for utterance in corpus:
        name = re.sub(r"[^\w.+-]", "_", utterance.id).strip(".")[:120] or "_"
        # Some file systems do not tell upper from lower case.
        other = taken.setdefault(name.lower(), utterance.id)
        if other != utterance.id:
            raise ArticulensError(
                f"{corpus.root}: the ids '{other}' and '{utterance.id}' would give files of the same name; rename one."
            )
        names[utterance.id] = name
    return names


def _write(
    corpus: Corpus, utterance: Utterance, folder: Path, name: str, suffix: str, resolution_mm: float | None
) -> Utterance:
    trajectory = corpus.read_trajectory(utterance)
    positions = folder / "positions" / f"{name}{suffix}"
    write_trajectory(positions, trajectory, resolution_mm=resolution_mm)
    audio = folder / "audio" / f"{name}{utterance.audio.suffix.lower()}"
    if audio.suffix == ".mat":
        samples, rate_hz = corpus.read_audio(utterance)
        audio = audio.with_suffix(".wav")
        write_atomically(audio, lambda stream: soundfile.write(stream, samples, rate_hz, format="WAV", subtype="FLOAT"))
    else:
        _copy(utterance.audio, audio)
    labels = None
    if utterance.labels is not None and utterance.labels.suffix.lower() not in _OWN_LABELS:
        labels = folder / "labels" / f"{name}{utterance.labels.suffix}"
        _copy(utterance.labels, labels)
    elif utterance.labels is not None:
        tiers = read_tiers(utterance.labels, unit_s=corpus.recipe.get("labels_unit_s", 1.0))
        labels = folder / "labels" / f"{name}.json" if tiers else None
        if labels is not None:
            with atomic_write(labels, "w") as stream:
                json.dump({tier: [_interval(*i) for i in items] for tier, items in tiers.items()}, stream)
    return replace(utterance, audio=audio, positions=positions, labels=labels)


def _interval(start: float, end: float, label: str) -> dict[str, float | str]:
    return {"label": label, "start_s": start, "end_s": end}


def _copy(source: Path, target: Path) -> None:
    with open(source, "rb") as stream:
        write_atomically(target, lambda copy: shutil.copyfileobj(stream, copy))
