"""Load a speech encoder from the Hugging Face Hub, from a folder, or with random weights.

Nothing is trusted: no remote code, safetensors or ``weights_only`` loading, and every weight of the encoder
must come from the checkpoint; only heads (CTC, quantiser, projections, decoder) may be left over.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModel, PretrainedConfig, WhisperFeatureExtractor
from transformers.feature_extraction_utils import FeatureExtractionMixin

from articulens.encoders.base import FrameClock, library_versions
from articulens.encoders.batching import OVERLAP_S
from articulens.encoders.catalog import Model
from articulens.encoders.transformer import (
    WHISPER_CLOCK,
    TransformerEncoder,
    capture,
    layer_names,
    waveform_clock,
)
from articulens.errors import ArticulensError
from articulens.files import sha256_text

#: Parts of a checkpoint that states come from; everything else is a head.
PARTS = ("feature_extractor", "feature_projection", "encoder")
#: Configuration that changes the forward pass and cannot be seen in the shapes of the weights.
FORWARD_FIELDS = (
    "model_type conv_stride encoder_attention_heads feat_extract_activation feat_extract_norm "
    "feat_proj_layer_norm hidden_act activation_function layer_norm_eps max_bucket_distance "
    "num_attention_heads num_buckets num_conv_pos_embedding_groups do_stable_layer_norm conv_pos_batch_norm "
    "scale_embedding"
).split()


def load(
    base: str,
    model: Model | None,
    *,
    random: bool,
    seed: int,
    revision: str | None,
    device: str,
    dtype: str,
    layers: Sequence[str] | None,
    max_seconds: float,
    batch_seconds: float | None,
) -> TransformerEncoder:
    """Load what `articulens.encoders.open_encoder` found `base` to be; see there."""
    folder = Path(base).expanduser() if model is None and Path(base).expanduser().is_dir() else None
    place = str(folder) if folder else model.hub_id if model else base
    if place is not None and folder is None:
        revision = revision or (model.revision if model else None)
    notes: list[str] = []
    if random and model is not None:
        config: PretrainedConfig = AutoConfig.for_model(**model.architecture)
        preprocessor = None
    else:
        assert place is not None
        _check_folder(folder, weights=not random)
        config = _from_hub(place, folder, lambda: AutoConfig.from_pretrained(place, revision=revision))
        preprocessor = _preprocessor(place, revision)
    final_norm, clock = survey(config, place or base, preprocessor)
    if random:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = AutoModel.from_config(config)
    else:
        assert place is not None
        network = _from_hub(place, folder, lambda: _pretrained(place, config, revision, bool(folder)))
    is_whisper = clock is WHISPER_CLOCK
    extractor = WhisperLogMel(config, preprocessor) if is_whisper else None
    do_normalize = not is_whisper and _do_normalize(preprocessor, model, notes)
    network = network.encoder if is_whisper else network
    max_seconds = min(max_seconds, 30.0) if is_whisper else max_seconds
    if max_seconds < 4 * OVERLAP_S:
        raise ArticulensError(
            f"max_seconds is {max_seconds:g}, expected at least {4 * OVERLAP_S:g}, because pieces overlap by "
            f"{OVERLAP_S:g} s to each side; raise it."
        )
    commit = getattr(config, "_commit_hash", None)
    if not random and folder is None and revision is None:
        notes.append(
            f"no revision is pinned for {place}: this is commit {commit or 'unknown'}, pin it to repeat this"
        )
    weights = hash_weights(network)
    how = {
        "config": {key: getattr(config, key, None) for key in FORWARD_FIELDS},
        "do_normalize": do_normalize,
        "extractor": extractor.settings if extractor else None,
        "dtype": dtype,
        "pieces": [max_seconds, OVERLAP_S],
    }
    return TransformerEncoder(
        network,
        name=(folder.resolve().name if folder else base) + ("@random" if random else ""),
        clock=clock,
        extractor=extractor,
        has_final_norm=final_norm,
        do_normalize=do_normalize,
        fingerprint=sha256_text(["states-1", weights, json.dumps(how, sort_keys=True)]),
        layers=layers,
        device=device,
        dtype=dtype,
        max_seconds=max_seconds,
        batch_seconds=batch_seconds,
        origin={
            "source": place,
            "revision": None if random else revision,
            "commit": None if random else commit,
            "licence": None if random or model is None else model.licence,
            "seed": seed if random else None,
            "weights_sha256": weights,
            "architecture": how["config"],
            "notes": notes,
            "versions": library_versions(),
        },
    )


def survey(
    config: PretrainedConfig, place: str, preprocessor: dict[str, Any] | None = None
) -> tuple[bool, FrameClock]:
    """Ask an architecture whether a layer norm comes behind its blocks, and when its frames are.

    The network is built without memory (torch's ``meta`` device) and run once to see the order of its parts.

    Raises
    ------
    ArticulensError
        When the architecture is not a speech encoder of a kind that can be read.
    """
    unfit = ArticulensError(
        f"{place}: the configuration is a '{config.model_type}' model, expected a speech encoder that reads "
        "samples through convolutions (wav2vec2, HuBERT, WavLM, data2vec-audio, ...) or Whisper; choose "
        "another model."
    )
    is_whisper = config.model_type == "whisper"
    rate_hz = int((preprocessor or {}).get("sampling_rate", 16_000))
    if not is_whisper and not (hasattr(config, "conv_kernel") and hasattr(config, "conv_stride")):
        raise unfit
    clock = WHISPER_CLOCK if is_whisper else waveform_clock(config.conv_kernel, config.conv_stride, rate_hz)
    shape = (1, config.num_mel_bins, 2 * config.max_source_positions) if is_whisper else (1, clock.rate_hz)
    with torch.device("meta"), torch.inference_mode():
        network = AutoModel.from_config(config).eval()
        stack: Any = getattr(network, "encoder", None)
        if not (hasattr(stack, "layers") and hasattr(stack, "layer_norm")):
            raise unfit
        with capture(stack.layers, stack.layer_norm, layer_names(stack.layers, True)) as states:
            (stack if is_whisper else network)(torch.zeros(shape))
    frames = {state.shape[1] for state in states.values()}
    expected = config.max_source_positions if is_whisper else clock.n_frames(clock.rate_hz)
    if frames != {expected}:  # e.g. SEW, whose blocks run at half the rate of its front end
        raise unfit
    return list(states)[-1] == "final", clock


def hash_weights(network: torch.nn.Module) -> str:
    """Return the SHA-256 of the names, types, shapes and bytes of all weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _pretrained(place: str, config: PretrainedConfig, revision: str | None, local: bool) -> Any:
    """Load weights, and refuse a checkpoint that does not fill the encoder exactly."""
    os.environ.setdefault(
        "DISABLE_SAFETENSORS_CONVERSION", "1"
    )  # asks others to convert what is only read here
    network, info = AutoModel.from_pretrained(
        place,
        config=config,
        revision=revision,
        dtype=torch.float32,
        trust_remote_code=False,
        weights_only=True,
        local_files_only=local,
        output_loading_info=True,
    )
    children = {name for name, _ in network.named_children()} & set(PARTS)
    prefix = f"{network.base_model_prefix}."

    def of_encoder(keys: Iterable[str]) -> list[str]:
        return sorted(key for key in keys if key.removeprefix(prefix).split(".")[0] in children)

    for what, keys in (("has no", info["missing_keys"]), ("has unforeseen", info["unexpected_keys"])):
        if wrong := of_encoder(keys):
            raise ArticulensError(
                f"{place}: the checkpoint {what} weights {', '.join(wrong[:3])} ({len(wrong)} in all) of the "
                "encoder, expected exactly those of its config.json; use the configuration that belongs to "
                "these weights."
            )
    return network


def _check_folder(folder: Path | None, *, weights: bool) -> None:
    if folder is None:
        return
    if not (folder / "config.json").is_file():
        raise ArticulensError(
            f"{folder}: there is no config.json in this folder, expected a model saved by transformers; "
            "save it with save_pretrained, or download the whole repository."
        )
    if weights and not any(folder.glob("model*.safetensors")) and not any(folder.glob("pytorch_model*.bin")):
        raise ArticulensError(
            f"{folder}: there are no weights in this folder, expected model.safetensors or "
            f"pytorch_model.bin; download them, or ask for the architecture with random weights: "
            f"{folder}@random."
        )


def _from_hub(place: str, folder: Path | None, fetch: Callable[[], Any]) -> Any:
    """Call `fetch`, quietly; turn what the libraries raise, which is anything, into one sentence."""
    with _quiet():
        try:
            return fetch()
        except ArticulensError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split()).split(". ")[0].rstrip(".")[:200]
            if folder is not None:
                message = f"{place}: this model folder cannot be read ({reason}); save or download it again."
            else:
                message = (
                    f"{place}: this model cannot be had from the Hugging Face Hub ({reason}); check the "
                    f"name, download it while online (hf download {place}; with HF_HUB_OFFLINE=1 only "
                    "downloaded models open), or give a local folder."
                )
            raise ArticulensError(message) from error


