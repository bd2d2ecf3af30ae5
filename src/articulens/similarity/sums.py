r"""Sums over utterances from which the similarity of two views follows exactly, in every form at once.

HSIC, the numerator of CKA, is an average of products of kernels over *different* things (Song et al. 2007; Nguyen et
al. 2021 for CKA). With :math:`k_{uv} = x_u \cdot x_v` and :math:`l_{uv} = y_u \cdot y_v`, over distinct *u, v, w, t*,

.. math:: \mathrm{HSIC} = \overline{k_{uv} l_{uv}} - 2\,\overline{k_{uv} l_{uw}} + \overline{k_{uv} l_{wt}}.

Where the things are frames, this is the usual debiased form, which takes frames for independent. Where they are
**utterances**, of each of which one takes a random frame, no product is ever taken within an utterance, and frames may
depend on their neighbours as they like: the cross-utterance form. Neither changes when a constant is added to *x* or
*y*.

Each utterance enters through its product :math:`X_u^\top Y_u` and a few vectors, so memory is O(p²) a pair. All of
these sums are linear in "is utterance *u* in?", hence a leading dimension of *draws*: draw 0 is all utterances, the
others are half-samples, of which the spread is that of the estimate (half-sample bootstrap, or delete-half jackknife; a
resample *with* replacement would pair an utterance with its own copy, which is what the cross-utterance form must
avoid).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch

from articulens.errors import ArticulensError
from articulens.similarity.frames import View

Pair = tuple[View, View]
FORMS = ("biased", "debiased", "cross_utterance")
_PRODUCTS_BYTES = 16e6  # products of this many bytes wait to be added up at once, always in the same memory
_STATES_BYTES = 256e6  # and states of this many, in float64


class PairSums:
    """Sums of pairs of views, growing utterance by utterance.

    Parameters
    ----------
    pairs
        Pairs of a left and a right view.
    forms
        Which of :data:`FORMS` to serve.
    one_side
        Whether left and right views are always of the same utterance.
    device
        Where the sums live.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        *,
        forms: Sequence[str] = FORMS,
        one_side: bool = True,
        device: str | torch.device = "cpu",
    ) -> None:
        self.pairs, self.forms, self.device = list(dict.fromkeys(pairs)), tuple(forms), torch.device(device)
        self.left = {view: _Side(view, self.device) for pair in self.pairs for view in pair[: 1 + one_side]}
        self.right = self.left if one_side else {b: _Side(b, self.device) for _, b in self.pairs}
        self.by_frame: dict[Pair, _Products] = {}
        self.by_utterance: dict[Pair, _Products] = {}
        self.frames: list[int] = []
        self._weights: list[torch.Tensor] = []
        self._waiting = torch.empty(0, dtype=torch.float64, device=self.device)

    def update(
        self,
        names: Sequence[str],
        left: Sequence[Mapping[View, torch.Tensor]],
        weights: torch.Tensor,
        right: Sequence[Mapping[View, torch.Tensor]] | None = None,
    ) -> None:
        """Add utterances.

        Parameters
        ----------
        names
            What to call them in errors.
        left
            For each utterance its views, ``(frames, dims)``.
        weights
            ``(draws, utterances)`` of zeros and ones: which draws each is in; row 0 is ones.
        right
            For each utterance the views on the right, with the same frames, where these are of another utterance.

        Raises
        ------
        ArticulensError
            For states that are not finite.
        """
        weights = weights.to(self.device, torch.float64)
        self._weights.append(weights)
        self.frames += [len(next(iter(views.values()))) for views in left]
        largest = max(sum(views[view].numel() for view in self.left) for views in left)
        step = max(1, int(_STATES_BYTES / (8 * largest)))
        for at in range(0, len(left), step):
            part, c = slice(at, at + step), weights[:, at : at + step]
            xs = {a: side.take(names[part], [one[a] for one in left[part]], c) for a, side in self.left.items()}
            ys = xs
            if right is not None:
                ys = {b: side.take(names[part], [one[b] for one in right[part]], c) for b, side in self.right.items()}
            for pair in self.pairs:
                self._add(pair, xs[pair[0]], ys[pair[1]], c)

    def _add(self, pair: Pair, xs: Sequence[_Taken], ys: Sequence[_Taken], weights: torch.Tensor) -> None:
        p, q = xs[0].x.shape[1], ys[0].x.shape[1]
        step = max(1, int(_PRODUCTS_BYTES / (8 * p * q)))
        only_sum = len(weights) == 1 and "cross_utterance" not in self.forms  # no use for an utterance's own product
        for at in range(0, len(xs), step):
            part = list(zip(xs[at : at + step], ys[at : at + step], strict=True))
            c = weights[:, at : at + step]
            if only_sum:
                total, products = self._of(self.by_frame, pair, c, p, q).m[0], None
                for x, y in part:
                    total.addmm_(x.x.T, y.x)
            else:
                products = self._room(len(part), p, q)
                for product, (x, y) in zip(products, part, strict=True):
                    torch.mm(x.x.T, y.x, out=product)
            if "biased" in self.forms or "debiased" in self.forms:
                self._of(self.by_frame, pair, c, p, q).add(
                    c,
                    products,
                    squares=torch.stack([x.energy @ y.energy for x, y in part]),
                    left=torch.stack([x.x.T @ y.energy for x, y in part]),
                    right=torch.stack([y.x.T @ x.energy for x, y in part]),
                )
            if products is not None and "cross_utterance" in self.forms:
                share = torch.tensor([1 / len(x.x) for x, _ in part], dtype=torch.float64, device=self.device)
                a, b = torch.stack([x.mean for x, _ in part]), torch.stack([y.mean for _, y in part])
                squares = torch.linalg.vector_norm(products, dim=(1, 2)) ** 2 * share**2
                left = torch.bmm(products, b[:, :, None])[..., 0] * share[:, None]
                right = torch.bmm(a[:, None], products)[:, 0] * share[:, None]
                self._of(self.by_utterance, pair, c, p, q).add(
                    c, products, squares=squares, left=left, right=right, cubes=(a * left).sum(1), share=share
                )

    def _room(self, *shape: int) -> torch.Tensor:
        size = math.prod(shape)
        if len(self._waiting) < size:
            self._waiting = torch.empty(size, dtype=torch.float64, device=self.device)
        return self._waiting[:size].view(shape)

    def _of(self, sums: dict[Pair, _Products], pair: Pair, weights: torch.Tensor, p: int, q: int) -> _Products:
        if pair not in sums:
            sums[pair] = _Products(len(weights), p, q, self.device)
        return sums[pair]

    def hsic(self, form: str, pair: Pair) -> torch.Tensor:
        """Return HSIC of a pair in one form: ``(draws,)``, draw 0 of all utterances; NaN in draws of too few."""
        left, right = self.left[pair[0]], self.right[pair[1]]
        weights = torch.cat(self._weights, dim=1)
        if form == "cross_utterance":
            return _by_utterance(self.by_utterance[pair], left, right, weights)
        n = weights @ torch.tensor(self.frames, dtype=torch.float64, device=self.device)
        return _by_frame(self.by_frame[pair], left, right, n, debiased=form == "debiased")


