"""Binary files of equal records, and whether what the header says of their width is true."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from articulens.errors import ArticulensError

_WIDEST = 4096  # wider records were never seen, and comparing them would take minutes
_AT_ONCE = 64  # widths compared in one go: some megabytes for the widest records


def check_width(values: NDArray, width: int, others: Iterable[int], path: Path) -> None:
    """Compare each record with the next one, and again for other widths of a record.

    Positions change little from one sample to the next, so records cut at the right width differ least. A header
    with one wrong digit would otherwise shift every channel, and nothing else in the file would say so. Values that
    do not move smoothly (noise, or nothing at all) fit every width alike and are let through.

    Parameters
    ----------
    values : (n,)
        The body of the file, or its beginning.
    width : int
        Values in one record, as the header has it.
    others : iterable of int
        Widths to compare it with, up to a few times its own.
    path : Path
        For the message.

    Raises
    ------
    ArticulensError
        When another width fits five times better.
    """
    if width > _WIDEST:
        return
    sample = values[: max(2048, 4 * width)].astype(np.float32)
    sample[~np.isfinite(sample)] = 0.0

    steps = [step for step in sorted({*others, width}) if 0 < step <= len(sample) // 4]
    if width not in steps:
        return
    later = sliding_window_view(np.concatenate([sample, np.zeros(steps[-1], np.float32)]), len(sample))
    place = np.arange(len(sample))
    fitting: dict[int, float] = {}
    for few in (steps[i : i + _AT_ONCE] for i in range(0, len(steps), _AT_ONCE)):
        compared = len(sample) - np.array(few)  # behind the last record there is nothing to compare with
        jumps = later[few] - sample
        # Jumps count for no more than 10: a garbage channel or an angle that wraps must not decide alone.
        np.minimum(np.abs(jumps, out=jumps), 10, out=jumps)
        jumps[place >= compared[:, None]] = 0
        fitting.update(zip(few, (np.add.reduce(jumps, axis=1) / compared).tolist(), strict=True))
    best = min(fitting, key=lambda step: (fitting[step], step))
    if fitting[width] > 5 * fitting[best] + 1e-3:
        raise ArticulensError(
            f"{path}: its header says {width} values in each record, but records of {best} values would follow "
            "each other smoothly; the header is damaged: copy or export the file again."
        )
