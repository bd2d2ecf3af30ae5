"""The shipped readers on real recordings that are not part of the project; skipped where they are absent."""

from pathlib import Path

import numpy as np
import pytest

from articulens.corpora import TARGETS, align, open_corpus, speech_mask
from articulens.corpora.readers import carstens_ascii

RECORDINGS = Path(__file__).parents[3] / "../shared/recordings"
ARTPROS = RECORDINGS / "ag501-ascii-artpros"
GREEK = RECORDINGS / "ag501-both-greek"


@pytest.fixture
def artpros():
    if not ARTPROS.is_dir():
        pytest.skip("the recordings of github.com/fjohan/artpros are not beside the project")
    return open_corpus(f"artpros:{ARTPROS}")


def test_artpros_is_listed(artpros):
    assert [u.id for u in artpros] == [f"PGU-CD_{n}" for n in "0030 0032 0034 0037 0039 0048".split()]
    assert artpros.speakers == ("PGU-CD",) and all(u.labels for u in artpros)


def test_artpros_first_samples(artpros):
    # Typed from the first two lines of pos/0030.txt.
    trajectory = artpros.read_trajectory(artpros.utterances[0])
    first = dict(zip(trajectory.channels, trajectory.positions[0], strict=True))
    assert (first["UL.x"], first["UL.y"], first["UL.z"]) == (121.54, -11.73, -13.27)
    assert (first["TT.x"], first["TT.z"]) == (106.55, -20.08)
    assert trajectory.positions[1, trajectory.channels.index("TD.z")] == -11.10
    assert len(trajectory) == 2753


def test_artpros_stands_the_right_way(artpros):
    for utterance in artpros:
        samples, rate_hz, trajectory = artpros.read(utterance)
        assert abs(trajectory.duration_s - len(samples) / rate_hz) < 0.002
        mean = dict(zip(trajectory.channels, np.nanmean(trajectory.positions, axis=0), strict=True))
        assert mean["UL.x"] > mean["TT.x"] > mean["TD.x"]
        assert mean["UL.z"] > mean["LL.z"]
        assert all(abs(mean[name]) < 20 for name in mean if name.endswith(".y"))


def test_artpros_frames_inside_speech(artpros):
    seconds = np.zeros(2)
    for utterance in artpros:
        trajectory = artpros.read_trajectory(utterance).select(TARGETS)
        times_s = (199.5 + 320 * np.arange(549)) / 16000
        intervals = artpros.read_intervals(utterance)
        speech = speech_mask(intervals, times_s, keep_pauses=True)
        assert np.isfinite(align(trajectory, times_s)[speech]).all()
        seconds += [speech.sum() * 0.02, speech_mask(intervals, times_s).sum() * 0.02]
    # Found independently when the recordings were collected: 25.7 s with 0.1 s on either side of each sweep's speech.
    assert seconds[0] + 6 * 0.2 == pytest.approx(25.7, abs=0.1)
    assert seconds[1] == pytest.approx(21.28)  # the sum of the labelled phones


def test_artpros_with_a_wrong_rate(artpros):
    wrong = open_corpus(f"artpros:{ARTPROS}", rate_hz=1250)
    with pytest.raises(Exception, match="250 Hz would fit: set 'rate_hz: 250'"):
        wrong.read_trajectory(wrong.utterances[0])


def test_artpros_garbage_sockets_are_gated(artpros):
    path = artpros.utterances[0].positions
    sockets = {"TT": 7, "TB": 11, "TD": 14, "UL": 15}  # unused sockets of this session
    trajectory = carstens_ascii.read(path, channels=sockets, axes={"x": "X", "z": "Z"}, rate_hz=250)
    assert np.isnan(trajectory.positions).mean() > 0.99
    used = carstens_ascii.read(
        path, channels={"TT": 9, "TB": 8, "TD": 10, "UL": 5, "LL": 6}, axes={"x": "X", "z": "Z"}, rate_hz=250
    )
    assert not np.isnan(used.positions).any()


def test_text_without_a_header():
    if not GREEK.is_dir():
        pytest.skip("the Greek AG501 recording is not beside the project")
    trajectory = carstens_ascii.read(
        GREEK / "0022.txt", channels={"UL": 5}, axes={"x": "X", "y": "Y", "z": "Z"}, rate_hz=250
    )
    assert len(trajectory) == 4740 and trajectory.positions[0].tolist() == [20.52, -40.37, -70.89]
