r"""What a layer's states are like, whatever a probe reads from them: how much they change, in how many directions.

A late layer may be read badly because the probe is weak there, or because hardly anything in it still moves. Two
numbers tell these apart, both from the moments that a sweep has left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from articulens.cells import CellStore
from articulens.moments import Moments


def temporal_share(parts: Iterable[Moments]) -> float:
    r"""Return which share of the states' energy changes in time, between 0 (a constant) and 1 (no constant part).

    .. math:: \frac{\sum_c \operatorname{tr} S_{xx}^{(c)}}
                   {\sum_c \operatorname{tr} S_{xx}^{(c)} + n_c \lVert \bar x^{(c)} \rVert^2}

    Parameters
    ----------
    parts
        Moments of groups of frames *c*: cells, in which one speaker says a few sentences. What is constant in an
        utterance but differs between the utterances of a cell counts as change, so that the share inside utterances is
        at most this.

    Returns
    -------
    float; NaN without frames, or where all states are 0.
    """
    changing = constant = 0.0
    for part in parts:
        changing += float(np.trace(part.sxx))
        constant += part.n * float(part.mean_x @ part.mean_x)
    return changing / (changing + constant) if changing + constant > 0 else float("nan")


def effective_rank(m: Moments) -> float:
    r"""Return in how many directions the states vary: :math:`\exp(-\sum_i p_i \log p_i)` (Roy and Vetterli 2007).

    :math:`p_i` are the eigenvalues of the covariance as shares of their sum: 1 where all frames lie on a line, the
    number of dimensions where they vary alike in all. A few dimensions of large variance make it small. NaN where
    nothing varies.
    """
    values = np.maximum(np.linalg.eigvalsh(m.sxx), 0)
    if not values.sum() > 0:
        return float("nan")
    share = values[values > 0] / values.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def describe_layers(store: CellStore, layers: Sequence[str] | None = None) -> pd.DataFrame:
    """Return both numbers for every layer and speaker.

    Parameters
    ----------
    store
        Cells of a corpus under an encoder.
    layers
        Which; all by default.

    Returns
    -------
    DataFrame with ``model``, ``layer``, ``speaker``, ``n_frames``, ``temporal_share`` and ``effective_rank``, the last
    over all frames of the speaker. The rank of a speaker of few frames is below that of many.
    """
    rows = []
    for layer in layers or store.layers:
        moments = store.moments(layer)
        for speaker, index in store.cells.groupby("speaker", sort=False).indices.items():
            parts = [moments[i] for i in index]
            rows.append(
                {
                    "model": store.header["encoder"],
                    "layer": layer,
                    "speaker": speaker,
                    "n_frames": sum(part.n for part in parts),
                    "temporal_share": temporal_share(parts),
                    "effective_rank": effective_rank(Moments.sum(parts)),
                }
            )
    return pd.DataFrame(rows)
