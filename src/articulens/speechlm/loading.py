"""Opening real speech–text models by hub id or from a folder, safely and in little memory.

======  =========================================================  ==================================================
family  is                                                         its tokens
======  =========================================================  ==================================================
SIMS    a text model behind ``lm.`` (``speech_language_model``)    of the text model, units, ``<speech>``, ``<text>``
slam    the same, trained on units only                            pad, ``<S>``, then units
TWIST   an OPT or Llama of its own                                 units behind ``config.offset``
other   any causal model of transformers, tokenizer beside it      as SIMS
======  =========================================================  ==================================================

All are base models: a prompt is a sequence of tokens (`articulens.speechlm.interleave`), never a chat template. The
facts about SIMS and slam follow the code of slp-rl/slamkit, those about TWIST that of facebookresearch/textlesslib.
"""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
)

from articulens.encoders.hub import Repository
from articulens.errors import ArticulensError
from articulens.speechlm.model import SpeechLM
from articulens.speechlm.vocabulary import UNIT, Vocabulary, extend_tokenizer

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_SLAM = "speech_language_model"
_FEWEST_TEXT = 5_000  # rows below which a slamkit model without a tokenizer has no text: its units are some hundreds


def open_speech_lm(
    name: str,
    *,
    device: str = "auto",
    dtype: str = "auto",
    revision: str | None = None,
    tokenizer: str | None = None,
    unit: str | None = UNIT,
    offset: int | None = None,
    bits: int | None = None,
    max_memory: dict[int | str, str] | None = None,
) -> SpeechLM:
    """Open a speech–text or a speech-only language model.

    Parameters
    ----------
    name
        Hugging Face id (``"slprl/SIMS-7B"``) or a folder that transformers can read, in one file or in shards.
    device
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``; ``"auto"`` takes a GPU where there is one.
    dtype
        ``"fp32"``, ``"bf16"``, ``"fp16"``; ``"auto"`` is the checkpoint's own on a GPU and fp32 on a CPU.
    revision
        Commit, tag or branch of a hub id.
    tokenizer
        Folder or id of the tokenizer; by default beside the model, and for SIMS that of the text model it was
        made from, to which units and marks are added.
    unit
        How unit tokens are written; None for a text model without any (a readout for `Lens`).
    offset
        For a model that has only units: the token of unit 0. By default as its configuration says (TWIST) or as slam
        does (behind pad, BOS and EOS).
    bits
        4 for four-bit weights (NF4, by bitsandbytes): a 7B model in 5 GB of a GPU; slow on a CPU.
    max_memory
        What each device may hold, such as ``{0: "20GiB", "cpu": "16GiB"}``: weights that do not fit on the GPU wait in
        memory, the rest on disk, and come block by block (by accelerate).

    Returns
    -------
    SpeechLM

    Raises
    ------
    ArticulensError
        When the model cannot be had or has weights missing; when it has no unit tokens; when the tokenizer does not
        match; when there is no such GPU, or a package is not installed.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir() and (name.startswith((".", "/", "~")) or name.count("/") != 1):
        raise ArticulensError(
            f"{name}: there is no such folder; give the folder of a model, or OWNER/NAME of one on the hub."
        )
    place = Repository(str(folder) if folder.is_dir() else name, revision, folder.is_dir())
    gpu = torch.cuda.is_available()
    device = ("cuda" if gpu else "cpu") if device == "auto" else device
    if device != "cpu" and not gpu:
        raise ArticulensError(f"{name}: device '{device}' was asked for and torch finds no GPU; use cpu or auto.")
    if bits not in (None, 4):
        raise ArticulensError(f"{name}: {bits}-bit weights are not offered; give bits=4, or leave it out.")
    for package, wanted in (("accelerate", bits or max_memory), ("bitsandbytes", bits)):
        if wanted and find_spec(package) is None:
            raise ArticulensError(
                f"{name}: {'bits' if bits else 'max_memory'} needs {package}, which is not installed; install "
                "articulens[large], or leave it out."
            )
    if dtype not in ("auto", *DTYPES):
        raise ArticulensError(f"precision '{dtype}' is unknown; known: auto, {', '.join(DTYPES)}.")

    raw = place.read(lambda: PreTrainedConfig.get_config_dict(place.place, revision=revision)[0])
    config = _config(place, raw)
    vocabulary = _vocabulary(place, raw, config, tokenizer, unit, offset)
    kind = DTYPES.get(dtype) or (config.dtype if device != "cpu" and config.dtype else torch.float32)
    options: dict[str, Any] = {"dtype": kind}
    if bits:
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=kind
        )
    offload = tempfile.TemporaryDirectory(prefix="articulens-offload-") if max_memory else None
    if offload:
        options |= {"device_map": "auto", "max_memory": max_memory, "offload_folder": offload.name}
    elif bits:
        options["device_map"] = {"": device}
    if raw.get("model_type") == _SLAM:
        options["key_mapping"] = {r"^lm\.": ""}
    model, info = place.read(
        lambda: AutoModelForCausalLM.from_pretrained(
            place.place,
            config=config,
            revision=getattr(config, "_commit_hash", None) or revision,
            trust_remote_code=False,
            weights_only=True,
            local_files_only=place.is_folder,
            output_loading_info=True,
            **options,
        )
    )
    if info["missing_keys"]:
        missing = sorted(info["missing_keys"])
        raise ArticulensError(
            f"{name}: the checkpoint lacks {len(missing)} weights, the first is {missing[0]}, expected all of its "
            "config.json; get the configuration and the weights from the same place."
        )
    if not (max_memory or bits):
        model = model.to(device)
    origin = {
        "place": None if place.is_folder else name,
        "revision": getattr(config, "_commit_hash", None) or revision,
        "bits": bits,
    }
    lm = SpeechLM(model, vocabulary, name=folder.resolve().name if place.is_folder else name, origin=origin)
    lm.offload = offload
    return lm


def _config(place: Repository, raw: dict[str, Any]) -> PreTrainedConfig:
    """Return the configuration of the causal model itself, which slamkit's models hold inside their own."""
    if raw.get("model_type") != _SLAM:
        return place.config()
    base = dict(raw.get("base_config") or {}) | {"vocab_size": raw["vocab_size"]}
    base.pop("dtype", None), base.pop("torch_dtype", None)
    base["dtype"] = raw.get("dtype") or raw.get("torch_dtype")
    if "model_type" in base:
        return place.read(lambda: AutoConfig.for_model(base.pop("model_type"), **base))
    return place.read(lambda: AutoConfig.from_pretrained(raw["base_model_name"], **base))


