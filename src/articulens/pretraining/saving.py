"""Model folders: weights in half precision that transformers reads, heads in a second file, facts as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from articulens.encoders.ecapa import MODEL_TYPE
from articulens.errors import ArticulensError
from articulens.files import atomic_write, sha256_file, write_json

WEIGHTS, HEADS, FACTS = "model.safetensors", "heads.safetensors", "training.json"


def save_model(folder: Path, network: Any, heads: nn.Module, about: dict[str, Any], facts: dict[str, Any]) -> Path:
    """Write a model folder, the weights last.

    Parameters
    ----------
    folder
        Where to.
    network
        A base model of transformers, or an ECAPA-TDNN.
    heads, about
        What predicts from the states, and what each predicts.
    facts
        What is known about the training; the hashes of the weight files are added.
    """
    config = json.loads(network.config.to_json_string())
    # Read as float32 again, whatever a library's default is: half precision is only how weights are stored.
    config |= {"architectures": [type(network).__name__], "dtype": "float32"}
    write_json(folder / "config.json", config)
    weights = {WEIGHTS: (network, {"format": "pt"})}
    if config["model_type"] != MODEL_TYPE:  # a speaker model is complete without what knows its training voices
        weights[HEADS] = (heads, about)
        write_json(
            folder / "preprocessor_config.json",
            {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "do_normalize": True, "sampling_rate": 16000,
             "feature_size": 1, "padding_value": 0.0, "padding_side": "right", "return_attention_mask": True},
        )  # fmt: skip
    for name, (module, metadata) in weights.items():
        tensors = {key: _stored(t) for key, t in module.state_dict().items()}
        with atomic_write(folder / name) as stream:
            stream.write(save(tensors, metadata={key: str(value) for key, value in metadata.items()}))
    hashes = {name: sha256_file(folder / name) for name in weights}
    write_json(folder / FACTS, facts | {"sha256": hashes})
    return folder


def sha256_model(folder: Path) -> str:
    """Return the SHA-256 of a model folder's weights."""
    return sha256_file(folder / WEIGHTS)


def read_facts(folder: Path) -> dict[str, Any]:
    """Return what is written beside a model about its training.

    Raises
    ------
    ArticulensError
        When the folder has no such file.
    """
    try:
        facts: dict[str, Any] = json.loads((folder / FACTS).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ArticulensError(
            f"{folder / FACTS}: cannot be read ({error}), expected what a training of this project says about its "
            "model; choose a model that was trained with it."
        ) from error
    return facts


def _stored(tensor: torch.Tensor) -> torch.Tensor:
    """Return half precision; counters stay whole numbers."""
    return tensor.detach().to("cpu", torch.float16 if tensor.is_floating_point() else tensor.dtype).contiguous()
