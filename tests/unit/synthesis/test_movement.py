"""Low-passes, timing, accents: what needs no synthesiser."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from articulens.synthesis.accent import apply_accent
from articulens.synthesis.phonology import transcribe
from articulens.synthesis.phonology.segments import Segment
from articulens.synthesis.prosody import PADDING_S, TASKS, time_segments
from articulens.synthesis.trajectories import approach, boundaries, movements, steps
from articulens.synthesis.vtl import TRACT, P


@given(st.floats(0.005, 0.02), st.floats(-3, 3), st.floats(-3, 3))
def test_approach_reaches_the_target_on_time_and_without_overshoot(tau, low, high):
    step = np.where(np.arange(1000) < 500, low, high)
    smooth = approach(step, tau)
    assert smooth[0] == pytest.approx(low, abs=1e-6) and smooth[-1] == pytest.approx(high, abs=1e-6)
    assert smooth.min() >= min(low, high) - 1e-9 and smooth.max() <= max(low, high) + 1e-9
    if abs(high - low) > 0.1:  # half of the way is done within 11 ms of the step, whatever the time constant
        crossed = np.flatnonzero((smooth - low) / (high - low) >= 0.5)[0]
        assert -11 <= crossed - 500 <= 1


def test_steps_hold_each_value_between_its_edges():
    held = steps(np.array([[1.0], [2.0]]), np.array([0.0, 0.1, 0.25]))
    assert len(held) == 251 and held[99, 0] == 1.0 and held[100, 0] == 2.0 and held[-1, 0] == 2.0


def test_delay_moves_only_its_own_parameter():
    segments = [Segment("_", duration_s=0.3), Segment("ɑ", duration_s=0.2), Segment("_", duration_s=0.3)]
    targets = np.zeros((3, len(TRACT)))
    targets[1] = 1.0

    def move(delays):
        return movements(segments, targets, 1.0, np.random.default_rng(1), delays)

    plain, late = move({}), move({"TTY": 40.0})
    others = [k for k in range(len(TRACT)) if k != P["TTY"]]
    assert np.array_equal(plain[:, others], late[:, others])
    wander = plain[:, P["TTY"]] - approach(steps(targets, boundaries(segments))[:, P["TTY"]], 0.0098)
    assert np.allclose((late[:, P["TTY"]] - wander)[40:], (plain[:, P["TTY"]] - wander)[:-40], atol=1e-6)


def timed(text, language, task="T2", rate=1.0):
    return time_segments(transcribe(text, language), language, task, rate, np.random.default_rng(3))


def test_quantity_and_stress_decide_durations():
    short, long = (timed(word, "fi")[2].duration_s for word in ("tuli", "tuuli"))
    assert 1.8 < long / short < 2.3
    durations = {s.phone: s.duration_s for s in timed("молоко́ молоко́ тут там", "ru")[1:7]}
    assert durations["ɔ"] > 1.3 * durations["ɐ"] > 1.3 * durations["ə"]


def test_tasks_differ_in_rate_and_reduction_and_pad_with_silence():
    spoken = {task: timed("Mä tykkään talvesta ja syksystä", "fi", task) for task in TASKS}
    seconds = {task: sum(s.duration_s for s in segments) for task, segments in spoken.items()}
    assert seconds["T3"] < seconds["T2"] < seconds["T1"]
    assert all(s[0].duration_s == s[-1].duration_s == PADDING_S for s in spoken.values())
    assert any(s.reduction for s in spoken["T3"]) and not any(s.reduction for s in spoken["T2"])


def test_rate_divides_durations():
    slow, fast = (sum(s.duration_s for s in timed("Kissa nukkuu", "fi", rate=r)[1:-1]) for r in (1.0, 1.25))
    assert slow / fast == pytest.approx(1.25, rel=0.03)


@pytest.mark.parametrize(("text", "language"), [("Мать мя́ла те́сто", "ru"), ("Yöllä satoi lunta", "fi")])
def test_accent_grows_with_alpha_and_is_nothing_at_zero(text, language):
    def said(alpha):
        return apply_accent(transcribe(text, language), language, alpha, np.random.default_rng(0))

    assert said(0.0) == transcribe(text, language)
    weights = [sum(s.toward[1] for s in said(a) if s.toward) for a in (0.3, 0.6, 0.9)]
    assert 0 < weights[0] < weights[1] < weights[2]


def test_finnish_accent_hardens_and_russian_accent_softens():
    russian = transcribe("дя́дя", "ru")
    before = sum(s.palatal for s in russian)
    assert sum(s.palatal for s in apply_accent(russian, "ru", 0.8, np.random.default_rng(0))) < 0.5 * before
    finnish = apply_accent(transcribe("tili", "fi"), "fi", 0.8, np.random.default_rng(0))
    assert finnish[0].palatal == pytest.approx(0.52)
    long = apply_accent(transcribe("tuuli", "fi"), "fi", 1.0, np.random.default_rng(0))
    assert long[1].stretch < 1
