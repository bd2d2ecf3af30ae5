"""ECAPA-TDNN (Desplanques, Thienpondt and Demuynck 2020): SpeechBrain's network, its input, and its layers.

The network is SpeechBrain's class itself, so weights go both ways unchanged. What is added here is exactness with
unequal lengths: SpeechBrain's convolutions reflect at the end of the *batch*, so a shorter recording would see its
padding there. `layers_of` writes each recording's own reflection behind its end before every convolution, and gives
squeeze-and-excitation and the pooling the true lengths.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from transformers import PretrainedConfig

from articulens.errors import ArticulensError

RATE_HZ, HOP = 16_000, 160
MODEL_TYPE = "ecapa-tdnn"
#: Where features come from: SpeechBrain's filter bank, or that of 3D-Speaker's self-supervised models.
FRONT_ENDS = ("speechbrain", "3d-speaker")


class EcapaConfig(PretrainedConfig):
    """Shape of an ECAPA-TDNN and what it reads.

    Parameters
    ----------
    input_size
        Mel bands.
    channels, kernel_sizes, dilations
        Of the first convolution, the SE-Res2 blocks and the aggregation; the last dilation is that of the aggregation.
    attention_channels, se_channels, res2net_scale, lin_neurons, global_context
        As SpeechBrain calls them; `lin_neurons` is the size of the embedding.
    front_end
        One of `FRONT_ENDS`.
    """

    model_type = MODEL_TYPE

    def __init__(
        self,
        input_size: int = 80,
        channels: Sequence[int] = (1024, 1024, 1024, 1024, 3072),
        kernel_sizes: Sequence[int] = (5, 3, 3, 3, 1),
        dilations: Sequence[int] = (1, 2, 3, 4, 1),
        attention_channels: int = 128,
        se_channels: int = 128,
        res2net_scale: int = 8,
        lin_neurons: int = 192,
        global_context: bool = True,
        front_end: str = "speechbrain",
        **more: Any,
    ) -> None:
        self.input_size, self.lin_neurons = input_size, lin_neurons
        self.channels, self.kernel_sizes, self.dilations = list(channels), list(kernel_sizes), list(dilations)
        self.attention_channels, self.se_channels = attention_channels, se_channels
        self.res2net_scale, self.global_context, self.front_end = res2net_scale, global_context, front_end
        super().__init__(**more)

    @property
    def hidden_size(self) -> int:
        """Dimensions of the embedding."""
        return self.lin_neurons

    @property
    def shape(self) -> dict[str, Any]:
        """Everything that decides the states besides the weights."""
        names = ("input_size", "channels", "kernel_sizes", "dilations", "attention_channels", "se_channels")
        more = ("res2net_scale", "lin_neurons", "global_context", "front_end")
        return {name: getattr(self, name) for name in (*names, *more)}

    @property
    def shortest(self) -> int:
        """Samples without which a convolution has nothing to reflect."""
        return HOP * max(d * (k // 2) for d, k in zip(self.dilations, self.kernel_sizes, strict=True))


def build(config: EcapaConfig) -> Any:
    """Return SpeechBrain's network of this shape, randomly initialised, with `config` as its attribute.

    Raises
    ------
    ArticulensError
        Without the extra ``[speaker]``, or for a shape that cannot be.
    """
    network_class = _speechbrain("speechbrain.lobes.models.ECAPA_TDNN", "ECAPA_TDNN")
    arguments = {name: value for name, value in config.shape.items() if name != "front_end"}
    try:
        network = network_class(groups=[1] * len(config.channels), **arguments)
    except (AssertionError, IndexError, RuntimeError, TypeError, ValueError) as error:
        raise ArticulensError(
            f"an ECAPA-TDNN of the shape {config.shape} cannot be built ({error or type(error).__name__}), expected "
            "one kernel size and dilation for each of the channels, which res2net_scale divides; correct config.json."
        ) from error
    network.config = config
    return network


def front_end(config: EcapaConfig) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return what turns ``(batch, samples)`` at 16 kHz into ``(batch, frames, mels)``, frame *j* at sample 160 *j*.

    SpeechBrain's recipe: log energies in dB without their mean over the recording. 3D-Speaker's (RDINO, SDPN): log
    energies of zero mean and unit variance over the recording. Neither changes with the level of the recording.
    """
    if config.front_end == "speechbrain":
        fbank = _speechbrain("speechbrain.lobes.features", "Fbank")(n_mels=config.input_size)

        def centred(waves: torch.Tensor) -> torch.Tensor:
            features: torch.Tensor = fbank.to(waves.device)(waves)
            return features - features.mean(1, keepdim=True)

        return centred
    from torchaudio.transforms import MelSpectrogram

    mel = MelSpectrogram(RATE_HZ, n_fft=512, win_length=400, hop_length=HOP, f_max=8000, n_mels=config.input_size)

    def standardised(waves: torch.Tensor) -> torch.Tensor:
        return nn.functional.instance_norm((mel.to(waves.device)(waves) + 1e-6).log()).transpose(1, 2)

    return standardised


def layer_names(config: EcapaConfig) -> tuple[str, ...]:
    """Return ``("0", "1", ..., "N", "mfa", "embedding")``."""
    return (*map(str, range(len(config.channels) - 1)), "mfa", "embedding")


