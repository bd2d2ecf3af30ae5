"""Corpora of SUPERB in the folders they come in, without articulation.

``librispeech:FOLDER``
    ``SPEAKER/CHAPTER/SPEAKER-CHAPTER-NUMBER.flac`` and ``SPEAKER-CHAPTER.trans.txt`` at any depth; a sentence is a
    chapter. Phones are known where ``librispeech-lexicon.txt`` (OpenSLR 11) lies in the folder.
``voxceleb1:FOLDER``
    ``wav/SPEAKER/VIDEO/NUMBER.wav`` and ``iden_split.txt`` (1 training, 2 validation, 3 test); a sentence is a video.
``fluent:FOLDER``
    Fluent Speech Commands: ``data/{train,valid,test}_data.csv`` with ``path, speakerId, transcription, action, object,
    location``; location is called ``place`` here.

The last two keep their own division in the column ``split``; speakers of LibriSpeech are divided as a task asks.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from articulens.corpora.corpus import Corpus
from articulens.corpora.limits import MAX_TEXT_BYTES, check_file, inside
from articulens.corpora.recipe import load_recipe
from articulens.corpora.schema import Utterance
from articulens.errors import ArticulensError

LEXICON = "librispeech-lexicon.txt"
SPLITS = {"1": "train", "2": "valid", "3": "test"}
FLUENT = ("path", "speakerId", "transcription", "action", "object", "location")

Found = Iterator[tuple[Utterance, str]]


def open_librispeech(path: str | None, *, rate_hz: float | None = None, skip_bad: bool = False) -> Corpus:
    """Open a folder of LibriSpeech; see the module.

    Raises
    ------
    ArticulensError
        When there is no such folder or nothing in it, and (unless `skip_bad`) for a transcript without its sound, or a
        word that the lexicon does not have.
    """
    root = _folder(path, "librispeech")
    lexicon = _lexicon(root / LEXICON) if (root / LEXICON).is_file() else None

    def find() -> Found:
        for transcript in sorted(root.rglob("*.trans.txt")):
            for line in _lines(transcript):
                name, _, text = line.partition(" ")
                speaker, chapter = [*name.split("-"), ""][:2]
                unknown = [word for word in text.split() if lexicon is not None and word.upper() not in lexicon]
                problem = f"{transcript}: '{unknown[0]}' of {name} is not in {LEXICON}; add it." if unknown else ""
                spoken = [] if lexicon is None or unknown else [lexicon[word.upper()] for word in text.split()]
                meta = {"phones": " ".join(spoken)} if spoken else {}
                yield (
                    _utterance(name, speaker, f"{speaker}-{chapter}", text, transcript.parent / f"{name}.flac", meta),
                    problem,
                )

    return _corpus("librispeech", root, find(), skip_bad, "transcripts SPEAKER-CHAPTER.trans.txt")


def open_voxceleb1(path: str | None, *, rate_hz: float | None = None, skip_bad: bool = False) -> Corpus:
    """Open a folder of VoxCeleb1 with the split of speaker identification; see the module.

    Raises
    ------
    ArticulensError
        When there is no such folder or no ``iden_split.txt``, and (unless `skip_bad`) for a recording that is not
        there.
    """
    root = _folder(path, "voxceleb1")

    def find() -> Found:
        for number, line in enumerate(_lines(root / "iden_split.txt"), start=1):
            part, _, name = line.strip().partition(" ")
            if part not in SPLITS or name.count("/") != 2:
                raise ArticulensError(
                    f"{root / 'iden_split.txt'}: line {number} is '{line[:60]}', expected '1 id10003/VIDEO/00001.wav' "
                    "with 1, 2 or 3 for training, validation or test; get the file of VoxCeleb1 again."
                )
            speaker, video, _ = name.split("/")
            name_of = name.rpartition(".")[0].replace("/", "-")
            audio = inside(root, f"wav/{name}", f"{root / 'iden_split.txt'}, line {number}")
            yield _utterance(name_of, speaker, f"{speaker}-{video}", None, audio, {"split": SPLITS[part]}), ""

    return _corpus("voxceleb1", root, find(), skip_bad, "lines in iden_split.txt")


def open_fluent(path: str | None, *, rate_hz: float | None = None, skip_bad: bool = False) -> Corpus:
    """Open a folder of Fluent Speech Commands; see the module.

    Raises
    ------
    ArticulensError
        When there is no such folder or a table is absent or lacks a column, and (unless `skip_bad`) for a recording
        that is not there.
    """
    root = _folder(path, "fluent")

    def find() -> Found:
        for split in SPLITS.values():
            table = root / "data" / f"{split}_data.csv"
            rows = csv.DictReader(_lines(table))
            missing = [column for column in FLUENT if column not in (rows.fieldnames or ())]
            if missing:
                raise ArticulensError(
                    f"{table}: there is no column '{missing[0]}', expected {', '.join(FLUENT)}; get the table of "
                    "Fluent Speech Commands again."
                )
            for row in rows:
                meta = {"action": row["action"], "object": row["object"], "place": row["location"], "split": split}
                audio = inside(root, row["path"], str(table))
                yield (
                    _utterance(audio.stem, row["speakerId"], row["transcription"], row["transcription"], audio, meta),
                    "",
                )

    return _corpus("fluent", root, find(), skip_bad, "rows in data/*_data.csv")


def _utterance(
    name: str, speaker: str, sentence: str, text: str | None, audio: Path, meta: dict[str, Any]
) -> Utterance:
    return Utterance(name, speaker, "en", "L1", "T1", sentence, text, audio, None, meta=meta)


def _folder(path: str | None, name: str) -> Path:
    if not path:
        raise ArticulensError(f"corpus '{name}' needs a folder; write it as '{name}:FOLDER'.")
    root = Path(path).expanduser()
    if not root.is_dir():
        raise ArticulensError(f"{root}: there is no such folder; correct the path of the corpus.")
    return root


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise ArticulensError(f"{path}: there is no such file, which this corpus comes with; complete the folder.")
    check_file(path, max_bytes=MAX_TEXT_BYTES)
    try:
        return [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise ArticulensError(f"{path}: not UTF-8 text ({error.reason}); get the file again.") from error


def _lexicon(path: Path) -> dict[str, str]:
    """Return the first pronunciation of each word, phones separated by spaces, without stress."""
    words: dict[str, str] = {}
    for line in _lines(path):
        word, *phones = line.split()
        words.setdefault(word.upper(), " ".join(phone.rstrip("012") for phone in phones))
    return words


def _corpus(name: str, root: Path, found: Iterable[tuple[Utterance, str]], skip_bad: bool, looked: str) -> Corpus:
    utterances, problems = [], []
    for utterance, problem in found:
        if not problem and not utterance.audio.is_file():
            problem = f"{utterance.audio}: the sound of '{utterance.id}' is not there; complete the folder."
        if problem:
            problems.append(problem)
        else:
            utterances.append(utterance)
    if problems and not (skip_bad and utterances):
        more = f" ({len(problems) - 1} more like this; skip_bad=True leaves them out)" if problems[1:] else ""
        raise ArticulensError(problems[0] + more)
    if not utterances:
        raise ArticulensError(f"{root}: no utterances were found ({looked}); correct the path of the corpus.")
    keys = {"name": name, "description": f"{name}, sound without articulation", "licence": None, "card": None}
    return Corpus(name, root, utterances, load_recipe("tabular").change(keys), problems)
