"""Peak memory of a sweep over 10 and over 60 minutes of audio, each in a process of its own.

The corpus is noise with made-up positions (nothing is learned from it): only its length matters here. Ten
speakers, so that the longer corpus has six times as much audio from each.

    python benchmarks/bench_sweep.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from common import write

from articulens.corpora import Trajectory, Utterance, write_manifest, write_trajectory
from articulens.corpora.schema import TARGETS

SPEAKERS, SECONDS = 10, 10


def make(root: Path, minutes: float) -> None:
    """Write a tabular corpus of noise."""
    rng = np.random.default_rng(0)
    utterances = []
    for speaker in range(SPEAKERS):
        for i in range(int(minutes * 60 / SECONDS / SPEAKERS)):
            name = f"S{speaker}_{i:03d}"
            audio, positions = root / f"{name}.wav", root / f"{name}.parquet"
            soundfile.write(audio, 0.1 * rng.normal(size=SECONDS * 16_000).astype(np.float32), 16_000)
            steps = rng.normal(size=(SECONDS * 100, len(TARGETS)))
            write_trajectory(positions, Trajectory(np.cumsum(steps, axis=0) * 0.1, TARGETS, 100.0))
            utterances.append(Utterance(name, f"S{speaker}", "fi", "L1", "T1", f"fi_{i:03d}", None, audio, positions))
    write_manifest(root, utterances)


CHILD = """
import json, resource, sys, time
from pathlib import Path
from articulens.cells import CellDesign
from articulens.corpora import open_corpus
from articulens.encoders import open_encoder
from articulens.evaluation.protocols import open_protocol
from articulens.sweep import sweep
encoder, corpus = open_encoder("wav2vec2-tiny@random", device="cpu"), open_corpus("tabular:" + sys.argv[1])
design = CellDesign.for_protocols([open_protocol("loso_sentence")], folds=3)
started = time.perf_counter()
store = sweep(corpus, encoder, design, out=sys.argv[2], progress=False)
files = [str(p.name) for p in Path(sys.argv[2]).rglob("*") if p.is_file()]
print(json.dumps({"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                  "seconds": time.perf_counter() - started, "files": files, "frames": int(store.cells.frames.sum()),
                  "bytes": sum(p.stat().st_size for p in Path(sys.argv[2]).rglob("*") if p.is_file())}))
"""


def main() -> None:
    """Measure both lengths and compare."""
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        for minutes in (10, 60):
            corpus, out = Path(folder) / f"corpus{minutes}", Path(folder) / f"out{minutes}"
            corpus.mkdir()
            make(corpus, minutes)
            child = subprocess.run(
                [sys.executable, "-c", CHILD, str(corpus), str(out)],
                check=True,
                capture_output=True,
                text=True,
            )
            measured[minutes] = json.loads(child.stdout.splitlines()[-1])
    short, long = measured[10], measured[60]
    # Moments do not grow with the audio: neither may what a sweep leaves on disk.
    assert len(long["files"]) == SPEAKERS + 1, long["files"]
    write(
        "sweep_memory",
        {
            "encoder": "wav2vec2-tiny@random",
            "peak_mib_10_minutes": round(short["peak_mib"]),
            "peak_mib_60_minutes": round(long["peak_mib"]),
            "ratio": round(long["peak_mib"] / short["peak_mib"], 3),
            "store_bytes_10_minutes": short["bytes"],
            "store_bytes_60_minutes": long["bytes"],
            "times_real_time": round(60 * 60 / long["seconds"], 1),
            "files": "one a speaker and store.json; no features",
        },
    )


if __name__ == "__main__":
    main()
