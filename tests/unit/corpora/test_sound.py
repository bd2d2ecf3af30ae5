import numpy as np
import pytest
import soundfile

from articulens.corpora import open_corpus
from articulens.errors import ArticulensError


def test_a_folder_of_sound_is_a_corpus_without_positions(tmp_path):
    for place in ("84/121/84-121-0001.flac", "84/121/84-121-0002.flac", "174/50/174-50-0001.wav", "stray.wav"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / place, np.zeros(1600), 16_000)
    corpus = open_corpus(f"sound:{tmp_path}")
    assert [u.id for u in corpus] == ["174/50/174-50-0001", "84/121/84-121-0001", "84/121/84-121-0002"]
    assert corpus.speakers == ("174", "84") and corpus.to_frame()["positions"].isna().all()
    samples, rate_hz = corpus.read_audio(corpus.utterances[0])
    assert (len(samples), rate_hz) == (1600, 16_000) and len(corpus.fingerprint()) == 64
    with pytest.raises(ArticulensError, match="has no positions, expected a recording with articulation"):
        corpus.read_trajectory(corpus.utterances[0])


@pytest.mark.parametrize(("spec", "message"), [("sound", "needs a folder"), ("sound:{}", "there is no sound")])
def test_what_is_no_such_folder(spec, message, tmp_path):
    with pytest.raises(ArticulensError, match=message):
        open_corpus(spec.format(tmp_path))
