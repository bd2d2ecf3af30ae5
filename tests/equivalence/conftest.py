"""Tiny models of every family, with weights that no library's initialisation decides, saved as folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    Data2VecAudioConfig,
    Data2VecAudioModel,
    HubertConfig,
    HubertModel,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    Wav2Vec2ForPreTraining,
    Wav2Vec2Model,
    WavLMConfig,
    WavLMModel,
    WhisperConfig,
    WhisperModel,
)

TINY = {
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "conv_dim": [32] * 7,
    "num_conv_pos_embeddings": 32,
    "num_conv_pos_embedding_groups": 4,
    # As on real checkpoints, and more: none of this may act outside training.
    "layerdrop": 0.9,
    "mask_time_prob": 0.5,
    "hidden_dropout": 0.5,
    "vocab_size": 12,
}
GROUP = {"feat_extract_norm": "group", "do_stable_layer_norm": False}
LAYER = {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True}
WHISPER = {
    "d_model": 48,
    "encoder_layers": 3,
    "encoder_attention_heads": 4,
    "encoder_ffn_dim": 96,
    "decoder_layers": 1,
    "decoder_attention_heads": 4,
    "decoder_ffn_dim": 96,
    "encoder_layerdrop": 0.9,
    "dropout": 0.5,
    "vocab_size": 12,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "decoder_start_token_id": 0,
}
FAMILIES = {
    "wav2vec2-group": lambda: Wav2Vec2Model(Wav2Vec2Config(**TINY, **GROUP)),
    "wav2vec2-layer": lambda: Wav2Vec2Model(Wav2Vec2Config(**TINY, **LAYER)),
    "hubert-group": lambda: HubertModel(HubertConfig(**TINY, **GROUP)),
    "hubert-layer": lambda: HubertModel(HubertConfig(**TINY, **LAYER)),
    "hubert-batchnorm": lambda: HubertModel(HubertConfig(**TINY, **GROUP, conv_pos_batch_norm=True)),
    "wavlm-group": lambda: WavLMModel(WavLMConfig(**TINY, **GROUP)),
    "wavlm-layer": lambda: WavLMModel(WavLMConfig(**TINY, **LAYER)),
    "data2vec": lambda: Data2VecAudioModel(
        Data2VecAudioConfig(**TINY | {"num_conv_pos_embeddings": 3, "conv_pos_kernel_size": 9})
    ),
    "ctc": lambda: Wav2Vec2ForCTC(Wav2Vec2Config(**TINY, **LAYER)),
    "pretraining": lambda: Wav2Vec2ForPreTraining(Wav2Vec2Config(**TINY, **LAYER)),
    "whisper": lambda: WhisperModel(WhisperConfig(**WHISPER)),
}
WAVEFORM = [family for family in FAMILIES if family != "whisper"]


def fill(model: torch.nn.Module, seed: int = 0) -> None:
    """Overwrite all weights by numpy's numbers: matrices scaled by their fan-in, norms near one."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for name, tensor in sorted(model.state_dict().items()):
            if not tensor.is_floating_point() or "embed_positions" in name:
                continue
            noise = rng.standard_normal(tuple(tensor.shape))
            if tensor.ndim > 1 and "original0" not in name:
                fresh = noise / np.sqrt(np.prod(tensor.shape[1:]))
            elif name.endswith("running_var"):
                fresh = 1 + 0.1 * noise**2
            elif name.endswith("bias") or name.endswith("running_mean"):
                fresh = 0.1 * noise
            else:
                fresh = 1 + 0.1 * noise
            tensor.copy_(torch.from_numpy(fresh))


@pytest.fixture(scope="session")
def make_folder(tmp_path_factory):
    """Return a function: family name to the folder of a saved model."""
    made: dict[str, Path] = {}

    def make(family: str) -> Path:
        if family not in made:
            folder = tmp_path_factory.mktemp("models") / family
            model = FAMILIES[family]()
            fill(model)
            model.save_pretrained(folder)
            if family != "whisper":
                Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)
            made[family] = folder
        return made[family]

    return make


def speech_like(n_samples: int, seed: int = 0) -> np.ndarray:
    """Noise whose level and colour change over time, float32, with an offset and a fade."""
    rng = np.random.default_rng(seed)
    noise = np.convolve(rng.standard_normal(n_samples + 15), np.hanning(16), "valid")
    level = 0.2 + np.abs(np.sin(np.arange(n_samples) / 3000 + seed))
    return (0.05 * noise[:n_samples] * level + 0.01).astype(np.float32)


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the greatest deviation over the greatest magnitude."""
    assert found.shape == expected.shape
    return float((found.double() - expected.double()).abs().max() / expected.double().abs().max())


@pytest.fixture(scope="session")
def tools():
    """Give tests the plain functions of this file (test folders are not packages)."""

    class Tools:
        families = FAMILIES
        fill = staticmethod(fill)
        speech_like = staticmethod(speech_like)
        relative = staticmethod(relative)

    return Tools


def pytest_generate_tests(metafunc):
    if "family" in metafunc.fixturenames:
        metafunc.parametrize("family", getattr(metafunc.function, "families", list(FAMILIES)))
    if "waveform_family" in metafunc.fixturenames:
        metafunc.parametrize("waveform_family", WAVEFORM)
