"""Real recordings in their own formats, which are not part of the project: rate, unit, sensors, axes; else skipped."""

import base64
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from articulens.corpora import read_audio, read_intervals
from articulens.corpora.foreign import XYZ
from articulens.corpora.readers import READERS, carstens_ascii, carstens_binary, mview

RECORDINGS = Path(__file__).parents[3] / "../shared/recordings"
EMU = {"TT": "t_tip", "TB": "t_mid", "TD": "t_back", "UL": "upper_lip", "LL": "lower_lip", "JAW": "jaw"}
EMU_AXES = {"x": "-posy", "y": "+posx", "z": "+posz"}


def there(name):
    if not (RECORDINGS / name).exists():
        pytest.skip(f"the recordings of {name} are not beside the project")
    return RECORDINGS / name


def means(trajectory):
    return dict(zip(trajectory.channels, np.nanmean(trajectory.positions, axis=0), strict=True))


def stands_like_a_mouth(trajectory):
    at = means(trajectory)
    assert at["UL.x"] > at["TT.x"] > at["TB.x"] and at["UL.z"] > at["LL.z"]
    assert all(abs(value) < 20 for name, value in at.items() if name.endswith(".y"))
    # Millimetres: a tongue tip moves by some of them.
    spread = dict(zip(trajectory.channels, np.nanstd(trajectory.positions, axis=0), strict=True))
    assert 1 < spread["TT.z"] < 12


def test_one_sweep_as_pos_and_as_txt():
    folder = there("ag501-both-greek")
    channels = {"TB": 3, "TD": 4, "TT": 5, "UL": 6, "LL": 7, "JAW": 12}
    binary = carstens_binary.read(folder / "0022.pos", channels=channels, axes=XYZ)
    text = carstens_ascii.read(folder / "0022.txt", channels=channels, axes=XYZ, rate_hz=250)
    assert (binary.rate_hz, len(binary)) == (250.0, len(text)) == (250.0, 4740)
    difference = np.abs(binary.positions - text.positions)
    assert np.nanmax(difference) <= 0.005 + 1e-9
    unused = [name.startswith("JAW") for name in binary.channels]  # socket 12 holds zeros in both
    assert np.isnan(binary.positions)[:, unused].all() and not np.isnan(binary.positions)[:, ~np.array(unused)].any()


def test_ag501_with_a_header_of_4096_bytes():
    folder = there("ag501-binary-ema2wav")
    channels = {"TT": 7, "TB": 6, "TD": 5, "UL": 8, "LL": 9, "JAW": 4}
    read = carstens_binary.read(folder / "0023.pos", channels=channels, axes=XYZ)
    samples, rate_hz = read_audio(folder / "0023.wav")
    assert (read.rate_hz, len(read)) == (250.0, 896)
    assert read.duration_s == pytest.approx(len(samples) / rate_hz, abs=1e-3)
    stands_like_a_mouth(read)
    unused = carstens_binary.read(folder / "0023.pos", channels={"TT": 10}, axes=XYZ)
    assert np.isnan(unused.positions).all()
    # The vertical channels of the tool's own export: low-passed at 25 Hz, so nearly the same.
    header, *rows = (folder / "0023.csv").read_text().splitlines()
    export = np.array([row.split(",") for row in rows], dtype=float)[:, header.split(",").index("ulip_y")]
    own = read.positions[:, read.channels.index("UL.z")]
    assert np.abs(export[: len(own)] - own[: len(export)]).max() < 0.3
    assert carstens_binary.read_header(folder / "0023.pos")["normpos.FIR_kaiserd_P_5_15_60_250"] == "1,2,3"


def test_fixtures_count_upwards():
    folder = there("parser-fixtures-artk")
    wide = {"max_abs_mm": 1e9, "max_rms": 1e9}
    ag500 = carstens_binary.read(folder / "ag500.pos", channels={"TT": 12}, axes=XYZ, **wide)
    ag501 = carstens_binary.read(folder / "ag501.pos", channels={"TT": 16}, axes=XYZ, **wide)
    assert (ag500.rate_hz, ag500.positions[0].tolist()) == (200.0, [78.0, 79.0, 80.0])
    assert (ag501.rate_hz, ag501.positions[1].tolist()) == (250.0, [218.0, 219.0, 220.0])
    for name in ("esttrack.bin", "esttrack.txt"):
        track = READERS["est-track"](folder / name, channels={"TT": "Ch12"}, axes=XYZ)
        assert (track.rate_hz, track.start_s) == (200.0, pytest.approx(0.005))
        assert track.positions[:2].tolist() == [[78.0, 79.0, 80.0], [162.0, 163.0, 164.0]]  # not shifted by two
    text = carstens_ascii.read(folder / "ag501.txt", channels={"TT": 16}, axes=XYZ, rate_hz=250, **wide)
    np.testing.assert_array_equal(text.positions, ag501.positions)


