"""A corpus small enough for every test: sound whose loudness and pitch are its articulation."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE_HZ, EMA_HZ = 16_000, 200.0


def write_toy_corpus(root: Path, *, speakers: int = 4, sentences: int = 6, seconds: float = 1.2) -> Path:
    """Write a tabular corpus in which positions are smooth functions of the loudness of two bands of noise."""
    from articulens.corpora import Trajectory, Utterance, write_manifest, write_trajectory
    from articulens.corpora.schema import TARGETS

    utterances = []
    for s in range(speakers):
        rng = np.random.default_rng([1, s])
        mixing = rng.normal(size=(2, len(TARGETS))) + np.random.default_rng(7).normal(size=(2, len(TARGETS))) * 3
        offset = 100 * rng.normal(size=len(TARGETS))
        for t in range(sentences):
            language = ("fi", "ru")[t % 2]
            name = f"S{s}_{language}_{t:02d}"
            n = int((seconds + 0.1 * t) * RATE_HZ)
            clock = np.arange(n) / RATE_HZ
            phase = rng.uniform(0, 6, 2)
            gain = lambda at, phase=phase: 0.5 + 0.4 * np.sin(2 * np.pi * np.outer(at, [2.3, 3.1]) + phase)  # noqa: E731
            carrier = np.stack([np.sin(2 * np.pi * 440 * clock), np.sin(2 * np.pi * 2500 * clock)], axis=1)
            sound = (gain(clock) * carrier).sum(1) * 0.3 + 0.01 * rng.normal(size=n)
            audio, positions = root / "audio" / f"{name}.flac", root / "positions" / f"{name}.parquet"
            audio.parent.mkdir(parents=True, exist_ok=True)
            positions.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(audio, sound, RATE_HZ)
            track = gain(np.arange(int(n / RATE_HZ * EMA_HZ) + 1) / EMA_HZ) @ mixing + offset
            write_trajectory(positions, Trajectory(track, TARGETS, EMA_HZ))
            utterances.append(
                Utterance(
                    name,
                    f"S{s}",
                    language,
                    "L1" if s % 2 == t % 2 else "L2",
                    "T1",
                    f"{language}_{t:02d}",
                    None,
                    audio,
                    positions,
                )
            )
    write_manifest(root, utterances)
    return root


@pytest.fixture(scope="session")
def toy_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a toy corpus that no test may change."""
    return write_toy_corpus(tmp_path_factory.mktemp("toy"))


@pytest.fixture
def toy_copy(tmp_path: Path) -> Path:
    """Return the folder of a small toy corpus that the test may spoil."""
    return write_toy_corpus(tmp_path / "toy", speakers=3, sentences=4)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems() -> None:
    """Hypothesis looks at every module that the collected tests imported."""
    from articulens.encoders.ecapa import forget_redirects

    forget_redirects()