class _Taken:
    """One utterance in one view: its frames about the view's reference, their energies and their mean."""

    def __init__(self, x: torch.Tensor) -> None:
        self.x, self.energy, self.mean = x, x.square().sum(1), x.mean(0)


class _Side:
    """Sums of one view alone. Frames are taken about the mean of the first utterance, so that no digits are lost."""

    def __init__(self, view: View, device: torch.device) -> None:
        self.view, self.device = view, device
        self.reference: torch.Tensor | None = None
        self.total: torch.Tensor | float = 0.0
        self.energy: torch.Tensor | float = 0.0
        self._means: list[torch.Tensor] = []

    def take(self, names: Sequence[str], states: Sequence[torch.Tensor], weights: torch.Tensor) -> list[_Taken]:
        taken = []
        for name, x in zip(names, states, strict=True):
            x = x.to(self.device, torch.float64)
            if not torch.isfinite(x).all():
                raise ArticulensError(
                    f"{name}: layer {self.view[1]} of {self.view[0]} holds NaN or infinite states, expected finite "
                    "ones; leave this utterance out, or encode it again in fp32."
                )
            if self.reference is None:
                self.reference = x.mean(0)
            taken.append(_Taken(x - self.reference))
        means = torch.stack([t.mean for t in taken])
        self._means.append(means)
        frames = torch.tensor([len(t.x) for t in taken], dtype=torch.float64, device=self.device)
        self.total = self.total + (weights * frames) @ means
        self.energy = self.energy + weights @ torch.stack([t.energy.sum() for t in taken])
        return taken

    @property
    def means(self) -> torch.Tensor:
        """Mean of every utterance, ``(utterances, dims)``."""
        return torch.cat(self._means)

    def is_constant(self, n: int) -> bool:
        """Whether nothing varies, but for the rounding of float32 states."""
        assert self.reference is not None and isinstance(self.total, torch.Tensor)
        assert isinstance(self.energy, torch.Tensor)
        variance = self.energy[0] / n - (self.total[0] / n).square().sum()
        return bool(variance <= (1e-7 * self.reference).square().sum() + 1e-300)


