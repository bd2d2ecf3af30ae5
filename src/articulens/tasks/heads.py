"""Many small heads trained side by side: each on a softmax-weighted sum of its own set of layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, ctc_loss, log_softmax

from articulens.errors import ArticulensError


@dataclass(frozen=True)
class Batch:
    """What goes through the heads at once.

    Attributes
    ----------
    x
        ``(layers, rows, dims)``; a row is an utterance, or a frame.
    targets
        Classes, ``(rows, questions)``; or the phones of all utterances end to end.
    frames, phones
        Frames and phones of each utterance, where rows are frames.
    """

    x: torch.Tensor
    targets: torch.Tensor
    frames: Sequence[int] = ()
    phones: Sequence[int] = ()


@dataclass(frozen=True)
class Training:
    """How long and how fast heads are trained.

    Attributes
    ----------
    rounds, patience
        Most passes over the training set, and passes without a better validation loss after which a head stops.
    rate
        Step size of Adam for the heads.
    mixing_rate
        The same for the weights of layers.
    """

    rounds: int = 60
    patience: int = 10
    rate: float = 0.01
    mixing_rate: float = 0.2


class Heads(nn.Module):
    r"""Linear heads on weighted sums of layers, :math:`A \sum_l \mathrm{softmax}(w)_l f(h_l) + b`, one a row of a mask.

    Steps are taken in coordinates in which the sum at equal weights is white (see :func:`whiteners`). A linear head
    could do that itself, so no head can say more for it; but what an utterance is about varies more than who speaks,
    and without it early stopping comes before the small directions are found.

    Parameters
    ----------
    layers
        ``(heads, layers)`` bool: which layers each head may use.
    mean, whitener
        ``(layers, dims)`` and ``(heads, parts, width, width)``, of :func:`whiteners`; dims = parts · width.
    classes
        Outputs of each head.
    seeds
        One a head; the same seed gives the same initial values.
    """

    def __init__(
        self, layers: torch.Tensor, mean: torch.Tensor, whitener: torch.Tensor, classes: int, seeds: Sequence[int]
    ) -> None:
        super().__init__()
        self.allowed, self.mean, self.whitener = layers, mean, whitener
        shape = (mean.shape[1], classes)
        initial = [torch.randn(shape, generator=torch.Generator().manual_seed(int(seed))) for seed in seeds]
        self.mixing = nn.Parameter(torch.zeros(layers.shape))
        self.weight = nn.Parameter(torch.stack(initial) * 0.1 / shape[0] ** 0.5)
        self.bias = nn.Parameter(torch.zeros(len(layers), 1, classes))

    def mixture(self) -> torch.Tensor:
        """Return the weights of layers, ``(heads, layers)``: they sum to 1, and are 0 where a head may not look."""
        return self.mixing.masked_fill(~self.allowed, -torch.inf).softmax(-1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return scores ``(heads, rows, classes)`` of ``(layers, rows, dims)``."""
        n_layers, rows, dims = x.shape
        mixture = self.mixture()
        summed = (mixture @ x.reshape(n_layers, -1)).view(-1, rows, dims)
        heads, parts, width, _ = self.whitener.shape
        weight = (self.whitener @ self.weight.view(heads, parts, width, -1)).view(heads, dims, -1)
        return torch.baddbmm(self.bias - (mixture @ self.mean)[:, None] @ weight, summed, weight)


