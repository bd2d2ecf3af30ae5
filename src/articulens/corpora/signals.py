"""From sensor samples to values at frame times: gaps, low-pass, resampling, z-scores.

Nothing is ever aligned by index: `align` evaluates a trajectory at the times it is given.

How exact it is. For tracks made of sines up to 8 Hz (amplitudes up to 4 mm, offset 100 mm) `align` returns
the true value within 0.004 mm at every time of the recording, first and last sample included, for rates from
100 to 1250 Hz (``tests/unit/corpora/test_signals.py``). Published preprocessing that decimates un-centred
positions with zero padding is wrong by millimetres at both ends.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator, make_interp_spline
from scipy.signal import butter, sosfiltfilt

from articulens.corpora.schema import Trajectory
from articulens.errors import ArticulensError

Array = NDArray[np.float64]


def align(
    trajectory: Trajectory,
    times_s: ArrayLike,
    *,
    cutoff_hz: float | None = 20.0,
    max_gap_s: float = 0.05,
    order: int = 6,
    edge_s: float = 0.0,
) -> Array:
    """Return the positions at given times.

    Gaps of at most `max_gap_s` are interpolated (PCHIP); longer ones stay missing and nothing leaks across
    them: each stretch between them is low-passed on its own (`low_pass`) and then evaluated by a cubic
    spline.

    Parameters
    ----------
    trajectory : Trajectory
        Positions in mm, NaN = missing.
    times_s : (frames,)
        Times on the clock of the audio, in seconds, e.g. ``FrameClock.times_s(n_samples)``.
    cutoff_hz : float or None
        Corner of the zero-phase low-pass (-6 dB); None leaves the positions unfiltered.
    max_gap_s : float
        Longest gap that is interpolated. Missing samples at the ends are never extrapolated.
    order : int
        Order of the Butterworth filter, which runs forwards and backwards (6 as in the published FROST
        preprocessing, hence 12 in effect).
    edge_s : float
        Seconds at both ends of the recording to return as missing; 0.2 is advised for results that must
        not depend on how a recording was cut.

    Returns
    -------
    (frames, channels) float64
        mm at exactly `times_s`; NaN in long gaps, in stretches shorter than ``1 / cutoff_hz`` and outside
        the recording.

    Raises
    ------
    ArticulensError
        When the rate is too low for `cutoff_hz`.
    """
    times = np.asarray(times_s, dtype=np.float64)
    clock = trajectory.times_s
    rate_hz = trajectory.rate_hz
    if cutoff_hz is not None and rate_hz <= 2.5 * cutoff_hz:
        raise ArticulensError(
            f"{trajectory.source}: {rate_hz:g} Hz is too slow for a low-pass at {cutoff_hz:g} Hz; choose a "
            f"cutoff below {rate_hz / 2.5:g} Hz or none."
        )
    filled = fill_gaps(trajectory.positions, int(max_gap_s * rate_hz + 1e-9))
    aligned = np.full((len(times), filled.shape[1]), np.nan)
    shortest = 4 if cutoff_hz is None else max(4, round(rate_hz / cutoff_hz))
    # Channels that miss the same samples, usually all of them, are treated together.
    together: dict[bytes, list[int]] = {}
    for i, missing in enumerate(np.isnan(filled).T):
        together.setdefault(missing.tobytes(), []).append(i)
    for columns in together.values():
        for start, stop in _runs(~np.isnan(filled[:, columns[0]])):
            if stop - start < shortest:
                continue
            piece = filled[start:stop, columns]
            if cutoff_hz is not None:
                piece = low_pass(piece, rate_hz, cutoff_hz, order)
            inside = (times >= clock[start] - 1e-9) & (times <= clock[stop - 1] + 1e-9)
            aligned[np.ix_(inside, columns)] = make_interp_spline(clock[start:stop], piece)(times[inside])
    if edge_s > 0 and len(clock):
        aligned[(times < clock[0] + edge_s) | (times > clock[-1] - edge_s)] = np.nan
    return aligned


def fill_gaps(positions: Array, longest: int) -> Array:
    """Interpolate runs of at most `longest` missing samples; leave longer runs and the ends as NaN.

    Parameters
    ----------
    positions : (samples, channels)
        NaN = missing.
    longest : int
        Samples.

    Returns
    -------
    (samples, channels) float64
        A copy. PCHIP never leaves the range of the neighbouring samples, so noise cannot make it overshoot.
    """
    filled = np.array(positions, dtype=np.float64)
    index = np.arange(len(filled))
    for column in filled.T:
        missing = np.isnan(column)
        gaps = [
            slice(start, stop)
            for start, stop in _runs(missing)
            if 0 < start and stop < len(column) and stop - start <= longest
        ]
        if gaps:
            curve = PchipInterpolator(index[~missing], column[~missing])
            for gap in gaps:
                column[gap] = curve(index[gap])
    return filled


def low_pass(values: Array, rate_hz: float, cutoff_hz: float, order: int = 6) -> Array:
    """Low-pass without phase shift and without end effects.

    A Butterworth filter runs forwards and backwards. Before it does, both ends are continued for
    ``12 / cutoff_hz`` seconds by point reflection plus the even part (t² and t⁴) of a polynomial of degree 7
    fitted to the outermost ``2 / cutoff_hz`` seconds. Point reflection alone (the usual odd extension) turns
    the curvature round at the last sample, an error of up to 0.07 mm there; zero padding is wrong by the
    whole offset. Where `cutoff_hz` is above 0.22 times the rate, only the point reflection is left.

    Parameters
    ----------
    values : (samples, channels)
        No NaN.
    rate_hz, cutoff_hz : float
        The response is 1/2 at `cutoff_hz` and above 0.9999 up to 0.45 times that (for order 6).
    order : int
        Of the filter that runs twice.

    Returns
    -------
    (samples, channels) float64
    """
    values = np.asarray(values, dtype=np.float64)
    level = values.mean(axis=0)
    centred = values - level
    pad = min(len(values) - 1, round(12 * rate_hz / cutoff_hz))
    before = _continue_backwards(centred, pad, rate_hz, cutoff_hz)
    after = _continue_backwards(centred[::-1], pad, rate_hz, cutoff_hz)[::-1]
    sections = butter(order, cutoff_hz, fs=rate_hz, output="sos")
    smooth = sosfiltfilt(sections, np.concatenate([before, centred, after]), axis=0, padtype=None)
    return np.asarray(smooth[pad : pad + len(values)] + level)


def _continue_backwards(values: Array, pad: int, rate_hz: float, cutoff_hz: float, degree: int = 7) -> Array:
    """Return `pad` samples that smoothly precede `values` (samples, channels)."""
    extension = 2 * values[0] - values[1 : pad + 1]
    fitted = round(2 * rate_hz / cutoff_hz) + 1
    # A shorter continuation ends before the filter has settled, and t⁴ would make that worse. A polynomial through
    # hardly more samples than it has coefficients follows them, noise and all, and then leaves for infinity.
    if pad >= 10 * rate_hz / cutoff_hz and degree + 2 < fitted <= len(values):
        # Time in units of the fitted stretch keeps the least squares well conditioned.
        time = np.arange(pad + 1) / fitted
        coefficients = np.polynomial.polynomial.polyfit(time[:fitted], values[:fitted], degree)
        ahead = time[1:, None]
        extension = extension + 2 * (coefficients[2] * ahead**2 + coefficients[4] * ahead**4)
    return extension[::-1]


def _runs(mask: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def channel_statistics(*arrays: ArrayLike) -> tuple[Array, Array]:
    """Return mean and scale (standard deviation) of each channel over all arrays together.

    Parameters
    ----------
    *arrays : (samples, channels)
        One or more, e.g. the files of the training speakers; NaN is left out.

    Returns
    -------
    mean, scale : (channels,)
        Scale 1 where a channel does not move; NaN mean where it has no valid sample.
    """
    values = np.concatenate([np.asarray(array, dtype=np.float64) for array in arrays])
    count = np.sum(~np.isnan(values), axis=0)
    present = count > 0
    count = np.maximum(count, 1)
    mean = np.where(present, np.nansum(values, axis=0) / count, np.nan)
    scale = np.sqrt(np.nansum((values - mean) ** 2, axis=0) / count)
    still = scale <= 1e-12 * np.maximum(1.0, np.abs(np.nan_to_num(mean)))
    return mean, np.where(still, 1.0, scale)


def zscore(values: ArrayLike, statistics: tuple[Array, Array] | None = None) -> tuple[Array, Array, Array]:
    """Standardise channels.

    Parameters
    ----------
    values : (samples, channels)
        mm.
    statistics : (mean, scale), optional
        From `channel_statistics` of the training set; by default those of `values` itself (z-score by file).

    Returns
    -------
    z : (samples, channels)
    mean, scale : (channels,)
        So that ``values = z * scale + mean``.
    """
    mean, scale = channel_statistics(values) if statistics is None else statistics
    return (np.asarray(values, dtype=np.float64) - mean) / scale, mean, scale


def zscore_by(
    arrays: Sequence[ArrayLike], groups: Sequence[Hashable]
) -> tuple[list[Array], dict[Hashable, tuple[Array, Array]]]:
    """Standardise each array by the statistics of its group, e.g. its speaker.

    Parameters
    ----------
    arrays : sequence of (samples, channels)
    groups : sequence
        One group for each array.

    Returns
    -------
    standardised : list of (samples, channels)
    statistics : dict of group to (mean, scale)
    """
    statistics = {
        group: channel_statistics(*(a for a, g in zip(arrays, groups, strict=True) if g == group))
        for group in dict.fromkeys(groups)
    }
    return [zscore(a, statistics[g])[0] for a, g in zip(arrays, groups, strict=True)], statistics
