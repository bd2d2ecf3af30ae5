"""A figure of movements: where the sensors were, and where a probe put them."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd

from articulens.drawing import STYLE, STYLES, WIDTH, PageFigure
from articulens.evaluation.predictions import MEASURED


def movement_traces(
    table: pd.DataFrame, *, utterance: str, layer: str, channels: Sequence[str] = ("TT.z", "TD.z", "LL.z")
) -> PageFigure:
    """Draw some channels of one utterance over time, measured and predicted, each about its own mean.

    Parameters
    ----------
    table
        From `articulens.evaluation.predictions.movements`.
    utterance, layer
        Which utterance, and the layer that is read.
    channels
        One row each.

    Notes
    -----
    About their means, because a probe that was trained on other mouths does not know where this one is; r does not
    see that either.
    """
    rows = table[table["utterance"] == utterance]
    truth, read = (rows[rows["layer"] == name] for name in (MEASURED, layer))
    correlations = []
    with mpl.rc_context(STYLE):
        figure = PageFigure(figsize=(WIDTH, 0.9 + 1.1 * len(channels)), layout="constrained")
        panels = figure.subplots(len(channels), sharex=True, squeeze=False)[:, 0]
        for axes, channel in zip(panels, channels, strict=True):
            for part, label, (colour, _, line) in zip((truth, read), ("measured", "predicted"), STYLES, strict=False):
                values = part[channel] - part[channel].mean()
                # A pause has no frames: the line breaks there.
                values = values.where(part["time_s"].diff().fillna(0) < 0.05)
                axes.plot(part["time_s"], values, line, color=colour, label=label, linewidth=1.5)
            r = float(np.corrcoef(truth[channel], read[channel])[0, 1])
            correlations.append(f"{channel} {r:.2f}")
            axes.set_ylabel(f"{channel} (mm)")
        panels[0].legend(frameon=False, fontsize=8, ncols=2, loc="lower right")
        panels[0].set_title(f"{utterance}, layer {layer}: r {', '.join(correlations)}")
        panels[-1].set_xlabel("time (s)")
    figure.alt = (
        f"Measured and predicted movement over time in {utterance}, read from layer {layer}; r of this one utterance: "
        f"{', '.join(correlations)}."
    )
    return figure
