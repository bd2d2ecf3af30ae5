"""Speech and excerpts; phones; texts; configurations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter
from transformers import AutoConfig

from articulens.encoders import find_model
from articulens.encoders.ecapa import MODEL_TYPE, EcapaConfig
from articulens.errors import ArticulensError
from articulens.pretraining.config import Source, load_config, parse_config, shipped
from articulens.pretraining.ctc import edit_distance, greedy, phones
from articulens.pretraining.data import Excerpts, Group, Recording, read_groups, string_together, tilted
from articulens.pretraining.masked import Masked
from articulens.pretraining.speech import ESPEAK, SEED, texts
from articulens.synthesis import SEED as BUNDLED_SEED
from articulens.synthesis import transcribe
from articulens.synthesis.texts import texts as bundled_texts


def group(*lengths: int) -> Group:
    tracks, start = [], 0
    for n in lengths:
        tracks.append(np.arange(start, start + n, dtype=np.float32))
        start += 1_000_000
    return Group("human", "en", 1.0, (), tuple(tracks))


@pytest.mark.parametrize(("first", "lengths"), [(0, (16_000, 8_400)), (-200, (16_000, 8_320, 8_519))])
def test_excerpts_lie_inside_tracks_and_where_they_say(first, lengths):
    speech = group(*lengths)
    excerpts = Excerpts([speech], 25, first)
    seen = set()
    for step in range(60):
        waves, places = excerpts.draw(np.random.default_rng(step), 4)
        assert waves.shape == (4, 24 * 320 + 400)
        for wave, (_, track, frame) in zip(waves, places, strict=True):
            begin = 320 * frame + first
            expected = speech.tracks[track][begin : begin + waves.shape[1]]
            ratio = wave[1:] / expected[1:]
            assert np.allclose(ratio, ratio[0], rtol=1e-4)  # but for the level
            assert frame + 25 <= len(speech.tracks[track]) // 320 + (first == 0)
            seen.add((track, frame))
    assert {track for track, _ in seen} == set(range(len(lengths)))


@pytest.mark.parametrize("coefficient", [-0.6, 0.0, 0.4])
def test_a_tilt_is_a_filter_at_the_same_level(coefficient):
    wave = np.random.default_rng(0).normal(size=4_000).astype(np.float32)
    expected = lfilter([1.0, -coefficient], [1.0], wave)
    found = tilted(wave, coefficient)
    assert found.dtype == np.float32 and np.std(found) == pytest.approx(np.std(wave), rel=1e-3)
    assert np.allclose(found, expected * np.std(wave) / np.std(expected), atol=2e-3)


def test_too_short_speech_is_refused():
    with pytest.raises(ArticulensError, match="fewer seconds"):
        Excerpts([group(5_000)], 25)


def test_recordings_are_strung_together_up_to_28_s():
    def recording(seconds: float) -> Recording:
        return Recording(np.ones(round(16_000 * seconds), np.float32), "espeak", "fi", "x", "")

    tracks = string_together([recording(s) for s in (10, 10, 10, 40)])
    assert [round(len(t) / 16_000, 1) for t in tracks] == [20.2, 10.0, 28.0]
    assert (tracks[0][160_000:163_200] == 0).all() and tracks[0][163_200] == 1


def test_missing_speech_is_named(speech, tmp_path):
    with pytest.raises(ArticulensError, match="--made FOLDER"):
        read_groups([Source("espeak", ("fi",))], speech, None)
    with pytest.raises(ArticulensError, match="no human speech in 'en'"):
        read_groups([Source("human", ("en",))], tmp_path, None)
    with pytest.raises(ArticulensError, match=r"manifest\.csv.*articulens models speech"):
        read_groups([Source("espeak", ("fi",))], None, tmp_path)


def test_masks_are_spans_and_clusters_fit_the_frames(values, speech, tmp_path):
    from transformers import AutoModel

    config = parse_config(values, "test")
    stage = config.stages[1]
    network = AutoModel.from_config(AutoConfig.for_model(**config.architecture))
    objective = Masked(stage, read_groups(config.speech, speech, None), network, tmp_path / "clusters.npz", 0)
    batch = objective.draw(np.random.default_rng(0))
    masked = batch["masked"].numpy()
    assert batch["clusters"].shape == masked.shape == (4, 49)
    assert masked.any(axis=1).all() and 0.2 < masked.mean() < 0.9
    for row in masked:  # a span that ends inside the excerpt has its whole length
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
        for begin, end in edges.reshape(-1, 2):
            assert end == len(row) or end - begin >= stage.mask_span


def test_phones_are_those_of_the_corpus_labels():
    assert phones("Tuuli, matto.", "fi") == ("t", "uː", "l", "i", "m", "ɑ", "tː", "o")
    assert "ts" in phones("Ца́пля.", "ru")[0]


def test_greedy_reading_and_edit_distance():
    scores = np.eye(3)[[0, 1, 1, 0, 1, 2, 2]]
    assert greedy(scores, ["<blank>", "a", "b"]) == ["a", "a", "b"]
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance("", "abc") == edit_distance("abc", "") == 3


def test_training_texts_and_speakers_are_not_those_of_the_bundled_corpus():
    assert SEED != BUNDLED_SEED
    for language in ("fi", "ru"):
        own = texts(language)
        assert len(set(own)) == len(own) >= 60
        bundled = {t.text.lower().strip(".?") for kind in bundled_texts(language).values() for t in kind}
        assert not {t.lower().strip(".?") for t in own} & bundled
        for text in own:
            transcribe(text, language)
    assert "et" not in ESPEAK
    with pytest.raises(ArticulensError, match="no texts in 'et'"):
        texts("et")


@pytest.mark.parametrize("name", shipped())
def test_shipped_configurations_are_valid_and_those_of_the_model_table(name):
    config = load_config(name)
    assert config.name == name
    if config.architecture["model_type"] == MODEL_TYPE:
        EcapaConfig(**config.architecture)
    else:
        AutoConfig.for_model(**config.architecture)
    model = find_model(name)
    if name in ("base-95m", "tiny-start"):  # untrained here; only the beginning of three others
        assert model is None
    else:
        assert dict(model.architecture) == dict(config.architecture)
        assert model.base_model == (config.base if model.fine_tuned else None)
        heard = {language for source in config.speech for language in source.languages}
        assert (model.finnish == "yes", model.russian == "yes") >= ("fi" in heard, "ru" in heard)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stepss": 3}, "unknown key 'stepss'"),
        ({"stages": []}, "no stages"),
        ({"stages": [{"objective": "dreaming", "steps": 1}]}, "objective 'dreaming'"),
        ({"stages": [{"objective": "distillation", "steps": 1}]}, "needs 'match'"),
        ({"stages": [{"objective": "ctc", "steps": 0}]}, "at least 1"),
        ({"stages": [{"steps": 1}]}, "'objective' is missing"),
        ({"speech": [{"source": "birds", "languages": ["en"]}]}, "speech is 'birds'"),
        ({"dtype": "fp8"}, "dtype is 'fp8'"),
    ],
)
def test_a_wrong_configuration_is_named(values, change, message):
    with pytest.raises(ArticulensError, match=message):
        parse_config(values | change, "x.yaml")


def test_an_unknown_configuration_suggests_the_nearest():
    with pytest.raises(ArticulensError, match="did you mean 'tiny-english'"):
        load_config("tiny-englsh")
