"""A transformer speech encoder: audio in, the states of all its layers out.

States are caught by our own hooks, not taken from the library's ``hidden_states``, whose last entry has
changed its meaning between versions (up to transformers 5.15 it had passed the final layer norm, from 5.16 it
has not).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import nn

from articulens.encoders.base import Encoder, States, choose_layers
from articulens.encoders.batching import OVERLAP_S, Piece, cut, group, only_valid_samples
from articulens.encoders.clock import FrameClock
from articulens.errors import ArticulensError

DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

#: Whisper: mel frame *j* is centred on sample 160 *j* (centred STFT; a periodic Hann window of 400 weighs the
#: samples -199 ... 199 around it); output *i* reads mel frames 2 *i* - 2 ... 2 *i* + 2 (kernel 3, then kernel
#: 3 with stride 2, both padded by 1). So it sees 519 samples to each side of sample 320 *i*, 20 ms times *i*.
WHISPER_CLOCK = FrameClock(hop=320, receptive_field=1039, start=-519)


class TransformerEncoder(Encoder):
    """States of every layer of a transformers speech encoder.

    Made by `articulens.encoders.open_encoder`.

    Parameters
    ----------
    model : torch.nn.Module
        wav2vec 2.0-like base model (``feature_extractor``, ``encoder.layers``), or a Whisper encoder.
    extractor : callable or None
        Log-mel features of a list of recordings for Whisper, None for models that read samples.
    has_final_norm : bool
        Whether the encoder ends with a layer norm behind its blocks.
    max_seconds : float
        Longer recordings are cut into overlapping pieces (layer-norm models, Whisper) or refused (group
        norm).
    batch_seconds : float, optional
        Audio in one padded batch; 320 s on a GPU, 20 s on a CPU by default.
    origin : mapping
        Where the weights came from, for `record`.
    """

    def __init__(
        self,
        model: Any,
        *,
        name: str,
        clock: FrameClock,
        extractor: Callable[[list[torch.Tensor]], torch.Tensor] | None,
        has_final_norm: bool,
        do_normalize: bool,
        fingerprint: str,
        layers: Sequence[str] | None,
        device: str,
        dtype: str,
        max_seconds: float,
        batch_seconds: float | None,
        origin: Mapping[str, Any],
    ) -> None:
        self.name, self.clock, self.do_normalize = name, clock, do_normalize
        self.fingerprint, self.device, self.dtype = fingerprint, device, dtype
        self.max_seconds = max_seconds
        self.batch_seconds = batch_seconds or (320.0 if device.startswith("cuda") else 20.0)
        self._origin, self._extractor = dict(origin), extractor
        self._model = model.eval().requires_grad_(False).to(device=device, dtype=DTYPES[dtype])
        if any(module.training for module in model.modules()):
            raise AssertionError("a module is still in training mode, so its states would be random")
        stack: Any = getattr(model, "encoder", model)
        self.layers = choose_layers(layer_names(stack.layers, has_final_norm), layers, name)
        if "final" not in self.layers:  # blocks behind the last one that was asked for need not run
            stack.layers = stack.layers[: max(1, int(self.layers[-1]))]
        self._blocks: nn.ModuleList = stack.layers
        self._final_norm: nn.Module = stack.layer_norm
        self.width = int(model.config.hidden_size)
        self._whole_recording = any(isinstance(m, nn.GroupNorm) for m in model.modules())
        # Convolutions inside the blocks (Conformer) would carry padding into valid frames.
        self._batches = not any(isinstance(m, nn.Conv1d) for m in self._blocks.modules())

    def record(self) -> dict[str, Any]:
        """Return what a run record must hold about this encoder (JSON values)."""
        own = {"max_seconds": self.max_seconds, "overlap_s": OVERLAP_S}
        return network_record(self, self._model, **self._origin, **own)

    def encode_batch(
        self,
        items: Sequence[tuple[ArrayLike, float]],
        *,
        sources: Sequence[str] | None = None,
        keep_on_device: bool = False,
    ) -> list[States]:
        """Encode several recordings, similar lengths together; see `Encoder.encode_batch`."""
        waves, names = self._prepare(items, sources)
        pieces = [piece for i, wave in enumerate(waves) for piece in self._cut(i, len(wave), names[i])]
        found: dict[Piece, dict[str, torch.Tensor]] = {}
        budget = round(self.batch_seconds * self.clock.rate_hz) if self._batches else 0
        for batch in group(pieces, budget):
            cuts = [waves[p.item][p.first : p.first + p.n_samples] for p in batch]
            try:
                states = self._forward(cuts, [names[p.item] for p in batch])
            except torch.OutOfMemoryError as error:
                raise ArticulensError(
                    f"{names[batch[0].item]}: {self.device} has not enough memory for {len(cuts)} recordings "
                    f"of up to {len(cuts[0]) / self.clock.rate_hz:.0f} s at once; lower batch_seconds (now "
                    f"{self.batch_seconds:g}) or max_seconds (now {self.max_seconds:g})."
                ) from error
            if not keep_on_device:
                states = {layer: state.cpu() for layer, state in states.items()}
            for row, p in enumerate(batch):
                found[p] = {layer: s[row, p.skip : p.skip + p.keep] for layer, s in states.items()}
        parts: list[list[dict[str, torch.Tensor]]] = [[] for _ in waves]
        for piece in pieces:
            parts[piece.item].append(found[piece])
        return [
            States(
                {layer: _join([piece[layer] for piece in part]) for layer in self.layers},
                self.clock.times_s(len(wave)),
            )
            for part, wave in zip(parts, waves, strict=True)
        ]

    def _cut(self, item: int, n_samples: int, source: str) -> list[Piece]:
        pieces = cut(item, n_samples, self.clock, self.max_seconds)
        if len(pieces) > 1 and self._whole_recording:
            raise ArticulensError(
                f"{source}: {n_samples / self.clock.rate_hz:.1f} s is longer than the {self.max_seconds:g} s "
                f"that {self.name} reads at once, and its group norm needs the whole recording; cut the "
                "recording at pauses, or raise max_seconds if there is memory for it."
            )
        return pieces

    def _forward(self, waves: list[torch.Tensor], names: list[str]) -> dict[str, torch.Tensor]:
        """Run one batch; float32 states ``(batch, frames, dims)`` on the device."""
        lengths = [len(wave) for wave in waves]
        with torch.inference_mode(), precision(self.dtype), self._capture() as states:
            if self._extractor is not None:
                self._model(self._extractor(waves).to(self.device, DTYPES[self.dtype]))
            else:
                padded = nn.utils.rnn.pad_sequence(waves, batch_first=True).to(self.device)
                inputs = padded.to(DTYPES[self.dtype])
                if len(set(lengths)) == 1:
                    self._model(inputs)
                else:
                    steps = torch.arange(inputs.shape[1], device=self.device)
                    mask = (steps < torch.tensor(lengths, device=self.device)[:, None]).long()
                    with only_valid_samples(self._model, lengths):
                        self._model(inputs, attention_mask=mask)
            kept = {layer: states[layer].float() for layer in self.layers}
        n_frames = self.clock.n_frames(max(lengths))
        for state in kept.values():
            if state.shape[1] < n_frames or (self._extractor is None and state.shape[1] != n_frames):
                raise AssertionError(f"{self.name} gave {state.shape[1]} frames, its clock says {n_frames}")
        self._check_finite(kept, [self.clock.n_frames(n) for n in lengths], names)
        return kept

    def _capture(self) -> AbstractContextManager[dict[str, torch.Tensor]]:
        return capture(self._blocks, self._final_norm, self.layers)

    def _check_finite(self, states: dict[str, torch.Tensor], n_frames: list[int], names: list[str]) -> None:
        # One flag a layer and recording, read at once, so that a GPU is waited for once a batch.
        flags = [torch.isfinite(s[i, :n]).all() for s in states.values() for i, n in enumerate(n_frames)]
        finite = torch.stack(flags).reshape(len(states), -1).tolist()
        for layer, row in zip(states, finite, strict=True):
            if not all(row):
                remedy = "use dtype bf16 or fp32" if self.dtype == "fp16" else "check the weights and the audio"
                raise ArticulensError(
                    f"{names[row.index(False)]}: layer {layer} of {self.name} is not finite in {self.dtype}, "
                    f"expected finite states; {remedy}."
                )


def layer_names(blocks: Sized, has_final_norm: bool) -> tuple[str, ...]:
    """Return ``("0", "1", ..., "N")``, and ``"final"`` where a layer norm comes behind the blocks."""
    return (*map(str, range(len(blocks) + 1)), *(["final"] if has_final_norm else []))


@contextmanager
def capture(blocks: nn.ModuleList, final_norm: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, torch.Tensor]]:
    """Catch `layers` of a forward pass, each ``(batch, frames, dims)``, in the order in which they come.

    ``"0"`` is the input to the first block, ``"1" ... "N"`` are the outputs of the blocks, ``"final"`` that
    of `final_norm`. Blocks may return a tensor or a tuple that starts with one (transformers' versions
    differ).
    """
    states: dict[str, torch.Tensor] = {}

    def catch_input(_: nn.Module, args: tuple, kwargs: dict) -> None:
        states["0"] = args[0] if args else kwargs["hidden_states"]

    def catch_output(layer: str) -> Callable:
        def hook(_: nn.Module, __: Any, output: torch.Tensor | tuple) -> None:
            states[layer] = output[0] if isinstance(output, tuple) else output

        return hook

    sources = {str(i): block for i, block in enumerate(blocks, start=1)} | {"final": final_norm}
    handles = [sources[layer].register_forward_hook(catch_output(layer)) for layer in layers if layer != "0"]
    if "0" in layers:
        handles.append(blocks[0].register_forward_pre_hook(catch_input, with_kwargs=True))
    try:
        yield states
    finally:
        for handle in handles:
            handle.remove()


def network_record(encoder: Any, network: nn.Module, **known: Any) -> dict[str, Any]:
    """Return what a run record must hold about an encoder that runs `network`, and what else is `known` of it."""
    on_gpu = encoder.device.startswith("cuda")
    return {
        "name": encoder.name,
        **known,
        "layers": list(encoder.layers),
        "width": encoder.width,
        "parameters": sum(p.numel() for p in network.parameters()),
        "do_normalize": encoder.do_normalize,
        "dtype": encoder.dtype,
        "device": torch.cuda.get_device_name(encoder.device) if on_gpu else encoder.device,
        "fingerprint": encoder.fingerprint,
    }


@contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Allow TF32 for ``"tf32"`` only, and only deterministic cuDNN kernels, until the block ends."""
    before = torch.get_float32_matmul_precision()
    tf32 = dtype == "tf32"
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=tf32):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def _join(parts: list[torch.Tensor]) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def waveform_clock(kernels: Sequence[int], strides: Sequence[int], rate_hz: int) -> FrameClock:
    """Return the clock of a stack of unpadded convolutions."""
    field = 1
    for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
        field = (field - 1) * stride + kernel
    return FrameClock(rate_hz, math.prod(strides), field)
