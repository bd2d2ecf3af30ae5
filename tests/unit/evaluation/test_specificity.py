"""Which place a probe reads: probes on true sensors, probes by company, lags; the truth is planted."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from articulens.corpora.schema import TARGETS
from articulens.errors import ArticulensError
from articulens.evaluation.inference import speaker_interval
from articulens.evaluation.specificity import (
    Reading,
    by_place,
    lag,
    places_of,
    sensor_probe,
    shares,
    specificity,
)
from articulens.figures_interventions import moves_and_readings, place_matrices
from articulens.probes.linear import LinearProbe
from articulens.synthesis.sensors import CHANNELS

COORDINATES, WEIGHTS = places_of(CHANNELS)
K = len(COORDINATES)


def ordinary(rng, frames: int = 2000) -> np.ndarray:
    """Return ordinary speech in coordinates of places: all of them go together."""
    return rng.normal(size=(frames, 4)) @ rng.normal(size=(4, K)) + 0.7 * rng.normal(size=(frames, K))


def moved_alone(rng, frames: int = 40) -> np.ndarray:
    """Return displacements of versions in which one coordinate moves and another is dragged along a little."""
    return np.concatenate([
        np.outer(2 + 0.5 * rng.normal(size=frames), np.eye(K)[k] + 0.3 * np.eye(K)[(k + 3) % K]) for k in range(K)
    ])  # fmt: skip


def test_places_of_all_sensors_and_of_those_without_a_jaw() -> None:
    assert COORDINATES == ("TT.x", "TT.z", "TB.x", "TB.z", "TD.x", "TD.z", "LIPS.x", "LIPS.z", "JAW.x", "JAW.z")
    lips = dict(zip(COORDINATES, WEIGHTS.T, strict=True))["LIPS.z"]
    assert {c: w for c, w in zip(CHANNELS, lips, strict=True) if w} == {"UL.z": -0.5, "LL.z": 0.5}
    assert places_of(TARGETS)[0] == COORDINATES[:8]
    with pytest.raises(ArticulensError, match="two places or more"):
        places_of(["TT.x", "TT.z", "UL.x"])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_the_matrix_of_any_linear_probe_is_its_weights(seed: int) -> None:
    rng = np.random.default_rng(seed)
    moved, weights = moved_alone(rng), rng.normal(size=(K, K))
    np.testing.assert_allclose(specificity(moved, moved @ weights, COORDINATES), weights, atol=1e-8)
    np.testing.assert_allclose(by_place(np.eye(K), COORDINATES), np.eye(K // 2))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(-1, 1), st.floats(-1, 1))
def test_shares_find_the_mixture_whatever_moved_how_far(seed: int, own: float, by_company: float) -> None:
    rng = np.random.default_rng(seed)
    y = ordinary(rng, 400)
    company = sensor_probe(np.cov(y.T), COORDINATES, others=True)
    moved = moved_alone(rng) * rng.uniform(0.2, 3.0, size=K)
    assert shares(moved, own * moved + by_company * moved @ company, company) == pytest.approx((own, by_company))


def trained(y: np.ndarray, rng, *, company: bool, jitter: float) -> list[tuple[np.ndarray, LinearProbe]]:
    """Return for each place the sensors that its probe may use, and the probe, trained on ordinary speech."""
    x = y + rng.normal(scale=jitter, size=y.shape)
    place = np.array([c.split(".")[0] for c in COORDINATES])
    allowed = [np.flatnonzero(place != place[k]) if company else np.arange(K) for k in range(K)]
    return [(use, LinearProbe(alpha=1.0).fit(x[:, use], y[:, k])) for k, use in enumerate(allowed)]


@pytest.mark.parametrize("company", [False, True])
def test_true_sensors_give_the_identity_and_company_gives_itself_away(company: bool) -> None:
    rng, matrices, mixtures = np.random.default_rng(1), [], []
    for _ in range(8):  # speakers, each with ordinary speech and a mouth of their own
        y = ordinary(rng)
        probes, before, moved = trained(y, rng, company=company, jitter=0.05), ordinary(rng, 40 * K), moved_alone(rng)
        after = before + moved
        noisy = [x + rng.normal(scale=0.05, size=x.shape) for x in (before, after)]
        read = [np.stack([p.predict(x[:, use]) for use, p in probes], axis=1) for x in noisy]
        matrices.append(specificity(moved, read[1] - read[0], COORDINATES))
        mixtures.append(shares(moved, read[1] - read[0], sensor_probe(np.cov(y.T), COORDINATES, others=True)))
    identity, place = np.eye(K, dtype=bool), np.arange(K) // 2
    beside = place[:, None] != place
    low, high = np.array([[speaker_interval(cell) for cell in row] for row in np.moveaxis(matrices, 0, 2)]).T
    if company:
        assert np.abs(np.mean(matrices, axis=0)[~beside]).max() < 0.05, "nothing is read where it moved"
        assert np.abs(np.array(matrices))[:, beside].mean() > 0.1, "the off-diagonal shows"
        assert np.mean(mixtures, axis=0) == pytest.approx([0, 1], abs=0.05)
    else:
        inside = (low.T <= identity + 0.01) & (high.T >= identity - 0.01)
        assert inside.mean() > 0.95, "the identity within noise"
        assert np.abs(np.mean(matrices, axis=0) - identity).max() < 0.05
        assert np.mean(mixtures, axis=0) == pytest.approx([1, 0], abs=0.05)


def test_a_place_that_never_moved_by_itself_is_named() -> None:
    moved = moved_alone(np.random.default_rng(0))
    moved[:, 9] = 0.5 * moved[:, 1]
    with pytest.raises(ArticulensError, match=r"JAW.z did not move by itself"):
        specificity(moved, moved, COORDINATES)


@pytest.mark.parametrize("delay_s", [-0.043, 0.0, 0.06])
def test_lags_are_found_between_frames(delay_s: float) -> None:
    times = 0.02 * np.arange(70)
    wave = lambda t: np.c_[np.sin(9 * t) + np.cos(5 * t), np.sin(7 * t)]  # noqa: E731
    assert lag(wave(times), wave(times - delay_s), times) == pytest.approx(delay_s, abs=0.003)
    assert np.isnan(lag(np.ones((70, 2)), np.ones((70, 2)), times))
    with pytest.raises(ArticulensError, match="too few to try lags"):
        lag(wave(times[:12]), wave(times[:12]), times[:12])


def reading(speaker: str = "FIN01", gain: float = 1.0) -> Reading:
    rng, times = np.random.default_rng(3), 0.02 * np.arange(60)
    before = np.cumsum(rng.normal(size=(60, 12)), axis=0)
    late = np.stack([np.interp(times - 0.06, times, column) for column in before.T], axis=1)
    late[:, 2:] = before[:, 2:]
    half = before.mean(axis=0) + 0.5 * (before - before.mean(axis=0))
    half[:, :6] = before[:, :6]
    true = np.stack([before, late, half])
    return Reading(speaker, ("untouched", "TT@+60", "LL*0.5"), CHANNELS, times, true, gain * true + 5)


def test_a_reading_tells_gains_delays_and_what_is_left_of_a_movement() -> None:
    r = reading(gain=0.5)
    assert r.r() == pytest.approx(1.0)
    np.testing.assert_allclose(r.seen(), 0.5)
    timing = r.timing().set_index("place")
    assert timing.loc["TT"].drop("moved").tolist() == pytest.approx([60, 60], abs=5)
    assert timing.loc["TD", ["true_ms", "read_ms"]].tolist() == pytest.approx([0, 0], abs=0.1)
    left = r.spreads().set_index("place")
    assert left.loc["LIPS", ["true", "read"]].tolist() == pytest.approx([0.5, 0.5])
    assert left.loc["TT", ["true", "read"]].tolist() == pytest.approx([1.0, 1.0])
    moved = Reading(r.speaker, ("untouched", "TT.z-2"), r.channels, r.times_s, r.true[:2], r.read[:2])
    assert list(moved.timing()) == list(r.timing()) and not len(moved.spreads())  # nothing delayed, nothing damped


def test_figures_say_what_they_show() -> None:
    rng = np.random.default_rng(0)
    cells = pd.DataFrame([
        {"model": m, "speaker": s, "moved": a, "read": b, "mm per mm": (a == b) * (m == "one") + 0.01 * rng.normal()}
        for m in ("one", "other") for s in range(5) for a in ("TT", "LIPS") for b in ("TT", "LIPS")
    ])  # fmt: skip
    figure = place_matrices(cells, title="T")
    assert "Highest 1.0" in figure.alt and "mm per mm for other" in figure.alt
    bold = [text.get_fontweight() for text in figure.axes[0].texts]
    assert bold == ["bold", "normal", "normal", "bold"]
    rows = [
        {"version": "TT.z-2", "speaker": s, "sensor": sensor, "x": x, "z": 0.0, "true_x": 0.0,
         "true_z": -2.0 * (sensor == "TT"), "read_x": 0.0, "read_z": -1.0 * (sensor == "TB")}
        for s in range(3) for x, sensor in enumerate(("TT", "TB", "TD"))
    ]  # fmt: skip
    assert "truly most at TT (2.0 mm), read most at TB (1.0 mm)" in moves_and_readings(pd.DataFrame(rows)).alt
    assert "nothing to show" in place_matrices(cells[:0], title="T").alt
    assert "nothing to show" in moves_and_readings(pd.DataFrame()).alt.lower()
