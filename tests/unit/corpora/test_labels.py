import json

import numpy as np
import pytest

from articulens.corpora import read_intervals, speech_mask
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
        ("a.lab", "0 1 a", "unknown suffix '.lab'"),
    ],
)
def test_bad_labels(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ArticulensError, match=rf"{name}: .*{message}"):
        read_intervals(tmp_path / name)


def test_absent_labels(tmp_path):
    with pytest.raises(ArticulensError, match=r"a\.json: cannot be read"):
        read_intervals(tmp_path / "a.json")
