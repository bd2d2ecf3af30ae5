"""Measuring a synthetic corpus: formants, closures, speeds, and the lag between sound and sensors.

Everything is measured from the files as anybody else would measure them (linear prediction on the audio, levels,
differences of positions); only the oral areas come from the labels.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.linalg import solve_toeplitz
from scipy.signal import resample_poly

from articulens.corpora import Corpus, Utterance
from articulens.corpora.signals import align
from articulens.synthesis.inventory import VOWELS, formant_range
from articulens.synthesis.vtl import Floats

CEILING_HZ = {"m": 5000, "f": 5500}  # five formants below this, the usual advice for men and women
_SHORTEST_VOWEL_S = 0.07
_FORMANTS_FOUND = 4  # of the five below the ceiling; with fewer, one was missed, and the second is not F2
_LAGS_S = np.arange(-0.040, 0.0401, 0.005)
_HOP, _BANDS = 160, 26


@lru_cache(maxsize=2048)
def labels(path: Path) -> dict[str, Any]:
    """Return an utterance's labels."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def lpc_formants(samples: Floats, rate: int, ceiling_hz: float, order: int = 10) -> Floats:
    """Return the resonances (Hz, ascending) of a stretch of sound below `ceiling_hz`.

    Pre-emphasis, Gaussian window, autocorrelation linear prediction at twice the ceiling; roots with a bandwidth
    under 600 Hz and a frequency above 150 Hz.
    """
    low = resample_poly(samples, int(2 * ceiling_hz) // 100, rate // 100)
    emphasised = np.append(low[0], low[1:] - np.exp(-2 * np.pi * 50 / (2 * ceiling_hz)) * low[:-1])
    n = len(emphasised)
    windowed = emphasised * np.exp(-12 * ((np.arange(n) + 0.5) / n - 0.5) ** 2)
    correlation = np.correlate(windowed, windowed, "full")[n - 1 : n + order]
    correlation[0] *= 1 + 1e-6
    coefficients = solve_toeplitz(correlation[:order], correlation[1 : order + 1])
    roots = np.roots(np.r_[1.0, -coefficients])
    roots = roots[roots.imag > 0]
    frequency = np.angle(roots) * 2 * ceiling_hz / (2 * np.pi)
    bandwidth = -np.log(np.abs(roots)) * 2 * ceiling_hz / np.pi
    return np.sort(frequency[(bandwidth < 600) & (frequency > 150)])


def vowel_formants(corpus: Corpus | Iterable[Utterance]) -> pd.DataFrame:
    """Return one row per vowel token of L1 speech: speaker, sex, vowel, F1 and F2 (Hz) at its middle.

    Only vowels said as themselves count: stressed or long ones (reduced Russian vowels in any case) of 70 ms or
    more in tasks T1 and T2, without accent. The median of three 40 ms frames around the middle is taken; frames in
    which a formant was missed do not count.
    """
    rows = []
    for utterance in corpus:
        if utterance.condition != "L1" or utterance.task == "T3":
            continue
        sound, rate = open_audio(utterance)
        for phone in labels(_labels_path(utterance))["phones"]:
            name = phone["label"].rstrip("ː")
            long_enough = phone["end_s"] - phone["start_s"] >= (0.045 if name in "ɐəɪ" else _SHORTEST_VOWEL_S)
            full = name in "ɐəɪ" or phone.get("stress", 0) == 2 or phone["label"].endswith("ː")
            if name not in VOWELS or not long_enough or not full:
                continue
            middle = (phone["start_s"] + phone["end_s"]) / 2
            found = []
            for shift in (-0.008, 0.0, 0.008):
                start = int((middle + shift - 0.02) * rate)
                formants = lpc_formants(
                    sound[start : start + int(0.04 * rate)], rate, CEILING_HZ[utterance.meta["sex"]]
                )
                if len(formants) >= _FORMANTS_FOUND:
                    found.append(formants[:2])
            if found:
                f1, f2 = np.median(found, axis=0)
                rows.append((utterance.speaker, utterance.meta["sex"], utterance.language, name, f1, f2))
    return pd.DataFrame(rows, columns=["speaker", "sex", "language", "vowel", "f1_hz", "f2_hz"])


def formant_table(tokens: pd.DataFrame) -> pd.DataFrame:
    """Return medians per vowel and sex beside the accepted ranges, and whether they lie inside."""
    table = tokens.groupby(["vowel", "sex"]).agg(
        n=("f1_hz", "size"), f1_hz=("f1_hz", "median"), f2_hz=("f2_hz", "median")
    )
    ranges = [formant_range(vowel, sex) for vowel, sex in table.index]
    table[["f1_low", "f1_high", "f2_low", "f2_high"]] = ranges
    table["inside"] = table["f1_hz"].between(table["f1_low"], table["f1_high"]) & table["f2_hz"].between(
        table["f2_low"], table["f2_high"]
    )
    return table.round(0).reset_index()


def contacts(corpus: Corpus | Iterable[Utterance]) -> pd.DataFrame:
    """Return one row per phone that matters for contact: kind, oral area at its middle (cm²), level (dB).

    The level is that of the phone's middle third, relative to the loudest 20 ms of the utterance.
    """
    rows = []
    for utterance in corpus:
        sound, rate = open_audio(utterance)
        about = labels(_labels_path(utterance))
        loudest = 20 * np.log10(_rms(sound, int(0.02 * rate)).max())
        start = 0.0
        for label, end, area in zip(about["segments"], about["segment_ends_s"], about["oral_area_cm2"], strict=True):
            part = sound[int((start + (end - start) * 0.4) * rate) : int((start + (end - start) * 0.73) * rate)]
            level = 10 * np.log10(float(np.mean(part**2)) + 1e-12) - loudest
            rows.append((utterance.id, utterance.speaker, label, _kind(label), end - start, area, level))
            start = end
    return pd.DataFrame(rows, columns=["id", "speaker", "label", "kind", "seconds", "area_cm2", "level_db"])


def speeds(corpus: Corpus) -> pd.DataFrame:
    """Return the median, 95th and 99th percentile and maximum of each sensor's speed, in mm/s.

    Speed in the mid-sagittal plane from positions at 100 Hz below 20 Hz, so that articulographs of any rate and noise
    are measured alike.
    """
    per_sensor: dict[str, list[Floats]] = {}
    for utterance in corpus:
        track = corpus.read_trajectory(utterance)
        times = np.arange(track.times_s[0], track.times_s[-1], 0.01)[10:-10]
        for sensor in dict.fromkeys(channel.partition(".")[0] for channel in track.channels):
            xz = align(track.select([f"{sensor}.x", f"{sensor}.z"]), times)
            per_sensor.setdefault(sensor, []).append(np.hypot(*np.diff(xz, axis=0).T) / 0.01)
    stacked = {sensor: np.concatenate(values) for sensor, values in per_sensor.items()}
    percentiles = {sensor: np.nanpercentile(v, [50, 95, 99, 100]) for sensor, v in stacked.items()}
    return pd.DataFrame(percentiles, index=["median", "p95", "p99", "max"]).round(0)


def lag(corpus: Corpus) -> tuple[float, pd.Series]:
    """Return the lag (s) at which sound predicts the sensors best, and mean r by lag.

    Ridge from log band energies around time t to positions at t + lag; every fifth text is held out. Positive
    means that the movement comes after the sound.
    """
    features, tracks = [], []
    for utterance in corpus:
        sound, rate = open_audio(utterance)
        bands = log_bands(sound, rate)
        times = (np.arange(len(bands)) * _HOP) / rate
        track = corpus.read_trajectory(utterance)
        centred = track.positions - track.positions.mean(0)
        shifted = np.stack(
            [[np.interp(times + shift, track.times_s, column) for column in centred.T] for shift in _LAGS_S]
        )
        features.append(np.hstack([bands, np.roll(bands, 1, 0), np.roll(bands, -1, 0)])[6:-6])
        tracks.append(shifted.transpose(0, 2, 1)[:, 6:-6])
    texts = sorted({u.sentence for u in corpus})
    held_out = {text for k, text in enumerate(texts) if k % 5 == 0}
    test = np.concatenate([np.full(len(f), u.sentence in held_out) for u, f in zip(corpus, features, strict=True)])
    x = np.concatenate(features)
    x = (x - x[~test].mean(0)) / x[~test].std(0)
    gram = x[~test].T @ x[~test] + 10.0 * np.eye(x.shape[1])
    scores = []
    for k in range(len(_LAGS_S)):
        y = np.concatenate([track[k] for track in tracks])
        guess = x[test] @ np.linalg.solve(gram, x[~test].T @ (y[~test] - y[~test].mean(0)))
        scores.append(np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(guess.T, y[test].T, strict=True)]))
    curve = pd.Series(scores, index=_LAGS_S.round(4))
    best = int(np.argmax(scores))
    if 0 < best < len(scores) - 1:
        a, b, c = scores[best - 1 : best + 2]
        return float(_LAGS_S[best] + 0.005 * (a - c) / (2 * (a - 2 * b + c))), curve
    return float(_LAGS_S[best]), curve


