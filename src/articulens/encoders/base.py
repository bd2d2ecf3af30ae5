"""What every encoder is: a clock, named layers, and audio in, states out.

Nothing here imports torch at module level, so that the command line stays quick.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from articulens.encoders.audio import prepare_audio
from articulens.encoders.clock import FrameClock
from articulens.errors import ArticulensError, suggest

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class States:
    """What one recording looks like to an encoder.

    Parameters
    ----------
    layers : dict of str to torch.Tensor
        Layer name to ``(frames, dims)`` float32, in the order of the encoder's ``layers``.
    times_s : ndarray
        Centre of each frame, ``(frames,)`` float64, seconds from the first sample.
    """

    layers: dict[str, torch.Tensor]
    times_s: NDArray[np.float64]

    def __getitem__(self, layer: str) -> torch.Tensor:
        return self.layers[layer]

    def __len__(self) -> int:
        return len(self.times_s)


class Encoder(ABC):
    """Something that turns audio into named layers of frames.

    Attributes
    ----------
    name : str
        What the user asked for.
    layers : tuple of str
        Layers that `encode` returns. Of a transformer: ``"0"`` is the input to the first block, ``"1" ...
        "N"`` are block outputs before any final norm, ``"final"`` is the final layer norm of architectures
        that have one after their blocks.
    width : int
        Dimensions of each layer.
    clock : FrameClock
        When the frames are.
    do_normalize : bool
        Whether a recording is scaled, as a whole, to zero mean and unit variance first.
    fingerprint : str
        SHA-256 over everything that decides the numbers: weights, architecture, preprocessing, precision.
    """

    name: str
    layers: tuple[str, ...]
    width: int
    clock: FrameClock
    do_normalize: bool
    fingerprint: str

    @abstractmethod
    def record(self) -> dict[str, Any]:
        """Return what a run record must hold: origin, hashes, precision, device, versions (JSON values)."""

    @abstractmethod
    def encode_batch(
        self,
        items: Sequence[tuple[ArrayLike, float]],
        *,
        sources: Sequence[str] | None = None,
        keep_on_device: bool = False,
    ) -> list[States]:
        """Encode several recordings; the same states as one at a time (relative 1e-5 in fp32).

        Parameters
        ----------
        items : sequence of (samples, rate_hz)
            ``(n,)`` or ``(n, channels)`` samples (channels are averaged), any rate, any length.
        sources : sequence of str, optional
            What to call each recording in an error, usually its file.
        keep_on_device : bool
            Leave the states where they were computed, instead of moving them to the CPU.

        Returns
        -------
        list of States
            In the order of `items`.

        Raises
        ------
        ArticulensError
            For audio that is empty, too short for one frame, not finite or not an array of samples, and for
            states that are not finite (half precision that overflowed).
        """

    def encode(
        self, samples: ArrayLike, rate_hz: float, *, source: str = "audio", keep_on_device: bool = False
    ) -> States:
        """Encode one recording; see `encode_batch`."""
        return self.encode_batch([(samples, rate_hz)], sources=[source], keep_on_device=keep_on_device)[0]

    def _prepare(
        self, items: Sequence[tuple[ArrayLike, float]], sources: Sequence[str] | None
    ) -> tuple[list[torch.Tensor], list[str]]:
        """Return every recording as the front end reads it, ``(n,)`` float32 at ``clock.rate_hz``, and its name."""
        names = list(sources) if sources else [f"audio {i + 1} of {len(items)}" for i in range(len(items))]
        waves = [
            prepare_audio(samples, rate, self.clock, normalize=self.do_normalize, source=name)
            for (samples, rate), name in zip(items, names, strict=True)
        ]
        return waves, names


def choose_layers(known: tuple[str, ...], wanted: Sequence[str] | None, name: str) -> tuple[str, ...]:
    """Return the wanted layers in their natural order (all when `wanted` is None).

    Raises
    ------
    ArticulensError
        For a layer that the encoder does not have.
    """
    if wanted is None:
        return known
    asked = [str(layer) for layer in ([wanted] if isinstance(wanted, str) else wanted)]
    for layer in asked:
        if layer not in known:
            raise ArticulensError(f"{name} has no layer '{layer}'{suggest(layer, known)}")
    if not asked:
        raise ArticulensError(
            f"{name}: no layer was asked for; name some of {', '.join(known)}, or leave it out for all."
        )
    return tuple(layer for layer in known if layer in asked)


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that decide an encoder's numbers."""
    from importlib.metadata import version

    return {library: version(library) for library in ("articulens", "torch", "torchaudio", "transformers")}
