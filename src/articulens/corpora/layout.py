"""Find the utterances of a corpus folder: by its manifest, or by patterns of paths and names."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import regex

from articulens.corpora.integrity import list_files
from articulens.corpora.limits import inside
from articulens.corpora.manifest import read_manifest
from articulens.corpora.recipe import Recipe
from articulens.corpora.schema import Utterance
from articulens.errors import ArticulensError

_TEXTS = ("id", "speaker", "language", "condition", "task", "sentence")
_FILES = ("audio", "positions", "labels")


def find_utterances(root: Path, recipe: Recipe) -> tuple[list[Utterance], list[str]]:
    """List what a recipe finds in a folder.

    Returns
    -------
    utterances : list of Utterance
        Sorted by id.
    problems : list of str
        One sentence for each recording that is not usable, see `articulens.errors.ArticulensError`.

    Raises
    ------
    ArticulensError
        When nothing at all can be found.
    """
    if not os.path.isdir(root):
        raise ArticulensError(f"{root}: there is no such folder; correct the path of the corpus.")
    utterances: dict[str, Utterance] = {}
    problems: list[str] = []
    rows = _manifest_rows(root, recipe) if "manifest" in recipe.keys else _pattern_rows(root, recipe)
    for where, row in rows:
        try:
            if isinstance(row, ArticulensError):
                raise row
            utterance = _utterance(root, recipe, row, where)
            other = utterances.setdefault(utterance.id, utterance)
            if other is not utterance:
                raise ArticulensError(
                    f"{where}: the id '{utterance.id}' is already that of {other.positions}; give each "
                    "utterance its own id, or narrow the pattern 'positions' of the recipe."
                )
        except ArticulensError as error:
            problems.append(str(error))
    if not utterances and not problems:
        looked = recipe.get("manifest") or f"the pattern {recipe['positions']}"
        raise ArticulensError(
            f"{root}: no utterances were found ({looked} of {recipe.source}); correct the path or the recipe."
        )
    return sorted(utterances.values(), key=lambda u: u.id), problems


def _manifest_rows(root: Path, recipe: Recipe) -> Iterator[tuple[str, dict[str, Any]]]:
    path = inside(root, recipe["manifest"], recipe.source)
    for number, row in enumerate(read_manifest(path), start=2):
        stem = row.get("positions", "").rsplit("/", 1)[-1].rsplit(".", 1)[0]
        yield f"{path} row {number}", {"stem": stem, **row}


def _pattern_rows(root: Path, recipe: Recipe) -> Iterator[tuple[str, dict[str, Any] | ArticulensError]]:
    names = list_files(root)
    partners = {key: _by_groups(recipe[key], names, recipe) for key in _FILES if key in recipe.keys}
    shared, audio = partners["audio"]
    for name in names:
        match = _fullmatch(recipe["positions"], name, recipe)
        if match is None:
            continue
        fields = {key: value for key, value in match.groupdict().items() if value is not None}
        found = audio[tuple(fields.get(group) for group in shared)]
        where = str(root / name)
        if len(found) != 1:
            what = f"{len(found)} audio files fit ({', '.join(found)})" if found else "the audio file is missing"
            yield (
                where,
                ArticulensError(
                    f"{where}: {what}, expected one with the same {' and '.join(shared)}; correct the "
                    "pattern 'audio' of the recipe or put the file there."
                ),
            )
            continue
        fields |= {"positions": name, "audio": found[0]}
        if "labels" in partners:
            groups, labels = partners["labels"]
            fitting = labels[tuple(fields.get(group) for group in groups)]
            if fitting:
                fields["labels"] = fitting[0]
        yield where, fields


def _by_groups(
    pattern: str, names: list[str], recipe: Recipe
) -> tuple[list[str], defaultdict[tuple[str | None, ...], list[str]]]:
    """Return the groups a pattern shares with that of the positions, and the paths by their values."""
    groups = regex.compile(recipe["positions"]).groupindex
    shared = [group for group in regex.compile(pattern).groupindex if group in groups]
    found: defaultdict[tuple[str | None, ...], list[str]] = defaultdict(list)
    for name in names:
        if match := _fullmatch(pattern, name, recipe):
            found[tuple(match[group] for group in shared)].append(name)
    return shared, found


def _fullmatch(pattern: str, name: str, recipe: Recipe) -> regex.Match[str] | None:
    """Match a whole name; a pattern from somebody else's recipe may take for ever, and is given a second."""
    try:
        return regex.fullmatch(pattern, name, timeout=1.0)
    except TimeoutError as error:
        raise ArticulensError(
            f"{recipe.source}: the pattern {pattern} takes longer than a second on '{name}', as repetitions of "
            "repetitions do; write it without them."
        ) from error


def _utterance(root: Path, recipe: Recipe, row: dict[str, Any], where: str) -> Utterance:
    fields = dict(row)
    for field, pattern in recipe.get("names", {}).items():
        if field not in fields:
            continue
        match = _fullmatch(pattern, str(fields[field]), recipe)
        if match is None and "manifest" in recipe.keys:
            continue  # a manifest says itself what names would
        if match is None:
            raise ArticulensError(
                f"{where}: the {field} '{fields[field]}' does not fit the pattern {pattern} of "
                f"{recipe.source}; correct 'names.{field}' in a recipe of your own, or list the utterances "
                "in a manifest."
            )
        fields |= {k: v for k, v in match.groupdict().items() if v is not None and k not in row}
    for field, table in recipe.get("tables", {}).items():
        sources = [table["from"]] if isinstance(table["from"], str) else table["from"]
        own = sources == [field]  # translates the field itself, else it makes a new one
        if (field in row and not own) or any(source not in fields for source in sources):
            continue
        values = {str(key): str(value) for key, value in table["values"].items()}
        key = " ".join(str(fields[source]) for source in sources)
        if own and key in values.values():
            continue
        if key not in values:
            raise ArticulensError(
                f"{where}: {' '.join(sources)} '{key}' is not in the table 'tables.{field}' of "
                f"{recipe.source} (known: {', '.join(values)}); add it there."
            )
        fields[field] = values[key]
    defaults = dict(recipe.get("defaults", {}))
    defaults.setdefault("id", "{speaker}_{stem}")  # last, because the speaker may be a default too
    for field, value in defaults.items():
        if field not in fields:
            try:
                fields[field] = value.format_map(fields) if isinstance(value, str) else value
            except KeyError as error:
                raise ArticulensError(
                    f"{where}: {error} is not known, but the default '{value}' of '{field}' in "
                    f"{recipe.source} needs it; correct the recipe or the manifest."
                ) from error
    for field in (*_TEXTS, "audio", "positions"):
        if not fields.get(field):
            raise ArticulensError(
                f"{where}: nothing says the {field}; fill that column of the manifest, or add it to "
                f"'names', 'tables' or 'defaults' of {recipe.source}."
            )
    paths = {key: inside(root, str(fields.pop(key)), where) for key in _FILES if key in fields}
    for path in paths.values():
        if not os.path.isfile(path):  # unlike Path.is_file, also of names that are too long
            raise ArticulensError(
                f"{path}: there is no such file, though {where} names it; correct the manifest or copy the file there."
            )
    texts = {field: str(fields.pop(field)) for field in _TEXTS}
    text = fields.pop("text", None)
    fields.pop("stem", None)
    return Utterance(
        **texts,
        text=None if text is None else str(text),
        audio=paths["audio"],
        positions=paths["positions"],
        labels=paths.get("labels"),
        meta=fields,
    )
