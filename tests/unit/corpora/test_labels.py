import json

import numpy as np
import pytest

from articulens.corpora import foreign, read_intervals, speech_mask
from articulens.errors import ArticulensError

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1.5
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 1.5
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 1.5
            text = "say ""2 [3]"" <exists>"
    item [2]:
        class = "TextTier"
        name = "marks"
        xmin = 0
        xmax = 1.5
        points: size = 1
        points [1]:
            number = 0.7
            mark = "click"
    item [3]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 1.5
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 5e-1
            text = ""
        intervals [2]:
            xmin = 5e-1
            xmax = 1.5
            text = "ä"
"""
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
1.5
<exists>
3
"IntervalTier"
"words"
0
1.5
1
0
1.5
"say ""2 [3]"" <exists>"
"TextTier"
"marks"
0
1.5
1
0.7
"click"
"IntervalTier"
"phones"
0
1.5
2
0
0.5
""
0.5
1.5
"ä"
"""
PHONES = [(0.0, 0.5, ""), (0.5, 1.5, "ä")]


@pytest.mark.parametrize("text", [LONG, SHORT], ids=["long", "short"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_textgrid(tmp_path, text, encoding):
    path = tmp_path / "a.TextGrid"
    path.write_text(text, encoding=encoding)
    assert read_intervals(path) == PHONES
    assert read_intervals(path, "words") == [(0.0, 1.5, 'say "2 [3]" <exists>')]
    with pytest.raises(ArticulensError, match=r"a\.TextGrid: there is no tier 'phone'; did you mean 'phones'"):
        read_intervals(path, "phone")


def test_json_and_csv(tmp_path):
    items = [{"label": label, "start_s": start, "end_s": end} for start, end, label in PHONES]
    (tmp_path / "a.json").write_text(json.dumps({"alpha": 0.5, "words": items[:1], "phones": items}))
    (tmp_path / "b.json").write_text(json.dumps(items))
    (tmp_path / "c.csv").write_text("start_s,end_s,label\n0,0.5,\n0.5,1.5,ä\n", encoding="utf-8")
    for name in ("a.json", "b.json", "c.csv"):
        assert read_intervals(tmp_path / name) == PHONES
    assert read_intervals(tmp_path / "a.json", "words") == PHONES[:1]


def test_speech_is_what_is_not_silence():
    intervals = [(0.0, 0.5, "sil"), (0.5, 1.0, "a"), (1.0, 1.2, " "), (1.2, 2.0, "b")]
    times_s = np.array([0.0, 0.49, 0.5, 0.99, 1.0, 1.1, 1.2, 1.99, 2.0])
    expected = [False, False, True, True, False, False, True, True, False]
    assert speech_mask(intervals, times_s).tolist() == expected
    assert speech_mask(intervals, [1.3], silence=("b",)).tolist() == [False]
    assert speech_mask(intervals, times_s, keep_pauses=True).tolist() == [False, False] + [True] * 6 + [False]
    assert not speech_mask([(0.0, 1.0, "sil")], [0.5], keep_pauses=True).any()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.TextGrid", "", "not a TextGrid"),
        ("a.TextGrid", LONG[:-60], "ends in the middle of a tier"),
        ("a.json", "{", "cannot be read as labels"),
        ("a.json", '{"alpha": 1}', "no tier of intervals"),
        ("a.csv", "from,to\n1,2\n", "cannot be read as labels"),
        ("a.phn", "0 1 a", "unknown suffix '.phn'"),
        ("a.lab", "", "the file is empty"),
        ("a.lab", "\n", "the file is empty"),
        ("a.lab", "0 1\n", "cannot be read as labels"),
        ("a.lab", "0 x a\n", "cannot be read as labels"),
        ("a.lab", "0 nan a\n", "which is not possible"),
        ("a.lab", "1 0.5 a\n", "'a' lasts from 1 s to 0.5 s, which is not possible"),
        ("a.lab", "0 9000000000 a\n", "'a' lasts from 0 s to 9e[+]09 s, .* in which unit .*labels_unit_s"),
        ("a.lab", "signal a\n#\n0.5 26\n", "cannot be read as labels"),
        ("a.lab", "#\n0.5 26 a\n0.2 26 b\n", "'b' lasts from 0.5 s to 0.2 s"),
        ("a.trans", "0,1,a,word,a sentence\n", "line 1 has 5 cells, not 6"),
        ("a.trans", "0,1,a,word,a sentence,1,2\n", "line 1 has 7 cells, not 6"),
        ("a.trans", "x,1,a,word,a sentence,1\n", "cannot be read as labels"),
        ("a.trans", "\n", "the file is empty"),
        ("a.mat", "no", "cannot be read as a MATLAB file"),
    ],
)
def test_bad_labels(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ArticulensError, match=rf"{name}: .*({message}|the file is empty)"):
        read_intervals(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "unit_s"),
    [
        ("mocha.lab", "0 0.25 sil\n0.25 0.5 @@\n0.5 0.75 aI b \n", 1),
        ("htk.lab", "0 2500000 sil\n2500000 5000000 @@\r\n 5000000  7500000\taI b\n\n", 1e-7),
        ("esps.lab", "signal x\nnfields 1\n#\n\t 0.25 26 \tsil\n 0.5 26 @@\n0.75\t26\taI b\n", 1),
        ("usc.trans", "0,0.25,sil,,,\n0.25,0.5,@@,word,a sentence,1\n0.5,0.75,aI b,word,a sentence,1\n", 1),
    ],
)
def test_labels_of_one_corpus(tmp_path, name, content, unit_s):
    (tmp_path / name).write_text(content)
    found = read_intervals(tmp_path / name, unit_s=unit_s)
    assert [label for _, _, label in found] == ["sil", "@@", "aI b"]
    np.testing.assert_allclose([i[:2] for i in found], [(0, 0.25), (0.25, 0.5), (0.5, 0.75)], rtol=1e-12)
    assert speech_mask(found, [0.1, 0.3, 0.6]).tolist() == [False, True, True]


def test_labels_of_a_matlab_recording(tmp_path):
    signals = {"AUDIO": (16000, np.zeros((16000, 1))), "TT": (100, np.zeros((100, 6)))}
    (tmp_path / "a.mat").write_bytes(foreign.mview(signals, phones=PHONES))
    (tmp_path / "b.mat").write_bytes(foreign.mview(signals))
    assert read_intervals(tmp_path / "a.mat") == PHONES
    with pytest.raises(ArticulensError, match=r"b\.mat: it holds no words and no phones"):
        read_intervals(tmp_path / "b.mat")


def test_absent_labels(tmp_path):
    with pytest.raises(ArticulensError, match=r"a\.json: cannot be read"):
        read_intervals(tmp_path / "a.json")
