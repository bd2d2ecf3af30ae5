import numpy as np
import pytest

from articulens.corpora.readers.carstens_ascii import read
from articulens.errors import ArticulensError

AXES = {"x": "+X", "y": "+Y", "z": "+Z"}
SOCKET = "Ch7_X\tCh7_Y\tCh7_Z\tCh7_phi\tCh7_theta\tCh7_RMS\tCh7_Extra"


def positions_of(tmp_path, text, name="a.txt", **options):
    path = tmp_path / name
    path.write_text(text)
    return read(path, **({"channels": {"TT": 7}, "axes": AXES, "rate_hz": 250} | options))


def test_values_channels_and_rate(tmp_path):
    trajectory = positions_of(tmp_path, f"{SOCKET}\n1.00\t-2.00\t3.50\t0\t0\t5.0\t0\n1.25\t-2.00\t3.25\t0\t0\t5.0\t0\n")
    assert trajectory.channels == ("TT.x", "TT.y", "TT.z")
    assert trajectory.positions.tolist() == [[1.0, -2.0, 3.5], [1.25, -2.0, 3.25]]
    assert trajectory.rate_hz == 250.0


@pytest.mark.parametrize(("separator", "name"), [("\t", "a.txt"), ("  ", "a.pos"), (",", "a.csv"), (", ", "a.csv")])
@pytest.mark.parametrize("end", ["\n", "\t\n", "\r\n"])
def test_separators_and_line_ends(tmp_path, separator, name, end):
    end = end.replace("\t", separator if separator != "  " else "")
    lines = [SOCKET, "1\t2\t3\t0\t0\t5\t0", "4\t5\t6\t0\t0\t5\t0"]
    text = "".join(line.replace("\t", separator) + end for line in lines)
    trajectory = positions_of(tmp_path, "\n" + text, name)
    assert trajectory.positions.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_signs_and_swapped_axes(tmp_path):
    text = f"{SOCKET}\n1\t2\t3\t0\t0\t5\t0\n4\t5\t6\t0\t0\t5\t0\n"
    trajectory = positions_of(tmp_path, text, axes={"x": "-Y", "z": "X"})
    assert (trajectory.channels, trajectory.positions.tolist()) == (("TT.x", "TT.z"), [[-2, 1], [-5, 4]])


def test_without_a_header_seven_columns_a_socket(tmp_path):
    rows = "".join("\t".join(str(100 * sample + c) for c in range(21)) + "\n" for sample in range(2))
    trajectory = positions_of(tmp_path, rows, channels={"TT": 2, "UL": 3}, max_rms=200)
    assert trajectory.positions.tolist() == [[7, 8, 9, 14, 15, 16], [107, 108, 109, 114, 115, 116]]


@pytest.mark.parametrize("cell", ["", "NaN", "-nan(ind)", "lost", "inf"])
def test_cells_without_a_number_are_missing(tmp_path, cell):
    text = f"{SOCKET}\n1\t2\t3\t0\t0\t5\t0\n1\t{cell}\t3\t0\t0\t5\t0\n1\t2\t3\t0\t0\t5\t0\n"
    missing = np.isnan(positions_of(tmp_path, text).positions)
    assert missing.tolist() == [[False] * 3, [True] * 3, [False] * 3]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("277.3\t-362.1\t-698.7\t0\t0\t5\t0", "too far away, as in public recordings"),
        ("1\t2\t3\t0\t0\t44.2\t0", "RMS too large"),
        ("0.00\t0.00\t0.00\t0\t0\t0\t0", "exactly the origin"),
    ],
)
def test_implausible_samples_are_missing(tmp_path, row, why):
    text = f"{SOCKET}\n1\t2\t3\t0\t0\t5\t0\n{row}\n"
    missing = np.isnan(positions_of(tmp_path, text).positions).all(axis=1)
    assert missing.tolist() == [False, True], why


def test_the_gate_can_be_opened(tmp_path):
    text = f"{SOCKET}\n400\t2\t3\t0\t0\t50\t0\n1\t2\t3\t0\t0\t5\t0\n"
    assert not np.isnan(positions_of(tmp_path, text, max_abs_mm=500, max_rms=60).positions).any()


def test_sockets_that_are_not_read_may_hold_anything(tmp_path):
    text = "Ch6_X\tCh6_Z\tCh7_X\tCh7_Z\n9999\tx\t1\t2\n9999\t-\t3\t4\n"
    trajectory = positions_of(tmp_path, text)
    assert (trajectory.channels, trajectory.positions.tolist()) == (("TT.x", "TT.z"), [[1, 2], [3, 4]])


def test_absent_socket_is_left_out_and_complained_of_when_asked_for(tmp_path):
    text = f"{SOCKET}\n1\t2\t3\t0\t0\t5\t0\n1\t2\t3\t0\t0\t5\t0\n"
    trajectory = positions_of(tmp_path, text, channels={"TT": 7, "TD": 8})
    with pytest.raises(ArticulensError, match=r"a\.txt: channel TD\.x is missing \(found: TT\.x, TT\.y, TT\.z\)"):
        trajectory.select(["TD.x"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (b"AG50xDATA_V003\n00004096\n", "this is a binary file"),
        (b"\0\1\2\3", "this is a binary file"),
        (b"Ch1_X\tCh1_Z\n1\t2\n3\t4\n", r"none of the columns .*expected Ch7_X.* found Ch1_X, Ch1_Z"),
        (b"Ch7_X\tCh7_X\n1\t2\n", "column Ch7_X is there more than once"),
        (b"1\t2\t3\n4\t5\t6\n", "no header and 3 columns"),
        (SOCKET.encode() + b"\n", "0 samples of positions"),
    ],
)
def test_bad_files(tmp_path, content, message):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(ArticulensError, match=rf"a\.txt: .*{message}"):
        read(path, channels={"TT": 7}, axes=AXES, rate_hz=250)


def test_absent_file(tmp_path):
    with pytest.raises(ArticulensError, match=r"a\.txt: cannot be read"):
        read(tmp_path / "a.txt", channels={"TT": 7}, axes=AXES, rate_hz=250)