def open_audio(utterance: Utterance) -> tuple[Floats, int]:
    """Return an utterance's samples (n,) and rate."""
    import soundfile

    samples, rate = soundfile.read(utterance.audio)
    return np.asarray(samples, float), int(rate)


def _labels_path(utterance: Utterance) -> Path:
    assert utterance.labels is not None
    return utterance.labels


def _kind(label: str) -> str:
    base = label.rstrip("ːʲ")
    if base in "ptk":
        return "voiceless stop"
    if base in "bdg":
        return "voiced stop"
    if base in "mnŋ":
        return "nasal"
    return "vowel" if base in VOWELS else "pause" if base == "_" else "trill" if base == "r" else "open consonant"


def _rms(sound: Floats, width: int) -> Floats:
    return np.sqrt(np.convolve(sound**2, np.ones(width) / width, "valid"))


def log_bands(sound: Floats, rate: int) -> Floats:
    """Return log energies (frames, 26) of mel-spaced bands, frame k centred at k * 10 ms."""
    padded = np.pad(sound, 200)
    count = len(sound) // _HOP
    frames = np.lib.stride_tricks.sliding_window_view(padded, 400)[::_HOP][:count] * np.hanning(400)
    power = np.abs(np.fft.rfft(frames, 512)) ** 2
    mel = 2595 * np.log10(1 + np.fft.rfftfreq(512, 1 / rate) / 700)
    edges = np.linspace(mel[1], mel[-1], _BANDS + 2)
    rise = (mel - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - mel) / (edges[2:] - edges[1:-1])[:, None]
    return np.log(power @ np.clip(np.minimum(rise, fall), 0, None).T + 1e-7)
