import numpy as np
import pytest

from articulens.corpora import TARGETS, Trajectory
from articulens.errors import ArticulensError


def test_targets_are_five_sensors_in_the_sagittal_plane():
    assert TARGETS == tuple("TT.x TT.z TB.x TB.z TD.x TD.z UL.x UL.z LL.x LL.z".split())


def test_times_start_where_the_recording_starts():
    trajectory = Trajectory(np.zeros((3, 1)), ("TT.x",), 250.0, start_s=0.5)
    np.testing.assert_allclose(trajectory.times_s, [0.5, 0.504, 0.508])
    assert trajectory.duration_s == pytest.approx(0.012)


def test_select_orders_channels_and_keeps_the_clock():
    trajectory = Trajectory(np.array([[1.0, 2.0, 3.0]]), ("TT.x", "TT.z", "UL.z"), 100.0, 0.1, "a.txt")
    chosen = trajectory.select(["UL.z", "TT.x"])
    assert chosen.positions.tolist() == [[3.0, 1.0]]
    assert (chosen.channels, chosen.rate_hz, chosen.start_s, chosen.source) == (
        ("UL.z", "TT.x"),
        100.0,
        0.1,
        "a.txt",
    )


def test_missing_sensor():
    with pytest.raises(ArticulensError, match=r"a\.txt: channel TD\.x is missing \(found: TT\.x\); correct"):
        Trajectory(np.ones((2, 1)), ("TT.x",), 100.0, source="a.txt").select(["TD.x"])


def test_empty_channel():
    positions = np.array([[1.0, np.nan], [1.0, np.nan]])
    trajectory = Trajectory(positions, ("TT.x", "TT.z"), 100.0, source="a.txt")
    with pytest.raises(ArticulensError, match=r"a\.txt: channel TT\.z holds no valid sample"):
        trajectory.select(["TT.x", "TT.z"])
    assert trajectory.select(["TT.x"]).positions.shape == (2, 1)


@pytest.mark.parametrize(
    ("positions", "channels", "rate_hz", "message"),
    [
        (np.zeros((2, 2)), ("TT.x",), 100.0, "do not fit the channels"),
        (np.zeros((2, 2)), ("TT.x", "TT.x"), 100.0, "different name"),
        (np.zeros(2), ("TT.x",), 100.0, "do not fit the channels"),
        (np.zeros((2, 1)), ("TT.w",), 100.0, "'TT.w' is not a channel; did you mean 'TT.[xyz]'"),
        (np.zeros((2, 1)), ("TT.x",), 0.0, "0.0 Hz is not possible"),
    ],
)
def test_impossible_trajectories(positions, channels, rate_hz, message):
    with pytest.raises(ArticulensError, match=message):
        Trajectory(positions, channels, rate_hz)
