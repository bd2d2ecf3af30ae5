"""LinCKA aggregated over mini-batches, the published form, with what the publication leaves open as parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from articulens.errors import ArticulensError
from articulens.similarity.frames import View


@dataclass(frozen=True)
class Minibatch:
    """How LinCKA is aggregated over mini-batches.

    Ashihara et al. (2024) compute linear CKA in mini-batches and aggregate; batch size, pooling and correction of the
    bias are not known to us, so nothing here claims to be their estimator.

    Parameters
    ----------
    size
        Rows in a batch, in the order of the corpus; a last, incomplete batch is left out.
    pooling
        ``"none"``: a row is a frame; ``"mean"``: a row is the mean of an utterance.
    aggregate
        ``"mean"`` of the batches' CKA, or ``"sum"``: the ratio of summed HSIC (Nguyen et al. 2021).
    debiased
        Whether HSIC of a batch is the debiased one.
    """

    size: int = 256
    pooling: str = "none"
    aggregate: str = "mean"
    debiased: bool = False

    def __post_init__(self) -> None:
        """Check the words and the size."""
        for option, known in (("pooling", ("none", "mean")), ("aggregate", ("mean", "sum"))):
            if getattr(self, option) not in known:
                raise ArticulensError(f"{option} '{getattr(self, option)}' is unknown; choose {' or '.join(known)}.")
        if self.size < 4:
            raise ArticulensError(f"mini-batches of {self.size} rows are too small; take 4 or more.")


class MinibatchSums:
    """HSIC of all pairs of views in every mini-batch, from one pass: memory is that of one batch.

    Parameters
    ----------
    options
        Size, pooling and correction.
    views
        Which views.
    device
        Where to compute.
    """

    def __init__(self, options: Minibatch, views: Sequence[View], device: str | torch.device = "cpu") -> None:
        self.options, self.views, self.device = options, list(views), torch.device(device)
        self._rows: dict[View, list[torch.Tensor]] = {view: [] for view in self.views}
        self._waiting = 0
        self._hsic: list[torch.Tensor] = []

    def update(self, views: Mapping[View, torch.Tensor]) -> None:
        """Add one utterance."""
        for view in self.views:
            x = views[view].to(self.device, torch.float64)
            self._rows[view].append(x if self.options.pooling == "none" else x.mean(0, keepdim=True))
        self._waiting += len(self._rows[self.views[0]][-1])
        if self._waiting >= self.options.size:
            self._flush()

    def _flush(self) -> None:
        size = self.options.size
        rows = {view: torch.cat(parts) for view, parts in self._rows.items()}
        while self._waiting >= size:
            grams = torch.stack([_centred_gram(rows[view][:size]) for view in self.views])
            self._hsic.append(_all_pairs(grams, debiased=self.options.debiased))
            rows = {view: x[size:] for view, x in rows.items()}
            self._waiting -= size
        self._rows = {view: [x] for view, x in rows.items()}

    @property
    def batches(self) -> int:
        """How many whole batches there were."""
        return len(self._hsic)

    def cka(self, draws: Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Yield CKA of all pairs, ``(views, views)``, for each mask over the batches; NaN where no batch is in."""
        every = torch.stack(self._hsic) if self._hsic else torch.zeros(0, len(self.views), len(self.views))
        for mask in draws:
            chosen = every[mask.to(every.device)]
            if not len(chosen):
                yield torch.full(every.shape[1:], torch.nan, dtype=torch.float64)
            elif self.options.aggregate == "sum":
                yield _ratio(chosen.sum(0)).cpu()
            else:
                yield torch.stack([_ratio(one) for one in chosen]).nanmean(0).cpu()


def _centred_gram(x: torch.Tensor) -> torch.Tensor:
    x = x - x.mean(0)
    return x @ x.T


def _all_pairs(grams: torch.Tensor, *, debiased: bool) -> torch.Tensor:
    """Return HSIC of all pairs of centred Gram matrices ``(views, n, n)``: ``(views, views)``."""
    n = grams.shape[1]
    if not debiased:
        flat = grams.flatten(1)
        return flat @ flat.T / (n - 1) ** 2
    grams = grams - torch.diag_embed(torch.diagonal(grams, dim1=1, dim2=2))
    flat, rows = grams.flatten(1), grams.sum(2)
    totals = rows.sum(1)
    both = torch.outer(totals, totals) / ((n - 1) * (n - 2))
    return (flat @ flat.T + both - 2 / (n - 2) * rows @ rows.T) / (n * (n - 3))


def _ratio(hsic: torch.Tensor) -> torch.Tensor:
    """Return CKA from HSIC of all pairs; NaN where a view's own HSIC is not positive."""
    own = torch.diagonal(hsic)
    own = torch.where(own > 0, own, torch.nan).sqrt()
    return hsic / own / own[:, None]
