"""Many recordings at once, or one long recording in pieces, with the states of one whole recording at a time.

**Unequal lengths.** Padding must not be seen. Transformers' own attention mask takes care of the blocks; two
things before them are done here, for the duration of a call (`only_valid_samples`):

* a group norm in the front end (wav2vec 2.0 base and large, HuBERT base, ...) averages over the *recording*,
  so it is applied to the valid samples of each recording by itself;
* the convolutional position embedding reads up to 64 frames to each side, so its padded frames are zeroed
  before each of its convolutions (data2vec-audio stacks five, and transformers zeroes before the first only).

**Long recordings** are cut into equal pieces that overlap by `OVERLAP_S` to each side (the position embedding of
the wav2vec 2.0 family reaches 1.28 s); the overlap is computed and thrown away. Attention reaches farther, so this
is an approximation. Measured, 30 s in pieces of 15 s against 30 s at once, relative Frobenius error: input to the
first block 1e-8; blocks, with random weights, 1-2 % (wav2vec 2.0, HuBERT), 2-3 % (WavLM), 3-6 % (data2vec-audio).
Whisper's position embedding starts anew in each piece: with trained weights (tiny.en) and real speech its states
move by 30-90 %, so cut recordings of more than 30 s at pauses before, and compare like with like.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from articulens.encoders.clock import FrameClock

OVERLAP_S = 2.0


@dataclass(frozen=True)
class Piece:
    """A stretch of one recording: its samples, and which of its frames to keep."""

    item: int
    first: int
    n_samples: int
    skip: int
    keep: int


def cut(item: int, n_samples: int, clock: FrameClock, max_seconds: float) -> list[Piece]:
    """Cut a recording into pieces of at most `max_seconds` (one piece when it is short enough).

    The kept frames of the pieces are the frames of the recording, in order, each once. At least `OVERLAP_S`
    of context on each inner side is computed and dropped.
    """
    n_frames = clock.n_frames(n_samples)
    longest = clock.n_frames(int(max_seconds * clock.rate_hz))
    if n_frames <= longest:
        return [Piece(item, 0, n_samples, 0, n_frames)]
    overlap = math.ceil(OVERLAP_S * clock.rate_hz / clock.hop)
    n_pieces = math.ceil(n_frames / (longest - 2 * overlap))
    borders = [round(n_frames * k / n_pieces) for k in range(n_pieces + 1)]
    pieces = []
    for start, end in pairwise(borders):
        low, high = max(0, start - overlap), min(n_frames, end + overlap)
        pieces.append(Piece(item, low * clock.hop, clock.n_samples(high - low), start - low, end - start))
    return pieces


def group(pieces: Sequence[Piece], max_samples: int) -> list[list[Piece]]:
    """Group pieces of similar length; a padded group holds at most `max_samples` samples, or one piece."""
    groups: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda piece: -piece.n_samples):
        if groups and (len(groups[-1]) + 1) * groups[-1][0].n_samples <= max_samples:
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return groups


@contextmanager
def only_valid_samples(model: nn.Module, lengths: Sequence[int]) -> Iterator[None]:
    """Keep a wav2vec 2.0-like model from seeing the padding behind recordings of `lengths` samples."""
    with ExitStack() as undo:
        valid = list(lengths)
        for layer in model.feature_extractor.conv_layers:  # type: ignore[union-attr]
            kernel, stride = layer.conv.kernel_size[0], layer.conv.stride[0]
            valid = [(n - kernel) // stride + 1 for n in valid]
            for norm in layer.modules():
                if isinstance(norm, nn.GroupNorm):
                    norm.forward = partial(_group_norm, norm, tuple(valid))  # type: ignore[method-assign]
                    undo.callback(delattr, norm, "forward")
        position = getattr(model.encoder, "pos_conv_embed", None)
        for conv in position.modules() if position is not None else ():
            if isinstance(conv, nn.Conv1d):
                undo.callback(conv.register_forward_pre_hook(partial(_zero_padding, tuple(valid))).remove)
        yield


def _group_norm(norm: nn.GroupNorm, valid: tuple[int, ...], x: torch.Tensor) -> torch.Tensor:
    """Apply `norm` to the first ``valid[i]`` steps of each ``x[i]`` by itself; zeros behind them."""
    out = torch.zeros_like(x)
    for i, n in enumerate(valid):
        out[i : i + 1, :, :n] = functional.group_norm(
            x[i : i + 1, :, :n], norm.num_groups, norm.weight, norm.bias, norm.eps
        )
    return out


def _zero_padding(valid: tuple[int, ...], conv: nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    """Zero the steps of ``(batch, channels, steps)`` behind each recording's valid ones."""
    (x,) = inputs
    steps = torch.arange(x.shape[-1], device=x.device)
    return (x * (steps < torch.tensor(valid, device=x.device)[:, None])[:, None],)
