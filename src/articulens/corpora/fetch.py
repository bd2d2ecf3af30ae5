"""Downloading corpora that are openly offered: licence first, then files, checked and resumed."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from articulens.corpora.archives import unpack
from articulens.corpora.sources import SOURCES, File, Source
from articulens.errors import ArticulensError, suggest
from articulens.files import atomic_write, sha256_file

DOWNLOADS = ".downloads"
_TIMEOUT_S = 60


def describe(name: str, sources: Mapping[str, Source] = SOURCES) -> str:
    """Say under which licence a corpus comes, and where from or whom to ask.

    Raises
    ------
    ArticulensError
        For a name that is not known.
    """
    source = _source(name, sources)
    lines = [source.licence, f"See {source.page}" if source.files else f"No open download is known: {source.page}."]
    for file in source.files:
        checked = f"SHA-256 {file.sha256[:12]}..." if file.sha256 else "no checksum is published"
        lines.append(f"  {file.url}  ({checked})")
    return "\n".join(lines)


def fetch(
    name: str,
    folder: str | os.PathLike[str],
    *,
    accepted: bool = False,
    parts: Sequence[str] | None = None,
    sources: Mapping[str, Source] = SOURCES,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Download a corpus and unpack it.

    A download that was interrupted goes on where it was; a file that is there and right is not downloaded again.
    Downloads are kept in ``.downloads`` in the folder, with the checksums they had.

    Parameters
    ----------
    name
        Of the corpus.
    folder
        Where to put it.
    accepted
        Whether the licence (see `describe`) was read and accepted.
    parts
        Only these files, by name.
    sources
        Where corpora are; for tests and mirrors.
    say
        Called with a line for each file.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ArticulensError
        When the licence was not accepted, the corpus has to be asked for, a file cannot be had, is not the one that
        was published, or is hostile.
    """
    source = _source(name, sources)
    if not source.files:
        raise ArticulensError(f"corpus '{name}' has no open download that is known: {source.page}.")
    if not accepted:
        raise ArticulensError(
            f"corpus '{name}': {source.licence} Read it at {source.page}, then say that you accept it "
            "(--accept-licence, or accepted=True)."
        )
    known = [file.name for file in source.files]
    for part in parts or ():
        if part not in known:
            raise ArticulensError(f"corpus '{name}' has no file '{part}'{suggest(part, known)}")
    folder = Path(folder)
    downloads = folder / DOWNLOADS
    for file in source.files:
        if parts and file.name not in parts:
            continue
        say(f"{file.name}: {file.url}")
        path = _download(file, downloads)
        if file.unpack:
            say(f"{file.name}: {unpack(path, folder)} files")
        else:
            with atomic_write(folder / file.name) as stream:
                stream.write(path.read_bytes())
    return folder


def _source(name: str, sources: Mapping[str, Source]) -> Source:
    if name not in sources:
        raise ArticulensError(f"nothing is known of where to get a corpus '{name}'{suggest(name, list(sources))}")
    return sources[name]


def _download(file: File, downloads: Path) -> Path:
    """Return the downloaded file, whose checksum is the published one, or that of its first download."""
    import pooch
    import requests

    downloads.mkdir(parents=True, exist_ok=True)
    kept = downloads / f"{file.name}.sha256"
    expected = file.sha256 or (kept.read_text(encoding="ascii").strip() if kept.is_file() else None)
    pooch.get_logger().setLevel(logging.WARNING)
    try:
        path = Path(
            pooch.retrieve(
                file.url,
                known_hash=f"sha256:{expected}" if expected else None,
                fname=file.name,
                path=downloads,
                downloader=_resume,
            )
        )
    except (requests.RequestException, OSError) as error:
        raise ArticulensError(
            f"{file.url}: cannot be downloaded ({error}); run the same command again, it goes on where it stopped."
        ) from error
    except ValueError as error:  # how pooch says that a checksum is another one
        (downloads / f"{file.name}.part").unlink(missing_ok=True)
        raise ArticulensError(
            f"{file.url}: what was downloaded is not what was published (its SHA-256 is not {str(expected)[:12]}...); "
            "run the same command again, or ask its keepers."
        ) from error
    with atomic_write(kept, "w") as stream:
        stream.write(sha256_file(path) + "\n")
    return path


def _resume(url: str, output: str, _: Any) -> None:
    """Download as pooch wants it, but keep what has arrived and ask only for the rest."""
    import requests

    place = Path(output).parent
    part = place / f"{url.rsplit('/', 1)[-1]}.part"
    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with requests.get(url, stream=True, timeout=_TIMEOUT_S, headers=headers) as response:
        if response.status_code != 416:  # 416: there is nothing left to ask for
            response.raise_for_status()
            goes_on = response.status_code == 206 and response.headers.get("Content-Range", "").startswith(
                f"bytes {have}-"
            )
            length = response.headers.get("Content-Length")
            with open(part, "ab" if goes_on else "wb") as stream:
                before = stream.tell()
                for block in response.iter_content(1 << 20):
                    stream.write(block)
                arrived = stream.tell() - before
            if length is not None and "Content-Encoding" not in response.headers and arrived != int(length):
                raise requests.ConnectionError(f"{arrived} of {length} bytes arrived")
    os.replace(part, output)
