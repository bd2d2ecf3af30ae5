"""How an executed notebook came about, and which of its causes have changed since.

The provenance of a run is kept inside the executed copy itself (``metadata.articulens``), so that the two
are written, or lost, together. ``book/executed/MANIFEST.json`` repeats it for the runs that were published;
it is committed, and an entry changes only when a cause changed, not when the same run is repeated elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

import articulens
from articulens.errors import ArticulensError
from articulens.files import atomic_write, sha256_file, sha256_text
from articulens.publishing.notebooks import fingerprint, read_notebook, syntax
from articulens.publishing.recording import file_fingerprint, folder_fingerprint

_WORDS = {
    "code": "its code changed",
    "package": "the package changed",
    "lock": "requirements.lock changed",
    "parameters": "its parameters changed",
}
_OUTSIDE = (
    "publishing",
    "course.py",
    "cli.py",
    "cli_corpus.py",
    "cli_predict.py",
    "cli_speechlm.py",
    "cli_synth.py",
)  # no result depends on them


@cache
def package_fingerprint() -> str:
    """Return a hash of what the package's modules do; comments and docstrings do not change it."""
    folder = Path(articulens.__file__).parent
    files = sorted(path.relative_to(folder) for path in folder.rglob("*.py"))
    kept = [path for path in files if path.parts[0] not in _OUTSIDE]
    return sha256_text(
        part for path in kept for part in (path.as_posix(), syntax((folder / path).read_text(encoding="utf-8")))
    )


def lock_fingerprint(root: Path) -> str:
    """Return a hash of the versions in ``requirements.lock``, empty when there is no such file."""
    path = root / "requirements.lock"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return sha256_text(sorted(line.strip() for line in lines if line.strip() and not line.startswith("#")))


def causes(notebook: NotebookNode, parameters: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Return what is known before a run: hashes of code, package and lock, and the full parameters."""
    return {
        "code": fingerprint(notebook),
        "package": package_fingerprint(),
        "lock": lock_fingerprint(root),
        "parameters": plain(parameters),
    }


def plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as JSON gives them back, so that they compare equal to recorded ones."""
    return json.loads(json.dumps(parameters, default=str))


def circumstances(root: Path) -> dict[str, Any]:
    """Return what is good to know but no cause of a new run: versions, hardware, commit."""
    versions = {"python": platform.python_version()}
    for name in ("torch", "transformers"):
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    hardware = {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "gpu": _output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader"),
    }
    commit = _output("git", "-C", str(root), "rev-parse", "--short=12", "HEAD")
    if commit and _output("git", "-C", str(root), "status", "--porcelain", "--untracked-files=no"):
        commit += "+changes"
    return {"versions": versions, "hardware": hardware, "commit": commit}


def _cpu() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _output(*command: str) -> str | None:
    """Return the first line a program prints, or None when it is missing, fails or prints nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.partition("\n")[0].strip() or None if done.returncode == 0 else None


def provenance(executed: Path) -> dict[str, Any] | None:
    """Return the provenance kept in an executed copy, or None when there is no whole copy."""
    try:
        return read_notebook(executed).metadata.get("articulens")
    except ArticulensError:
        return None


def why_stale(executed: Path, now: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    """Return the reasons for a new run in words, none when the executed copy is fresh.

    Parameters
    ----------
    executed
        The executed copy.
    now
        The :func:`causes` of a run made now.
    folder
        Where the notebook lies; relative names of corpora and models start there.
    """
    past = provenance(executed)
    if past is None:
        return ("there is no executed copy",)
    reasons = [words for cause, words in _WORDS.items() if past["causes"].get(cause) != now[cause]]
    with contextlib.chdir(folder):
        for spec, recorded in past["causes"]["corpora"].items():
            if _corpus_fingerprint(spec, folder) != recorded:
                reasons.append(f"corpus '{spec}' changed")
        for name, model in past["causes"]["models"].items():
            if folder_fingerprint(name) != model["files"]:
                reasons.append(f"model '{name}' changed")
        for path, recorded in past["causes"].get("files", {}).items():
            if file_fingerprint(path) != recorded:
                reasons.append(f"{Path(path).name} changed")
    return tuple(reasons)


@cache
def _corpus_fingerprint(spec: str, folder: Path) -> str | None:
    """Return the fingerprint of a corpus as named from `folder`; many notebooks name the same one."""
    from articulens.corpora import open_corpus

    try:
        return open_corpus(spec).fingerprint()
    except ArticulensError:  # gone: the new run will say why
        return None


def forget_corpora() -> None:
    """Look at the files of corpora anew from now on."""
    _corpus_fingerprint.cache_clear()


def manifest_problems(root: Path, pages: Iterable[str]) -> list[str]:
    """Return, a phrase for each, which published runs are missing in ``MANIFEST.json`` or of other code."""
    path = root / "book" / "executed" / "MANIFEST.json"
    told = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    found = []
    for page in pages:
        code = fingerprint(read_notebook(root / "notebooks" / f"{page}.py"))
        if page not in told:
            found.append(f"{page}: has no published run; run `make book` and commit {path.name}")
        elif told[page]["causes"]["code"] != code:
            found.append(f"{page}: is stale, because its code changed; run `make book` and commit {path.name}")
    return found


def update_manifest(root: Path, pages: Iterable[str]) -> None:
    """Write ``MANIFEST.json`` for the published notebooks; a repeat of the same run changes nothing."""
    folder = root / "book" / "executed"
    path = folder / "MANIFEST.json"
    text = path.read_text(encoding="utf-8") if path.is_file() else "{}"
    try:
        before = json.loads(text)
    except ValueError:  # a merge gone wrong; everything in it can be told again
        before = {}
    after = {}
    for page in sorted(pages):
        executed = folder / f"{page}.ipynb"
        entry = {
            **(provenance(executed) or {}),
            "sha256": sha256_file(executed),
            "bytes": executed.stat().st_size,
        }
        known = before.get(page, {})
        after[page] = known if known.get("causes") == entry.get("causes") else entry
    new = json.dumps(after, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if new != text:
        with atomic_write(path, "w") as stream:
            stream.write(new)