def _vocabulary(
    place: Repository,
    raw: dict[str, Any],
    config: PreTrainedConfig,
    tokenizer: str | None,
    unit: str | None,
    offset: int | None,
) -> Vocabulary:
    size = int(config.vocab_size)
    if offset is None and tokenizer is None:
        offset = raw.get("offset")
        slam = raw.get("model_type") == _SLAM and size < _FEWEST_TEXT
        if slam and not (place.is_folder and any(Path(place.place).glob("tokenizer*.json"))):
            special = [getattr(config, f"{name}_token_id", None) for name in ("pad", "bos", "eos")]
            offset = 1 + max((s for s in special if isinstance(s, int)), default=-1)
    if offset is not None:
        start = (config.bos_token_id,) if raw.get("model_type") == _SLAM else ()
        return Vocabulary.of_units(size - offset, offset, size, start)
    where = tokenizer or (raw["base_model_name"] if raw.get("model_type") == _SLAM else place.place)
    revision = None if tokenizer else place.revision
    words = Repository(where, revision, Path(where).expanduser().is_dir())
    found = words.read(lambda: _tokenizer(where, words.revision))
    if unit is None:
        return Vocabulary.of_text(found, size, place=where)
    n_units = size - len(found) - 2
    if raw.get("model_type") == _SLAM and unit.format(0) not in found.get_vocab():
        if n_units < 1:
            raise ArticulensError(
                f"{where}: the tokenizer has {len(found)} tokens and the model {size} rows, which leaves none for "
                "units; use the tokenizer of the text model that this one was made from."
            )
        return extend_tokenizer(found, n_units, unit=unit)
    return Vocabulary.of_tokenizer(found, size, unit=unit, place=where)


def _tokenizer(where: str, revision: str | None) -> Any:
    """Read a tokenizer as it was saved, where there is a ``tokenizer.json``.

    transformers' AutoTokenizer goes by the type of the model beside it, and makes a Qwen tokenizer of any that lies in
    the folder of a Qwen model.
    """
    try:
        return PreTrainedTokenizerFast.from_pretrained(where, revision=revision or "main")
    except (OSError, ValueError):
        return AutoTokenizer.from_pretrained(where, revision=revision, trust_remote_code=False)
