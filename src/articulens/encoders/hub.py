"""Load a speech encoder from the Hugging Face Hub, from a folder, or with random weights.

Nothing is trusted: no remote code, safetensors or ``weights_only`` loading, and every weight of the encoder
must come from the checkpoint; only heads (CTC, quantiser, projections, decoder) may be left over.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModel, PretrainedConfig, WhisperFeatureExtractor
from transformers.feature_extraction_utils import FeatureExtractionMixin

from articulens.encoders.base import library_versions
from articulens.encoders.batching import OVERLAP_S
from articulens.encoders.bundled import bundled_folder
from articulens.encoders.clock import FrameClock
from articulens.encoders.model import Model
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


@dataclass(frozen=True)
class Repository:
    """Where a configuration and its weights are: a local folder, or a commit on the Hugging Face Hub."""

    place: str
    revision: str | None
    is_folder: bool

    def config(self) -> PretrainedConfig:
        """Read ``config.json``."""
        if self.is_folder and not (Path(self.place) / "config.json").is_file():
            raise ArticulensError(
                f"{self.place}: there is no config.json in this folder, expected a model saved by "
                "transformers; save it with save_pretrained, or download the whole repository."
            )
        return self.read(lambda: AutoConfig.from_pretrained(self.place, revision=self.revision))

    def preprocessor(self) -> dict[str, Any]:
        """Read the settings of the feature extractor, empty when there are none."""

        def read() -> dict[str, Any]:
            return FeatureExtractionMixin.get_feature_extractor_dict(self.place, revision=self.revision)[0]

        if self.is_folder:
            names = ("preprocessor_config.json", "processor_config.json")
            return self.read(read) if any((Path(self.place) / name).is_file() for name in names) else {}
        try:
            return read()
        except OSError:
            return {}

    def network(self, config: PretrainedConfig) -> Any:
        """Read the weights in float32, and refuse a checkpoint that does not fill the encoder exactly."""
        weights = ("model*.safetensors", "pytorch_model*.bin")
        if self.is_folder and not any(any(Path(self.place).glob(pattern)) for pattern in weights):
            raise ArticulensError(
                f"{self.place}: there are no weights in this folder, expected model.safetensors or "
                "pytorch_model.bin; download them, or ask for random weights by adding @random to the folder."
            )
        # Else transformers asks a public service to convert checkpoints that are only read here.
        os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")
        network, info = self.read(
            lambda: AutoModel.from_pretrained(
                self.place,
                config=config,
                # The commit that the configuration came from, even if the branch has moved since.
                revision=getattr(config, "_commit_hash", None) or self.revision,
                dtype=torch.float32,
                trust_remote_code=False,
                weights_only=True,
                local_files_only=self.is_folder,
                output_loading_info=True,
            )
        )
        parts = {name for name, _ in network.named_children()} & set(PARTS)
        prefix = f"{network.base_model_prefix}."
        for what, keys in (("lacks", info["missing_keys"]), ("has unforeseen", info["unexpected_keys"])):
            wrong = sorted(key for key in keys if key.removeprefix(prefix).split(".")[0] in parts)
            if wrong:
                raise ArticulensError(
                    f"{self.place}: the checkpoint {what} weights of the encoder ({len(wrong)}, the first is "
                    f"{wrong[0]}), expected exactly those of its config.json; get the configuration and the "
                    "weights from the same place."
                )
        return network

    def read(self, read: Callable[[], Any]) -> Any:
        """Call `read`, quietly; turn what the libraries raise, which is anything, into one sentence."""
        with _quiet():
            try:
                return read()
            except Exception as error:
                reason = " ".join(str(error).split()).split(". ")[0].rstrip(".")[:200]
                if self.is_folder:
                    message = f"{self.place}: this folder cannot be read ({reason}); save or download it again."
                else:
                    message = (
                        f"{self.place}: this model cannot be had from the Hugging Face Hub ({reason}); check "
                        f"the name, download it while online (hf download {self.place}; with "
                        "HF_HUB_OFFLINE=1 only downloaded models open), or give a local folder."
                    )
                raise ArticulensError(message) from error


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
    folder = Path(base).expanduser()
    if model is None and folder.is_dir():
        name, repository = folder.resolve().name, Repository(str(folder), None, True)
    elif model is None:
        name, repository = base, Repository(base, revision, False)
    elif model.sha256 is not None and not random:
        name, repository = model.name, Repository(str(bundled_folder(model)), None, True)
    else:
        name, repository = model.name, Repository(model.hub_id or base, revision or model.revision, False)

    from_table = random and model is not None
    config = AutoConfig.for_model(**model.architecture) if from_table and model else repository.config()
    preprocessor = {} if from_table else repository.preprocessor()
    with torch.random.fork_rng(devices=[]):  # building a network draws random numbers
        has_final_norm, clock = survey(config, repository.place, int(preprocessor.get("sampling_rate", 16_000)))
        torch.manual_seed(seed)
        network = AutoModel.from_config(config) if random else repository.network(config)

    notes: list[str] = []
    extractor = None
    if clock is WHISPER_CLOCK:
        network, extractor = network.encoder, WhisperLogMel(config, preprocessor)
        max_seconds = min(max_seconds, config.max_source_positions * clock.hop / clock.rate_hz)
        do_normalize = False
    elif "do_normalize" in preprocessor or model is not None:
        do_normalize = bool(preprocessor.get("do_normalize", model is not None and model.do_normalize))
    else:
        do_normalize = True
        notes.append("the repository does not say whether input is normalised: it is, transformers' default")
    if max_seconds < 4 * OVERLAP_S:
        raise ArticulensError(
            f"max_seconds is {max_seconds:g}, expected at least {4 * OVERLAP_S:g}, because pieces overlap by "
            f"{OVERLAP_S:g} s to each side; raise it."
        )
    commit = None if random else getattr(config, "_commit_hash", None)
    if not (random or repository.is_folder or repository.revision):
        notes.append(f"no revision is pinned for {repository.place}: pin commit {commit} to repeat this")
    weights = hash_weights(network)
    how = {
        "architecture": {key: getattr(config, key, None) for key in FORWARD_FIELDS},
        "do_normalize": do_normalize,
        "extractor": extractor.settings if extractor else None,
        "dtype": dtype,
        "pieces": [max_seconds, OVERLAP_S],
    }
    return TransformerEncoder(
        network,
        name=name + "@random" * random,
        clock=clock,
        extractor=extractor,
        has_final_norm=has_final_norm,
        do_normalize=do_normalize,
        fingerprint=sha256_text(["states-1", weights, json.dumps(how, sort_keys=True)]),
        layers=layers,
        device=device,
        dtype=dtype,
        max_seconds=max_seconds,
        batch_seconds=batch_seconds,
        origin={
            "source": repository.place,
            "revision": None if random else repository.revision,
            "commit": commit,
            "licence": model.licence if model and not random else None,
            "seed": seed if random else None,
            "weights_sha256": weights,
            "architecture": how["architecture"],
            "notes": notes,
            "versions": library_versions(),
        },
    )


def survey(config: PretrainedConfig, place: str, rate_hz: int) -> tuple[bool, FrameClock]:
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
    if not is_whisper and not (hasattr(config, "conv_kernel") and hasattr(config, "conv_stride")):
        raise unfit
    clock = WHISPER_CLOCK if is_whisper else waveform_clock(config.conv_kernel, config.conv_stride, rate_hz)
    shape = (1, config.num_mel_bins, 2 * config.max_source_positions) if is_whisper else (1, clock.rate_hz)
    with torch.device("meta"), torch.inference_mode():
        try:
            network = AutoModel.from_config(config).eval()
        except Exception as error:  # whatever a library makes of an impossible configuration
            raise ArticulensError(
                f"{place}: the architecture in config.json cannot be built ({error}), expected a speech encoder of "
                "transformers; correct config.json or choose another model."
            ) from error
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
    """Return the SHA-256 of the names, types, shapes and bytes of all weights that states can depend on."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        if name == "masked_spec_embed":  # of training only, and random where a checkpoint lacks it
            continue
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


class WhisperLogMel:
    """Log-mel features of Whisper: each recording padded to 30 s by silence."""

    def __init__(self, config: PretrainedConfig, preprocessor: dict[str, Any]) -> None:
        own = {"feature_size": config.num_mel_bins, "chunk_length": config.max_source_positions // 50}
        self._extract: Any = WhisperFeatureExtractor.from_dict(own | preprocessor | {"dither": 0.0})
        names = ("feature_size", "sampling_rate", "hop_length", "chunk_length", "n_fft")
        self.settings = {name: getattr(self._extract, name) for name in names}

    def __call__(self, waves: list[torch.Tensor]) -> torch.Tensor:
        """Return ``(batch, mels, 3000)``."""
        arrays = [wave.numpy() for wave in waves]
        rate = self.settings["sampling_rate"]
        return self._extract(arrays, sampling_rate=rate, return_tensors="pt")["input_features"]


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the library's report on left-over heads, which `Repository.network` checks, and its bar."""
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
