"""Reading speed of AG501 files beside what one would write otherwise, on the same file in the same run.

1250 Hz, 16 sockets; text of 30 s, binary of 30 s (which a cache of the processor may hold) and of 120 s. Text: pandas'
C parser reading the table, and reading it with the same columns picked.
Binary: numpy.fromfile alone, and with the same sensors picked into float64. Ours gives a checked trajectory of six
sensors with gaps marked. Each is timed in turn several times; the best counts, the file is in the page cache.

    python benchmarks/bench_readers.py
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from common import timed, write

from articulens.corpora.foreign import XYZ, carstens_ascii, carstens_binary
from articulens.corpora.readers import carstens_ascii as text
from articulens.corpora.readers import carstens_binary as binary

RATE_HZ, SOCKETS, ROUNDS = 1250, 16, 9
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
        for seconds in (30, 120):
            pos = Path(folder) / f"{seconds}.pos"
            pos.write_bytes(carstens_binary(frames(seconds), RATE_HZ, header_bytes=HEADER))
            sizes[f"binary, {seconds} s"] = round(pos.stat().st_size / 1e6, 1)
            ways[f"binary, {seconds} s"] = {
                "articulens": lambda pos=pos: binary.read(pos, channels=CHANNELS, axes=XYZ),
                "numpy.fromfile": lambda pos=pos: np.fromfile(pos, "<f4", offset=HEADER),
                "numpy.fromfile, sensors picked": lambda pos=pos: (
                    np.fromfile(pos, "<f4", offset=HEADER).reshape(-1, SOCKETS, 7)[:, sockets, :3].astype(np.float64)
                ),
            }
        best = {kind: dict.fromkeys(of_kind, np.inf) for kind, of_kind in ways.items()}
        for _ in range(ROUNDS):
            for kind, of_kind in ways.items():
                for name, way in of_kind.items():
                    best[kind][name] = min(best[kind][name], timed(way)[0])
    write(
        "readers",
        {
            "file_mb": sizes,
            "best_seconds": {k: {n: round(s, 5) for n, s in of.items()} for k, of in best.items()},
            "articulens_takes_times": {
                k: {n: round(float(of["articulens"] / s), 2) for n, s in of.items() if n != "articulens"}
                for k, of in best.items()
            },
        },
    )


if __name__ == "__main__":
    main()
