import decimal
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from articulens.corpora import Trajectory, Utterance, write_manifest, write_trajectory
from articulens.corpora.manifest import read_manifest
from articulens.corpora.readers.tabular import read
from articulens.errors import ArticulensError

POSITIONS = arrays(
    np.float64,
    st.tuples(st.integers(2, 30), st.just(2)),
    elements=st.one_of(st.floats(-150, 150), st.just(np.nan)),
)


@settings(deadline=None, max_examples=60)
@given(
    positions=POSITIONS,
    rate_hz=st.sampled_from([100, 145.65, 200, 1250]),
    start_s=st.floats(0, 2),
    suffix=st.sampled_from([".csv", ".parquet"]),
    resolution_mm=st.sampled_from([None, 0.005, 0.01]),
)
def test_what_is_written_comes_back(tmp_path_factory, positions, rate_hz, start_s, suffix, resolution_mm):
    path = tmp_path_factory.mktemp("t") / f"a{suffix}"
    write_trajectory(path, Trajectory(positions, ("TT.x", "UL.z"), rate_hz, start_s), resolution_mm=resolution_mm)
    back = read(path)
    assert back.channels == ("TT.x", "UL.z")
    # A CSV holds nine digits of time.
    assert back.rate_hz == pytest.approx(rate_hz, rel=1e-5 if suffix == ".csv" else 1e-12)
    assert back.start_s == pytest.approx(start_s, abs=1e-8)
    np.testing.assert_array_equal(np.isnan(back.positions), np.isnan(positions))
    np.testing.assert_allclose(back.positions, positions, atol=(resolution_mm or 1e-5) / 2 + 1e-6)
    if resolution_mm:  # reading and writing again changes nothing any more
        again = path.with_name(f"b{suffix}")
        write_trajectory(again, back, resolution_mm=resolution_mm)
        np.testing.assert_array_equal(read(again).positions, back.positions)


def test_same_bytes_and_small(tmp_path):
    times_s = np.arange(800) / 200
    positions = 50 + 5 * np.sin(2 * np.pi * np.outer(times_s, np.linspace(0.5, 5, 12)))
    trajectory = Trajectory(positions, tuple(f"{s}.{a}" for s in "TT TB TD UL LL JAW".split() for a in "xz"), 200)
    for name in ("a", "b"):
        write_trajectory(tmp_path / f"{name}.parquet", trajectory, resolution_mm=0.005)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert (tmp_path / "a.parquet").stat().st_size < 16_000  # 3.3 kB a second; float32 would be 38 400 + header


def test_any_tool_reads_the_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    write_trajectory(path, Trajectory(np.array([[1.0], [np.nan]]), ("TT.x",), 200.0, 0.5), resolution_mm=0.005)
    table = pq.read_table(path)
    assert table["time_s"].to_pylist() == [0.5, 0.505]
    assert table["TT.x"].to_pylist() == [200, None]
    assert json.loads(table.schema.metadata[b"articulens"]) == {
        "rate_hz": 200.0,
        "start_s": 0.5,
        "resolution_mm": 0.005,
    }


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1.0, None], pa.float16()),
        pa.array([1, None], pa.int64()),
        pa.array([decimal.Decimal("1.00"), None], pa.decimal128(5, 2)),
        pa.array([1.0, float("nan")], pa.float32()),
    ],
)
def test_numbers_of_any_kind(tmp_path, column):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"time_s": pa.array([0.0, 0.01]), "TT.x": column}), path)
    np.testing.assert_array_equal(read(path).positions, [[1.0], [np.nan]])


