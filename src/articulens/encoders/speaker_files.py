"""Checkpoints of ECAPA-TDNN: ours, SpeechBrain's, and the self-supervised ones of 3D-Speaker.

Nothing is trusted: weights are read by safetensors or with ``weights_only``, and SpeechBrain's ``hyperparams.yaml``,
which could run any code, is read as plain YAML whose tags mean nothing.

**3D-Speaker** (RDINO, SDPN; DINO on VoxCeleb, from ModelScope): its network is SpeechBrain's under the same names, kept
as ``teacher`` → ``backbone`` in ``pretrained_rdino.pth``; its features differ (`ecapa.front_end`). Established from its
public code (``speakerlab/models/rdino/ECAPA_TDNN.py``, ``speakerlab/bin/infer_sv_ssl.py``); its weights were not at
hand.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import torch
import yaml

from articulens.encoders.ecapa import MODEL_TYPE, EcapaConfig, shape_of
from articulens.errors import ArticulensError

Weights = dict[str, torch.Tensor]
OURS, SPEECHBRAIN, THREE_D_SPEAKER = ("config.json", "model.safetensors"), "embedding_model.ckpt", "*.pth"


def layout_of(folder: Path) -> str | None:
    """Return ``"ours"``, ``"speechbrain"`` or ``"3d-speaker"``, None for a folder that is none of them."""
    config = folder / OURS[0]
    if config.is_file():
        try:
            values = json.loads(config.read_text("utf-8"))
        except ValueError:
            values = None
        if isinstance(values, dict) and values.get("model_type") == MODEL_TYPE:
            return "ours"
        if isinstance(values, dict) and "model_type" in values:
            return None
    if (folder / SPEECHBRAIN).is_file():
        return "speechbrain"
    return "3d-speaker" if any(folder.glob(THREE_D_SPEAKER)) else None


def read_folder(folder: Path) -> tuple[EcapaConfig, Weights]:
    """Return configuration and weights of a folder, under SpeechBrain's names.

    Raises
    ------
    ArticulensError
        When the folder has no ECAPA-TDNN, or a file cannot be read.
    """
    layout = layout_of(folder)
    if layout is None:
        raise ArticulensError(
            f"{folder}: there is no ECAPA-TDNN here, expected {SPEECHBRAIN} of SpeechBrain, pretrained_rdino.pth of "
            f"3D-Speaker, or {' and '.join(OURS)} of this project; download the whole repository."
        )
    if layout == "ours":
        return _read_ours(folder)
    path = folder / SPEECHBRAIN if layout == "speechbrain" else sorted(folder.glob(THREE_D_SPEAKER))[0]
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split()).split(". ")[0][:160]
        raise ArticulensError(
            f"{path}: the weights cannot be read safely ({reason}); expected plain tensors; download it again."
        ) from error
    weights = stored if layout == "speechbrain" else _backbone(stored)
    dilations = _dilations(folder / "hyperparams.yaml") if layout == "speechbrain" else {}
    try:
        return EcapaConfig(**shape_of(weights), **dilations, front_end=layout), weights
    except (KeyError, ValueError, IndexError, AttributeError, TypeError) as error:
        raise ArticulensError(
            f"{path}: these are not the weights of an ECAPA-TDNN under SpeechBrain's names ({error} is missing); "
            "choose another checkpoint."
        ) from error


def download(hub_id: str, revision: str | None) -> tuple[Path, str]:
    """Return the local folder and the commit of a repository on the Hugging Face Hub.

    Raises
    ------
    ArticulensError
        When it cannot be had.
    """
    from huggingface_hub import snapshot_download

    wanted = [*OURS, SPEECHBRAIN, "hyperparams.yaml"]
    try:
        folder = Path(snapshot_download(hub_id, revision=revision, allow_patterns=wanted))
    except Exception as error:  # whatever the hub's client raises
        reason = " ".join(str(error).split()).split(". ")[0].rstrip(".")[:200]
        raise ArticulensError(
            f"{hub_id}: this model cannot be had from the Hugging Face Hub ({reason}); check the name, download it "
            f"while online (hf download {hub_id}; with HF_HUB_OFFLINE=1 only downloaded models open), or give a "
            "local folder."
        ) from error
    return folder, folder.name


def _read_ours(folder: Path) -> tuple[EcapaConfig, Weights]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / OURS[1]
    try:
        weights = load_file(path)
        config = EcapaConfig(**json.loads((folder / OURS[0]).read_text("utf-8")))
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise ArticulensError(
            f"{path}: the model cannot be read ({error}), expected {' and '.join(OURS)}; restore both files."
        ) from error
    # Half precision is only how they are stored.
    return config, {name: x.float() if x.is_floating_point() else x for name, x in weights.items()}


def _backbone(stored: Any) -> Weights:
    """Return the weights of the teacher's backbone; empty when there is none."""
    teacher = stored.get("teacher", {}) if isinstance(stored, dict) else {}
    parts = {name: name.partition("backbone.") for name in teacher}
    return {rest: teacher[name] for name, (_, found, rest) in parts.items() if found}


def _dilations(path: Path) -> dict[str, Any]:
    """Return the dilations of a ``hyperparams.yaml``, nothing when it does not say; refuse another input."""
    try:
        values = yaml.load(path.read_text("utf-8"), _Plain) if path.is_file() else None
    except (yaml.YAMLError, OSError, ValueError) as error:
        raise ArticulensError(f"{path}: not readable as YAML ({error}); download it again.") from error
    values = values if isinstance(values, dict) else {}
    parts = [values.get(name) for name in ("embedding_model", "mean_var_norm", "compute_features")]
    network, norm, features = (part if isinstance(part, dict) else {} for part in parts)
    if norm.get("std_norm") or norm.get("norm_type", "sentence") != "sentence" or set(features) - {"n_mels"}:
        raise ArticulensError(
            f"{path}: the input is prepared as {features} and {norm}, expected the filter bank's defaults and the mean "
            "of each recording taken off; choose a checkpoint with SpeechBrain's usual features."
        )
    return {"dilations": network["dilations"]} if "dilations" in network else {}


class _Plain(yaml.SafeLoader):
    """YAML whose tags (``!new:``, ``!ref``, ``!apply:``) are left unheard."""


def _untagged(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)  # type: ignore[arg-type]


_Plain.add_multi_constructor("!", _untagged)