def layer_widths(config: EcapaConfig) -> dict[str, int]:
    """Return the dimensions of each layer."""
    return dict(zip(layer_names(config), (*config.channels, config.lin_neurons), strict=True))


def layers_of(network: Any, features: Sequence[torch.Tensor], layers: Sequence[str]) -> list[dict[str, torch.Tensor]]:
    """Run recordings together; the same as one at a time.

    Parameters
    ----------
    network
        Of `build`, in evaluation mode.
    features
        ``(frames, mels)`` of each recording.
    layers
        ``"0"``: output of the first convolution, which the first SE-Res2 block reads. ``"1" ... "N"``: outputs of the
        SE-Res2 blocks. ``"mfa"``: the aggregation of all blocks. ``"embedding"``: one vector a recording.

    Returns
    -------
    list of dict
        Layer to ``(frames, dims)`` of each recording; the embedding has one frame.
    """
    lengths = [len(x) for x in features]
    modules = {str(i): block for i, block in enumerate(network.blocks)} | {"mfa": network.mfa, "embedding": network.fc}
    found: dict[str, torch.Tensor] = {}

    def catch(layer: str, _: nn.Module, __: Any, output: torch.Tensor) -> None:
        found[layer] = output.transpose(1, 2)

    with ExitStack() as undo:
        for layer in layers:
            undo.callback(modules[layer].register_forward_hook(partial(catch, layer)).remove)
        if len(set(lengths)) == 1:
            network(torch.stack(list(features)))
        else:
            undo.enter_context(_own_reflections(network, lengths))
            # Room behind the longest one too, so that the array's end, where SpeechBrain reflects, is no one's end.
            room = max(lengths) + network.config.shortest // HOP
            padded = torch.stack([nn.functional.pad(x, (0, 0, 0, room - len(x))) for x in features])
            # Half a frame less: rounding must not let the frame behind the last one in.
            network(padded, lengths=(torch.tensor(lengths, device=padded.device) - 0.5) / room)
    return [{layer: found[layer][i, :n] for layer in layers} for i, n in enumerate(lengths)]


@contextmanager
def _own_reflections(network: nn.Module, lengths: Sequence[int]) -> Iterator[None]:
    """Show every convolution each recording's own reflection behind its end."""
    with ExitStack() as undo:
        for module in network.modules():
            if getattr(module, "padding_mode", None) == "reflect" and module.kernel_size > 1:  # type: ignore[operator]
                undo.callback(module.register_forward_pre_hook(partial(_reflect, tuple(lengths))).remove)
        yield


def _reflect(lengths: tuple[int, ...], _: nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    (x,) = inputs
    frame = torch.arange(x.shape[-1], device=x.device)
    last = torch.tensor(lengths, device=x.device)[:, None] - 1
    mirrored = (last - (frame - last).abs()).clamp(min=0)
    return (x.gather(2, mirrored[:, None].expand_as(x)),)


def shape_of(weights: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Return the shape of the network that these weights, under SpeechBrain's names, are of; dilations are not in them.

    Raises
    ------
    KeyError
        When a part of the network is not there.
    """
    n_blocks = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))
    first, mfa = weights["blocks.0.conv.conv.weight"], weights["mfa.conv.conv.weight"]
    inner = [f"blocks.{i}.res2net_block.blocks" for i in range(1, n_blocks)]
    kernels = [weights[f"{name}.0.conv.conv.weight"].shape[2] for name in inner]
    scale = 2 + max(int(name.removeprefix(inner[0] + ".").split(".")[0]) for name in weights if inner[0] + "." in name)
    blocks = [weights[f"blocks.{i}.tdnn2.conv.conv.weight"].shape[0] for i in range(1, n_blocks)]
    attention = weights["asp.tdnn.conv.conv.weight"]
    return {
        "input_size": first.shape[1],
        "channels": [first.shape[0], *blocks, mfa.shape[0]],
        "kernel_sizes": [first.shape[2], *kernels, mfa.shape[2]],
        "attention_channels": attention.shape[0],
        "se_channels": weights["blocks.1.se_block.conv1.conv.weight"].shape[0],
        "res2net_scale": scale,
        "lin_neurons": weights["fc.conv.weight"].shape[0],
        "global_context": attention.shape[1] == 3 * mfa.shape[0],
    }


def _speechbrain(module: str, name: str) -> Any:
    from importlib import import_module

    # Else its import allows TF32 for everything that this process multiplies on a GPU.
    os.environ.setdefault("SB_DISABLE_QUIRKS", "allow_tf32,disable_jit_profiling")
    try:
        found = getattr(import_module(module), name)
        forget_redirects()
        return found
    except ImportError as error:
        raise ArticulensError(
            f"speaker models need SpeechBrain, which cannot be imported ({error}); install the extra: "
            "pip install 'articulens[speaker]'."
        ) from error


def forget_redirects() -> None:
    """Take SpeechBrain's old names of modules out of ``sys.modules``.

    They stand for packages that need not be there, and raise when somebody who walks through all modules (a test
    runner, an inspector) only looks at them.
    """
    for name, module in list(sys.modules.items()):
        if type(module).__name__ == "DeprecatedModuleRedirect":
            del sys.modules[name]
