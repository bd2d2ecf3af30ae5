"""Changing the states of a running network: a function at a layer, and everything behind it hears the difference.

The hooks sit where `articulens.encoders.transformer.capture` listens, so layer names mean the same, and a captured
layer is the changed one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from articulens.encoders.base import Encoder, choose_layers
from articulens.encoders.transformer import TransformerEncoder, layer_names
from articulens.errors import ArticulensError

#: States in, states of the same shape out: ``(batch, frames, dims)``.
Change = Callable[[torch.Tensor], torch.Tensor]


@contextmanager
def change(blocks: nn.ModuleList, final_norm: nn.Module | None, changes: Mapping[str, Change]) -> Iterator[None]:
    """Change layers of every forward pass until the block ends; layers before them stay what they are, to the bit.

    Parameters
    ----------
    blocks, final_norm
        As in :func:`articulens.encoders.transformer.capture`.
    changes
        Layer name to what is done to it.
    """

    def at_input(apply: Change) -> Callable:
        def hook(_: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
            if args:
                return (apply(args[0]), *args[1:]), kwargs
            return args, kwargs | {"hidden_states": apply(kwargs["hidden_states"])}

        return hook

    def at_output(apply: Change) -> Callable:
        def hook(_: nn.Module, __: Any, output: torch.Tensor | tuple) -> torch.Tensor | tuple:
            return (apply(output[0]), *output[1:]) if isinstance(output, tuple) else apply(output)

        return hook

    places: dict[str, Any] = {str(i): block for i, block in enumerate(blocks, start=1)} | {"final": final_norm}
    with ExitStack() as undo:
        for layer, apply in changes.items():
            if layer == "0":
                handle = blocks[0].register_forward_pre_hook(at_input(apply), with_kwargs=True)
            else:
                handle = places[layer].register_forward_hook(at_output(apply))
            undo.callback(handle.remove)
        yield


@contextmanager
def changing(encoder: Encoder, changes: Mapping[str, Change]) -> Iterator[None]:
    """Change layers of an encoder while it encodes; see :func:`change`.

    Raises
    ------
    ArticulensError
        For an encoder without a network, or a layer that it does not have.
    """
    network = running(encoder)
    known = layer_names(network._blocks, "final" in network.layers)
    choose_layers(known, list(changes), encoder.name)
    with change(network._blocks, network._final_norm, changes):
        yield


def running(encoder: Encoder) -> TransformerEncoder:
    """Return the encoder as one with a network that can be changed; ArticulensError for any other."""
    if not isinstance(encoder, TransformerEncoder):
        raise ArticulensError(
            f"{encoder.name}: there is no network behind these features whose layers could be changed; choose a speech "
            "model of `articulens models`."
        )
    return encoder


class Replay:
    """What a network made of some recordings, to go on from any layer without computing what lies before it.

    With :meth:`listening` the recordings are encoded once; with :meth:`resuming` the very same list is encoded again,
    where the front end and the blocks up to a layer answer from memory. Five blocks of 160 dimensions take 0.2 MB a
    second of speech, 24 of 1,024 take 5 MB.

    Parameters
    ----------
    encoder
        With a network.

    Raises
    ------
    ArticulensError
        For an encoder without one.
    """

    def __init__(self, encoder: Encoder) -> None:
        network = running(encoder)
        # All that comes before the first block and costs anything, in wav2vec 2.0-like models and in Whisper.
        places = ("feature_extractor", "encoder.pos_conv_embed", "conv1", "conv2")
        parts = dict(network._model.named_modules())
        self._front: list[nn.Module] = [parts[place] for place in places if place in parts]
        self._blocks = list(network._blocks)
        self._heard: dict[nn.Module, list[Any]] = {}

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Remember what front end and blocks give until the block ends."""
        self._heard = {module: [] for module in (*self._front, *self._blocks)}
        with ExitStack() as undo:
            for module, outputs in self._heard.items():
                handle = module.register_forward_hook(lambda _, __, output, outputs=outputs: outputs.append(output))
                undo.callback(handle.remove)
            yield

    @contextmanager
    def resuming(self, layer: str) -> Iterator[None]:
        """Answer from memory up to `layer`, in the order that was heard, until the block ends."""
        before = len(self._blocks) if layer == "final" else int(layer)
        with ExitStack() as undo:
            for module in (*self._front, *self._blocks[:before]):
                answers = iter(self._heard[module])
                module.forward = lambda *_, answers=answers, **__: next(answers)  # type: ignore[method-assign]
                undo.callback(delattr, module, "forward")
            yield
