r"""Sufficient statistics of frames: all that a linear probe ever needs to know about them.

For features :math:`X` of shape ``(frames, p)`` and targets :math:`Y` of shape ``(frames, k)`` keep

.. math:: n,\ \bar x,\ \bar y,\ S_{xx} = \sum (x-\bar x)(x-\bar x)^\top,\ S_{xy},\ S_{yy}.

Two disjoint sets of frames merge exactly, and a part can be taken out of a sum again (Chan, Golub and
LeVeque 1983, "Algorithms for computing the sample variance", eq. 2.1). Scatter is kept about the mean,
not about zero, so that large offsets (positions are in mm from an arbitrary origin) cost no digits.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from articulens.errors import ArticulensError
from articulens.files import atomic_write

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Count, means and scatter of paired features and targets, in float64.

    Attributes
    ----------
    n
        Number of frames.
    mean_x, mean_y
        Means, shapes ``(p,)`` and ``(k,)``.
    sxx, sxy, syy
        Sums of products of deviations from the means: ``(p, p)``, ``(p, k)``, ``(k, k)``.
    """

    n: int
    mean_x: Array
    mean_y: Array
    sxx: Array
    sxy: Array
    syy: Array

    @classmethod
    def empty(cls, p: int, k: int) -> Moments:
        """Return the moments of no frames: adding them changes nothing."""
        return cls(0, np.zeros(p), np.zeros(k), np.zeros((p, p)), np.zeros((p, k)), np.zeros((k, k)))

    @classmethod
    def from_frames(cls, features: npt.ArrayLike, targets: npt.ArrayLike) -> Moments:
        """Gather the moments of frames.

        Parameters
        ----------
        features, targets
            ``(frames, p)`` and ``(frames, k)``, of the same frames, finite.

        Raises
        ------
        ArticulensError
            When the shapes do not pair or a value is not finite.
        """
        x, y = np.asarray(features, dtype=np.float64), np.asarray(targets, dtype=np.float64)
        if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
            raise ArticulensError(
                f"moments: features {x.shape} and targets {y.shape} do not pair; "
                "give two arrays (frames, dims) with one row for each frame."
            )
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise ArticulensError(
                "moments: a feature or target is NaN or infinite; leave out the frames without measurement first."
            )
        if not len(x):
            return cls.empty(x.shape[1], y.shape[1])
        mean_x, mean_y = x.mean(0), y.mean(0)
        x, y = x - mean_x, y - mean_y
        return cls(len(x), mean_x, mean_y, x.T @ x, x.T @ y, y.T @ y)

    @property
    def p(self) -> int:
        """Number of features."""
        return len(self.mean_x)

    @property
    def k(self) -> int:
        """Number of targets."""
        return len(self.mean_y)

    def __add__(self, other: Moments) -> Moments:
        """Return the moments of both sets of frames together."""
        self._check_pairs(other)
        n = self.n + other.n
        if not self.n or not other.n:
            return self if not other.n else other
        dx, dy = other.mean_x - self.mean_x, other.mean_y - self.mean_y
        w = self.n * other.n / n
        return Moments(
            n,
            self.mean_x + dx * (other.n / n),
            self.mean_y + dy * (other.n / n),
            self.sxx + other.sxx + w * np.outer(dx, dx),
            self.sxy + other.sxy + w * np.outer(dx, dy),
            self.syy + other.syy + w * np.outer(dy, dy),
        )

    def __sub__(self, part: Moments) -> Moments:
        """Return the moments of the frames that remain when `part`, contained in these, is taken out."""
        self._check_pairs(part)
        n = self.n - part.n
        if n < 0:
            raise ArticulensError(
                f"moments: cannot take {part.n} frames out of {self.n}; subtract only a part that was added."
            )
        if not part.n:
            return self
        if not n:
            return Moments.empty(self.p, self.k)
        mean_x = self.mean_x + (self.mean_x - part.mean_x) * (part.n / n)
        mean_y = self.mean_y + (self.mean_y - part.mean_y) * (part.n / n)
        dx, dy = part.mean_x - mean_x, part.mean_y - mean_y
        w = n * part.n / self.n
        sxx = self.sxx - part.sxx
        sxx -= np.outer(w * dx, dx)
        return Moments(
            n,
            mean_x,
            mean_y,
            sxx,
            self.sxy - part.sxy - w * np.outer(dx, dy),
            self.syy - part.syy - w * np.outer(dy, dy),
        )

    @staticmethod
    def sum(parts: Iterable[Moments]) -> Moments:
        """Return the moments of all parts together; ArticulensError when there is none."""
        every = list(parts)
        if not every:
            raise ArticulensError("moments: nothing to add up; the selection holds no cell of frames.")
        first = every[0]
        parts = [part for part in every if part.n]
        for part in every:
            first._check_pairs(part)
        if len(parts) < 2:
            return parts[0] if parts else first
        n = np.array([part.n for part in parts], dtype=np.float64)
        x, y = np.stack([part.mean_x for part in parts]), np.stack([part.mean_y for part in parts])
        mean_x, mean_y = n @ x / n.sum(), n @ y / n.sum()
        # Scatter inside the parts, added in place, and scatter of their means, in one product for all parts.
        dx, dy = x - mean_x, y - mean_y
        weighted = n[:, None] * dx
        sxx, sxy, syy = weighted.T @ dx, weighted.T @ dy, (n[:, None] * dy).T @ dy
        for part in parts:
            sxx += part.sxx
            sxy += part.sxy
            syy += part.syy
        return Moments(int(n.sum()), mean_x, mean_y, sxx, sxy, syy)

    @staticmethod
    def target_statistics(parts: Iterable[Moments]) -> tuple[Array, Array]:
        """Return mean and standard deviation of each target over all parts, ``(k,)`` each; 1 where it does not vary.

        What :meth:`sum` would give, without adding up the large matrices.
        """
        kept = [(part.n, part.mean_y, np.diagonal(part.syy)) for part in parts if part.n]
        n = np.array([part[0] for part in kept], dtype=np.float64)[:, None]
        y = np.stack([part[1] for part in kept])
        mean = (n * y).sum(0) / n.sum()
        scatter = np.sum([part[2] for part in kept], axis=0) + (n * (y - mean) ** 2).sum(0)
        return mean, _scale(np.diag(scatter), mean, int(n.sum()))

    def standardise_targets(self, mean: Array, scale: Array) -> Moments:
        """Return the moments of the same frames with targets ``(y - mean) / scale``, each ``(k,)``."""
        return Moments(
            self.n,
            self.mean_x,
            (self.mean_y - mean) / scale,
            self.sxx,
            self.sxy / scale,
            self.syy / np.outer(scale, scale),
        )

    def standardise(self) -> Moments:
        """Return the moments of the same frames with every feature at mean 0 and variance 1.

        A feature that does not vary keeps scale 1, as in scikit-learn's ``StandardScaler``.
        """
        scale = self.scale_x
        return Moments(
            self.n,
            np.zeros(self.p),
            self.mean_y,
            self.sxx / np.outer(scale, scale),
            self.sxy / scale[:, None],
            self.syy,
        )

    @property
    def scale_x(self) -> Array:
        """Standard deviation of each feature (divisor n), 1 where it does not vary; shape ``(p,)``."""
        return _scale(self.sxx, self.mean_x, self.n)

    @property
    def scale_y(self) -> Array:
        """Standard deviation of each target (divisor n), 1 where it does not vary; shape ``(k,)``."""
        return _scale(self.syy, self.mean_y, self.n)

    def select_targets(self, index: Any) -> Moments:
        """Return the moments with only the targets at `index` (integers or a mask)."""
        index = np.arange(self.k)[index]
        return Moments(
            self.n,
            self.mean_x,
            self.mean_y[index],
            self.sxx,
            self.sxy[:, index],
            self.syy[np.ix_(index, index)],
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to an ``.npz`` file without pickle, the symmetric matrices packed to one triangle."""
        with atomic_write(path) as stream:
            np.savez(stream, allow_pickle=False, **pack(self))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Moments:
        """Read what :meth:`save` wrote, exactly."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                return unpack({name: stored[name] for name in FIELDS})
        except (OSError, ValueError, KeyError) as error:
            raise ArticulensError(
                f"{path}: not readable as moments ({error}); expected an .npz with {', '.join(FIELDS)}: make it again."
            ) from error

    def _check_pairs(self, other: Moments) -> None:
        if (self.p, self.k) != (other.p, other.k):
            raise ArticulensError(
                f"moments: {self.p} features × {self.k} targets do not go with {other.p} × {other.k}; "
                "combine only moments of one layer and one list of targets."
            )


FIELDS = ("n", "mean_x", "mean_y", "sxx", "sxy", "syy")


class Accumulator:
    """Moments that grow in place, on the device where the frames are.

    Adding a batch to a ``(1024, 1024)`` matrix in place moves half the memory that making a new one does, and
    on a GPU the matrices stay there until they are asked for.

    Parameters
    ----------
    p, k
        Numbers of features and targets.
    device
        Where the sums live: a torch device.
    """

    def __init__(self, p: int, k: int, device: str | torch.device = "cpu") -> None:
        zeros = lambda *shape: torch.zeros(*shape, dtype=torch.float64, device=device)  # noqa: E731
        self.n = 0
        self.mean_x, self.mean_y = zeros(p), zeros(k)
        self.sxx, self.sxy, self.syy = zeros(p, p), zeros(p, k), zeros(k, k)

    def update(self, x: torch.Tensor, y: torch.Tensor) -> Accumulator:
        """Add frames: features ``(frames, p)`` and targets ``(frames, k)``, any float type, finite."""
        if not len(x):
            return self
        x = x.to(self.mean_x.device, torch.float64)
        y = y.to(self.mean_x.device, torch.float64)
        mean_x, mean_y = x.mean(0), y.mean(0)
        x, y = x - mean_x, y - mean_y
        self.sxx.addmm_(x.T, x)
        self.sxy.addmm_(x.T, y)
        self.syy.addmm_(y.T, y)
        # The distance between the old mean and that of the new frames (Chan's update).
        n = len(x)
        total = self.n + n
        dx, dy = mean_x - self.mean_x, mean_y - self.mean_y
        w = self.n * n / total
        self.sxx.addr_(dx, dx, alpha=w)
        self.sxy.addr_(dx, dy, alpha=w)
        self.syy.addr_(dy, dy, alpha=w)
        self.mean_x += dx * (n / total)
        self.mean_y += dy * (n / total)
        self.n = total
        return self

    def moments(self) -> Moments:
        """Return the sums so far."""
        # A copy: on the CPU `numpy()` would hand out the memory that the next update changes.
        arrays = (self.mean_x, self.mean_y, self.sxx, self.sxy, self.syy)
        return Moments(self.n, *(array.cpu().numpy().copy() for array in arrays))


def pack(m: Moments) -> dict[str, Array]:
    """Return the fields as arrays, the symmetric matrices as their upper triangles."""
    x, y = np.triu_indices(m.p), np.triu_indices(m.k)
    return {
        "n": np.asarray(m.n, dtype=np.int64),
        "mean_x": m.mean_x,
        "mean_y": m.mean_y,
        "sxx": m.sxx[x],
        "sxy": m.sxy,
        "syy": m.syy[y],
    }


def unpack(fields: dict[str, Array]) -> Moments:
    """Undo :func:`pack`."""
    p, k = fields["sxy"].shape
    return Moments(
        int(fields["n"]),
        fields["mean_x"],
        fields["mean_y"],
        _symmetric(fields["sxx"], p),
        fields["sxy"],
        _symmetric(fields["syy"], k),
    )


def _symmetric(triangle: Array, size: int) -> Array:
    full = np.empty((size, size))
    upper = np.triu_indices(size)
    full[upper] = triangle
    full.T[upper] = triangle
    return full


def _scale(scatter: Array, mean: Array, n: int) -> Array:
    variance = np.diagonal(scatter) / max(n, 1)
    # Below the rounding error of a constant at this offset, a spread is no spread.
    floor = (10 * np.finfo(float).eps * np.abs(mean)) ** 2
    return np.sqrt(np.where(variance > floor, variance, 1.0))