class _Products:
    """Sums of one pair over utterances, with a leading dimension of draws."""

    def __init__(self, draws: int, p: int, q: int, device: torch.device) -> None:
        zeros = lambda *shape: torch.zeros(draws, *shape, dtype=torch.float64, device=device)  # noqa: E731
        self.m, self.squares, self.left, self.right, self.cubes = zeros(p, q), zeros(), zeros(p), zeros(q), zeros()

    def add(
        self,
        weights: torch.Tensor,
        products: torch.Tensor | None,
        *,
        squares: torch.Tensor,
        left: torch.Tensor,
        right: torch.Tensor,
        cubes: torch.Tensor | None = None,
        share: torch.Tensor | None = None,
    ) -> None:
        if products is not None:
            self.m.flatten(1).addmm_(weights if share is None else weights * share, products.flatten(1))
        self.squares += weights @ squares
        self.left += weights @ left
        self.right += weights @ right
        self.cubes += weights @ (squares if cubes is None else cubes)


def _by_frame(s: _Products, x: _Side, y: _Side, n: torch.Tensor, *, debiased: bool) -> torch.Tensor:
    """Return HSIC over frames: the plain centred form, or the average over distinct frames."""
    a, b = x.total, y.total
    assert isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor)
    assert isinstance(x.energy, torch.Tensor) and isinstance(y.energy, torch.Tensor)
    square = _inner(s.m, s.m)
    through = torch.einsum("wp,wpq,wq->w", a, s.m, b)
    if not debiased:
        return (square - 2 * through / n + a.square().sum(1) * b.square().sum(1) / n**2) / n**2
    two = square - s.squares
    three = through - (a * s.left).sum(1) - (b * s.right).sum(1) + s.squares
    four = (a.square().sum(1) - x.energy) * (b.square().sum(1) - y.energy) - 4 * three + 2 * two
    return _average(two, three - two, four, n)


def _by_utterance(s: _Products, x: _Side, y: _Side, weights: torch.Tensor) -> torch.Tensor:
    """Return HSIC over distinct utterances, each a random one of its frames."""
    means_x, means_y = x.means, y.means
    a, b = weights @ means_x, weights @ means_y
    outer = torch.matmul((weights[:, :, None] * means_x).transpose(1, 2), means_y)  # Σ_u x̄_u ȳ_u' of every draw
    energy_x, energy_y = means_x.square().sum(1), means_y.square().sum(1)
    others_x, others_y = a @ means_x.T - energy_x, b @ means_y.T - energy_y
    two = _inner(s.m, s.m) - s.squares
    three = (
        torch.einsum("wp,wpq,wq->w", a, s.m, b)
        - (a * s.left).sum(1)
        - (b * s.right).sum(1)
        - _inner(s.m, outer)
        + 2 * s.cubes
    )
    both = (weights * others_x * others_y).sum(1)
    same = _inner(outer, outer) - weights @ (energy_x * energy_y)
    four = (weights * others_x).sum(1) * (weights * others_y).sum(1) - 4 * both + 2 * same
    return _average(two, three, four, weights.sum(1))


def _inner(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return the inner products of matrices, ``(draws, p, q)`` each: ``(draws,)``."""
    return torch.bmm(a.flatten(1)[:, None], b.flatten(1)[:, :, None])[:, 0, 0]


def _average(two: torch.Tensor, three: torch.Tensor, four: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
    """Divide sums over 2, 3 and 4 distinct things of `n` by how many there are; NaN where there are fewer than 4."""
    pairs, triples = n * (n - 1), n * (n - 1) * (n - 2)
    value = two / pairs - 2 * three / triples + four / (triples * (n - 3))
    return torch.where(n >= 4, value, torch.nan)
