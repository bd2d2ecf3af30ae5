"""What is refused before it is opened: files too large to be one recording, files that are none, paths that lead out.

A corpus is material from somebody else. Its manifest may name ``../../secret``, a link may lead out of the folder, a
file of holes may promise ten gigabytes; none of that is ever followed or filled in.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from articulens.errors import ArticulensError

MAX_BYTES = 2 << 30
"""Two gigabytes: half an hour of the largest format (AG501 text at 1250 Hz) or three hours of 96 kHz audio."""


MAX_TEXT_BYTES = 64 << 20
"""64 MB: what is no recording but is read as a whole, such as labels or a manifest of half a million utterances."""


def check_file(path: Path, *, max_bytes: int = MAX_BYTES) -> int:
    """Return the size of an ordinary file that is not too large to be one recording, in bytes.

    Raises
    ------
    ArticulensError
        When there is no such file, it is a folder, pipe or device, or it is larger than `max_bytes`.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        raise ArticulensError(
            f"{path}: cannot be read ({error.strerror}); correct its path (in a corpus: the recipe or the manifest), "
            "or copy the file there."
        ) from error
    except ValueError as error:
        raise ArticulensError(f"{path!r}: not a possible path ({error}); correct the manifest.") from error
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "no ordinary file"
        raise ArticulensError(f"{path}: this is {what}, expected a file; correct its path.")
    if status.st_size > max_bytes:
        raise ArticulensError(
            f"{path}: {status.st_size / 1e9:.1f} GB, expected at most {max_bytes / 1e9:.2g} GB for one such file; "
            "split the recording or leave it out."
        )
    return status.st_size


def read_bytes(path: Path, *, max_bytes: int = MAX_BYTES, first: int = -1) -> bytes:
    """Return the content of an ordinary file, see `check_file`, or its `first` bytes.

    Raises
    ------
    ArticulensError
        As `check_file`, and when the file cannot be read or is empty.
    """
    if check_file(path, max_bytes=max_bytes) == 0:
        raise ArticulensError(f"{path}: the file is empty; export it again or leave this utterance out.")
    try:
        with open(path, "rb") as stream:
            return stream.read(first)
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> ArticulensError:
    """Return what to say of a file that is there, but that the system does not let us read to its end."""
    return ArticulensError(f"{path}: cannot be read ({error.strerror}); check its permissions or copy it again.")


def inside(root: Path, name: str, where: str) -> Path:
    """Return ``root / name`` if that, with all links followed, still lies in `root`.

    Parameters
    ----------
    root : Path
        The corpus folder.
    name : str
        A path from a manifest, a pattern, or an archive.
    where : str
        Who says so, for the message.

    Raises
    ------
    ArticulensError
        When the path is absolute, climbs out by ``..``, or passes a link that leads out.
    """
    try:
        path = root / name
        if path.resolve().is_relative_to(root.resolve()) and not Path(name).is_absolute():
            return path
    except (ValueError, OSError, RuntimeError) as error:  # a zero byte, a name too long, a loop of links
        raise ArticulensError(f"{where}: '{name}' is not a possible path ({error}); correct it.") from error
    raise ArticulensError(
        f"{where}: '{name}' leads out of the folder {root}; put the file into the folder and name it by a path "
        "relative to it."
    )
