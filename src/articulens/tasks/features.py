"""What the heads see: hidden states of every utterance, heard once and kept as far as a byte budget allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import torch
from torch.nn.functional import layer_norm

from articulens.corpora.corpus import Corpus
from articulens.encoders.base import Encoder
from articulens.errors import ArticulensError

Norm = Literal["none", "layer"]
NORMS: tuple[Norm, ...] = ("none", "layer")
BATCH_SECONDS = 60.0


class Features:
    """States of an encoder for the utterances of a corpus.

    One pass over the audio leaves, for every utterance and layer, the mean of its frames (whole and in parts) and
    their mean length, with and without layer norm: 8 bytes a dimension and part, whatever the budget. The frames
    themselves, which only phones need, are kept until the budget is full; the others are computed again whenever they
    are asked for.

    Layers may differ in width (the embedding of a speaker model): narrower ones are filled up with zeros, and only
    those of the commonest width are `mixable`.

    Parameters
    ----------
    corpus, encoder
        What is heard, and who hears it.
    framewise
        Ids of the utterances whose frames will be asked for.
    parts
        Into how many equal parts utterances are divided for :meth:`pooled`; see `articulens.tasks.Task`.
    stride
        Frames that are averaged to one in :meth:`frames`.
    budget_gb
        Memory for frames, GB; while phones are told, as much again for their batches.

    Raises
    ------
    ArticulensError
        For states that are not finite, and audio that cannot be read or heard.
    """

    def __init__(
        self,
        corpus: Corpus,
        encoder: Encoder,
        *,
        framewise: Iterable[str] = (),
        parts: Iterable[int] = (1, 3),
        stride: int = 1,
        budget_gb: float = 1.0,
    ) -> None:
        self.corpus, self.encoder, self.stride = corpus, encoder, stride
        self.model, self.layers = encoder.name, encoder.layers
        self._utterances = {u.id: u for u in corpus}
        self._room = budget_gb * 1e9
        self._frames: dict[str, list[torch.Tensor]] = {}
        self._pooled: dict[tuple[str, Norm, int], list[torch.Tensor]] = {}
        self._length: dict[tuple[str, Norm], torch.Tensor] = {}
        wanted = set(framewise)
        for name, states in self._hear(list(self._utterances)):
            for norm in NORMS:
                normed = [_normed(x, norm) for x in states]
                self._length[name, norm] = torch.stack([x.norm(dim=1).mean() for x in normed])
                for n in set(parts):
                    self._pooled[name, norm, n] = [_pool(x, n) for x in normed]
            size = sum(x.nbytes for x in states) // stride
            if name in wanted and size <= self._room:
                self._room -= size
                self._frames[name] = [_thin(x, stride) for x in states]
        self.widths = dict(zip(self.layers, (x.shape[1] for x in states), strict=True))

    @property
    def mixable(self) -> tuple[str, ...]:
        """Layers that can be added up: those of the commonest width."""
        widths = list(self.widths.values())
        common = max(dict.fromkeys(widths), key=widths.count)
        return tuple(layer for layer, width in self.widths.items() if width == common)

    def holds(self, ids: Iterable[str]) -> bool:
        """Tell whether the frames of these utterances are all in memory."""
        return self._frames.keys() >= set(ids)

    def pooled(self, ids: Sequence[str], norm: Norm, parts: int = 1) -> torch.Tensor:
        """Return means over frames, ``(layers, utterances, parts · widest)``."""
        layers = range(len(self.layers))
        return _stack([torch.stack([self._pooled[i, norm, parts][k] for i in ids]) for k in layers])

    def lengths(self, ids: Sequence[str], norm: Norm) -> torch.Tensor:
        """Return the mean Euclidean length of the frames of each layer, ``(layers,)``."""
        return torch.stack([self._length[i, norm] for i in ids]).mean(0)

    def frames(self, ids: Sequence[str], norm: Norm) -> tuple[torch.Tensor, list[int]]:
        """Return frames, ``(layers, utterances · longest, widest)`` filled up with zeros, and how many there are."""
        known = {i: self._frames[i] for i in ids if i in self._frames}
        for name, states in self._hear([i for i in ids if i not in known]):
            known[name] = [_thin(x, self.stride) for x in states]
        counts = [len(known[i][0]) for i in ids]
        padded = [
            torch.nn.utils.rnn.pad_sequence([_normed(known[i][k], norm) for i in ids], batch_first=True).flatten(0, 1)
            for k in range(len(self.layers))
        ]
        return _stack(padded), counts

    def _hear(self, ids: Sequence[str]) -> Iterator[tuple[str, list[torch.Tensor]]]:
        """Yield ids with their states, one tensor a layer; batches of bounded length are encoded together."""
        batch: list[str] = []
        audio: list[tuple] = []
        seconds = 0.0
        for place, name in enumerate(ids):
            samples, rate_hz = self.corpus.read_audio(self._utterances[name])
            batch, audio, seconds = [*batch, name], [*audio, (samples, rate_hz)], seconds + len(samples) / rate_hz
            if seconds < BATCH_SECONDS and place + 1 < len(ids):
                continue
            sources = [str(self._utterances[i].audio) for i in batch]
            for heard, source, states in zip(
                batch, sources, self.encoder.encode_batch(audio, sources=sources), strict=True
            ):
                found = [states[layer].detach().cpu().float() for layer in self.layers]
                for layer, x in zip(self.layers, found, strict=True):
                    if not torch.isfinite(x).all():
                        raise ArticulensError(
                            f"{source}: layer {layer} of {self.model} holds values that are not finite, expected "
                            "numbers; check the audio and the weights, or leave this recording or layer out."
                        )
                yield heard, found
            batch, audio, seconds = [], [], 0.0


def _normed(x: torch.Tensor, norm: Norm) -> torch.Tensor:
    return x if norm == "none" else layer_norm(x, x.shape[-1:])


def _pool(x: torch.Tensor, parts: int) -> torch.Tensor:
    pieces = torch.tensor_split(x, parts) if len(x) >= parts else (x,) * parts
    return torch.cat([piece.mean(0) for piece in pieces])


def _thin(x: torch.Tensor, stride: int) -> torch.Tensor:
    """Average `stride` frames to one; what is left at the end is one more."""
    if stride == 1:
        return x.clone()  # states may be a view of a padded batch, all of which would stay in memory for it
    return torch.stack([piece.mean(0) for piece in x.split(stride)])


def _stack(layers: Sequence[torch.Tensor]) -> torch.Tensor:
    widest = max(x.shape[-1] for x in layers)
    return torch.stack([torch.nn.functional.pad(x, (0, widest - x.shape[-1])) for x in layers])
