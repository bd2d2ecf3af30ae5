r"""How well predictions agree with measurements, exactly, from moments alone.

For predictions :math:`\hat y = b^\top x + c` and frames known by their moments,

.. math:: r = \frac{b^\top S_{xy}}{\sqrt{b^\top S_{xx} b \; S_{yy}}}, \qquad
          \mathrm{MSE} = \frac{b^\top S_{xx} b - 2 b^\top S_{xy} + S_{yy}}{n} + (\bar{\hat y} - \bar y)^2 .
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from articulens.moments import Array, Moments


@dataclass(frozen=True)
class Agreement:
    """Moments of predictions and measurements, target by target; disjoint sets of frames add up exactly.

    Attributes
    ----------
    n
        Frames.
    mean_p, mean_y
        Mean prediction and mean measurement, ``(k,)``.
    spp, spy, syy
        Scatter of the predictions, of both, of the measurements, ``(k,)``.
    """

    n: int
    mean_p: Array
    mean_y: Array
    spp: Array
    spy: Array
    syy: Array

    @classmethod
    def of(cls, b: Array, intercept: Array, m: Moments) -> Agreement:
        """Return the agreement of weights ``b (p, k)`` and ``intercept (k,)`` on the frames of `m`."""
        spp = np.einsum("pk,pk->k", b, m.sxx @ b)
        spy = np.einsum("pk,pk->k", b, m.sxy)
        return cls(m.n, m.mean_x @ b + intercept, m.mean_y, spp, spy, np.diagonal(m.syy).copy())

    @classmethod
    def of_frames(cls, predicted: npt.ArrayLike, measured: npt.ArrayLike) -> Agreement:
        """Return the agreement of two arrays ``(frames, k)``."""
        p, y = np.asarray(predicted, dtype=np.float64), np.asarray(measured, dtype=np.float64)
        mean_p, mean_y = p.mean(0), y.mean(0)
        p, y = p - mean_p, y - mean_y
        return cls(len(p), mean_p, mean_y, (p * p).sum(0), (p * y).sum(0), (y * y).sum(0))

    def __add__(self, other: Agreement) -> Agreement:
        """Return the agreement over both sets of frames."""
        if not self.n or not other.n:
            return self if not other.n else other
        n = self.n + other.n
        dp, dy, w = other.mean_p - self.mean_p, other.mean_y - self.mean_y, self.n * other.n / n
        return Agreement(
            n,
            self.mean_p + dp * (other.n / n),
            self.mean_y + dy * (other.n / n),
            self.spp + other.spp + w * dp * dp,
            self.spy + other.spy + w * dp * dy,
            self.syy + other.syy + w * dy * dy,
        )

    @property
    def r(self) -> Array:
        """Pearson's r of each target, ``(k,)``; NaN where predictions or measurements do not vary."""
        # A constant has a scatter of rounding errors: about n·eps²·mean².
        tiny = self.n * (10 * np.finfo(float).eps) ** 2
        flat = (self.spp <= tiny * self.mean_p**2) | (self.syy <= tiny * self.mean_y**2)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(flat, np.nan, np.clip(self.spy / np.sqrt(self.spp * self.syy), -1, 1))

    @property
    def mse(self) -> Array:
        """Mean squared error of each target, ``(k,)``, in the square of the targets' unit."""
        n = max(self.n, 1)
        return np.maximum(self.spp - 2 * self.spy + self.syy, 0) / n + (self.mean_p - self.mean_y) ** 2

    @property
    def rmse(self) -> Array:
        """Root mean squared error of each target, ``(k,)``, in the targets' unit."""
        return np.sqrt(self.mse)
