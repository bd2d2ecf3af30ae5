"""Speech encoders: audio in, the states of every layer out, with the time of every frame."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from articulens.encoders.base import Encoder, States
from articulens.encoders.catalog import MODELS, Model, find_model, to_frame
from articulens.encoders.clock import FrameClock
from articulens.errors import ArticulensError, suggest

__all__ = ["MODELS", "Encoder", "FrameClock", "Model", "States", "find_model", "open_encoder", "to_frame"]

DTYPES = ("fp32", "tf32", "bf16", "fp16")
RANDOM = "@random"


def open_encoder(
    name: str,
    *,
    device: str = "auto",
    dtype: str = "fp32",
    seed: int = 0,
    revision: str | None = None,
    layers: Sequence[str] | None = None,
    max_seconds: float = 60.0,
    batch_seconds: float | None = None,
    own_clock: bool = False,
) -> Encoder:
    """Open an encoder by name.

    Parameters
    ----------
    name : str
        ``"logmel"``, ``"mfcc"``, either with context (``"logmel+6"``: 6 frames to each side); a short name of
        the model table (``"tiny-multi"``, ``"xls-r-300m"``); a Hugging Face id
        (``"facebook/hubert-large-ll60k"``); a local folder that transformers can read. Speaker models
        (ECAPA-TDNN, extra ``[speaker]``): a short name, a Hugging Face id of SpeechBrain's layout with "ecapa" in it
        (``"speechbrain/spkrec-ecapa-voxceleb"``), or a local folder of SpeechBrain, of 3D-Speaker
        (``pretrained_rdino.pth``) or of this project. Any model followed by ``"@random"``: its architecture with
        random weights.
    device : {"auto", "cpu", "cuda", "cuda:0", ...}
        ``"auto"`` takes a GPU where there is one.
    dtype : {"fp32", "tf32", "bf16", "fp16"}
        Precision of the forward pass; states are float32 in any case, and checked to be finite.
    seed : int
        Seed of ``"@random"`` weights.
    revision : str, optional
        Commit, tag or branch of a Hugging Face id; by default the one pinned in the model table.
    layers : sequence of str, optional
        Layers to keep (``"0"``, ``"1"``, ..., ``"final"``; of speaker models ``"0"``, ..., ``"mfa"``,
        ``"embedding"``); all by default.
    max_seconds : float
        Recordings longer than this are cut into overlapping pieces; models with a group norm, which need the
        whole recording, and speaker models refuse them. Whisper never reads more than 30 s at once.
    batch_seconds : float, optional
        Audio in one padded batch of `Encoder.encode_batch`, seconds; by default 320 on a GPU, 20 on a CPU.
    own_clock : bool
        Leave the frames of a speaker model at its own 10 ms, instead of taking them to the centres that all other
        encoders share (50 a second).

    Returns
    -------
    Encoder

    Raises
    ------
    ArticulensError
        For an unknown name, layer, device or precision; a folder that cannot be read, is not a speech encoder
        or has no weights; weights that do not fit, or not those of the model table; a hub that cannot be reached.
    """
    from articulens.encoders.acoustic import AcousticEncoder, is_acoustic

    if dtype not in DTYPES:
        raise ArticulensError(f"precision '{dtype}' is unknown{suggest(dtype, DTYPES)}")
    device = _device(device, dtype)
    if own_clock and is_acoustic(name):
        raise ArticulensError(f"own_clock is for speaker models, and {name} has 50 frames a second; leave it out.")
    if is_acoustic(name):
        return AcousticEncoder(name, device=device, layers=layers)

    base, random = name.removesuffix(RANDOM), name.endswith(RANDOM)
    model = find_model(base)
    if model is None and not Path(base).expanduser().is_dir():
        _check_hub_id(base)
    if model is not None and model.hub_id is None and model.sha256 is None and not random:
        raise ArticulensError(
            f"{name} is an architecture without trained weights, expected '{name}{RANDOM}'; ask for that, or "
            "for a trained model of `articulens models`."
        )
    from articulens.encoders import hub, speaker

    options: dict[str, Any] = {
        "random": random,
        "seed": seed,
        "revision": revision,
        "device": device,
        "dtype": dtype,
        "layers": layers,
        "max_seconds": max_seconds,
        "batch_seconds": batch_seconds,
    }
    if speaker.is_speaker(base, model):
        return speaker.load(base, model, own_clock=own_clock, **options)
    if own_clock:
        raise ArticulensError(f"own_clock is for speaker models, and {name} has 50 frames a second; leave it out.")
    return hub.load(base, model, **options)


def _device(device: str, dtype: str) -> str:
    """Resolve ``"auto"`` and refuse what this machine cannot do."""
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        raise ArticulensError(f"device '{device}' is unknown{suggest(device, ('auto', 'cpu', 'cuda'))}")
    index = int(device.partition(":")[2] or 0)
    if device != "cpu" and index >= torch.cuda.device_count():
        raise ArticulensError(
            f"device '{device}' was asked for and torch finds {torch.cuda.device_count()} GPUs; use cpu or auto."
        )
    if dtype == "tf32" and device == "cpu":
        raise ArticulensError("precision 'tf32' exists on GPUs only and the device is the CPU; use fp32.")
    return device


def _check_hub_id(name: str) -> None:
    """Refuse names that are neither a folder nor can be a Hugging Face id."""
    if re.fullmatch(r"[\w][\w.-]*/[\w][\w.-]*", name):
        return
    if re.search(r"[/\\~]", name):
        raise ArticulensError(
            f"{name}: there is no such folder; give the folder that holds config.json and the weights."
        )
    known = ["logmel", "mfcc", *(model.name for model in MODELS)]
    raise ArticulensError(
        f"model '{name}' is unknown, expected one of the model table, OWNER/NAME of a Hugging Face "
        f"model, or a local folder{suggest(name, known)}"
    )
