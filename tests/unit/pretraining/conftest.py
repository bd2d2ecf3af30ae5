"""A network that trains in a second, and something like speech to train it on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

ARCHITECTURE = {
    "model_type": "hubert",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "conv_dim": [16] * 7,
    "conv_bias": True,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "layerdrop": 0.0,
}  # dropout stays at its default of 0.1: a resumed run must draw it alike


@pytest.fixture(scope="session")
def speech(tmp_path_factory) -> Path:
    """Noise whose colour changes every fifth of a second: there is something to predict."""
    folder = tmp_path_factory.mktemp("speech")
    rng = np.random.default_rng(0)
    for speaker in range(3):
        parts = []
        for _ in range(30):
            noise = rng.normal(size=3_200)
            low = np.convolve(noise, np.ones(12) / 4, "same")
            parts.append(0.1 * (low if rng.random() < 0.5 else noise))
        soundfile.write(folder / f"{speaker}-1-0000.flac", np.concatenate(parts).clip(-0.99, 0.99), 16_000)
    return folder


@pytest.fixture
def values() -> dict:
    """Return a configuration: distillation of log-mel, then masked prediction of the model's own clusters."""
    small = {"batch": 4, "seconds": 1.0, "learning_rate": 3e-3}
    return {
        "name": "toy",
        "summary": "A toy.",
        "seed": 3,
        "log_every": 5,
        "architecture": ARCHITECTURE,
        "teacher": "logmel",
        "speech": [{"source": "human", "languages": ["en"]}],
        "stages": [
            {"objective": "distillation", "match": {"1": "0", "final": "0"}, "steps": 15, **small},
            {"objective": "masked", "clusters": 8, "cluster_layer": "1", "unmasked": 0.5, "steps": 10, **small},
        ],
    }
