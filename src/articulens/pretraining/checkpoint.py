"""Checkpoints: one safetensors file with weights, optimiser and curve, replaced whole.

There is no state of a random generator in it, because none lives longer than a step: what step *k* draws follows
from (seed, stage, *k*).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from articulens.errors import ArticulensError
from articulens.files import atomic_write


@dataclass
class Progress:
    """How far a training has come.

    Attributes
    ----------
    stage, step
        Stage that is running, and its steps that are done.
    seconds
        Wall time so far, of all runs.
    curve
        Rows of ``stage, step, loss, ...``.
    """

    stage: int = 0
    step: int = 0
    seconds: float = 0.0
    curve: list[dict[str, Any]] = field(default_factory=list)


def save_checkpoint(
    path: Path, key: str, progress: Progress, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer
) -> None:
    """Write everything that is needed to go on; `key` says which training it belongs to."""
    tensors = {f"{part}/{name}": t for part, module in modules.items() for name, t in module.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": value for name, value in state.items()}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    about = {"key": key, "progress": json.dumps(vars(progress))}
    with atomic_write(path) as stream:
        stream.write(save(tensors, metadata=about))


def read_checkpoint(path: Path, key: str) -> tuple[Progress, dict[str, dict[str, torch.Tensor]]]:
    """Return progress and tensors by part of a checkpoint.

    Raises
    ------
    ArticulensError
        When the file cannot be read or belongs to another training.
    """
    parts: dict[str, dict[str, torch.Tensor]] = {}
    try:
        with safe_open(path, "pt") as stored:
            about = stored.metadata()
            for name in stored.keys():
                part, _, rest = name.partition("/")
                parts.setdefault(part, {})[rest] = stored.get_tensor(name)
        progress = Progress(**json.loads(about["progress"]))
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        raise ArticulensError(
            f"{path}: the checkpoint cannot be read ({error}); delete it to start the training anew."
        ) from error
    if about["key"] != key:
        raise ArticulensError(
            f"{path}: the checkpoint belongs to another configuration or other speech than now given; choose another "
            "--out, or delete it to start anew."
        )
    return progress, parts


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """Put the moments of `save_checkpoint` back into a fresh optimiser of the same parameters."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, moment = name.partition("/")
        state.setdefault(int(index), {})[moment] = tensor
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
