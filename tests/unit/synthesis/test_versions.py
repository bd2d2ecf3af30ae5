"""Versions of an utterance: their files, and the set that ships with the project."""

from pathlib import Path

import numpy as np
import pytest

from articulens.corpora import open_corpus
from articulens.errors import ArticulensError
from articulens.synthesis.interventions import parse
from articulens.synthesis.sensors import CHANNELS
from articulens.synthesis.versions import CHANGES, UNTOUCHED, Versions, make_versions, read_versions, write_versions

SHIPPED = Path(__file__).parents[3] / "data" / "moved"


@pytest.fixture
def made() -> Versions:
    rng = np.random.default_rng(0)
    positions = np.cumsum(rng.normal(size=(3, 40, 12)), axis=1)
    positions[1:, :, 6:] = positions[0, :, 6:]
    sound = np.convolve(rng.normal(size=3 * 6400), np.hanning(9), "same").astype(np.float32)
    return Versions(
        "FIN01", "FIN01_x", (UNTOUCHED, "TT.z-2", "TB=0"), 0.02 * sound.reshape(3, -1), positions,
        ((0.0, 0.1, "_"), (0.1, 0.4, "ɑ")), ("JAW.x+9: cannot",),
    )  # fmt: skip


def test_what_is_written_is_read_again(made, tmp_path):
    write_versions(tmp_path, made)
    (again,) = read_versions(tmp_path)
    assert (again.speaker, again.utterance, again.names, again.intervals, again.impossible) == (
        made.speaker, made.utterance, made.names, made.intervals, made.impossible,
    )  # fmt: skip
    np.testing.assert_allclose(again.positions, made.positions, atol=0.0101)
    assert again.audio.shape == made.audio.shape  # Opus keeps what is heard, not the samples
    assert np.corrcoef(again.audio.ravel(), made.audio.ravel())[0, 1] > 0.9
    at = again.at(np.array([0.1, 0.2]), ["TT.z", "JAW.x"])
    assert at.shape == (3, 2, 2) and np.abs(at[1:, :, 1] - at[0, :, 1]).max() < 0.02


def test_folders_that_do_not_serve_are_named(made, tmp_path):
    with pytest.raises(ArticulensError, match=r"no versions were found; make them with `python -m articulens"):
        list(read_versions(tmp_path))
    write_versions(tmp_path, made)
    with pytest.raises(ArticulensError, match="no versions of speaker RUS09; there are FIN01"):
        list(read_versions(tmp_path, ["RUS09"]))
    (tmp_path / "FIN01.ogg").write_bytes(b"no sound")
    with pytest.raises(ArticulensError, match=r"FIN01.npz: not readable as versions"):
        list(read_versions(tmp_path))
    (tmp_path / "FIN01.npz").write_bytes(b"no array")
    with pytest.raises(ArticulensError, match=r"FIN01.npz: not readable as versions"):
        list(read_versions(tmp_path))


def test_speakers_that_nobody_drew_cannot_be_made(tmp_path):
    pytest.importorskip("vocaltractlab_cython", reason="needs the extra [synth]")
    with pytest.raises(ArticulensError, match=r"versions of 'FIN99' cannot be made"):
        make_versions(tmp_path, ["FIN99"])


def test_the_shipped_set_is_of_the_bundled_corpus():
    bundled = open_corpus("bundled")
    corpus = {u.id: u for u in bundled}
    spoken = list(read_versions(SHIPPED))
    assert len(spoken) >= 8 and {v.speaker[:3] for v in spoken} == {"FIN", "RUS"}
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 1.5e6
    for v in spoken:
        done = {UNTOUCHED, *CHANGES} - {told.split(":")[0] for told in v.impossible}
        assert set(v.names) == done and v.names[0] == UNTOUCHED
        utterance = corpus[v.utterance]
        samples, _ = bundled.read_audio(utterance)
        assert np.corrcoef(samples, v.audio[0])[0, 1] > 0.98, "the untouched version is the corpus's own"
        np.testing.assert_allclose(v.positions[0], bundled.read_trajectory(utterance).positions, atol=0.02)
        spoken_labels = [label for *_, label in v.intervals if label != "_"]
        assert "".join(spoken_labels) == "".join(
            label for *_, label in bundled.read_intervals(utterance) if label != "_"
        )


def test_what_moves_in_the_shipped_set_is_what_was_asked_for():
    for v in read_versions(SHIPPED):
        for name, positions in zip(v.names[1:], v.positions[1:], strict=True):
            (change,) = parse(name)
            moved = np.abs(positions - v.positions[0]).max(axis=0)
            axes = "xz" if change.axis is None else change.axis
            own = max(moved[CHANNELS.index(f"{change.sensor}.{axis}")] for axis in axes)
            assert own > 0.5, f"{v.speaker} {name}"
            still = {"TT": "UL LL JAW", "TB": "UL LL JAW", "TD": "UL LL JAW", "LL": "TT TB TD JAW", "JAW": ""}
            for sensor in still[change.sensor].split():
                assert max(moved[CHANNELS.index(f"{sensor}.{a}")] for a in "xz") < 0.02, f"{v.speaker} {name}: {sensor}"
            if change.sensor == "JAW":  # the tongue gives way to the lower teeth here and there
                tongue = (positions - v.positions[0])[:, :6]
                assert np.sqrt((tongue**2).mean()) < 0.3, f"{v.speaker} {name}"
