"""The little language of interventions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articulens.errors import ArticulensError
from articulens.synthesis import Intervention, parse
from articulens.synthesis.sensors import SENSORS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TT.z+3", Intervention("TT", "z", "move", 3.0)),
        ("TT.z-2.5mm", Intervention("TT", "z", "move", -2.5)),
        ("td.x*0.5", Intervention("TD", "x", "damp", 0.5)),
        ("LL@+40", Intervention("LL", None, "delay", 40.0)),
        ("LL @ -40 ms", Intervention("LL", None, "delay", -40.0)),
        ("TB=0", Intervention("TB", None, "clamp", 0.0)),
        ("JAW.z=-2", Intervention("JAW", "z", "clamp", -2.0)),
    ],
)
def test_each_kind_is_read(text, expected):
    assert parse(text) == (expected,)


def test_several_are_separated_by_commas():
    assert [i.kind for i in parse("TT.z+3, LL@40")] == ["move", "delay"]
    assert parse("") == ()


@given(
    st.sampled_from(SENSORS),
    st.sampled_from("xz"),
    st.sampled_from(["move", "clamp", "delay", "damp"]),
    st.integers(0, 40).map(lambda k: k / 4),
)
def test_writing_and_reading_again_gives_the_same(sensor, axis, kind, value):
    change = Intervention(sensor, axis, kind, value)
    assert parse(str(change)) == (change,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("TP.z+3", "no sensor 'TP'"),
        ("TT.y+3", "mid-sagittal"),
        ("TT.z", "cannot be read"),
        ("TT.z*-1", "damping factor"),
        ("TT+3", "needs an axis"),
    ],
)
def test_mistakes_are_named(text, message):
    with pytest.raises(ArticulensError, match=message):
        parse(text)
