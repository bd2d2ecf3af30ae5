"""From targets to movements: each articulator follows its targets through a cascade of six low-passes.

This is the target-approximation model in the form that VocalTractLab itself uses (Birkholz, Kröger &
Neuschaefer-Rube 2011), with time constants per articulator: the tongue tip is quick, the jaw slow. The group delay
of the cascade is taken out, so half of the way to a target is done 5 to 10 ms before its phone begins.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.signal import lfilter

from articulens.synthesis.phonology.segments import Segment
from articulens.synthesis.vtl import TRACT, Floats, P

RATE_HZ = 1000  # of the control tracks, before they are thinned for the synthesiser
ORDER = 6
# Time constants (s) of one of the six stages.
TIME_CONSTANTS = {
    **dict.fromkeys(("TTX", "TTY"), 0.0098),
    # The tongue's sides have little way to go; were they slower, the groove of an s or the open sides of an l would
    # still let air through in the closure beside it.
    **dict.fromkeys(("TS1", "TS2", "TS3"), 0.0055),
    **dict.fromkeys(("TBX", "TBY", "LP"), 0.0115),
    **dict.fromkeys(("TCX", "TCY", "JA", "JX"), 0.0130),
    "LD": 0.0105,
    "VO": 0.0110,
    **dict.fromkeys(("VS", "TRX", "TRY"), 0.0150),
    **dict.fromkeys(("HX", "HY"), 0.0200),
}
_TRILL_HZ, _TRILL_CM = 26.0, 0.28
_WANDER_HZ = 2.5
_WANDER_CM = {"TCX": 0.035, "TCY": 0.035, "TBX": 0.035, "TBY": 0.035, "TTX": 0.035, "TTY": 0.035, "LP": 0.02}
_WANDER_CM |= {"LD": 0.02, "JA": 0.25}  # JA in degrees


def approach(track: Floats, time_constant_s: float, order: int = ORDER, rate_hz: float = RATE_HZ) -> Floats:
    """Return `track` (n,) through `order` first-order low-passes, with their group delay removed."""
    keep = np.exp(-1.0 / (time_constant_s * rate_hz))
    delay = round(order * time_constant_s * rate_hz)
    pad = delay + 400
    smooth = np.r_[np.full(pad, track[0]), track, np.full(pad, track[-1])]
    for _ in range(order):
        smooth = lfilter([1.0 - keep], [1.0, -keep], smooth, zi=[keep * smooth[0]])[0]
    return smooth[pad + delay : pad + delay + len(track)]


def boundaries(segments: list[Segment]) -> Floats:
    """Return the times (segments + 1,) in s at which phones begin and end."""
    return np.r_[0.0, np.cumsum([segment.duration_s for segment in segments])]


def steps(per_segment: Floats, edges: Floats) -> Floats:
    """Return per-segment values (segments, k) held over time (samples, k) at `RATE_HZ`."""
    times = np.arange(round(edges[-1] * RATE_HZ) + 1) / RATE_HZ
    owner = np.clip(np.searchsorted(edges, times, side="right") - 1, 0, len(per_segment) - 1)
    return per_segment[owner]


def movements(
    segments: list[Segment],
    targets: Floats,
    slowness: float,
    rng: np.random.Generator,
    delays_ms: Mapping[str, float] | None = None,
) -> Floats:
    """Return the tract parameters over time (samples, 19) at 1 kHz.

    Parameters
    ----------
    segments, targets
        Phones with durations, and their states (segments, 19).
    slowness
        The speaker's factor on all time constants.
    rng
        Draws a slow wander of every articulator.
    delays_ms
        Extra delay (ms) per tract parameter: an intervention; negative is early.
    """
    edges = boundaries(segments)
    tracks = steps(targets, edges)
    for column, name in enumerate(TRACT):
        late = round((delays_ms or {}).get(name, 0.0) * RATE_HZ / 1000)
        if late:
            moved = np.roll(tracks[:, column], late)
            if late > 0:
                moved[:late] = tracks[0, column]
            else:
                moved[late:] = tracks[-1, column]
            tracks[:, column] = moved
        tracks[:, column] = approach(tracks[:, column], TIME_CONSTANTS[name] * slowness)
    _trill(segments, edges, tracks)
    for name, size in _WANDER_CM.items():
        white = rng.normal(size=len(tracks) + 1000)
        keep = np.exp(-2 * np.pi * _WANDER_HZ / RATE_HZ)
        slow = lfilter([1.0], [1.0, -keep], lfilter([1.0], [1.0, -keep], white))[1000:]
        tracks[:, P[name]] += size * slow / max(float(slow.std()), 1e-9)
    return tracks


def _trill(segments: list[Segment], edges: Floats, tracks: Floats) -> None:
    """Let the tongue tip beat at 26 Hz during r, riding on a slightly lowered tip."""
    times = np.arange(len(tracks)) / RATE_HZ
    for k, segment in enumerate(segments):
        if segment.manner != "trill":
            continue
        start, end = edges[k] - 0.01, edges[k + 1] + 0.01
        inside = (times >= start) & (times <= end)
        phase = (times[inside] - start) / (end - start)
        beat = 1.0 + np.cos(2 * np.pi * _TRILL_HZ * (times[inside] - (start + end) / 2) + np.pi)
        tracks[inside, P["TTY"]] -= _TRILL_CM * np.clip(np.sin(np.pi * phase), 0, 1) ** 0.7 * beat