def whiteners(
    x: torch.Tensor, layers: torch.Tensor, names: Sequence[str], parts: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean of each layer and, for each head, what whitens the equal sum of its layers, part by part.

    The fewer rows there are for the width, the more of the covariance is taken for diagonal.

    Parameters
    ----------
    x
        Training features, ``(layers, rows, dims)``.
    layers
        ``(heads, layers)`` bool.
    names
        Of the layers, for messages.
    parts
        Parts of an utterance whose features stand end to end in ``dims``.

    Returns
    -------
    (layers, dims) and (heads, parts, width, width)

    Raises
    ------
    ArticulensError
        For a layer that is the same in all rows.
    """
    mean = x.mean(1)
    centred = x - mean[:, None]
    sizes, spreads = x.abs().amax((1, 2)).tolist(), centred.abs().amax((1, 2)).tolist()
    for name, size, spread in zip(names, sizes, spreads, strict=True):
        if spread <= 1e-5 * size:
            raise ArticulensError(
                f"layer {name}: its features are the same in all {x.shape[1]} training rows, expected some that "
                "differ; check the audio and the weights, or leave the layer out."
            )
    equal = layers.float() / layers.sum(1, keepdim=True)
    rows, width = x.shape[1], x.shape[2] // parts
    summed = (equal @ centred.flatten(1)).view(len(layers), rows, parts, width).permute(0, 2, 3, 1)
    covariance = summed @ summed.transpose(2, 3) / rows
    variance = covariance.diagonal(dim1=2, dim2=3)
    floor = 1e-3 * variance.mean((1, 2), keepdim=True)  # of dimensions that do not vary, as beside a narrow layer
    shrinkage = width / (rows + width)
    shrunk = (1 - shrinkage) * covariance + shrinkage * torch.diag_embed(torch.maximum(variance, floor))
    values, vectors = torch.linalg.eigh(shrunk.double())
    return mean, ((vectors / values.sqrt()[..., None, :]) @ vectors.transpose(2, 3)).float()


def classification_loss(slots: Sequence[int]) -> Callable[[torch.Tensor, Batch], torch.Tensor]:
    """Return the cross-entropy of each head, ``(heads,)``, summed over questions of so many classes each."""

    def loss(scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        total = scores.new_zeros(len(scores))
        for answers, own in zip(batch.targets.T, scores.split(list(slots), dim=-1), strict=True):
            each = cross_entropy(own.flatten(0, 1), answers.repeat(len(scores)), reduction="none")
            total = total + each.view(len(scores), -1).mean(1)
        return total

    return loss


def phone_loss(scores: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Return the CTC loss a phone of each head, ``(heads,)``; class 0 is the blank."""
    heads, utterances = len(scores), len(batch.frames)
    by_time = scores.view(heads * utterances, -1, scores.shape[-1]).transpose(0, 1)
    lengths, phones = torch.tensor(batch.frames), torch.tensor(batch.phones)
    loss = ctc_loss(
        log_softmax(by_time, -1),
        batch.targets.repeat(heads),
        lengths.repeat(heads),
        phones.repeat(heads),
        reduction="none",
        zero_infinity=True,
    )
    return loss.view(heads, utterances).sum(1) / phones.sum()


@dataclass(frozen=True)
class Fit:
    """What early stopping chose, for each head: validation loss and the pass over the data it was reached in."""

    loss: torch.Tensor
    passes: torch.Tensor


def train(
    heads: Heads,
    batches: Callable[[], Sequence[Callable[[], Batch]]],
    valid: Sequence[Callable[[], Batch]],
    loss: Callable[[torch.Tensor, Batch], torch.Tensor],
    how: Training,
    *,
    seed: int = 0,
) -> Fit:
    """Train heads side by side; each keeps what it was at its lowest validation loss.

    Heads do not influence each other: the loss is a sum, and Adam steps each number by its own gradient.

    Parameters
    ----------
    heads
        Changed in place.
    batches, valid
        What gives the training batches of a pass, and the validation batches; each is made when it is needed, so that
        none need be in memory.
    loss
        ``(heads,)`` of scores and batch.
    how
        How long and how fast.
    seed
        Order of the batches.
    """
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.Adam(
        [{"params": [heads.weight, heads.bias], "lr": how.rate}, {"params": [heads.mixing], "lr": how.mixing_rate}]
    )
    parameters = (heads.mixing, heads.weight, heads.bias)
    best = [p.detach().clone() for p in parameters]
    lowest = torch.full((len(heads.mixing),), torch.inf)
    reached = torch.zeros(len(lowest), dtype=torch.long)
    for current in range(1, how.rounds + 1):
        these = batches()
        for place in rng.permutation(len(these)):
            batch = these[place]()
            optimiser.zero_grad()
            loss(heads(batch.x), batch).sum().backward()
            optimiser.step()
        with torch.no_grad():
            made = [make() for make in valid]
            sizes = [len(b.phones) or len(b.targets) for b in made]
            now = sum(loss(heads(b.x), b) * n for b, n in zip(made, sizes, strict=True)) / sum(sizes)
            assert isinstance(now, torch.Tensor)
            better = (now < lowest) & (current - reached <= how.patience)
            for kept, p in zip(best, parameters, strict=True):
                kept[better] = p.detach()[better]
            lowest, reached = torch.where(better, now, lowest), torch.where(better, current, reached)
        if int((current - reached).min()) >= how.patience:
            break
    with torch.no_grad():
        for p, kept in zip(parameters, best, strict=True):
            p.copy_(kept)
    return Fit(lowest, reached)
