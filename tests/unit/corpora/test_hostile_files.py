"""Files that try to fill the memory, to hang the reader, or to run."""

import os
import pickle
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from articulens.corpora import Trajectory, foreign
from articulens.corpora.readers import READERS, carstens_binary, matlab, mview, tensor
from articulens.errors import ArticulensError

CHANNELS = tuple(f"{sensor}.{axis}" for sensor in ("TT", "TB", "TD", "UL", "LL", "JAW") for axis in "xyz")


@pytest.fixture(scope="module")
def written():
    positions = np.round(8.0 * np.arange(18) + np.sin(np.arange(40)[:, None] / 9), 2)
    return foreign.samples(Trajectory(positions, CHANNELS, 250.0))


@pytest.mark.parametrize("reader", sorted(READERS))
def test_ten_gigabytes_of_nothing(tmp_path, reader, written):
    sample = next((s for s in written.values() if s.reader == reader), written["AG501 binary"])
    path = tmp_path / f"a{sample.suffix}"
    path.write_bytes(sample.content)
    os.truncate(path, 10 << 30)
    with pytest.raises(ArticulensError, match=r"10\.7 GB, expected at most 2\.1 GB"):
        READERS[reader](path, **sample.arguments)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.pos")
    with pytest.raises(ArticulensError, match="no ordinary file"):
        carstens_binary.read(tmp_path / "a.pos", channels={"TT": 1}, axes=foreign.XYZ)


class Bomb:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return Path.write_text, (Path(self.target), "it ran")


@pytest.mark.parametrize("zipped", [True, False])
def test_pickles_do_not_run(tmp_path, zipped):
    path, target = tmp_path / "a.pt", tmp_path / "ran"
    content = pickle.dumps(Bomb(target))
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/data.pkl", content)
            archive.writestr("a/version", "3\n")
    else:
        path.write_bytes(content)
    with pytest.raises(ArticulensError, match=r"a\.pt: (holds something else than tensors|cannot be read as tensors)"):
        tensor.read(path, channels={"TT": 0}, axes={"x": "0"}, rate_hz=100)
    assert not target.exists()


def test_a_matlab_file_that_unpacks_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(matlab, "MAX_BYTES", 1 << 20)
    packed = zlib.compress(b"\0" * (64 << 20))
    head = b"MATLAB 5.0".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    (tmp_path / "a.mat").write_bytes(head + struct.pack("<II", 15, len(packed)) + packed)
    with pytest.raises(ArticulensError, match="a compressed variable is cut short or too large"):
        mview.read(tmp_path / "a.mat", axes=foreign.XYZ)
