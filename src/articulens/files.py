"""Writing files so that a killed run leaves either the old file or the new one, never half of one."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from articulens.errors import ArticulensError

# No permission; or the path, or a part of it, is a file, a folder, or cannot be made.
_CANNOT_BE_WRITTEN = (
    *(errno.EACCES, errno.EROFS, errno.EPERM),
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOENT, errno.ENAMETOOLONG, errno.ELOOP),
)


@contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "wb") -> Iterator[IO]:
    """Open a temporary file beside `path`; rename it over `path` when the block ends without error.

    Raises
    ------
    ArticulensError
        When the folder cannot be written or the disk is full. Nothing is left behind.
    """
    path = Path(path)
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        with os.fdopen(handle, mode, encoding=None if "b" in mode else "utf-8") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ArticulensError(
                f"{path}: the disk is full; free some space or choose another folder, "
                "then run the same command again: what was finished before is kept."
            ) from error
        if error.errno in _CANNOT_BE_WRITTEN:
            raise ArticulensError(
                f"{path}: cannot be written ({error.strerror}); choose a folder you may write to."
            ) from error
        raise
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)


def write_atomically(path: str | os.PathLike[str], write: Callable[[IO[bytes]], None]) -> None:
    """Call ``write(stream)`` on a temporary file that replaces `path` once it is whole."""
    with atomic_write(path) as stream:
        write(stream)


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write a value as JSON that people can read, atomically."""
    with atomic_write(path, "w") as stream:
        json.dump(value, stream, indent=1, ensure_ascii=False)
        stream.write("\n")


def replace_between(path: str | os.PathLike[str], start: str, end: str, text: str) -> None:
    """Put `text` between two marks of a text file, in place of what stood there.

    Raises
    ------
    ArticulensError
        When the file is not there or does not have both marks in this order.
    """
    path = Path(path)
    old = path.read_text("utf-8") if path.is_file() else ""
    if not 0 <= old.find(start) < old.find(end):
        raise ArticulensError(
            f"{path}: found no marks '{start}' and '{end}' in this order; write them around the place to fill."
        )
    with atomic_write(path, "w") as stream:
        stream.write(f"{old.split(start)[0]}{start}\n\n{text}\n\n{end}{old.split(end, 1)[1]}")


def sha256_file(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_text(parts: Iterable[str]) -> str:
    """Return the SHA-256 of some strings, each closed by a zero byte so that borders count."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()
