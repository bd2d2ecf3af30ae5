"""From a corpus and encoders to utterances in all views: every sound is read once, and all hear it on one clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from articulens.corpora.catalog import Corpus
from articulens.corpora.labels import Interval, speech_mask
from articulens.corpora.schema import Utterance
from articulens.encoders.base import Encoder, States
from articulens.encoders.clock import FrameClock
from articulens.errors import ArticulensError
from articulens.moments import Array
from articulens.similarity.frames import Frames, View

LABELS = (("phones", "labels"), ("speaker", "labels"))
"""Views that no encoder computed: which phone a frame is labelled as, and who speaks, one dimension each."""


class Listening:
    """Utterances of a corpus in the layers of several encoders; can be gone through again and again.

    Every going through encodes anew, unless the encoders remember
    (:class:`articulens.encoders.remembering.Remembering`) or the utterances are kept: ``list(Listening(...))``.

    Parameters
    ----------
    corpus, encoders
        What is heard, and by whom; frames of encoders whose clocks differ are read at the shared 50 Hz clock by linear
        interpolation.
    frames
        ``"all"``, or ``"speech"``: only frames that the labels do not call silence.
    labels
        Whether to add the views :data:`LABELS`.
    batch_seconds
        Audio that goes through the encoders at once, s.
    seed
        Utterances come in random order, so that neighbours in the order are not of one speaker.

    Raises
    ------
    ArticulensError
        For encoders whose frames are not equally many a second, and for audio or labels that cannot be read.
    """

    def __init__(
        self,
        corpus: Corpus,
        encoders: Mapping[str, Encoder],
        *,
        frames: str = "all",
        labels: bool = False,
        batch_seconds: float = 60.0,
        seed: int = 0,
    ) -> None:
        if frames not in ("all", "speech"):
            raise ArticulensError(f"frames '{frames}' is unknown; choose all or speech.")
        self.corpus, self.encoders, self.frames, self.labels = corpus, dict(encoders), frames, labels
        self.clock, self.batch_seconds = shared_clock(self.encoders), batch_seconds
        self.order = [corpus.utterances[i] for i in np.random.default_rng(seed).permutation(len(corpus))]
        self._phones: list[str] | None = None

    @property
    def views(self) -> list[View]:
        """All views, in the order of encoders and layers."""
        layers = [(name, layer) for name, encoder in self.encoders.items() for layer in encoder.layers]
        return layers + list(LABELS) * self.labels

    def __iter__(self) -> Iterator[Frames]:
        batch: list[tuple[Utterance, np.ndarray, float]] = []
        for utterance in self.order:
            samples, rate_hz = self.corpus.read_audio(utterance)
            if batch and sum(len(s) / r for _, s, r in batch) + len(samples) / rate_hz > self.batch_seconds:
                yield from self._hear(batch)
                batch = []
            batch.append((utterance, samples, rate_hz))
        if batch:
            yield from self._hear(batch)

    def _hear(self, batch: Sequence[tuple[Utterance, np.ndarray, float]]) -> Iterator[Frames]:
        items = [(samples, rate_hz) for _, samples, rate_hz in batch]
        sources = [str(utterance.audio) for utterance, *_ in batch]
        every = {
            name: encoder.encode_batch(items, sources=sources, keep_on_device=True)
            for name, encoder in self.encoders.items()
        }
        for i, (utterance, samples, rate_hz) in enumerate(batch):
            states = {name: of_all[i] for name, of_all in every.items()}
            times_s = self._times(states, len(samples) / rate_hz)
            intervals = self._intervals(utterance)
            if self.frames == "speech":
                times_s = times_s[speech_mask(intervals, times_s)]
            if not len(times_s):
                continue
            views: dict[View, torch.Tensor] = {
                (name, layer): _at(x, own.times_s, times_s)
                for name, own in states.items()
                for layer, x in own.layers.items()
            }
            if self.labels:
                views |= self._labels(utterance, intervals, times_s)
            yield Frames(utterance.id, utterance.speaker, views)

    def _times(self, states: Mapping[str, States], seconds: float) -> Array:
        """Return the frames of the shared clock that every encoder has states around."""
        times_s = self.clock.times_s(round(seconds * self.clock.rate_hz))
        first = max(own.times_s[0] for own in states.values())
        last = min(own.times_s[-1] for own in states.values())
        return times_s[(times_s >= first - 1e-9) & (times_s <= last + 1e-9)]

    def _intervals(self, utterance: Utterance) -> list[Interval]:
        return self.corpus.read_intervals(utterance) if self.labels or self.frames == "speech" else []

    def _labels(self, utterance: Utterance, intervals: Sequence[Interval], times_s: Array) -> dict[View, torch.Tensor]:
        if self._phones is None:
            every = (label for u in self.order for _, _, label in self.corpus.read_intervals(u))
            self._phones = sorted({_phone(label) for label in every})
        phones = {label: i for i, label in enumerate(self._phones)}
        said = torch.zeros(len(times_s), len(phones))
        for start_s, end_s, label in intervals:
            said[torch.from_numpy((times_s >= start_s) & (times_s < end_s)), phones[_phone(label)]] = 1.0
        who = torch.zeros(len(times_s), len(self.corpus.speakers))
        who[:, self.corpus.speakers.index(utterance.speaker)] = 1.0
        return dict(zip(LABELS, (said, who), strict=True))


def shared_clock(encoders: Mapping[str, Encoder]) -> FrameClock:
    """Return the clock on which encoders are compared: their own where it is one, else the shared 50 Hz clock.

    Raises
    ------
    ArticulensError
        Where their frames are not equally many a second.
    """
    if not encoders:
        raise ArticulensError("there is no encoder to compare; name one or more.")
    clocks = {name: encoder.clock for name, encoder in encoders.items()}
    if len(set(clocks.values())) == 1:
        return next(iter(clocks.values()))
    common = FrameClock()
    rates = {name: clock.rate_hz / clock.hop for name, clock in clocks.items()}
    if {round(rate, 6) for rate in rates.values()} != {common.rate_hz / common.hop}:
        told = ", ".join(f"{name} {rate:g}" for name, rate in rates.items())
        raise ArticulensError(
            f"encoders with different frame rates cannot be compared frame by frame ({told} frames a second), expected "
            f"{common.rate_hz / common.hop:g} of each; leave out those that differ, or open them on the 50 Hz clock."
        )
    return common


def _at(x: torch.Tensor, own_s: Array, times_s: Array) -> torch.Tensor:
    """Read states ``(frames, dims)`` at other times between their own, by linear interpolation."""
    if len(own_s) == 1:
        return x[[0] * len(times_s)]
    place = np.interp(times_s, own_s, np.arange(len(own_s)))
    before = np.minimum(place.astype(int), len(own_s) - 2)
    late = torch.from_numpy(place - before).to(x.device, x.dtype)[:, None]
    late = torch.where((late - late.round()).abs() < 1e-6, late.round(), late)  # the very frame, where there is one
    index = torch.from_numpy(before).to(x.device)
    return torch.lerp(x[index], x[index + 1], late)


def _phone(label: str) -> str:
    return label.strip().rstrip("ː")
