"""What was found of pairs of layers: a table, and the same values in half-samples of the utterances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from articulens.errors import ArticulensError
from articulens.similarity.estimators import spread_interval
from articulens.similarity.frames import View
from articulens.similarity.sums import Pair

KEYS = ["model_a", "layer_a", "model_b", "layer_b", "form"]
CROSS = "cross_utterance"


@dataclass(frozen=True)
class Similarity:
    """Similarity of pairs of layers.

    Attributes
    ----------
    table
        One row a pair and form: ``model_a``, ``layer_a``, ``model_b``, ``layer_b``, ``form``, ``cka`` with ``low`` and
        ``high`` (its interval), ``n_frames``, ``n_utterances``; of the cross-utterance form also what re-paired
        utterances have, ``null_mean`` and ``null_high`` (the largest), and ``p``.
    draws
        The same values in half-samples, ``(rows, draws)``: the same utterances in every row.
    """

    table: pd.DataFrame
    draws: npt.NDArray[np.float64]

    @cached_property
    def _rows(self) -> dict[tuple[str, ...], int]:
        return {key: row for row, key in enumerate(self.table[KEYS].itertuples(index=False, name=None))}

    def of(self, a: View, b: View, form: str = CROSS) -> tuple[float, npt.NDArray[np.float64]]:
        """Return the value of a pair, in either order, and its draws.

        Raises
        ------
        ArticulensError
            For a pair that was not compared in this form.
        """
        row = self._rows.get((*a, *b, form), self._rows.get((*b, *a, form)))
        if row is None:
            raise ArticulensError(
                f"{' '.join(a)} and {' '.join(b)} were not compared in the form '{form}'; ask for them."
            )
        return float(self.table["cka"].iloc[row]), self.draws[row]

    def best(self, pairs: Sequence[Pair], form: str = CROSS) -> tuple[Pair, float, npt.NDArray[np.float64]]:
        """Return the most similar of some pairs, with its value and draws where it was not chosen.

        The largest of several estimates is too large. So in every half-sample the pair is scored that is largest in the
        *other* half of the utterances, and the value is the mean of these scores. Where utterances are too few for
        halves it is the largest as it stands, and all draws are NaN.

        Parameters
        ----------
        pairs
            One or more, of which at least one has a value; a single one is what :meth:`of` says.
        form
            Which form of CKA.

        Raises
        ------
        ArticulensError
            When a pair was not compared in this form, or none has a value.
        """
        every = [self.of(*pair, form) for pair in pairs]
        if np.isnan([value for value, _ in every]).all():
            raise ArticulensError(
                f"none of {len(every)} pairs of layers has a similarity in the form '{form}': their states do not "
                "vary, or there are too few frames; hear more utterances or ask for other layers."
            )
        top = int(np.nanargmax([value for value, _ in every]))
        if len(every) == 1:
            return pairs[0], *every[0]
        draws = np.array([d for _, d in every])[:, : self.draws.shape[1] // 2 * 2]
        halves = np.arange(draws.shape[1])
        others = np.where(np.isfinite(draws), draws, -np.inf)[:, halves ^ 1]  # each next to its complement
        scored = np.where(np.isfinite(others).any(0), draws[others.argmax(0), halves], np.nan)
        value = float(np.nanmean(scored)) if np.isfinite(scored).any() else every[top][0]
        return pairs[top], value, scored

    def interval(self, pairs: Sequence[Pair], form: str = CROSS) -> tuple[float, float, float]:
        """Return the value of a pair, or of the :meth:`best` of several, and its interval."""
        _, value, draws = self.best(pairs, form)
        return value, *spread_interval(value, draws)

    def difference(self, one: Sequence[Pair], other: Sequence[Pair], form: str = CROSS) -> tuple[float, float, float]:
        """Return by how much the :meth:`best` of some pairs is more alike than that of others, and its interval."""
        (_, a, a_draws), (_, b, b_draws) = self.best(one, form), self.best(other, form)
        shared = min(len(a_draws), len(b_draws))
        return a - b, *spread_interval(a - b, a_draws[:shared] - b_draws[:shared])