def _preprocessor(place: str, revision: str | None) -> dict[str, Any] | None:
    """Return the checkpoint's preprocessor settings, None when it has none."""
    try:
        return FeatureExtractionMixin.get_feature_extractor_dict(place, revision=revision)[0]
    except OSError:
        return None


def _do_normalize(preprocessor: dict[str, Any] | None, model: Model | None, notes: list[str]) -> bool:
    if preprocessor is not None and "do_normalize" in preprocessor:
        return bool(preprocessor["do_normalize"])
    if model is not None:
        return model.do_normalize
    notes.append(
        "the checkpoint does not say whether its input is normalised: assumed to be, the library's default"
    )
    return True


class WhisperLogMel:
    """Log-mel features of Whisper: each recording padded to 30 s by silence."""

    def __init__(self, config: PretrainedConfig, preprocessor: dict[str, Any] | None) -> None:
        settings = {"feature_size": config.num_mel_bins} | (preprocessor or {})
        self._extract: Any = WhisperFeatureExtractor.from_dict({**settings, "dither": 0.0})
        names = ("feature_size", "sampling_rate", "hop_length", "chunk_length", "n_fft")
        self.settings = {name: getattr(self._extract, name) for name in names}

    def __call__(self, waves: list[torch.Tensor]) -> torch.Tensor:
        """Return ``(batch, mels, 3000)``."""
        arrays = [wave.numpy() for wave in waves]
        rate = self.settings["sampling_rate"]
        return self._extract(arrays, sampling_rate=rate, return_tensors="pt")["input_features"]


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the library's report on heads left over, which `_pretrained` checks, and its progress bar."""
    log = transformers.utils.logging
    before = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(before[0])
        if before[1]:
            log.enable_progress_bar()