def test_mview_from_haskins():
    path = there("mview-hprc-F01") / "F01_B01_S01_R01_N.mat"
    read = mview.read(path, axes=XYZ)
    samples, rate_hz = mview.read_audio(path)
    assert (read.rate_hz, len(read), rate_hz, len(samples)) == (100.0, 262, 44100, 114881)
    assert 0.1 < np.abs(samples).max() <= 1
    stands_like_a_mouth(read)
    assert read_audio(path)[1] == 44100
    phones, words = read_intervals(path), read_intervals(path, "words")
    assert [label for _, _, label in phones[:4]] == ["sp", "DH", "AH0", "B"]
    assert [label for _, _, label in words if label != "sp"] == "THE BIRCH CANOE SLID ON THE SMOOTH PLANKS".split()
    assert all(before[1] == pytest.approx(after[0]) for before, after in pairwise(phones))
    assert phones[-1][1] == pytest.approx(len(samples) / rate_hz, abs=0.01)


@pytest.mark.parametrize("name", ["sub003_oe.tsv", "sub003_oe_BPC.tsv"])
def test_ndi_with_missing_cells(name):
    path = there("ndi-jawangle") / name
    channels = {"TD": 5, "UL": 8, "LL": 7, "JAW": 4}
    read = READERS["ndi-wave"](path, channels=channels, axes={"x": "X", "y": "Z", "z": "Y"}, rate_hz=100)
    assert (read.start_s, len(read)) == (0.0155, 2648) and read.rate_hz == pytest.approx(100.08, abs=0.01)
    samples, rate_hz = read_audio(path.parent / "sub003_oe.wav")  # says 69 bytes a second in its header
    assert rate_hz == 22050 and len(samples) / rate_hz == pytest.approx(26.5, abs=0.1)
    if "BPC" in name:
        at = means(read)
        assert at["UL.x"] > at["TD.x"] and at["UL.z"] > at["LL.z"]


def test_ndi_where_most_is_missing():
    read = READERS["ndi-wave"](
        there("ndi-ematoblender") / "Example3.tsv", channels={"TT": 1, "TB": 3, "UL": 9, "LL": 16}, axes=XYZ
    )
    missing = np.isnan(read.positions).mean(axis=0)
    assert read.start_s == 0.0193 and len(read) == 101  # 100 rows; MeasId jumps once, so one was dropped
    assert missing[:3].max() < 0.02 and missing[3:6].min() == 1.0


def test_emu_files_of_one_sensor_each():
    path = next(there("ssff-ag500-emu").glob("tinyDfg91/*/*/*.t_tip"))
    read = READERS["ssff"](path, channels=EMU, axes=EMU_AXES, one_file_a_sensor=True)
    samples, rate_hz = read_audio(path.with_suffix(".wav"))  # its data chunk is longer than the file
    assert (read.rate_hz, len(read), rate_hz) == (200.0, 612, 16384)
    assert read.duration_s == pytest.approx(len(samples) / rate_hz, abs=0.1)
    stands_like_a_mouth(read)


def test_emu_bundles_in_json(tmp_path):
    for bundle in sorted(there("ssff-ag500-emu").glob("demo-json/*_bndl.json")):
        for track in json.loads(bundle.read_text())["ssffFiles"]:
            (tmp_path / f"{bundle.stem}.{track['fileExtension']}").write_bytes(base64.b64decode(track["data"]))
        path = tmp_path / f"{bundle.stem}.t_tip"
        read = READERS["ssff"](path, channels=EMU, axes=EMU_AXES, one_file_a_sensor=True)
        assert (read.rate_hz, len(read)) == (200.0, 800)
        stands_like_a_mouth(read)
        formants = READERS["ssff"](path.with_suffix(".jaw"), channels={"JAW": "jw"}, axes={"x": "-posy"})
        assert formants.start_s == 0.0
