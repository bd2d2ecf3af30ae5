"""Speaker encoders: ECAPA-TDNN, its frame-level blocks and its utterance embedding as layers on the 50 Hz clock.

**Time.** ECAPA-TDNN has a frame every 10 ms, frame *j* centred on sample 160 *j*. Frame *i* of the other encoders is
centred on sample 320 *i* + 199.5, which is 1.246875 + 2 *i* in those frames: it is read between frames 2 *i* + 1 and
2 *i* + 2 by linear interpolation (weights .753 and .247), so each frame but the first counts once and nothing is
shifted. ``own_clock`` leaves the 10 ms frames as they are.

**The embedding** is the layer ``"embedding"``: the same vector at every frame of a recording.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import ArrayLike

from articulens.encoders.base import Encoder, States, choose_layers, library_versions
from articulens.encoders.batching import Piece, group
from articulens.encoders.clock import FrameClock
from articulens.encoders.ecapa import HOP, MODEL_TYPE, front_end, layer_names, layer_widths, layers_of
from articulens.encoders.model import Model
from articulens.encoders.transformer import DTYPES, network_record, precision
from articulens.errors import ArticulensError

#: Frames of 10 ms, padded so that frame *j* is centred on sample 160 *j*.
OWN_CLOCK = FrameClock(hop=HOP, receptive_field=401, start=-200)


class SpeakerEncoder(Encoder):
    """Layers of an ECAPA-TDNN; made by `articulens.encoders.open_encoder`.

    Parameters
    ----------
    network
        Of `articulens.encoders.ecapa.build`.
    own_clock
        Whether frames stay at 10 ms.
    max_seconds
        Longer recordings are refused: pooling and squeeze-and-excitation need the whole recording.
    batch_seconds
        Audio in one padded batch; 320 s on a GPU, 20 s on a CPU by default.
    origin
        Where the weights came from, for `record`.

    Attributes
    ----------
    widths : dict of str to int
        Dimensions of each layer; `width` is that of the blocks.
    """

    do_normalize = False

    def __init__(
        self,
        network: Any,
        *,
        name: str,
        fingerprint: str,
        layers: Sequence[str] | None,
        device: str,
        dtype: str,
        own_clock: bool,
        max_seconds: float,
        batch_seconds: float | None,
        origin: Mapping[str, Any],
    ) -> None:
        self.name, self.fingerprint, self.device, self.dtype = name, fingerprint, device, dtype
        self.clock = OWN_CLOCK if own_clock else FrameClock()
        self.max_seconds = max_seconds
        self.batch_seconds = batch_seconds or (320.0 if device.startswith("cuda") else 20.0)
        self._network = network.eval().requires_grad_(False).to(device)
        self._front_end = front_end(network.config)
        self._shortest = network.config.shortest
        self.layers = choose_layers(layer_names(network.config), layers, name)
        self.widths = {layer: layer_widths(network.config)[layer] for layer in self.layers}
        self.width = int(network.config.channels[0])
        self._origin = dict(origin)

    def record(self) -> dict[str, Any]:
        """Return what a run record must hold about this encoder (JSON values)."""
        return network_record(self, self._network, **self._origin, widths=self.widths, hop=self.clock.hop)

    def encode_batch(
        self,
        items: Sequence[tuple[ArrayLike, float]],
        *,
        sources: Sequence[str] | None = None,
        keep_on_device: bool = False,
    ) -> list[States]:
        """Encode several whole recordings, those of similar length together; see `Encoder.encode_batch`."""
        waves, names = self._prepare(items, sources)
        for wave, source in zip(waves, names, strict=True):
            self._check_length(len(wave), source)
        pieces = [Piece(i, 0, len(wave), 0, self.clock.n_frames(len(wave))) for i, wave in enumerate(waves)]
        states: dict[int, States] = {}
        for batch in group(pieces, round(self.batch_seconds * self.clock.rate_hz)):
            found = self._forward([waves[p.item] for p in batch])
            for p, own in zip(batch, found, strict=True):
                self._check_finite(own, names[p.item])
                layers = {layer: self._on_clock(own[layer], layer, p.keep) for layer in self.layers}
                layers = layers if keep_on_device else {layer: x.cpu() for layer, x in layers.items()}
                states[p.item] = States(layers, self.clock.times_s(p.n_samples))
        return [states[i] for i in range(len(waves))]

    def _forward(self, waves: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
        reduced = torch.autocast(self.device.split(":")[0], DTYPES[self.dtype], enabled=self.dtype in ("bf16", "fp16"))
        with torch.inference_mode(), precision(self.dtype):
            features = [self._front_end(wave[None].to(self.device))[0] for wave in waves]
            with reduced:
                found = layers_of(self._network, features, self.layers)
            return [{layer: x.float() for layer, x in own.items()} for own in found]

    def _on_clock(self, x: torch.Tensor, layer: str, n_frames: int) -> torch.Tensor:
        """Take ``(frames of 10 ms, dims)`` to `n_frames` frames of the clock."""
        if layer == "embedding":
            return x.expand(n_frames, -1)
        if self.clock is OWN_CLOCK:
            return x[:n_frames]
        first = self.clock.times_s(self.clock.needed)[0] * self.clock.rate_hz / HOP
        before, step = int(first), self.clock.hop // HOP
        early, late = (x[at : at + step * (n_frames - 1) + 1 : step] for at in (before, before + 1))
        return torch.lerp(early, late, first - before)

    def _check_length(self, n_samples: int, source: str) -> None:
        if n_samples < self._shortest:
            raise ArticulensError(
                f"{source}: {1000 * n_samples / self.clock.rate_hz:g} ms are too short for {self.name}, expected at "
                f"least {1000 * self._shortest / self.clock.rate_hz:g} ms; leave this recording out."
            )
        if n_samples > self.max_seconds * self.clock.rate_hz:
            raise ArticulensError(
                f"{source}: {n_samples / self.clock.rate_hz:.1f} s is longer than the {self.max_seconds:g} s that "
                f"{self.name} reads at once, and its pooling needs the whole recording; cut the recording at pauses, "
                "or raise max_seconds if there is memory for it."
            )

    def _check_finite(self, states: Mapping[str, torch.Tensor], source: str) -> None:
        for layer, state in states.items():
            if not torch.isfinite(state).all():
                remedy = "use dtype bf16 or fp32" if self.dtype == "fp16" else "check the weights and the audio"
                raise ArticulensError(
                    f"{source}: layer {layer} of {self.name} is not finite in {self.dtype}, expected finite states; "
                    f"{remedy}."
                )


def is_speaker(base: str, model: Model | None) -> bool:
    """Tell whether `open_encoder` was asked for an ECAPA-TDNN: by the model table, a folder's files, or a hub id."""
    from articulens.encoders.speaker_files import layout_of

    folder = Path(base).expanduser()
    if model is not None:
        return bool(model.architecture["model_type"] == MODEL_TYPE)
    return layout_of(folder) is not None if folder.is_dir() else "ecapa" in base.lower()


