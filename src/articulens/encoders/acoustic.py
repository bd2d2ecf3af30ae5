"""Acoustic baselines on the very frames of a wav2vec 2.0 front end: log-mel and MFCC, also with context.

A frame is the 400 samples (25 ms) that frame *i* of the encoders sees, under a symmetric Hann window, so its
centre is exactly the encoders' frame centre ``(199.5 + 320 i) / 16000`` s (the periodic window, the
libraries' default, would be centred half a sample later). The recording is normalised as a whole like the
input of most encoders, so that its level does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from articulens.encoders.base import Encoder, States, choose_layers, library_versions
from articulens.encoders.clock import FrameClock
from articulens.files import sha256_text

if TYPE_CHECKING:
    import torch
    from numpy.typing import ArrayLike

N_MELS = 80
N_MFCC = 13
_NAME = re.compile(r"(logmel|mfcc)(?:\+(\d{1,3}))?")


def is_acoustic(name: str) -> bool:
    """Tell whether `name` is ``logmel``, ``mfcc``, or one of them with context such as ``logmel+6``."""
    return _NAME.fullmatch(name) is not None


class AcousticEncoder(Encoder):
    """Log-mel energies or MFCCs at the encoders' frame centres, as one layer named ``"0"``.

    Parameters
    ----------
    name : str
        ``"logmel"``: log energies of 80 mel bands (Slaney's scale and area norm: with 400-point spectra the
        HTK scale would leave low bands without any bin). ``"mfcc"``: 13 coefficients, their deltas and
        delta-deltas (39). ``"+K"``: the K frames before and after beside each frame, from the oldest to the
        newest, edges replicated, so ``(2 K + 1)`` times as wide.
    device : str
        Where to compute: ``"cpu"``, ``"cuda"``, ...
    """

    clock = FrameClock()
    do_normalize = True

    def __init__(self, name: str, *, device: str = "cpu", layers: Sequence[str] | None = None) -> None:
        match = _NAME.fullmatch(name)
        assert match, name
        self.name, self.device = name, device
        self.kind, self.context = match[1], int(match[2] or 0)
        self.layers = choose_layers(("0",), layers, name)
        self.width = (N_MELS if self.kind == "logmel" else 3 * N_MFCC) * (2 * self.context + 1)
        self.fingerprint = sha256_text(["acoustic-1", name])

    def record(self) -> dict[str, Any]:
        """Return what a run record must hold about this encoder (JSON values)."""
        return {
            "name": self.name,
            "layers": list(self.layers),
            "width": self.width,
            "do_normalize": self.do_normalize,
            "context_frames": self.context,
            "device": self.device,
            "dtype": "fp32",
            "fingerprint": self.fingerprint,
            "versions": library_versions(),
        }

    def encode_batch(
        self,
        items: Sequence[tuple[ArrayLike, float]],
        *,
        sources: Sequence[str] | None = None,
        keep_on_device: bool = False,
    ) -> list[States]:
        """Encode several recordings, each by itself; see `Encoder.encode_batch`."""
        import torch

        states = []
        with torch.inference_mode():
            for wave in self._prepare(items, sources)[0]:
                frames = self.features(wave.to(self.device))
                frames = frames if keep_on_device else frames.cpu()
                states.append(States({"0": frames}, self.clock.times_s(len(wave))))
        return states

    def features(self, wave: torch.Tensor) -> torch.Tensor:
        """Return ``(frames, width)`` features of a prepared recording ``(n,)``; differentiable."""
        frames = self._transform(wave)
        if self.kind == "logmel":
            frames = frames.clamp(min=1e-10).log()
        else:
            import torch
            from torchaudio.functional import compute_deltas

            deltas = compute_deltas(frames)
            frames = torch.cat([frames, deltas, compute_deltas(deltas)])
        return _with_context(frames.T, self.context)

    @cached_property
    def _transform(self) -> torch.nn.Module:
        from torchaudio.transforms import MFCC, MelSpectrogram

        clock = self.clock
        mel = {
            "n_fft": clock.receptive_field,
            "hop_length": clock.hop,
            "n_mels": N_MELS,
            "center": False,
            "wkwargs": {"periodic": False},
            "norm": "slaney",
            "mel_scale": "slaney",
        }
        transform: torch.nn.Module = (
            MelSpectrogram(clock.rate_hz, **mel)
            if self.kind == "logmel"
            else MFCC(clock.rate_hz, N_MFCC, log_mels=True, melkwargs=mel)
        )
        return transform.to(self.device)


def _with_context(frames: torch.Tensor, context: int) -> torch.Tensor:
    """Put the `context` frames on each side beside each of the ``(frames, dims)``; edges replicated."""
    if context == 0:
        return frames.contiguous()
    import torch

    n = len(frames)
    around = torch.arange(-context, context + 1, device=frames.device)
    index = (torch.arange(n, device=frames.device)[:, None] + around).clamp(0, n - 1)
    return frames[index].flatten(1)
