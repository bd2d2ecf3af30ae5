r"""Linear probes: ordinary least squares and ridge, from frames or from their moments.

The probe is :math:`\hat Y = X B + \mathbf 1 c^\top`. With centred scatter :math:`C = S_{xx}` and
:math:`D = S_{xy}` ridge minimises

.. math:: \|Y - XB - \mathbf 1 c^\top\|_F^2 + \alpha \|B\|_F^2
          \quad\Rightarrow\quad B(\alpha) = (C + \alpha I)^{-1} D,\ c = \bar y - B^\top \bar x,

which is scikit-learn's ``Ridge(alpha)``, and its ``LinearRegression`` at :math:`\alpha = 0` (the minimum-norm
solution where frames are fewer than features). One eigendecomposition of :math:`C` gives every penalty.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from scipy import linalg
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from articulens.agreement import Agreement
from articulens.errors import ArticulensError
from articulens.moments import Array, Moments

#: Penalties tried when none is given: 15 values over seven decades.
PENALTIES = tuple(float(a) for a in np.logspace(-1, 6, 15))


def solve(c: Array, d: Array, alpha: float) -> Array:
    """Solve ``(C + alpha I) B = D`` for one penalty; minimum norm where `alpha` is 0 and C is singular.

    Parameters
    ----------
    c, d
        Centred scatter of the features ``(p, p)`` and with the targets ``(p, k)``.
    alpha
        Penalty, not negative.

    Returns
    -------
    B, shape ``(p, k)``.
    """
    gram = c.copy()
    gram[np.diag_indices_from(gram)] += alpha
    # The transpose of a symmetric matrix is itself in the order that LAPACK works on in place.
    norm = float(linalg.norm(gram.T, 1))
    factor, failed = linalg.lapack.dpotrf(gram.T, lower=1, overwrite_a=1)
    if not failed and norm > 0:
        # A Cholesky factor costs a tenth of the eigenvectors; it is used where the condition number leaves
        # the solution more than half of its digits.
        reciprocal, _ = linalg.lapack.dpocon(factor, norm, uplo="L")
        if reciprocal > 1e-9:
            return np.asarray(linalg.lapack.dpotrs(factor, d, lower=1)[0])
    return RidgePath(c, d).at([alpha])[0]


class RidgePath:
    """Every ridge solution of one problem, from one eigendecomposition ``C = V diag(values) V'``."""

    def __init__(self, c: Array, d: Array) -> None:
        self.values, self.vectors = np.linalg.eigh(c)
        self.rotated = self.vectors.T @ d
        # Directions in which no frame differs from another carry rounding error only; as in a pseudo-inverse
        # they get no weight.
        self.kept = self.values > len(c) * np.finfo(float).eps * max(self.values[-1], 0.0)

    def at(self, alphas: Sequence[float]) -> Array:
        """Return B for each penalty, shape ``(penalties, p, k)``."""
        p, k = self.rotated.shape
        with np.errstate(divide="ignore"):
            shrink = np.where(self.kept, 1 / (self.values + np.asarray(alphas, float)[:, None]), 0.0)
        rotated = shrink[:, :, None] * self.rotated
        # One product for all penalties: (p, p) @ (p, penalties · k).
        flat = self.vectors @ rotated.transpose(1, 0, 2).reshape(p, -1)
        return np.ascontiguousarray(flat.reshape(p, len(alphas), k).transpose(1, 0, 2))


