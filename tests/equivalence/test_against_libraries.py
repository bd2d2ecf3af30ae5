"""Every state equals what transformers computes by itself and, where it can, what torchaudio computes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModel, Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

from articulens.encoders import open_encoder

WHISPER_FOLDER = Path(__file__).parents[2] / "../shared/weights/whisper-tiny.en-encoder"


def reference_input(model, extractor, audio):
    batch = extractor(audio, sampling_rate=16_000, return_tensors="pt")
    return batch["input_features"] if model.config.model_type == "whisper" else batch["input_values"]


def run_reference(model, inputs):
    stack = model.encoder if model.config.model_type == "whisper" else model
    with torch.no_grad():
        return stack(inputs, output_hidden_states=True)


def assert_equal_states(encoder, model, extractor, audio, relative):
    states = encoder.encode(audio, 16_000)
    inputs = reference_input(model, extractor, audio)
    output = run_reference(model, inputs)
    n = len(states)
    blocks = len(model.encoder.layers)
    assert tuple(states.layers) == encoder.layers == (*map(str, range(blocks + 1)), *encoder.layers[blocks + 1 :])
    for i in range(blocks):
        assert relative(states[str(i)], output.hidden_states[i][0, :n]) < 1e-5, i
    if "final" in states.layers:
        assert relative(states["final"], output.last_hidden_state[0, :n]) < 1e-5
        final_norm, model.encoder.layer_norm = model.encoder.layer_norm, torch.nn.Identity()
        raw = run_reference(model, inputs).last_hidden_state[0, :n]
        model.encoder.layer_norm = final_norm
    else:
        raw = output.last_hidden_state[0, :n]
    assert relative(states[str(blocks)], raw) < 1e-5


def test_every_state_equals_transformers(family, make_folder, tools):
    folder = make_folder(family)
    model = AutoModel.from_pretrained(folder).eval()
    whisper = family == "whisper"
    extractor = WhisperFeatureExtractor() if whisper else Wav2Vec2FeatureExtractor(do_normalize=True)
    encoder = open_encoder(str(folder), device="cpu")
    assert ("final" in encoder.layers) == (
        family
        in {"wav2vec2-layer", "hubert-layer", "wavlm-layer", "ctc"}
        | {
            "pretraining",
            "whisper",
        }
    )
    assert_equal_states(encoder, model, extractor, tools.speech_like(20_000), tools.relative)


@pytest.mark.parametrize(
    "which",
    ["wav2vec2-group", "wav2vec2-layer", "hubert-group", "hubert-layer", "wavlm-group", "wavlm-layer"],
)
def test_every_state_equals_torchaudio(which, make_folder, tools):
    from torchaudio.models.wav2vec2.utils import import_huggingface_model

    folder = make_folder(which)
    audio = tools.speech_like(20_000, seed=1)
    states = open_encoder(str(folder), device="cpu").encode(audio, 16_000)
    model = AutoModel.from_pretrained(folder).eval()
    other = import_huggingface_model(model).eval()
    wave = reference_input(model, Wav2Vec2FeatureExtractor(do_normalize=True), audio)
    with torch.no_grad():
        features, _ = other.feature_extractor(wave, None)
        projected, _ = other.encoder._preprocess(features, None)
        first = other.encoder.transformer._preprocess(projected)
        blocks, _ = other.extract_features(wave)
        last, _ = other(wave)
    for i, expected in enumerate([first, *blocks]):
        assert tools.relative(states[str(i)], expected[0]) < 1e-4, i
    assert tools.relative(states.layers.get("final", states["3"]), last[0]) < 1e-4


def test_a_loaded_model_is_in_evaluation_mode_and_deterministic(family, make_folder, tools):
    encoder = open_encoder(str(make_folder(family)), device="cpu")
    audio = tools.speech_like(8_000)
    first, second = encoder.encode(audio, 16_000), encoder.encode(audio, 16_000)
    assert len(first.layers) >= 4  # LayerDrop 0.9 in every configuration, and still all states
    for layer in first.layers:
        assert torch.equal(first[layer], second[layer])


@pytest.mark.skipif(not WHISPER_FOLDER.is_dir(), reason="the real Whisper weights are not on this machine")
def test_real_whisper_states_equal_transformers(tools):
    encoder = open_encoder(str(WHISPER_FOLDER), device="cpu")
    model = AutoModel.from_pretrained(WHISPER_FOLDER).eval()
    extractor = WhisperFeatureExtractor.from_pretrained(WHISPER_FOLDER)
    assert encoder.layers == ("0", "1", "2", "3", "4", "final")
    assert_equal_states(encoder, model, extractor, tools.speech_like(48_000), tools.relative)
