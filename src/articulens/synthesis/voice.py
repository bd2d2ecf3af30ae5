"""The voice: glottal states, lung pressure and pitch over time."""

from __future__ import annotations

import numpy as np

from articulens.synthesis.anatomy import Speaker
from articulens.synthesis.inventory import CONSONANTS
from articulens.synthesis.phonology.segments import Segment
from articulens.synthesis.trajectories import RATE_HZ, approach, boundaries
from articulens.synthesis.vtl import Floats, G, VocalTract

_ADDUCTION_S, _PITCH_S, _PRESSURE_S = 0.007, 0.020, 0.008
_EARLY_VOICING_S = 0.010  # the glottis begins to close this long before a voiceless stop's release
_WOBBLE_SEMITONES, _WOBBLE_EVERY_S = 0.35, 0.12
_DECLINATION = (2.0, -3.0)  # semitones at the start and end of an utterance


def voicing(segment: Segment) -> str:
    """Return how a phone is voiced: ``pause, vowel, voiceless, voiced, obstruent`` or ``h``."""
    if segment.kind == "P":
        return "pause"
    if segment.kind == "V":
        return "vowel"
    consonant = CONSONANTS[segment.phone]
    own = segment.voicing or consonant.voicing
    return "obstruent" if own == "voiced" and consonant.manner == "fricative" else own


def glottis(
    segments: list[Segment], speaker: Speaker, tract: VocalTract, rng: np.random.Generator, question: bool = False
) -> Floats:
    """Return the glottis parameters over time (samples, 11) at 1 kHz.

    Parameters
    ----------
    segments
        Phones with durations and pitch accents, the first and last a pause.
    speaker, tract
        Whose voice.
    rng
        Draws the small wobble of pitch.
    question
        Whether pitch rises at the end.
    """
    edges = boundaries(segments)
    states = _states(tract)
    samples = round(edges[-1] * RATE_HZ) + 1
    tracks = np.tile(states["voiced"], (samples, 1))
    for k, segment in enumerate(segments):
        kind = voicing(segment)
        start, end = round(edges[k] * RATE_HZ), round(edges[k + 1] * RATE_HZ)
        if kind == "voiceless" and segment.manner == "stop":
            end -= round(_EARLY_VOICING_S * RATE_HZ)
        if k == len(segments) - 1:
            end = samples
        fricative = kind == "voiceless" and segment.manner == "fricative"
        tracks[start:end] = states["voiceless-fricative" if fricative else kind]
    for column in range(2, tracks.shape[1]):
        tracks[:, column] = approach(tracks[:, column], _ADDUCTION_S)
    tracks[:, G["PR"]] = approach(_pressure(segments, edges, samples) * speaker.pressure_dpa, _PRESSURE_S)
    semitones = _semitones(segments, edges, samples, speaker, rng, question)
    tracks[:, G["F0"]] = approach(speaker.f0_hz * 2 ** (semitones / 12), _PITCH_S)
    tracks[:, G["CA"]] += speaker.chink_cm2
    tracks[:, G["FL"]] = np.clip(tracks[:, G["FL"]] + speaker.flutter, 0, 100)
    return tracks


def _states(tract: VocalTract) -> dict[str, Floats]:
    """Return the glottal state of each kind of voicing, mixed from the library's own."""
    shape = tract.glottis_shapes
    modal = shape["modal"]
    apart = shape["breathy"].copy()
    apart[[G["XB"], G["XT"]]] = 0.13  # too wide to vibrate
    return {
        "pause": apart,
        "vowel": modal,
        "voiced": modal,
        "obstruent": 0.55 * modal + 0.45 * shape["voiced-fricative"],
        "voiceless": 0.45 * modal + 0.55 * shape["voiceless-plosive"],
        "voiceless-fricative": 0.2 * modal + 0.8 * shape["voiceless-fricative"],
        "h": shape["h"],
    }


def _pressure(segments: list[Segment], edges: Floats, samples: int) -> Floats:
    """Return lung pressure (samples,), 0 to 1: up just before speech, slowly falling, off in pauses."""
    times = np.arange(samples) / RATE_HZ
    first, last = edges[1], edges[-2]
    pressure = np.interp(times, [0, first - 0.02, first + 0.03, last - 0.08, last + 0.02], [0, 0, 1, 0.85, 0])
    for k, segment in enumerate(segments[1:-1], 1):
        if segment.kind == "P":
            pressure[int(edges[k] * RATE_HZ) : int(edges[k + 1] * RATE_HZ)] *= 0.05
    return pressure


def _semitones(
    segments: list[Segment],
    edges: Floats,
    samples: int,
    speaker: Speaker,
    rng: np.random.Generator,
    question: bool,
) -> Floats:
    """Return pitch (samples,) in semitones about the speaker's mean: declination, accents, wobble."""
    times = np.arange(samples) / RATE_HZ
    curve = np.interp(times, [edges[1], edges[-2]], _DECLINATION)
    for k, segment in enumerate(segments):
        if segment.pitch:
            peak = (edges[k] + edges[k + 1]) / 2 + 0.01
            curve += segment.pitch * np.exp(-0.5 * ((times - peak) / 0.075) ** 2)
    if question:
        curve += np.interp(times, [edges[-2] - 0.25, edges[-2]], [0.0, 4.0])
    knots = np.arange(0, edges[-1] + 2 * _WOBBLE_EVERY_S, _WOBBLE_EVERY_S)
    wobble = np.interp(times, knots, rng.normal(size=len(knots)))
    return speaker.f0_range * (curve + _WOBBLE_SEMITONES * wobble)