def test_names_units_and_signs_of_others(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("ms\ttip_px\ttip_py\n0\t1\t2\n10\t3\t\n")
    trajectory = read(
        path,
        channels={"TT": "tip"},
        axes={"x": "-px", "z": "py"},
        columns="{sensor}_{axis}",
        time="ms",
        unit_s=0.001,
        unit_mm=10,
    )
    assert trajectory.channels == ("TT.x", "TT.z")
    np.testing.assert_array_equal(trajectory.positions, [[-10, 20], [-30, np.nan]])
    assert trajectory.rate_hz == 100.0


def test_without_a_clock_the_rate_must_be_given(tmp_path):
    (tmp_path / "a.csv").write_text("TT.x,TT.z\n1,2\n3,4\n")
    assert read(tmp_path / "a.csv", rate_hz=500).rate_hz == 500
    with pytest.raises(ArticulensError, match=r"a\.csv: there is no column 'time_s' and the recipe gives no rate"):
        read(tmp_path / "a.csv")


def test_clock_printed_in_milliseconds(tmp_path):
    rows = "".join(f"{n / 145.65:.3f},{n}\n" for n in range(500))
    (tmp_path / "a.csv").write_text("time_s,TT.x\n" + rows)
    assert read(tmp_path / "a.csv").rate_hz == pytest.approx(145.65, rel=1e-3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("time_s,TT.x\n", "the table is empty"),
        ("time_s,TT.x\r,TT.z\n0,1,2\n1,2,3\n", "no header of a table"),
        ("time_s,TT.x,TT.x\n0,1,2\n1,2,3\n", r"column TT\.x is there more than once"),
        ("time_s,TT.x,TT.z\n0,1,2\n1,2\n2,3,4\n", "line 3 has 2 cells, expected 3"),
        ("time_s,TT.x\n0,1\n", "1 samples of positions"),
        ("time_s,foo,bar\n0,1,2\n1,2,3\n", r"none of the columns .* found foo, bar"),
        ("time_s,TT.x\n0,1\n0.01,2\n0.5,3\n0.51,4\n", r"not regular \(0.01 s in row 2"),
        ("time_s,TT.x\n0.02,1\n0.01,2\n0,3\n", "not regular"),
        ("time_s,TT.x\n0,1\nlater,2\n", "not regular"),
    ],
)
def test_bad_tables(tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ArticulensError, match=rf"a\.csv: .*{message}"):
        read(tmp_path / "a.csv")


def test_wrong_rate(tmp_path):
    (tmp_path / "a.csv").write_text("time_s,TT.x\n0,1\n0.01,2\n")
    with pytest.raises(ArticulensError, match="runs at 100 Hz but 200 Hz was asked for"):
        read(tmp_path / "a.csv", rate_hz=200)


@pytest.mark.parametrize("content", [b"", b"PAR1 this is not parquet at all"])
def test_bad_parquet(tmp_path, content):
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(ArticulensError, match=r"a\.parquet: not a table of positions"):
        read(tmp_path / "a.parquet")


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_absent_table(tmp_path, name):
    with pytest.raises(ArticulensError, match=rf"{name}: cannot be read"):
        read(tmp_path / name)


def test_cannot_be_written(tmp_path):
    trajectory = Trajectory(np.array([[200.0], [1.0]]), ("TT.x",), 100.0)
    with pytest.raises(ArticulensError, match=r"200\.0 mm does not fit 16 bits at a resolution of 0\.005 mm"):
        write_trajectory(tmp_path / "a.parquet", trajectory, resolution_mm=0.005)
    with pytest.raises(ArticulensError, match=r"a\.mat: trajectories are written as \.parquet or \.csv"):
        write_trajectory(tmp_path / "a.mat", trajectory)
    assert not list(tmp_path.iterdir())


def utterance(root, name="a", **meta):
    return Utterance(name, "s", "fi", "L1", "T1", "1", 'a "b", c', root / "a.wav", root / "p" / "a.csv", None, meta)


def test_manifest_comes_back(tmp_path):
    write_manifest(tmp_path, [utterance(tmp_path, "b", sex="f", alpha=0.5), utterance(tmp_path, "a", code="007")])
    first, second = read_manifest(tmp_path / "manifest.csv")
    assert first == {
        "id": "a",
        "speaker": "s",
        "language": "fi",
        "condition": "L1",
        "task": "T1",
        "sentence": "1",
        "text": 'a "b", c',
        "audio": "a.wav",
        "positions": "p/a.csv",
        "code": "007",
    }
    assert second["alpha"] == 0.5 and second["sex"] == "f" and "code" not in second


def test_manifest_refuses(tmp_path):
    with pytest.raises(ArticulensError, match="two utterances have the id 'a'"):
        write_manifest(tmp_path, [utterance(tmp_path), utterance(tmp_path)])
    with pytest.raises(ArticulensError, match="does not lie below"):
        write_manifest(tmp_path / "x", [utterance(tmp_path)])
    with pytest.raises(ArticulensError, match="meta key 'labels' is the name of a field"):
        write_manifest(tmp_path, [utterance(tmp_path, labels="x")])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the header is empty"),
        ("id,audio\na,b\n", "missing: positions"),
        ("id,audio,positions,id\n", "a name is repeated"),
        ("id,audio,positions\na,b\n", "row 2 has 2 cells, expected 3"),
        ('id,audio,positions\na,"b"c,d\n', "not a UTF-8 CSV table"),
    ],
)
def test_bad_manifests(tmp_path, text, message):
    (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(ArticulensError, match=rf"manifest\.csv: .*{message}"):
        read_manifest(tmp_path / "manifest.csv")
