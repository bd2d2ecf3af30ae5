r"""Carstens AG500 and AG501 positions as the device writes them: binary ``.pos``.

Both are float32, little-endian, seven values for every socket in every frame. The AG501 puts a text header before
them (``AG50xDATA_V001`` to ``V003``; the second line is its length in bytes, 70, 402 and 4096 were seen) that gives
the number of sockets and the rate; the AG500 has no header, 12 sockets and 200 Hz.

Axes of the AG501 after head correction: X anterior+, Y left+, Z up+. AG500 files exist in two layouts: the device's
own (x, y, z, phi, theta, rms, extra), and one normalised in Munich (x left+, y **posterior+**, z up+, a unit vector
of the orientation, rms); the length of that vector tells which.
"""

from __future__ import annotations

import os
import re
from _thread import allocate_lock, start_new_thread
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from articulens.corpora.limits import check_file, read_bytes, unreadable
from articulens.corpora.readers.carstens_ascii import FIELDS
from articulens.corpora.readers.clock import agreed_rate
from articulens.corpora.readers.columns import signed_axes
from articulens.corpora.readers.gate import all_plausible, implausible
from articulens.corpora.readers.records import check_width
from articulens.corpora.schema import Trajectory
from articulens.errors import ArticulensError

AG501_RATES_HZ = (250.0, 1250.0)
MAX_SOCKETS = 24
_MAGIC = re.compile(rb"AG50xDATA_V00[123]\r?\n([0-9]{8})\r?\n")
_MAX_HEADER = 1 << 16  # bytes
_HEAD = 1 << 15  # bytes of frames by which the header's word about them is judged
_BLOCK = 2 << 20  # bytes read at once: a block and what is made of it stay in the processor's cache
_LONG = 8 << 20  # bytes; the blocks of a longer file are worth a second thread