def load(
    base: str,
    model: Model | None,
    *,
    random: bool,
    seed: int,
    revision: str | None,
    own_clock: bool,
    **options: Any,
) -> SpeakerEncoder:
    """Load what `articulens.encoders.open_encoder` found `base` to be; see there."""
    import json

    from articulens.encoders.ecapa import EcapaConfig, build
    from articulens.encoders.hub import hash_weights
    from articulens.encoders.speaker_files import read_folder
    from articulens.files import sha256_text

    folder, commit, weights, notes = Path(base).expanduser(), None, None, list[str]()
    if model is not None and random:
        config = EcapaConfig(**model.architecture)
    else:
        folder, revision, commit, notes = _find(base, model, revision)
        config, weights = read_folder(folder)
    local = model is None and commit is None
    name = model.name if model is not None else folder.resolve().name if local else base
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(config)
    if weights is not None and not random:
        _fill(network, weights, folder)
    digest = hash_weights(network)
    how = {"architecture": config.shape, "dtype": options["dtype"], "own_clock": own_clock}
    return SpeakerEncoder(
        network,
        name=name + "@random" * random,
        fingerprint=sha256_text(["speaker-1", digest, json.dumps(how, sort_keys=True)]),
        own_clock=own_clock,
        origin={
            "source": str(folder) if commit is None else base,
            "revision": None if random else revision,
            "commit": None if random else commit,
            "licence": model.licence if model is not None and not random else None,
            "seed": seed if random else None,
            "weights_sha256": digest,
            "architecture": config.shape,
            "notes": notes,
            "versions": library_versions(),
        },
        **options,
    )


def _find(base: str, model: Model | None, revision: str | None) -> tuple[Path, str | None, str | None, list[str]]:
    """Return the folder of a checkpoint, which is downloaded where need be; its revision, commit, and notes on both."""
    from articulens.encoders.bundled import bundled_folder
    from articulens.encoders.speaker_files import download

    folder = Path(base).expanduser()
    if model is not None and model.sha256 is not None:
        return bundled_folder(model), revision, None, []
    if model is None and folder.is_dir():
        return folder, revision, None, []
    place = model.hub_id if model is not None and model.hub_id else base
    revision = revision or (model.revision if model is not None else None)
    folder, commit = download(place, revision)
    unpinned = [f"no revision is pinned for {place}: pin commit {commit} to repeat this"]
    return folder, revision, commit, unpinned if revision is None else []


def _fill(network: Any, weights: Mapping[str, torch.Tensor], folder: Path) -> None:
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise ArticulensError(
            f"{folder}: the checkpoint does not fill an ECAPA-TDNN exactly ({reason}), expected all weights of its "
            "configuration and no others; get the configuration and the weights from the same place."
        ) from error