class LinearProbe(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """A linear map from the hidden states of one layer to articulator positions.

    Parameters
    ----------
    alpha
        One penalty (0: ordinary least squares), or several of which the best is chosen on inner folds of the
        training data.
    standardize
        Scale every feature to variance 1 first, by the training frames; the coefficients are given back in the
        features' own scale. A few dimensions of large variance dominate the upper layers of pre-norm encoders,
        and a penalty without scaling then treats the layers unequally.
    per_target
        Choose the penalty for each target on its own, not one for all.

    Attributes
    ----------
    coef_ : (k, p) array, or (p,) for a single target given as a vector
    intercept_ : (k,) array or float
    alpha_ : (k,) array, the penalty of each target
    cv_error_ : (penalties, k) array, mean squared error over inner folds, only where a penalty was chosen
    """

    def __init__(
        self, alpha: float | Sequence[float] = 0.0, *, standardize: bool = False, per_target: bool = True
    ) -> None:
        self.alpha = alpha
        self.standardize = standardize
        self.per_target = per_target

    # -- from frames

    def fit(self, X: Any, y: Any, groups: Any = None) -> LinearProbe:
        """Fit to frames.

        Parameters
        ----------
        X
            Features, ``(frames, p)``.
        y
            Targets, ``(frames, k)`` or ``(frames,)``.
        groups
            What must not be split between inner folds (speaker, sentence …), one label a frame. Without it the
            inner folds are five runs of successive frames. Used only where a penalty is chosen.
        """
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=True, dtype=np.float64, ensure_min_samples=2)
        y = np.asarray(y, dtype=np.float64)
        self._vector_target = y.ndim == 1
        targets = y[:, None] if self._vector_target else y
        if isinstance(self.alpha, Real):
            return self.fit_moments(Moments.from_frames(X, targets))
        labels = np.asarray(np.arange(len(X)) * min(5, len(X)) // len(X) if groups is None else groups)
        folds = [Moments.from_frames(X[labels == g], targets[labels == g]) for g in np.unique(labels)]
        return self.fit_moments(Moments.sum(folds), folds=folds)

    # Folds are not kept, so there is nothing to choose a penalty by: with several, the method is absent.
    @available_if(lambda self: isinstance(self.alpha, Real))
    def partial_fit(self, X: Any, y: Any) -> LinearProbe:
        """Add frames to those seen before and solve again: the result is that of one `fit` to all of them."""
        first = not hasattr(self, "moments_")
        X, y = validate_data(self, X, y, reset=first, multi_output=True, y_numeric=True, dtype=np.float64)
        y = np.asarray(y, dtype=np.float64)
        self._vector_target = y.ndim == 1
        seen = Moments.from_frames(X, y[:, None] if self._vector_target else y)
        return self.fit_moments(seen if first else self.moments_ + seen)

    # -- from moments

    def fit_moments(self, m: Moments, folds: Sequence[Moments] | None = None) -> LinearProbe:
        """Fit to the frames that `m` stands for, exactly as to the frames themselves.

        Parameters
        ----------
        m
            Moments of the training frames.
        folds
            Moments of disjoint groups that add up to `m`; each in turn is the inner validation set by which a
            penalty is chosen. Needed where `alpha` holds several.

        Raises
        ------
        ArticulensError
            On fewer than two frames, a negative penalty, or penalties to choose from without folds.
        """
        alphas = self._penalties()
        if m.n < 2:
            raise ArticulensError(f"LinearProbe: {m.n} training frames; at least 2 are needed to fit a probe.")
        c, d, scale = self._problem(m)
        if len(alphas) == 1:
            chosen = np.full(m.k, alphas[0])
            b = solve(c, d, alphas[0])
        else:
            if folds is None or len(folds) < 2:
                raise ArticulensError(
                    f"LinearProbe: {len(alphas)} penalties to choose from but no inner folds; give two groups of "
                    "training frames or more, or a single alpha."
                )
            self.cv_error_ = self._inner_errors(m, folds, alphas)
            error = self.cv_error_ if self.per_target else self.cv_error_.mean(1, keepdims=True)
            chosen = np.asarray(alphas)[np.broadcast_to(error.argmin(0), (m.k,))]
            b = np.empty_like(d)
            for alpha in np.unique(chosen):
                b[:, chosen == alpha] = solve(c, d[:, chosen == alpha], float(alpha))
        b = b / scale[:, None]
        self.moments_ = m
        self.n_features_in_ = m.p
        self.alpha_ = chosen
        self._set(b, m.mean_y - m.mean_x @ b)
        return self

    def _problem(self, m: Moments) -> tuple[Array, Array, Array]:
        """Return C, D and the scale of the features in which they are to be solved."""
        if not self.standardize:
            return m.sxx, m.sxy, np.ones(m.p)
        scale = m.scale_x
        return m.sxx / np.outer(scale, scale), m.sxy / scale[:, None], scale

    def _inner_errors(self, total: Moments, folds: Sequence[Moments], alphas: Sequence[float]) -> Array:
        """Mean squared error of each penalty and target, averaged over held-out folds: ``(penalties, k)``."""
        errors = np.zeros((len(alphas), total.k))
        for fold in folds:
            rest = total - fold
            c, d, scale = self._problem(rest)
            flat = np.concatenate(list(RidgePath(c, d).at(alphas)), axis=1) / scale[:, None]  # (p, penalties · k)
            tiled = fold.select_targets(np.tile(np.arange(fold.k), len(alphas)))
            intercept = np.tile(rest.mean_y, len(alphas)) - rest.mean_x @ flat
            errors += Agreement.of(flat, intercept, tiled).mse.reshape(len(alphas), total.k)
        return errors / len(folds)

    # -- use

    def predict(self, X: Any) -> Array:
        """Return the predicted positions ``(frames, k)``, in the unit of the training targets."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        return X @ self.coef_.T + self.intercept_

    @property
    def weights(self) -> tuple[Array, Array]:
        """``B`` of shape ``(p, k)`` and the intercept ``(k,)``, whatever the shape of the training target."""
        check_is_fitted(self)
        return np.atleast_2d(self.coef_).T, np.atleast_1d(self.intercept_)

    def rescaled(self, mean: Array, scale: Array) -> LinearProbe:
        """Return the probe that predicts ``y * scale + mean`` where this one predicts ``y``."""
        b, c = self.weights
        other = LinearProbe(self.alpha, standardize=self.standardize, per_target=self.per_target)
        other.n_features_in_, other.alpha_ = self.n_features_in_, self.alpha_
        other._set(b * scale, c * scale + mean)
        return other

    def _set(self, b: Array, c: Array) -> None:
        vector = getattr(self, "_vector_target", False)
        self.coef_ = b[:, 0] if vector else np.ascontiguousarray(b.T)
        self.intercept_ = float(c[0]) if vector else c

    def _penalties(self) -> list[float]:
        alphas = [float(a) for a in np.atleast_1d(np.asarray(self.alpha, dtype=np.float64))]
        if not alphas or not all(np.isfinite(a) and a >= 0 for a in alphas):
            raise ArticulensError(
                f"LinearProbe: alpha {self.alpha!r} is not a penalty; give numbers that are 0 or more."
            )
        return alphas

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = True
        return tags