def read(
    path: str | os.PathLike[str],
    *,
    channels: Mapping[str, int | str],
    axes: Mapping[str, str],
    rate_hz: float | None = None,
    sockets: int = 12,
    max_abs_mm: float = 300.0,
    max_rms: float = 30.0,
) -> Trajectory:
    """Read one ``.pos`` file of an AG501, or of an AG500 where there is no header.

    Samples that are not a tracked sensor's are missing (NaN), see `articulens.corpora.readers.gate`.

    Parameters
    ----------
    path : path
        The file.
    channels : mapping
        Sensor to socket number, ``{"TT": 7}``.
    axes : mapping
        Our axis to sign and the file's letter, ``{"x": "+X", "z": "+Z"}``.
    rate_hz : float, optional
        Compared with the header of an AG501; of an AG500, 200 Hz if not given.
    sockets : int
        Of an AG500, whose files do not say.
    max_abs_mm, max_rms : float
        The plausibility gate.

    Returns
    -------
    Trajectory
        mm. Sensors whose socket the file does not have are left out.

    Raises
    ------
    ArticulensError
        When the file is absent, damaged, cut in the middle of a frame, or has none of the sockets.
    """
    path = Path(path)
    size = check_file(path)
    try:
        with open(path, "rb", buffering=0) as stream:
            content = stream.read(min(size, _MAX_HEADER + _HEAD))
        start, nch, rate = _layout(content, size, path, sockets, rate_hz)
        width = 7 * nch
        frames = _frames(size - start, 4 * width, path)
        sensors = {sensor: int(socket) for sensor, socket in channels.items() if 1 <= int(socket) <= nch}
        if not sensors:
            raise ArticulensError(
                f"{path}: it has {nch} sockets, none of those of the channel map "
                f"({', '.join(str(s) for s in channels.values())}); correct 'channels' in the recipe."
            )
        head = np.frombuffer(content, "<f4", min(_HEAD, len(content) - start) // 4, start)
        rms_field = 6 if start == 0 and _normalised(head, width) else FIELDS.index("RMS")
        gate = {"max_abs_mm": max_abs_mm, "max_rms": max_rms}
        look = partial(_check_frames, head, width, start, size, path)
        positions = _positions(path, start, (frames, width), sensors, signed_axes(axes), rms_field, gate, look)
    except OSError as error:
        raise unreadable(path, error) from error
    names = tuple(f"{sensor}.{axis}" for sensor in sensors for axis in axes)
    return Trajectory(positions, names, rate, source=str(path))


def sources(path: str | os.PathLike[str], *, sockets: int = 12) -> dict[int | str, tuple[str, ...]]:
    """Return the sockets of a file and the axes of each, see `articulens.corpora.readers`."""
    path = Path(path)
    size = check_file(path)
    _, sockets, _ = _layout(read_bytes(path, first=_MAX_HEADER), size, path, sockets, None)
    return dict.fromkeys(range(1, sockets + 1), tuple("XYZ"))


def read_header(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return the header of an AG501 file as text: sockets, rate, filters already applied, times.

    Raises
    ------
    ArticulensError
        When the file is absent or has no such header.
    """
    path = Path(path)
    size = check_file(path)
    with open(path, "rb") as stream:
        content = stream.read(min(size, _MAX_HEADER))
    if not content.startswith(b"AG50"):
        raise ArticulensError(f"{path}: there is no header (an AG500 file has none); nothing to show.")
    lines = _header_lines(content, size, path)[1]
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _layout(content: bytes, size: int, path: Path, sockets: int, rate_hz: float | None) -> tuple[int, int, float]:
    """Return where the frames begin, the number of sockets, and the rate."""
    if not content.startswith(b"AG"):
        return 0, sockets, rate_hz or 200.0
    start, lines = _header_lines(content, size, path)
    values = {}
    for key in ("NumberOfChannels", "SamplingFrequencyHz"):
        found = [line.removeprefix(f"{key}=") for line in lines if line.startswith(f"{key}=")]
        if len(found) != 1 or not found[0].isdecimal():
            raise ArticulensError(
                f"{path}: its header does not say '{key}=NUMBER' once; the header is damaged: copy or export the "
                "file again."
            )
        values[key] = int(found[0])
    nch, rate = values["NumberOfChannels"], float(values["SamplingFrequencyHz"])
    if not 1 <= nch <= MAX_SOCKETS:
        raise ArticulensError(
            f"{path}: its header says {nch} sockets, expected 1 to {MAX_SOCKETS}; copy or export the file again."
        )
    if rate not in AG501_RATES_HZ:
        raise ArticulensError(
            f"{path}: its header says {rate:g} Hz, an AG501 writes at 250 or 1250 Hz; copy or export the file again."
        )
    return start, nch, agreed_rate(rate, rate_hz, path, tolerance=1e-3)


def _header_lines(content: bytes, size: int, path: Path) -> tuple[int, list[str]]:
    match = _MAGIC.match(content)
    if match is None:
        raise ArticulensError(
            f"{path}: begins with {content[:15]!r}, expected 'AG50xDATA_V001', V002 or V003 and the length of the "
            "header; the header is damaged, or the file is something else."
        )
    length = int(match[1])
    header = content[:length]
    text, _, padding = header.rstrip(b"\x1a").partition(b"\0")
    plain = re.fullmatch(rb"[\x20-\x7e\r\n\t]*", text) is not None
    if not match.end() < length <= min(size, _MAX_HEADER) or not plain or padding.strip(b"\0"):
        raise ArticulensError(
            f"{path}: its header says that it is {length} bytes long, and that is not so; the file is damaged or "
            "cut short: copy or export it again."
        )
    return length, [line.rstrip("\r") for line in text.decode("ascii").split("\n")]


def _frames(body: int, frame: int, path: Path) -> int:
    if body < 2 * frame or body % frame:
        raise ArticulensError(
            f"{path}: {body} bytes of positions are not two or more whole frames of {frame} bytes; the file is "
            "damaged or cut short, or has another number of sockets: copy or export it again."
        )
    return body // frame


def _check_frames(head: NDArray[np.float32], width: int, start: int, size: int, path: Path) -> None:
    """Refuse frames that look as if the header were wrong about them."""
    possible = range(7, 7 * MAX_SOCKETS + 1, 7)
    check_width(head, width, [other for other in possible if (size - start) % (4 * other) == 0], path)
    if start > 100 and not head[:width].any():
        raise ArticulensError(
            f"{path}: its first frame is all zeros, so the header is longer than it says; copy or export the file "
            "again."
        )


def _normalised(head: NDArray[np.float32], width: int) -> bool:
    """Say whether fields 3 to 5 are a unit vector."""
    with np.errstate(over="ignore", invalid="ignore"):
        frames = head[: len(head) // width * width].reshape(-1, 7)[:, 3:6].astype(np.float64)
        length = (frames**2).sum(axis=1)
    tracked = np.isfinite(length) & (length != 0)
    return bool(tracked.any() and np.median(np.abs(length[tracked] - 1)) < 1e-3)


def _positions(
    path: Path,
    start: int,
    shape: tuple[int, int],
    sensors: Mapping[str, int],
    axes: Mapping[str, tuple[float, str]],
    rms_field: int,
    gate: Mapping[str, float],
    look: Callable[[], None],
) -> NDArray[np.float64]:
    """Return (frames, sensors * axes) in mm, block by block; two threads share those of a long file.

    Who reads the first block also has a `look` at the frames: it is half as much work as a block.
    """
    letters = {"X": 0, "Y": 1, "Z": 2}
    try:
        fields = [letters[letter] for _, letter in axes.values()]
    except KeyError as error:
        raise ArticulensError(f"axes: there is no axis {error} in a .pos file, only X, Y and Z.") from error
    taken = np.array([7 * (socket - 1) + field for socket in sensors.values() for field in fields])
    residual = np.array([7 * (socket - 1) + rms_field for socket in sensors.values()])
    flipped = [i for i, (sign, _) in enumerate(axes.values()) if sign < 0]
    frames, width = shape
    positions = np.empty((frames, len(taken)))
    rows = min(max(1, _BLOCK // (4 * width)), frames)
    starts = iter(range(0, frames, rows))  # whoever is free takes the next one

    def fill(block: NDArray[np.float32], picked: NDArray[np.float32]) -> None:
        with open(path, "rb", buffering=0) as stream, np.errstate(invalid="ignore"):
            for first in starts:
                if first == 0:
                    look()
                part = block[: frames - first]
                stream.seek(start + 4 * width * first)
                _fill(stream, part)
                # Every index is inside; only without a check of its own does `take` write where it is told.
                values = part.take(taken, axis=1, out=picked[: len(part)], mode="clip")
                rms = part.take(residual, axis=1)
                here = positions[first : first + len(part)]
                here[...] = values
                for axis in flipped:
                    here[:, axis :: len(fields)] *= -1
                sizes = np.abs(values, out=values)
                if not all_plausible(sizes, rms, **gate):
                    sensorwise = sizes.reshape(len(part), len(sensors), len(fields))
                    here.reshape(sensorwise.shape)[implausible(sensorwise, rms, **gate)] = np.nan

    def buffers() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return np.empty((rows, width), "<f4"), np.empty((rows, len(taken)), "<f4")

    if 4 * width * frames < _LONG:
        fill(*buffers())
    else:
        _by_two(fill, buffers(), buffers())  # both from here: memory that a new thread asks for is never warm
    return positions


def _by_two(work: Callable[..., None], mine: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    """Call ``work(*mine)`` here and ``work(*other)`` in a thread; return when both have ended.

    `threading.Thread.start` waits until the thread runs, by when a third of a recording could have been read.
    """
    trouble: list[BaseException] = []
    running = allocate_lock()

    def work_too() -> None:
        try:
            work(*other)
        except BaseException as error:
            trouble.append(error)
        finally:
            running.release()

    running.acquire()
    start_new_thread(work_too, ())
    try:
        work(*mine)
    finally:
        running.acquire()
    if trouble:
        raise trouble[0]


def _fill(stream: BinaryIO, block: NDArray[np.float32]) -> None:
    view = memoryview(block.view(np.uint8).reshape(-1))  # type: ignore[arg-type]
    while len(view):
        got = stream.readinto(view)  # type: ignore[attr-defined]
        if not got:
            raise OSError(5, "it became shorter while it was read")
        view = view[got:]
