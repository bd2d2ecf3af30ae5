"""Reading speed of AG501 files beside what one would write otherwise, on the same files in the same run.

1250 Hz, 16 sockets. Text of 30 s: pandas' C parser reading the table, and reading it with the same columns picked.
Binary of 30 s and 120 s: numpy.fromfile alone, and with the same sensors picked into float64. One file may be read
again and again into memory that was just given back, or eight files in a row, all kept, as when a corpus is read.
Ours gives a checked trajectory of six sensors with gaps marked. An EST track (87 channels, 200 Hz) and a track of
EMU of 120 s follow, beside the bare bytes. The ways take turns, each is first in turn, files are in the page cache; the
best and the median of each are compared, since one lucky turn of a way that takes a millisecond moves the best.

    python benchmarks/bench_readers.py
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from common import timed, write

from articulens.corpora.foreign import XYZ, carstens_ascii, carstens_binary, est_track, ssff
from articulens.corpora.readers import READERS
from articulens.corpora.readers import carstens_ascii as text
from articulens.corpora.readers import carstens_binary as binary

RATE_HZ, SOCKETS, ROUNDS, FILES = 1250, 16, 24, 8
CHANNELS = {"TT": 7, "TB": 9, "TD": 8, "UL": 12, "LL": 13, "JAW": 5}
HEADER = 4096


def frames(seconds: int) -> np.ndarray:
    """Return smooth movements of all sockets, (samples, sockets, 7)."""
    rng = np.random.default_rng(0)
    values = np.cumsum(rng.normal(0, 0.02, (seconds * RATE_HZ, SOCKETS, 7)), axis=0) + rng.uniform(
        -100, 100, (SOCKETS, 7)
    )
    values[..., 5], values[..., 6] = 5, 0
    return values.astype(np.float32)


def main() -> None:
    """Write the files, time the readers in turn, keep the table."""
    sockets = np.array(list(CHANNELS.values())) - 1
    names = [f"Ch{socket}_{axis}" for socket in CHANNELS.values() for axis in "XYZ"]
    with tempfile.TemporaryDirectory() as folder:
        txt = Path(folder) / "a.txt"
        txt.write_bytes(carstens_ascii(frames(30)))
        sizes = {"text, 30 s": round(txt.stat().st_size / 1e6, 1)}
        ways: dict[str, dict[str, Callable[[], object]]] = {
            "text, 30 s": {
                "articulens": lambda: text.read(txt, channels=CHANNELS, axes=XYZ, rate_hz=RATE_HZ),
                "pandas.read_csv(engine='c')": lambda: pd.read_csv(txt, sep="\t", engine="c"),
                "pandas.read_csv(engine='c', usecols=...)": lambda: pd.read_csv(
                    txt, sep="\t", engine="c", usecols=names
                ),
            }
        }
        for what, seconds, count in (
            ("binary, 30 s", 30, 1),
            (f"binary, {FILES} files of 30 s", 30, FILES),
            ("binary, 120 s", 120, 1),
        ):
            files = [Path(folder) / f"{seconds}-{number}.pos" for number in range(count)]
            for pos in files:
                pos.write_bytes(carstens_binary(frames(seconds), RATE_HZ, header_bytes=HEADER))
            sizes[what] = round(count * files[0].stat().st_size / 1e6, 1)
            ways[what] = {
                "articulens": lambda files=files: [binary.read(pos, channels=CHANNELS, axes=XYZ) for pos in files],
                "numpy.fromfile": lambda files=files: [np.fromfile(pos, "<f4", offset=HEADER) for pos in files],
                "numpy.fromfile, sensors picked": lambda files=files: [
                    np.fromfile(pos, "<f4", offset=HEADER).reshape(-1, SOCKETS, 7)[:, sockets, :3].astype(np.float64)
                    for pos in files
                ],
            }
        flat = frames(24)[:, :, :3].reshape(-1, 3 * SOCKETS)[:24000]  # 120 s at 200 Hz
        own = [f"{sensor}_{axis}" for sensor in CHANNELS for axis in "xyz"]
        more = [f"more{i}_x" for i in range(87 - len(own))]
        mapped = {"channels": {sensor: sensor for sensor in CHANNELS}, "axes": {axis: axis for axis in "xyz"}}
        for what, reader, content in (
            ("EST track, 120 s", "est-track", est_track(np.tile(flat, 2)[:, :87], own + more, 200.0)),
            ("EMU track, 120 s", "ssff", ssff(dict(zip(own, flat.T, strict=False)), 200.0)),
        ):
            track = Path(folder) / reader
            track.write_bytes(content)
            sizes[what] = round(len(content) / 1e6, 1)
            ways[what] = {
                "articulens": lambda track=track, reader=reader: READERS[reader](track, **mapped),
                "numpy.fromfile": lambda track=track: np.fromfile(track, np.uint8),
            }
        timings: dict[str, dict[str, list[float]]] = {
            kind: {name: [] for name in of_kind} for kind, of_kind in ways.items()
        }
        for turn in range(ROUNDS):
            for kind, of_kind in ways.items():
                order = list(of_kind.items())
                for name, way in order[turn % len(order) :] + order[: turn % len(order)]:
                    timings[kind][name].append(timed(way)[0])
    result: dict[str, object] = {"file_mb": sizes}
    for measure, of_turns in (("best", np.min), ("median", np.median)):
        of = {kind: {name: float(of_turns(s)) for name, s in of_kind.items()} for kind, of_kind in timings.items()}
        result[f"{measure}_seconds"] = {kind: {n: round(s, 5) for n, s in times.items()} for kind, times in of.items()}
        result[f"articulens_takes_times_{measure}"] = {
            kind: {n: round(times["articulens"] / s, 2) for n, s in times.items() if n != "articulens"}
            for kind, times in of.items()
        }
    write("readers", result)


if __name__ == "__main__":
    main()
