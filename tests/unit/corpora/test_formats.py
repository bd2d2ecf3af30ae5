"""Every reader on files written byte for byte, and on cut and damaged ones."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from articulens.corpora import Trajectory, foreign
from articulens.corpora.readers import READERS, carstens_binary, est_track, matlab, mview, ndi_wave, ssff, tensor, xrmb
from articulens.errors import ArticulensError

SENSORS = ("TT", "TB", "TD", "UL", "LL", "JAW")
CHANNELS = tuple(f"{sensor}.{axis}" for sensor in SENSORS for axis in "xyz")
XYZ = foreign.XYZ
FORMATS = (
    "AG501 binary",
    "AG501 text",
    "AG500 binary",
    "EST binary",
    "EST text",
    "MVIEW",
    "XRMB",
    "NDI sensors",
    "NDI ports",
    "SSFF",
    "seq",
    "tensor",
    "CSV",
)
each_quickly = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def movement(samples=40):
    index = np.arange(len(CHANNELS))
    at = np.arange(samples) / 250
    return np.round(8.0 * index - 60.5 + 4 * np.sin(2 * np.pi * np.outer(at, 1 + index / 6) + index), 2)


def mouth(samples=40):
    positions = movement(samples)
    positions[20:24, 3:6] = np.nan
    return Trajectory(positions, CHANNELS, 250.0)


@pytest.fixture(scope="module")
def written():
    return foreign.samples(mouth())


def read_back(tmp_path, sample, content=None):
    path = tmp_path / f"a{sample.suffix}"
    path.write_bytes(sample.content if content is None else content)
    return READERS[sample.reader](path, **sample.arguments)


@pytest.mark.parametrize("name", FORMATS)
def test_what_was_written_is_read(tmp_path, written, name):
    trajectory = read_back(tmp_path, written[name])
    expected = mouth().select(trajectory.channels)
    assert len(trajectory.channels) == (12 if name == "XRMB" else 18)
    assert trajectory.rate_hz == 250.0 and trajectory.start_s == (0.0155 if name == "NDI sensors" else 0.0)
    np.testing.assert_allclose(trajectory.positions, expected.positions, rtol=0, atol=4e-6)  # NaN equals NaN here


@pytest.mark.parametrize("name", FORMATS)
def test_every_cut_is_told_or_the_beginning_is_read(tmp_path, written, name):
    content = written[name].content
    whole = read_back(tmp_path, written[name])
    told = 0
    for end in {*range(0, min(len(content), 700), 3), *range(0, len(content), max(1, len(content) // 60))}:
        try:
            cut = read_back(tmp_path, written[name], content[:end])
        except ArticulensError:
            told += 1
            continue
        assert cut.channels == whole.channels and len(cut) <= len(whole)
        same = cut.positions == whole.positions[: len(cut)]
        assert (same | np.isnan(cut.positions)).all(), end
    assert told > 50


@pytest.mark.parametrize("name", ["AG501 binary", "AG501 text", "EST binary", "NDI sensors", "SSFF", "CSV"])
def test_no_changed_byte_of_a_header_shifts_channels(tmp_path, written, name):
    content = written[name].content
    header = {"EST binary": content.find(b"Header_End"), "SSFF": content.find(b"----"), "AG501 binary": 90}
    length = header.get(name, content.find(b"\n"))
    whole = read_back(tmp_path, written[name])
    told = 0
    for place in range(0, length, max(1, length // 90)):
        for new in {content[place] ^ 1, ord("7"), ord("0")} - {content[place]}:
            try:
                read = read_back(tmp_path, written[name], content[:place] + bytes([new]) + content[place + 1 :])
            except ArticulensError:
                told += 1
                continue
            assert (read.rate_hz, read.start_s, len(read)) == (whole.rate_hz, whole.start_s, len(whole)), place
            expected = whole.positions[:, [whole.channels.index(c) for c in read.channels]]
            np.testing.assert_array_equal(read.positions, expected, err_msg=f"{place} {new}")
    assert told > 40


floats = st.floats(-250, 250, width=32)
counts = st.integers(2, 30)


@each_quickly
@given(
    data=st.data(),
    n=counts,
    sockets=st.integers(1, 24),
    rate=st.sampled_from([250, 1250]),
    version=st.sampled_from([1, 2, 3]),
    header=st.sampled_from([76, 402, 4096]),
)
def test_ag501_binary_exactly(tmp_path, data, n, sockets, rate, version, header):
    socket = data.draw(st.integers(1, sockets))
    frames = data.draw(hnp.arrays(np.float32, (n, sockets, 7), elements=st.floats(1, 20, width=32)))
    frames[n // 2, socket - 1, :3] = data.draw(st.sampled_from([0.0, np.nan, 775.0]))
    path = tmp_path / "a.pos"
    path.write_bytes(foreign.carstens_binary(frames, rate, version, header))
    read = carstens_binary.read(path, channels={"TT": socket}, axes=XYZ)
    expected = frames[:, socket - 1, :3].astype(np.float64)
    expected[n // 2] = np.nan
    assert read.rate_hz == rate
    np.testing.assert_array_equal(read.positions, expected)


def long_recording():
    """Return frames of more than 8 MB, whose blocks two threads share, and a gap."""
    rng = np.random.default_rng(0)
    frames = np.cumsum(rng.normal(0, 0.02, (20_001, 16, 7)), axis=0).astype(np.float32)
    frames[..., :3] += 20 + 5 * np.arange(16, dtype=np.float32)[:, None]  # sensors are apart
    frames[..., 6] = 1
    frames[15_000:15_010, 6, :3] = np.nan
    return frames


def test_every_block_of_a_long_recording(tmp_path):
    frames = long_recording()
    path = tmp_path / "a.pos"
    path.write_bytes(foreign.carstens_binary(frames, 1250))
    read = carstens_binary.read(path, channels={"TT": 7, "UL": 1}, axes=XYZ)
    expected = frames[:, [6, 0], :3].reshape(len(frames), 6).astype(np.float64)
    np.testing.assert_array_equal(read.positions, expected)


def test_a_wrong_number_of_sockets_in_a_long_recording(tmp_path):
    path = tmp_path / "a.pos"
    content = foreign.carstens_binary(long_recording(), 1250)
    path.write_bytes(content.replace(b"NumberOfChannels=16", b"NumberOfChannels=08", 1))
    with pytest.raises(ArticulensError, match="says 56 values in each record, but records of 112 values"):
        carstens_binary.read(path, channels={"TT": 7}, axes=XYZ)


def test_a_recording_that_becomes_shorter_while_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "a.pos"
    path.write_bytes(foreign.carstens_binary(long_recording(), 1250))
    size = path.stat().st_size
    monkeypatch.setattr(carstens_binary, "check_file", lambda path: size)
    with open(path, "r+b") as stream:
        stream.truncate(size - 16 * 7 * 4 * 100)
    with pytest.raises(ArticulensError, match=r"cannot be read .*shorter.*copy it again"):
        carstens_binary.read(path, channels={"TT": 7}, axes=XYZ)


@each_quickly
@given(
    data=st.data(),
    n=counts,
    c=st.integers(1, 9),
    binary=st.booleans(),
    big=st.booleans(),
    rate=st.sampled_from([200, 500]),
)
def test_est_exactly(tmp_path, data, n, c, binary, big, rate):
    values = data.draw(hnp.arrays(np.float32, (n, c), elements=floats | st.just(np.nan)))
    values = values if binary else np.round(values.astype(np.float64), 4)
    flags = data.draw(hnp.arrays(np.int8, n, elements=st.integers(0, 1)))
    path = tmp_path / "a.ema"
    names = [f"s{i}_y" for i in range(c)]
    path.write_bytes(foreign.est_track(values, names, rate, binary=binary, big_endian=big, flags=flags))
    read = est_track.read(path, channels={"TT": f"s{c - 1}"}, axes={"z": "-y"})
    expected = np.where(flags == 1, -values[:, -1].astype(np.float64), np.nan)
    assert read.rate_hz == rate and read.channels == ("TT.z",)
    np.testing.assert_array_equal(read.positions[:, 0], expected)


@each_quickly
@given(data=st.data(), n=counts, columns=st.integers(2, 6), rate=st.sampled_from([100.0, 200.0]), zip=st.booleans())
def test_mview_exactly(tmp_path, data, n, columns, rate, zip):
    values = data.draw(hnp.arrays(np.float32, (n, columns), elements=floats | st.just(np.nan)))
    path = tmp_path / "a.mat"
    sound = np.linspace(-0.5, 0.5, 90)[:, None]
    path.write_bytes(foreign.mview({"AUDIO": (16000, sound), "TT": (rate, values), "TR": (rate, values)}, zip=zip))
    read = mview.read(path, axes={"x": "-X", "z": "+Y"})
    assert read.rate_hz == rate and read.channels == ("TT.x", "TT.z")
    np.testing.assert_array_equal(read.positions, values[:, :2].astype(np.float64) * [-1, 1])
    samples, rate_hz = mview.read_audio(path)
    assert rate_hz == 16000
    np.testing.assert_allclose(samples, sound[:, 0], atol=1e-7)


@each_quickly
@given(
    data=st.data(), n=counts, kind=st.sampled_from(["FLOAT", "DOUBLE", "SHORT"]), big=st.booleans(), c=st.integers(1, 6)
)
def test_ssff_exactly(tmp_path, data, n, kind, big, c):
    dtype = {"FLOAT": np.float32, "DOUBLE": np.float64, "SHORT": np.int16}[kind]
    elements = st.integers(-3000, 3000) if kind == "SHORT" else floats | st.just(np.nan)
    values = data.draw(hnp.arrays(dtype, (n, c), elements=elements))
    columns = {f"c{i}_posy": values[:, i] for i in range(c)}
    path = tmp_path / "a.t_tip"
    path.write_bytes(foreign.ssff(columns, 200, start_s=0.0025, kind=kind, big_endian=big))
    read = ssff.read(path, channels={"TT": f"c{c - 1}"}, axes={"x": "-posy"})
    assert (read.rate_hz, read.start_s) == (200.0, 0.0025)
    np.testing.assert_array_equal(read.positions[:, 0], -values[:, -1].astype(np.float64))


@each_quickly
@given(data=st.data(), n=st.integers(3, 30), ports=st.booleans())
def test_ndi_exactly(tmp_path, data, n, ports):
    values = np.round(data.draw(hnp.arrays(np.float64, (n, 3), elements=st.floats(-250, 250))), 6)
    values[data.draw(hnp.arrays(np.bool_, n))] = np.nan
    path = tmp_path / "a.tsv"
    other = np.ones((n, 3))
    if ports:
        path.write_bytes(foreign.ndi_ports({"P01-CH0": other, "P03-CH0": values}))
    else:
        path.write_bytes(foreign.ndi_sensors({1: other, 7: values}))
    read = ndi_wave.read(path, channels={"TT": "P03-CH0" if ports else 7}, axes=XYZ)
    assert read.rate_hz == pytest.approx(200 if ports else 100, rel=2e-3)
    np.testing.assert_array_equal(read.positions, values)


def test_ndi_measurements_that_were_dropped_are_missing(tmp_path):
    lines = foreign.ndi_sensors({1: movement()[:, :3]}, start_s=0.0193).split(b"\r\n")
    (tmp_path / "a.tsv").write_bytes(b"\r\n".join(lines[:11] + lines[13:]))
    read = ndi_wave.read(tmp_path / "a.tsv", channels={"TT": 1}, axes=XYZ)
    assert len(read) == 40 and read.start_s == 0.0193
    assert np.flatnonzero(np.isnan(read.positions[:, 0])).tolist() == [10, 11]


@each_quickly
@given(data=st.data(), n=st.integers(3, 30))
def test_xrmb_exactly(tmp_path, data, n):
    values = data.draw(hnp.arrays(np.int64, (n, 2), elements=st.integers(-90_000, 90_000))) / 1000
    values[0] = np.nan
    (tmp_path / "a.txy").write_bytes(foreign.xrmb({"T1": values}))
    read = xrmb.read(tmp_path / "a.txy", channels={"TT": "T1", "UL": "UL"}, axes={"x": "X", "z": "Y"})
    assert read.rate_hz == pytest.approx(145.645, abs=1e-3)
    np.testing.assert_allclose(read.positions[:, :2], values, rtol=0, atol=1e-12)
    assert np.isnan(read.positions[:, 2:]).all()  # a pellet that was lost throughout


@each_quickly
@given(
    values=hnp.arrays(
        np.float32, hnp.array_shapes(min_dims=2, max_dims=2, min_side=2), elements=floats | st.just(np.inf)
    )
)
def test_tensors_exactly(tmp_path, values):
    (tmp_path / "a.pt").write_bytes(foreign.tensor(values))
    last = values.shape[1] - 1
    read = tensor.read(
        tmp_path / "a.pt", channels={"TT": 0}, axes={"x": "0", "z": f"-{last}"}, rate_hz=100, key="ema_raw", unit_mm=2
    )
    expected = np.stack([values[:, 0], -values[:, last]], 1).astype(np.float64) * 2
    np.testing.assert_array_equal(read.positions, np.where(np.isfinite(expected), expected, np.nan))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_arrays_that_pytorch_pickled(tmp_path, dtype):
    import torch

    values = np.arange(12).reshape(4, 3).astype(dtype)
    torch.save({"ema_raw": values, "phonemes": ["a", "b"]}, tmp_path / "a.pt")
    read = tensor.read(tmp_path / "a.pt", channels={"TT": 1}, axes={"x": "0"}, rate_hz=100, key="ema_raw")
    assert read.positions[:, 0].tolist() == [1, 4, 7, 10]


def test_the_matlab_reader_agrees_with_scipy(tmp_path):
    from scipy.io import loadmat, savemat

    inner = {"a": np.arange(6.0).reshape(2, 3), "b": "text", "c": np.int16([[1, -2]]), "d": np.array([], dtype=object)}
    savemat(tmp_path / "a.mat", {"s": inner, "n": np.float32(3), "cell": np.array(["x", "yz"], dtype=object)})
    read, other = matlab.read_variables(tmp_path / "a.mat"), loadmat(tmp_path / "a.mat")
    assert read["s"][0]["b"] == other["s"]["b"][0, 0][0] == "text"
    for name in ("a", "c"):
        np.testing.assert_array_equal(read["s"][0][name], other["s"][name][0, 0])
    assert read["cell"] == ["x", "yz"] and read["n"].item() == 3


def test_ag500_layouts_are_told_apart_by_the_unit_vector(tmp_path):
    frames = np.zeros((60, 12, 7), dtype=np.float32)
    frames[..., :3] = movement(60)[:, None, :3] + np.arange(12)[:, None]
    frames[..., 3:6] = [0.6, 0.0, 0.8]
    frames[..., 6] = 5
    frames[7, 2, 6] = 99  # an RMS that is not believed
    (tmp_path / "a.pos").write_bytes(foreign.carstens_ag500(frames))
    read = carstens_binary.read(tmp_path / "a.pos", channels={"TT": 3}, axes={"x": "-Y", "y": "+X", "z": "+Z"})
    assert read.rate_hz == 200.0
    assert np.flatnonzero(np.isnan(read.positions[:, 0])).tolist() == [7]
    assert read.positions[0].tolist() == (frames[0, 2, [1, 0, 2]] * [-1, 1, 1]).astype(np.float64).tolist()


def test_sensors_with_a_file_each(tmp_path):
    for suffix, offset in (("t_tip", 0.0), ("jaw", 5.0)):
        columns = {f"{suffix[:2]}_{axis}": movement()[:, i] + offset for i, axis in enumerate(("posx", "posy", "posz"))}
        (tmp_path / f"a.{suffix}").write_bytes(foreign.ssff(columns))
    arguments = {"channels": {"TT": "t_tip", "JAW": "jaw", "UL": "upper_lip"}, "one_file_a_sensor": True}
    read = ssff.read(tmp_path / "a.t_tip", axes={"x": "-posy", "z": "posz"}, **arguments)
    assert read.channels == ("TT.x", "TT.z", "JAW.x", "JAW.z")
    np.testing.assert_allclose(read.positions[:, 2], -(movement()[:, 1] + 5), atol=1e-5)
    (tmp_path / "a.jaw").write_bytes(foreign.ssff({"jw_posz": movement()[:30, 0]}))
    with pytest.raises(ArticulensError, match="differ in rate, start or length"):
        ssff.read(tmp_path / "a.t_tip", axes={"x": "-posy", "z": "posz"}, **arguments)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1 # 1 2\n2 # 3 4", "its last line has no end"),
        (b"positions\n", "0 samples of no columns"),
        (b"1 # 1 2\n", "1 samples of 2 columns"),
        (b"1 # 1 2\n2 # 3\n", "2 samples of 1, 2 columns"),
        (b"1 # 1 2\n2 3 4\n", "line 2 is no sample"),
        (b"1 x 1 2\n2 # 3 4\n3 # 5 6\n", "a line before the first sample looks like one"),
        (b"1 #x1 2 3\n2 # 4 5 6\n3 # 5 6 7\n", "a line before the first sample looks like one"),
        (b"1 # 1 x\n2 # 3 4\n", "what is no number"),
        (b"1 # 1 2\n2 # 3 4\n", "it has 2 columns, column 2 for TT.z is not among them"),
    ],
)
def test_seq_that_is_damaged(tmp_path, content, message):
    path = tmp_path / "a.seq"
    path.write_bytes(content)
    with pytest.raises(ArticulensError, match=rf"a\.seq: .*{message}"):
        READERS["seq"](path, channels={"TT": 1}, axes={"x": "0", "z": "1"}, rate_hz=100)


def test_seq_of_any_width(tmp_path):
    path = tmp_path / "a.seq"
    path.write_bytes(b"a header of words\n\n # 1 2e1 nan\nx #  3 -4.5 6 \r\n\n")
    read = READERS["seq"](path, channels={"TT": 0}, axes={"x": "-0", "z": "+1", "y": "2"}, rate_hz=100, unit_mm=10)
    np.testing.assert_array_equal(read.positions, [[-10, 200, np.nan], [-30, -45, 60]])
    assert read.channels == ("TT.x", "TT.z", "TT.y") and read.rate_hz == 100
