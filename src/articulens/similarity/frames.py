"""What similarity is measured on: one utterance, seen in many views of the same frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch

from articulens.errors import ArticulensError

View = tuple[str, str]
"""A model and one of its layers: ``("tiny-multi", "3")``."""


@dataclass(frozen=True)
class Frames:
    """One utterance in every view.

    Attributes
    ----------
    utterance, speaker
        Which, and whose.
    views
        For each view ``(frames, dims)``; frame *i* is the same moment in all of them.
    """

    utterance: str
    speaker: str
    views: Mapping[View, torch.Tensor]

    def __post_init__(self) -> None:
        """Check that all views have the same frames."""
        sizes = {len(x) for x in self.views.values()}
        if len(sizes) != 1 or any(x.ndim != 2 for x in self.views.values()):
            shapes = ", ".join(sorted({str(tuple(x.shape)) for x in self.views.values()}))
            raise ArticulensError(
                f"{self.utterance}: views of shapes {shapes} do not pair, expected (frames, dims) with the same frames "
                "in each; put them on one clock first."
            )

    def __len__(self) -> int:
        return len(next(iter(self.views.values())))


class Standardised:
    """The same utterances with every dimension of every view at mean 0 and spread 1 over all frames.

    One dimension of huge variance can make any two layers that share it look alike. Without it another question is
    asked, so that both answers belong side by side. Means and spreads take a pass of their own, when first needed.

    Parameters
    ----------
    heard
        Utterances that can be gone through more than once.
    """

    def __init__(self, heard: Iterable[Frames]) -> None:
        self.heard = heard
        self._scales: dict[View, tuple[torch.Tensor, torch.Tensor]] = {}

    def __iter__(self) -> Iterator[Frames]:
        scales = self._scales = self._scales or _scales(self.heard)
        for frames in self.heard:
            views = {v: (x.double() - scales[v][0]) / scales[v][1] for v, x in frames.views.items()}
            yield replace(frames, views=views)


def _scales(heard: Iterable[Frames]) -> dict[View, tuple[torch.Tensor, torch.Tensor]]:
    """Return mean and spread of every dimension of every view; a dimension that does not vary gets spread 1."""
    n, shift = 0, dict[View, torch.Tensor]()
    sums: dict[View, list[torch.Tensor]] = {}
    for frames in heard:
        n += len(frames)
        for view, x in frames.views.items():
            x = x.double()
            d = x - shift.setdefault(view, x.mean(0))
            total = sums.setdefault(view, [torch.zeros_like(shift[view]) for _ in range(2)])
            total[0] += d.sum(0)
            total[1] += d.square().sum(0)
    scales = {}
    for view, (first, second) in sums.items():
        variance = second / n - (first / n) ** 2
        floor = (1e-7 * shift[view]) ** 2  # the rounding of float32 states is no spread
        scales[view] = shift[view] + first / n, torch.where(variance > floor, variance, 1.0).sqrt()
    return scales


class WithoutPlace:
    """The same utterances less what every recording has at the same place: its frame number alone.

    Models with absolute position embeddings put the frame number into their states, and two layers that both hold it
    look alike whatever was said; re-paired utterances do too. From each frame the mean over utterances of the states
    with the same number is taken, as far as there are `least` utterances of such a length; later frames are left out.

    Parameters
    ----------
    heard
        Utterances that can be gone through more than once, all from the beginning of a recording on.
    least
        Utterances that a mean needs.
    """

    def __init__(self, heard: Iterable[Frames], *, least: int = 8) -> None:
        self.heard, self.least = heard, least
        self._means: dict[View, torch.Tensor] = {}

    def __iter__(self) -> Iterator[Frames]:
        means = self._means = self._means or self._of_places()
        for frames in self.heard:
            n = min(len(frames), *(len(mean) for mean in means.values()))
            if n:
                views = {view: x[:n].double() - means[view][:n] for view, x in frames.views.items()}
                yield replace(frames, views=views)

    def _of_places(self) -> dict[View, torch.Tensor]:
        lengths = sorted((len(frames) for frames in self.heard), reverse=True)
        if len(lengths) < self.least:
            raise ArticulensError(
                f"{len(lengths)} utterances are too few to know what every recording has at the same place, expected "
                f"{self.least} or more."
            )
        sums: dict[View, torch.Tensor] = {}
        counts = torch.zeros(lengths[self.least - 1], dtype=torch.float64)
        for frames in self.heard:
            n = min(len(frames), len(counts))
            counts[:n] += 1
            for view, x in frames.views.items():
                if view not in sums:
                    sums[view] = torch.zeros(len(counts), x.shape[1], dtype=torch.float64, device=x.device)
                sums[view][:n] += x[:n]
        return {view: total / counts.to(total.device)[:, None] for view, total in sums.items()}
