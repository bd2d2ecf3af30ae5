"""``manifest.csv``: the table of utterances of a tabular corpus.

Required columns: ``id, speaker, language, condition, task, sentence, audio, positions`` (a recipe may give
defaults for all but ``id, audio`` and ``positions``). Optional: ``text``, ``labels``. Any other column
becomes ``Utterance.meta``: a number where every cell of the column is one, else text; an empty cell is left
out. Paths are relative to the manifest's folder, with ``/``. UTF-8, commas, one header line.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from articulens.corpora.limits import MAX_TEXT_BYTES, check_file
from articulens.corpora.schema import Utterance
from articulens.errors import ArticulensError
from articulens.files import atomic_write

COLUMNS = (
    "id",
    "speaker",
    "language",
    "condition",
    "task",
    "sentence",
    "text",
    "audio",
    "positions",
    "labels",
)
# A leading zero means a name ("007"), not a number.
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?")


def read_manifest(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Return one mapping of filled cells for every row.

    Raises
    ------
    ArticulensError
        When the file is absent or not such a table.
    """
    path = Path(path)
    if os.path.exists(path):
        check_file(path, max_bytes=MAX_TEXT_BYTES)
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            lines = [line for line in csv.reader(stream, strict=True) if line]
    except OSError as error:
        raise ArticulensError(
            f"{path}: the manifest cannot be read ({error.strerror}); a tabular corpus is a folder with "
            "this file: correct the path or write it."
        ) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise ArticulensError(f"{path}: not a UTF-8 CSV table ({error}); export the manifest again.") from error
    header = [name.strip() for name in lines[0]] if lines else []
    missing = [name for name in ("id", "audio", "positions") if name not in header]
    if missing or len(set(header)) < len(header):
        raise ArticulensError(
            f"{path}: the header is {','.join(header) or 'empty'}, expected each of {','.join(COLUMNS)} "
            f"once ({'missing: ' + ', '.join(missing) if missing else 'a name is repeated'}); correct the "
            "manifest."
        )
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise ArticulensError(
                f"{path}: row {number} has {len(line)} cells, expected {len(header)}; quote cells that hold a comma."
            )
    rows: list[dict[str, Any]] = [
        {name: cell.strip() for name, cell in zip(header, line, strict=True) if cell.strip()} for line in lines[1:]
    ]
    for name in header:
        cells = [row[name] for row in rows if name in row]
        if name not in COLUMNS and cells and all(_NUMBER.fullmatch(cell) for cell in cells):
            kind = int if all(cell.lstrip("-").isdigit() for cell in cells) else float
            for row in rows:
                if name in row:
                    row[name] = kind(row[name])
    return rows


def write_manifest(root: str | os.PathLike[str], utterances: Iterable[Utterance]) -> Path:
    """Write ``root/manifest.csv``, sorted by id, with paths relative to `root`.

    Returns
    -------
    Path
        The file written; the same utterances give the same bytes.

    Raises
    ------
    ArticulensError
        When an id is there twice, or a file does not lie below `root`.
    """
    root = Path(root)
    ordered = sorted(utterances, key=lambda u: u.id)
    for before, after in pairwise(ordered):
        if before.id == after.id:
            raise ArticulensError(f"{root}: two utterances have the id '{after.id}'; give each its own.")
    extra = list(dict.fromkeys(key for u in ordered for key in u.meta))
    clash = [key for key in extra if key in COLUMNS]
    if clash:
        raise ArticulensError(f"{root}: meta key '{clash[0]}' is the name of a field; choose another name.")

    def relative(path: Path | None) -> str:
        if path is None:
            return ""
        try:
            return path.resolve().relative_to(root.resolve()).as_posix()
        except ValueError as error:
            raise ArticulensError(f"{path}: does not lie below {root}; put the corpus's files into it.") from error

    with atomic_write(root / "manifest.csv", "w") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow([*COLUMNS, *extra])
        for u in ordered:
            fixed = [u.id, u.speaker, u.language, u.condition, u.task, u.sentence, u.text or ""]
            files = [relative(u.audio), relative(u.positions), relative(u.labels)]
            meta = [u.meta.get(key) for key in extra]
            table.writerow([*fixed, *files, *("" if value is None else value for value in meta)])
    return root / "manifest.csv"
