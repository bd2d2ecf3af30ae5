"""Hashes that tell whether a file has changed, and whether results were made on this corpus."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

from articulens.corpora.limits import MAX_TEXT_BYTES, check_file, inside
from articulens.errors import ArticulensError
from articulens.files import atomic_write, sha256_file

CHECKSUMS = "SHA256SUMS"
_WORTH_CACHING = 1 << 20


def write_checksums(root: str | os.PathLike[str]) -> Path:
    """Write ``SHA256SUMS`` over every other file below `root`, in the format of ``sha256sum``.

    Returns
    -------
    Path
        The file written. Hidden files are left out.
    """
    root = Path(root)
    lines = [f"{sha256_file(root / name)}  {name}\n" for name in list_files(root) if name != CHECKSUMS]
    with atomic_write(root / CHECKSUMS, "w") as stream:
        stream.writelines(lines)
    return root / CHECKSUMS


def verify_checksums(root: str | os.PathLike[str]) -> int:
    """Compare every file with ``SHA256SUMS``.

    Returns
    -------
    int
        How many files were compared.

    Raises
    ------
    ArticulensError
        When there is no such list, or a listed file is missing or has changed (the first one is named).
    """
    root = Path(root)
    path = root / CHECKSUMS
    if os.path.exists(path):
        check_file(path, max_bytes=MAX_TEXT_BYTES)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ArticulensError(
            f"{path}: the list of checksums cannot be read ({error.strerror}); copy the corpus again."
        ) from error
    for line in lines:
        expected, _, name = line.partition("  ")
        try:
            found = sha256_file(inside(root, name, str(path)))
        except OSError as error:
            raise ArticulensError(
                f"{root / name}: listed in {CHECKSUMS} but cannot be read ({error.strerror}); copy the corpus again."
            ) from error
        if found != expected:
            raise ArticulensError(
                f"{root / name}: its SHA-256 is {found[:12]}... but {CHECKSUMS} says {expected[:12]}...; "
                "the file has changed: copy the corpus again."
            )
    return len(lines)


def list_files(root: Path) -> list[str]:
    """Return the paths of all files below `root`, relative with ``/``, sorted; hidden ones are left out.

    Raises
    ------
    ArticulensError
        When a folder below is a link that leads out of `root`. One that stays within is passed over: what it points
        to is found at its own place.
    """
    names = []
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        relative = Path(folder).relative_to(root)
        for name in subfolders:
            if os.path.islink(os.path.join(folder, name)):
                inside(root, str(relative / name), str(root))
        names += [(relative / name).as_posix() for name in files if not name.startswith(".")]
    return sorted(names)


def hash_files(paths: Iterable[Path]) -> list[str]:
    """Return the SHA-256 of each file.

    Those of large files are kept in the user's cache folder (``$XDG_CACHE_HOME/articulens/hashes.json``)
    under path, size and modification time, because EMA exported as text runs to tens of gigabytes.
    """
    cache_file = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "articulens" / "hashes.json"
    try:
        cache = json.loads(cache_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        cache = {}
    hashes, news = [], False
    for path in paths:
        try:
            status = path.stat()
            stamp = [status.st_size, status.st_mtime_ns]
            known = cache.get(str(path.resolve()))
            if known and known[:2] == stamp:
                hashes.append(known[2])
                continue
            hashes.append(sha256_file(path))
        except OSError as error:
            raise ArticulensError(
                f"{path}: cannot be read ({error.strerror}); copy the file there again or open the corpus "
                "with skip_bad=True."
            ) from error
        # A file written a moment ago may still change within the same tick of the file system's clock.
        if status.st_size >= _WORTH_CACHING and time.time_ns() - status.st_mtime_ns > 2_000_000_000:
            cache[str(path.resolve())] = [*stamp, hashes[-1]]
            news = True
    if news:
        try:
            with atomic_write(cache_file, "w") as stream:
                json.dump(cache, stream)
        except (ArticulensError, OSError):
            pass  # without the cache the next run only takes longer
    return hashes
