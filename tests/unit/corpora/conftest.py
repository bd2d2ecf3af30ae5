from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from articulens.corpora import Trajectory, Utterance, write_manifest, write_trajectory

CHANNELS = ("TT.x", "TT.z", "TB.x", "TB.z", "TD.x", "TD.z", "UL.x", "UL.z", "LL.x", "LL.z")


def wave(times_s: np.ndarray, channels: int = 10, offset: float = 50.0) -> np.ndarray:
    """Slow movements, another one in each channel."""
    index = np.arange(channels)
    return offset + index + 3 * np.sin(2 * np.pi * (0.5 + 0.3 * index) * times_s[:, None] + index)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def write_audio() -> Callable[..., Path]:
    def write(path: Path, seconds: float = 1.0, rate_hz: int = 16000) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(0).normal(0, 0.1, round(seconds * rate_hz)).astype(np.float32)
        soundfile.write(path, noise, rate_hz)
        return path

    return write


@pytest.fixture
def tabular_root(tmp_path: Path, write_audio: Callable[..., Path]) -> Path:
    """Four utterances of two speakers, one sentence said by both; positions as parquet and CSV."""
    root = tmp_path / "four"
    utterances = []
    for speaker, language, sentence, suffix in (
        ("anna", "fi", "fi_1", ".parquet"),
        ("anna", "ru", "ru_1", ".csv"),
        ("boris", "fi", "fi_1", ".parquet"),
        ("boris", "ru", "ru_2", ".parquet"),
    ):
        name = f"{speaker}_{sentence}"
        audio = write_audio(root / "audio" / f"{name}.flac")
        positions = root / "positions" / f"{name}{suffix}"
        write_trajectory(positions, Trajectory(wave(np.arange(200) / 200), CHANNELS, 200.0), resolution_mm=0.005)
        meta = {"l1": "fi" if speaker == "anna" else "ru", "alpha": 0.5}
        utterances.append(
            Utterance(
                name, speaker, language, "L1", "T1", sentence, "a text, with a comma", audio, positions, None, meta
            )
        )
    write_manifest(root, utterances)
    return root


def write_carstens(path: Path, positions: dict[int, np.ndarray], rms: float = 5.0) -> Path:
    """Write an AG501 text export of 16 sockets; `positions` is socket -> (samples, 3)."""
    samples = len(next(iter(positions.values())))
    header, columns = [], []
    for socket in range(1, 17):
        header += [f"Ch{socket}_{field}" for field in ("X", "Y", "Z", "phi", "theta", "RMS", "Extra")]
        xyz = positions.get(socket, np.zeros((samples, 3)))
        columns += [*xyz.T, np.zeros(samples), np.zeros(samples), np.full(samples, rms), np.zeros(samples)]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, np.stack(columns, 1), "%.2f", "\t", header="\t".join(header), comments="")
    return path


@pytest.fixture
def frost_root(tmp_path: Path, write_audio: Callable[..., Path]) -> Path:
    """Two speakers in FROST's layout, one of them with a moved tongue-tip sensor; 1 s at 1250 Hz."""
    root = tmp_path / "FROST"
    for speaker in ("fin_kh5_f", "rus_kh18_m"):
        for stem in ("A_T1_01", "B_T2_02", "C_T2_03"):
            # Socket n stands at x = n, y = -n, z = 2 n, so that a test sees which socket it got.
            still = {n: np.tile([n, -n, 2.0 * n], (1250, 1)) for n in range(1, 17)}
            movement = wave(np.arange(1250) / 1250, 3)
            for xyz in still.values():
                xyz += movement - movement.mean(axis=0)
            write_carstens(root / speaker / "pos" / f"{stem}.txt", still)
            write_audio(root / speaker / "wav" / f"{stem}.wav")
    return root
