"""Stored numbers of seeded tiny models: a library upgrade that changes what any layer means fails here.

The weights come from numpy, so no library's initialisation takes part. The message of a failing test ends
with the new numbers; find out *why* they moved before storing them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from articulens.encoders import open_encoder

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text(encoding="utf-8"))
FAMILIES = ("wav2vec2-group", "wav2vec2-layer", "hubert-layer", "wavlm-layer", "data2vec", "whisper")


def summary(states) -> dict[str, list[float]]:
    """Three single numbers and the mean magnitude of every layer."""
    return {layer: [*state[10, :3].tolist(), float(state.abs().mean())] for layer, state in states.layers.items()}


@pytest.mark.parametrize("which", FAMILIES)
def test_states_are_what_they_were(which, make_folder, tools):
    found = summary(open_encoder(str(make_folder(which)), device="cpu").encode(tools.speech_like(20_000), 16_000))
    expected = GOLDEN[which]
    assert list(found) == list(expected), json.dumps({which: found})
    for layer, numbers in expected.items():
        assert found[layer] == pytest.approx(numbers, rel=2e-4, abs=2e-5), json.dumps({which: found})


def test_final_is_the_final_norm_of_the_last_block_and_nothing_else(family, make_folder, tools):
    encoder = open_encoder(str(make_folder(family)), device="cpu")
    states = encoder.encode(tools.speech_like(20_000), 16_000)
    norm = getattr(encoder._model, "encoder", encoder._model).layer_norm
    normed = torch.nn.functional.layer_norm(states["3"], norm.normalized_shape, norm.weight, norm.bias, norm.eps)
    if "final" in states.layers:
        assert tools.relative(states["final"], normed) < 1e-6
        assert tools.relative(states["3"], states["final"]) > 1e-2
    else:
        assert tools.relative(states["3"], normed) > 1e-2  # the encoder's norm came before the blocks
