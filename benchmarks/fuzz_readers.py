"""Damage files of every format and see what the readers make of them.

Every byte of every header is changed in several ways, files are cut at many places, and bytes anywhere are changed,
put in and taken out. What a reader may do: raise an `ArticulensError`, or return what was written (of a file that was
cut: its beginning). Anything else is counted: another exception, more than a second, and *wrong*, channels or times
that differ from what was written though no position was touched.

    python benchmarks/fuzz_readers.py [INPUTS]        results: benchmarks/results/fuzz_readers.json
"""

import json
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from articulens.corpora.foreign import Sample, samples
from articulens.corpora.readers import READERS
from articulens.corpora.schema import Trajectory
from articulens.errors import ArticulensError

CHANNELS = tuple(f"{sensor}.{axis}" for sensor in ("TT", "TB", "TD", "UL", "LL", "JAW") for axis in "xyz")
SLOWEST_S = 1.0


def mouth(n: int = 48) -> Trajectory:
    """Return smooth movements, rounded to 0.01 mm, with a gap in one sensor."""
    index = np.arange(len(CHANNELS))
    positions = 8.0 * index - 60.5 + 4 * np.sin(2 * np.pi * np.outer(np.arange(n) / 250, 1 + index / 6) + index)
    positions = np.round(positions, 2)
    positions[20:24, 3:6] = np.nan
    return Trajectory(positions, CHANNELS, 250.0)


def header_length(name: str, content: bytes) -> int:
    """Return how many bytes say what the rest is."""
    if name == "AG501 binary":
        return 200  # and padding, of which a few bytes are as good as all
    if name in ("AG501 text", "NDI sensors", "NDI ports", "CSV"):
        return content.index(b"\n") + 1
    if name.startswith("EST"):
        return content.index(b"EST_Header_End\n") + 15
    if name == "SSFF":
        return content.index(b"-" * 17) + 18
    if name == "MVIEW":
        return 432  # up to the samples of the first element; the tags of the others are the same
    if name == "tensor":
        return 900
    if name == "seq":
        return content.index(b"# ") + 2
    return 0


def outcome(sample: Sample, content: bytes, whole: Trajectory, folder: Path, cut: bool, touched: bool) -> str:
    """Say what the reader made of a damaged file."""
    path = folder / f"a{sample.suffix}"
    path.write_bytes(content)
    started = time.perf_counter()
    try:
        read = READERS[sample.reader](path, **sample.arguments)
    except ArticulensError:
        verdict = "error"
    except Exception as error:
        return f"crash: {type(error).__name__}: {error}"
    else:
        same_clock = read.rate_hz == whole.rate_hz and read.start_s == whole.start_s
        right = set(read.channels) <= set(whole.channels) and len(read) <= len(whole)
        right = right and (cut or (same_clock and len(read) == len(whole)))
        if right:
            columns = [whole.channels.index(name) for name in read.channels]
            expected = whole.positions[: len(read), columns]
            # A last cell that may have been cut is missing, never wrong.
            equal = (read.positions == expected) | (np.isnan(read.positions) if cut else np.isnan(expected))
            right = bool(equal.all())
        verdict = "right" if right else "another value" if touched else "wrong"
    return "slow" if time.perf_counter() - started > SLOWEST_S else verdict


def damaged_copies(name: str, content: bytes, share: int) -> Iterator[tuple[str, bytes]]:
    """Yield (kind of damage, file): every byte of the header, cuts, and changes anywhere until there are enough."""
    rng = np.random.default_rng(len(name))
    made = 0
    for place in range(header_length(name, content)):
        old = content[place]
        digits = b"0123456789" if chr(old).isdigit() else b""
        for new in sorted({*digits, old ^ 1, old ^ 32, old ^ 128, 0, 10, 32, 48, 255} - {old}):
            yield "header", content[:place] + bytes([new]) + content[place + 1 :]
            made += 1
    cuts = {*range(min(header_length(name, content), 400)), *rng.integers(0, len(content), 1500).tolist()}
    for end in sorted(cuts):
        yield "cut", content[:end]
    for _ in range(share - made - len(cuts)):
        damaged = bytearray(content)
        for _ in range(int(rng.integers(1, 4))):
            place = int(rng.integers(0, max(1, len(damaged))))
            what = int(rng.integers(0, 4))
            if what == 0:
                damaged[place : place + 1] = rng.bytes(1)
            elif what == 1:
                damaged[place:place] = rng.bytes(int(rng.integers(1, 9)))
            elif what == 2:
                del damaged[place : place + int(rng.integers(1, 9))]
            else:
                damaged[place : place + 4] = rng.choice([b"\xff" * 4, b"\0" * 4, b"9999", b"-inf"])
        yield "anywhere", bytes(damaged)


def main(inputs: int = 100_000) -> None:
    """Damage, read, count, write the table."""
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))  # what asks for too much memory is seen to
    np.seterr(all="ignore")
    formats = samples(mouth())
    table: dict[str, Counter[str]] = {}
    examples = []
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        for name, sample in formats.items():
            path = Path(folder) / f"a{sample.suffix}"
            path.write_bytes(sample.content)
            whole = READERS[sample.reader](path, **sample.arguments)
            counts: Counter[str] = Counter()
            for kind, damaged in damaged_copies(name, sample.content, inputs // len(formats) + 1):
                verdict = outcome(sample, damaged, whole, Path(folder), kind == "cut", kind == "anywhere")
                word = verdict.split(":")[0]
                counts[f"{kind}: {word}"] += 1
                if word in ("crash", "wrong", "slow"):
                    pairs = zip(sample.content, damaged, strict=False)
                    place = next((i for i, (a, b) in enumerate(pairs) if a != b), -1)
                    around = repr(sample.content[max(0, place - 12) : place + 8])
                    examples.append([name, kind, verdict, place, around, repr(damaged[place : place + 1])])
            table[name] = counts
            print(f"{name:14s}", dict(sorted(counts.items())), flush=True)
    total = sum(counts.total() for counts in table.values())
    bad = {
        word: sum(n for counts in table.values() for key, n in counts.items() if key.endswith(f": {word}"))
        for word in ("crash", "slow", "wrong")
    }
    seconds = round(time.process_time() - started, 1)
    results = {
        "inputs": total,
        **bad,
        "cpu_seconds": seconds,
        "formats": {name: dict(sorted(counts.items())) for name, counts in table.items()},
        "examples": examples[:40],
    }
    out = Path(__file__).parent / "results" / "fuzz_readers.json"
    out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"{total} inputs: {bad}; {seconds} s; {out}")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
