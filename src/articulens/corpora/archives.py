"""Unpacking archives from elsewhere: nothing lands outside the folder, nothing is larger than there is room for."""

from __future__ import annotations

import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from articulens.errors import ArticulensError


def unpack(archive: Path, folder: Path, *, max_bytes: int | None = None) -> int:
    """Unpack a zip or tar archive (plain, gz, bz2 or xz) into a folder.

    Only ordinary files and folders are made; what was there already is replaced. Everything is written into a
    temporary folder first and moved when it is whole.

    Parameters
    ----------
    archive
        The file.
    folder
        Where its content goes.
    max_bytes
        Most that may be unpacked; by default nine tenths of what is free on the disk.

    Returns
    -------
    int
        How many files there were.

    Raises
    ------
    ArticulensError
        When a member leads out of the folder, is a link or a device, there is too much of it, or the archive is
        damaged. Then the folder is as it was.
    """
    folder.mkdir(parents=True, exist_ok=True)
    room = int(0.9 * shutil.disk_usage(folder).free) if max_bytes is None else max_bytes
    staging = folder / f".unpacking-{archive.name}"
    shutil.rmtree(staging, ignore_errors=True)
    count = 0
    try:
        for name, size, stream in _members(archive):
            target = staging / _safe(name, archive)
            room -= size
            if room < 0:
                raise ArticulensError(
                    f"{archive}: unpacks to more than there is room for (at '{name}'); free some space, or do not "
                    "trust this file."
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "wb") as out:
                _copy(stream, out, size, name, archive)
            count += 1
        _move(staging, folder)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise ArticulensError(f"{archive}: cannot be unpacked ({error}); download it again.") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return count


def _members(archive: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Yield name, size and content of the files in an archive; complain of what is neither file nor folder."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            for info in zipped.infolist():
                kind = (info.external_attr >> 16) & 0o170000
                if kind not in (0, 0o100000, 0o040000):
                    raise _special(archive, info.filename)
                _safe(info.filename, archive)
                if not info.is_dir():
                    with zipped.open(info) as stream:
                        yield info.filename, info.file_size, stream
        return
    with tarfile.open(archive, "r|*") as tar:
        for member in tar:
            _safe(member.name, archive)
            if member.isdir():
                continue
            content = tar.extractfile(member) if member.isreg() else None
            if content is None:
                raise _special(archive, member.name)
            yield member.name, member.size, content


def _special(archive: Path, name: str) -> ArticulensError:
    return ArticulensError(
        f"{archive}: '{name}' is a link or a device, expected only files and folders; nothing was unpacked: do not "
        "trust this file."
    )


def _safe(name: str, archive: Path) -> Path:
    """Return the path of a member below the folder, or complain."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or parts[0].startswith("/") or ":" in parts[0] or "\0" in name:
        raise ArticulensError(
            f"{archive}: '{name}' leads out of the folder; nothing was unpacked: do not trust this file."
        )
    return Path(*parts)


def _copy(source: IO[bytes], out: IO[bytes], size: int, name: str, archive: Path) -> None:
    copied = 0
    while block := source.read(1 << 20):
        copied += len(block)
        if copied > size:
            raise ArticulensError(f"{archive}: '{name}' is larger than it says; do not trust this file.")
        out.write(block)
    if copied < size:
        raise ArticulensError(f"{archive}: '{name}' is cut short; download it again.")


def _move(staging: Path, folder: Path) -> None:
    for place, _, files in os.walk(staging):
        target = folder / Path(place).relative_to(staging)
        # A link planted by hand in the folder must not be followed either.
        if target.is_symlink():
            raise ArticulensError(f"{target}: is a link; remove it, then unpack again.")
        target.mkdir(exist_ok=True)
        for name in files:
            os.replace(Path(place) / name, target / name)
