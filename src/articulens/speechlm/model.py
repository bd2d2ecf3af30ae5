"""A language model taken apart as the lens needs it: blocks, final norm, head, and what its tokens mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from articulens.encoders.base import choose_layers, library_versions
from articulens.encoders.transformer import layer_names
from articulens.errors import ArticulensError
from articulens.speechlm.vocabulary import Vocabulary

See = Callable[[str, torch.Tensor], torch.Tensor | None]
"""Called with a layer's name and its states ``(batch, tokens, dims)``; may return other states to go on with."""


class SpeechLM:
    """A causal language model over units, text or both.

    Parameters
    ----------
    model
        A causal language model of transformers (Llama, Qwen2, GPT-NeoX, OPT and their kin), already where it shall run.
    vocabulary
        What its tokens mean.
    name
        What to call it.
    origin
        Where the weights came from, for `record`.

    Attributes
    ----------
    layers
        ``"0"`` is the input to the first block, ``"1" ... "N"`` are outputs of blocks before the final norm.
    width
        Dimensions of each layer.
    blocks, norm, projection, head
        Its parts; there may be no norm (OPT-350M has it inside the blocks) and mostly there is no projection.
    offload
        The temporary folder of weights that wait on disk; it lives as long as the model.

    Raises
    ------
    ArticulensError
        When the model is not built of blocks, a final norm and a head, or its head has other rows than the vocabulary.
    """

    def __init__(
        self, model: Any, vocabulary: Vocabulary, *, name: str = "model", origin: Mapping[str, Any] | None = None
    ) -> None:
        self.model, self.vocabulary, self.name = model.eval().requires_grad_(False), vocabulary, name
        self.offload: Any = None
        self._origin = dict(origin or {})
        self._decoder: Any = model.get_decoder()
        blocks, self.norm = _part(self._decoder, "layers", "h"), _part(self._decoder, *_NORMS)
        self.head: Any = model.get_output_embeddings()
        if not isinstance(blocks, nn.ModuleList) or self.head is None:
            raise ArticulensError(
                f"{name}: '{type(model).__name__}' is not built of blocks and a head, expected a causal language model "
                "such as Llama, Qwen2, GPT-NeoX or OPT; choose another model."
            )
        self.blocks: nn.ModuleList = blocks
        self.projection = _part(self._decoder, "project_out")  # OPT-350M, and so TWIST-350M
        self.layers = layer_names(blocks, False)
        self.width = int(model.config.hidden_size)
        if self.head.out_features != vocabulary.size:
            raise ArticulensError(
                f"{name}: the model has {self.head.out_features} rows but its vocabulary {vocabulary.size} tokens; use "
                "the tokenizer that belongs to the model, or resize its embeddings."
            )

    @property
    def device(self) -> torch.device:
        """Where tokens must be put: with the embeddings."""
        place = getattr(getattr(self.model.get_input_embeddings(), "_hf_hook", None), "execution_device", None)
        device = torch.device(place) if place is not None else self.model.get_input_embeddings().weight.device
        return torch.device("cpu") if device.type == "meta" else device

    @property
    def max_tokens(self) -> int:
        """The longest sequence that the model has positions for."""
        return int(getattr(self.model.config, "max_position_embeddings", None) or 2**31)

    def record(self) -> dict[str, Any]:
        """Return what a run record must hold about this model (JSON values)."""
        return {
            "name": self.name,
            "architecture": type(self.model).__name__,
            **self._origin,
            "blocks": len(self.blocks),
            "width": self.width,
            "tokens": self.vocabulary.size,
            "units": self.vocabulary.n_units,
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "device": str(self.device),
            "versions": library_versions(),
        }

    def choose(self, layers: Sequence[str] | str | None) -> tuple[str, ...]:
        """Return some layers in their order, all for None.

        Raises
        ------
        ArticulensError
            For a layer that the model does not have.
        """
        return choose_layers(self.layers, layers, self.name)

    def read_out(self, states: torch.Tensor) -> torch.Tensor:
        """Return what the model would say if `states` were its last: ``(..., dims)`` to ``(..., size)`` float32 logits.

        The final norm and the head are those of the model. States of the last layer must be its output *before* the
        norm (`run` gives these); transformers' ``hidden_states[-1]`` has passed it already in most versions.
        """
        for part in (self.norm, self.projection):
            states = states if part is None else part(states)
        return self.head(states).float()

    def run(self, ids: torch.Tensor, see: See | None, layers: Sequence[str]) -> torch.Tensor:
        """Run the blocks over ``(batch, tokens)``; `see` each layer when it is there, none is kept.

        Padding belongs behind the tokens, where causal attention does not look, so there is no mask.

        Returns
        -------
        (batch, tokens, dims): the last states, after the final norm (and projection) as the head reads them.
        """
        with torch.no_grad(), watch(self.blocks, layers, see):
            return self._decoder(input_ids=ids.to(self.device), use_cache=False).last_hidden_state

    def logits(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the model's own logits ``(batch, tokens, size)`` of ``(batch, tokens)``, float32."""
        with torch.no_grad():
            return self.model(input_ids=ids.to(self.device), use_cache=False).logits.float()


@contextmanager
def watch(blocks: nn.ModuleList, layers: Sequence[str], see: See | None) -> Iterator[None]:
    """Call `see` with each of `layers` as it comes; what it returns, if anything, takes the place of the states."""

    def before(_: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict] | None:
        states = see("0", args[0] if args else kwargs["hidden_states"])  # type: ignore[misc]
        if states is None:
            return None
        return ((states, *args[1:]), kwargs) if args else (args, kwargs | {"hidden_states": states})

    def behind(layer: str) -> Callable:
        def hook(_: nn.Module, __: Any, output: torch.Tensor | tuple) -> torch.Tensor | tuple | None:
            whole = not isinstance(output, tuple)
            states = see(layer, output if whole else output[0])  # type: ignore[misc,arg-type]
            return states if states is None or whole else (states, *output[1:])

        return hook

    handles = []
    if see is not None:
        handles = [blocks[int(layer) - 1].register_forward_hook(behind(layer)) for layer in layers if layer != "0"]
        if "0" in layers:
            handles.append(blocks[0].register_forward_pre_hook(before, with_kwargs=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


_NORMS = ("norm", "final_layer_norm", "ln_f", "final_norm")


def _part(module: nn.Module, *names: str) -> Any:
    return next((getattr(module, name) for name in names if getattr(module, name, None) is not None), None)
