"""Any recording into what a front end reads."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from articulens.errors import ArticulensError

if TYPE_CHECKING:
    import torch

    from articulens.encoders.clock import FrameClock


def prepare_audio(
    samples: ArrayLike, rate_hz: float, clock: FrameClock, *, normalize: bool, source: str = "audio"
) -> torch.Tensor:
    """Turn any recording into what a front end reads: mono, at its rate, normalised as a whole.

    Parameters
    ----------
    samples : array_like
        ``(n,)`` or ``(n, channels)``; integers are scaled by their full range, channels averaged.
    rate_hz : float
        Sampling rate, Hz; resampled by torchaudio (Kaiser-windowed sinc, band-limited) when it is not the
        clock's.
    clock : FrameClock
        Whose rate and shortest input count.
    normalize : bool
        Zero mean and unit variance over the whole recording (so before any cutting), as
        ``Wav2Vec2FeatureExtractor`` does: ``(x - mean) / sqrt(var + 1e-7)``.
    source : str
        Name for error messages.

    Returns
    -------
    torch.Tensor
        ``(n,)`` float32 on the CPU.

    Raises
    ------
    ArticulensError
        For audio that is empty, too short, not finite, of a wrong shape or an impossible rate.
    """
    import torch

    mono = _mono(np.asarray(samples), source)
    if not (np.isfinite(rate_hz) and rate_hz > 0):
        raise ArticulensError(
            f"{source}: the sampling rate is {rate_hz} Hz, expected a positive number; check the audio file's header."
        )
    wave = _resample(torch.from_numpy(mono), float(rate_hz), clock.rate_hz)
    if clock.n_frames(len(wave)) == 0:
        raise ArticulensError(
            f"{source}: {len(mono)} samples at {rate_hz:g} Hz are too short for a frame, expected at least "
            f"{1000 * clock.needed / clock.rate_hz:g} ms; leave this recording out or check that it is whole."
        )
    if normalize:
        wave = (wave - wave.mean()) / torch.sqrt(wave.var(correction=0) + 1e-7)
    return wave.to(torch.float32)


def _mono(samples: NDArray, source: str) -> NDArray[np.float64]:
    """Average the channels, scale integers, refuse what is not sound."""
    if samples.size == 0:
        raise ArticulensError(
            f"{source}: there are no samples, expected speech; export this file again or leave it out."
        )
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] > samples.shape[0]):
        raise ArticulensError(
            f"{source}: the samples have shape {samples.shape}, expected (samples,) or (samples, channels); "
            "transpose the array."
        )
    if samples.dtype.kind not in "if":
        raise ArticulensError(
            f"{source}: the samples are of type {samples.dtype}, expected signed integers or floating point; "
            "convert them to float32 between -1 and 1."
        )
    mono = samples.astype(np.float64)
    if samples.dtype.kind == "i":
        mono /= -float(np.iinfo(samples.dtype).min)
    mono = mono if mono.ndim == 1 else mono.mean(axis=1)
    bad = np.flatnonzero(~np.isfinite(mono))
    if bad.size:
        raise ArticulensError(
            f"{source}: {bad.size} samples are NaN or infinite (the first is number {bad[0]}), expected "
            "finite numbers; export this file again or leave it out."
        )
    return mono


def _resample(wave: torch.Tensor, rate_hz: float, target_hz: int) -> torch.Tensor:
    """Band-limited resampling; sample *k* of the result is at ``k / target_hz`` s, as before."""
    if rate_hz == target_hz:
        return wave
    from torchaudio.functional import resample

    ratio = Fraction(rate_hz).limit_denominator(1000) / target_hz
    # The values of torchaudio's documentation for the quality of librosa's `kaiser_best`.
    return resample(
        wave,
        ratio.numerator,
        ratio.denominator,
        lowpass_filter_width=64,
        rolloff=0.9475937167399596,
        resampling_method="sinc_interp_kaiser",
        beta=14.769656459379492,
    )
