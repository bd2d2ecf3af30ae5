"""What a notebook tells the runner about the data and models it used."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

VARIABLE = "ARTICULENS_RECORD"  # the runner names here the JSON file it will read after the run


class _Corpus(Protocol):
    def fingerprint(self) -> str: ...


class _Encoder(Protocol):
    @property
    def fingerprint(self) -> str: ...


def record(
    corpora: Mapping[str, _Corpus] | None = None,
    encoders: Mapping[str, _Encoder] | None = None,
    files: Iterable[str | os.PathLike[str]] = (),
) -> None:
    """Tell the runner which corpora, encoders and files this notebook used; outside a run, do nothing.

    May be called several times; what was told before is kept.

    Parameters
    ----------
    corpora
        Opened corpora, before any selection, by the specification that opens them again:
        ``{"bundled": corpus}``.
    encoders
        Opened encoders by name, such as ``{"logmel": encoder}``.
    files
        Tables that another notebook wrote, say.
    """
    target = os.environ.get(VARIABLE)
    if target is None:
        return
    told = read_record(target)
    told["corpora"].update({spec: corpus.fingerprint() for spec, corpus in (corpora or {}).items()})
    for name, encoder in (encoders or {}).items():
        told["models"][name] = {"fingerprint": encoder.fingerprint, "files": folder_fingerprint(name)}
    told["files"].update({str(path): file_fingerprint(path) for path in files})
    Path(target).write_text(json.dumps(told), encoding="utf-8")


def read_record(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what was recorded in `path`: ``{"corpora": {}, "models": {}, "files": {}}`` if nothing was."""
    path = Path(path)
    if not path.exists():
        return {"corpora": {}, "models": {}, "files": {}}
    return json.loads(path.read_text(encoding="utf-8"))


def file_fingerprint(path: str | os.PathLike[str]) -> str | None:
    """Return the hash of a file's bytes, or None when there is no such file."""
    from articulens.files import sha256_file

    return sha256_file(path) if Path(path).is_file() else None


def folder_fingerprint(name: str) -> str | None:
    """Return one hash over the files of a model folder, or None when `name` is not a folder.

    A model named by a pinned revision cannot change under its name, a folder can.
    """
    from articulens.files import sha256_file, sha256_text

    folder = Path(name.removesuffix("@random"))
    if not folder.is_dir():
        return None
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return sha256_text(part for path in files for part in (path.relative_to(folder).as_posix(), sha256_file(path)))
