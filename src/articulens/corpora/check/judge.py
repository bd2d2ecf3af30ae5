"""From measurements to findings: what a person should know before using a corpus."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from articulens.corpora.check.anatomy import mistaken, suspicion
from articulens.corpora.check.lag import Lags
from articulens.corpora.check.measure import Measured
from articulens.corpora.corpus import COMMON_RATES_HZ

LAG_S = 0.04
"""Devices have constants of up to 26 ms (two corpora); more is worth a word."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    level
        ``error`` (results would be wrong) or ``warning``.
    kind
        A word to sort by: unreadable, rate, drift, length, axes, swapped, posture, lag, missing, jumps, dead,
        clipping, silence, header, odd, duplicate.
    where
        Utterance, or speaker.
    text
        What was found.
    """

    level: str
    kind: str
    where: str
    text: str

    def to_dict(self) -> dict[str, str]:
        """Return it as plain values."""
        return asdict(self)


def judge(
    measured: Sequence[Measured], lags: Mapping[str, Lags], *, drift: float, difference_s: float
) -> list[Finding]:
    """List what is wrong, the worst first.

    Parameters
    ----------
    measured
        Every utterance.
    lags
        By speaker.
    drift, difference_s
        What the recipe allows: share of drift between the clocks, and difference in length.
    """
    findings: list[Finding] = []
    for m in measured:
        findings += [Finding("error", "unreadable", m.id, m.error)] if m.error else _of_one(m, drift, difference_s)
    read = [m for m in measured if not m.error]
    by_speaker = defaultdict(list)
    for m in read:
        by_speaker[m.speaker].append(m)
    for speaker, own in sorted(by_speaker.items()):
        findings += _of_speaker(speaker, own)
        found = lags.get(speaker)
        if found and found.speaker_s is not None and abs(found.speaker_s) > LAG_S:
            findings.append(Finding("warning", "lag", speaker, _lag(found.speaker_s)))
        for name, seconds in (found.utterances if found else {}).items():
            if abs(seconds) > LAG_S:
                findings.append(Finding("warning", "lag", name, _lag(seconds)))
    findings += _duplicates(read)
    return sorted(findings, key=lambda f: (f.level, f.kind, f.where))


def _lag(seconds: float) -> str:
    order = "after" if seconds > 0 else "before"
    return f"the positions come {abs(seconds) * 1000:.0f} ms {order} the sound that goes with them"


def _of_one(m: Measured, drift: float, difference_s: float) -> Iterator[Finding]:
    share = m.difference_s / m.audio_s
    # Two samples more or less are rounding, not clocks.
    if abs(m.difference_s) > max(2.5 / m.ema_hz, 0.0005 * m.audio_s):
        fitting = m.samples / max(m.audio_s - m.start_s, 1e-9)
        common = min(COMMON_RATES_HZ, key=lambda rate: abs(fitting / rate - 1))
        apart = f"{share:+.2%}, {m.difference_s * 1000:+.0f} ms"
        text = f"the positions last {m.ema_s:.3f} s, the audio {m.audio_s:.3f} s ({apart})"
        if abs(share) > 0.05 and abs(fitting / common - 1) < 0.01:
            yield Finding("error", "rate", m.id, f"{text}; {common:g} Hz would fit")
        elif abs(share) <= drift:
            yield Finding("warning", "drift", m.id, f"{text}; the recipe lets the clock be stretched")
        elif abs(m.difference_s) <= difference_s:
            kind = "drift" if abs(share) <= 0.02 else "length"
            yield Finding("warning", kind, m.id, f"{text}; clocks that drift apart, or one was cut")
        else:
            yield Finding("error", "length", m.id, f"{text}; more than the recipe allows")
    for sensor, lost in m.missing.items():
        if lost == 1:
            yield Finding("warning", "dead", m.id, f"{sensor} holds no position at all")
        elif lost > 0.05 or m.longest_gap_s[sensor] > 0.2:
            gap = m.longest_gap_s[sensor]
            yield Finding(
                "warning", "missing", m.id, f"{sensor} is missing for {lost:.1%} of the time, once for {gap:.2f} s"
            )
    still = [name for name, spread in m.spread.items() if spread < 0.02]
    for sensor in dict.fromkeys(name.split(".")[0] for name in still):
        if all(m.spread[name] < 0.02 for name in m.spread if name.split(".")[0] == sensor):
            yield Finding("warning", "dead", m.id, f"{sensor} does not move")
    jumps = {sensor: n for sensor, n in m.jumps.items() if n}
    if jumps:
        listed = ", ".join(f"{sensor} {n}" for sensor, n in jumps.items())
        yield Finding("warning", "jumps", m.id, f"steps faster than 1.5 m/s: {listed}")
    if m.clipped_runs:
        yield Finding("warning", "clipping", m.id, f"the audio is clipped in {m.clipped_runs} places")
    if m.loudness_db < -70:
        yield Finding("warning", "silence", m.id, f"the audio is all but silent ({m.loudness_db:.0f} dB)")
    if m.repaired:
        yield Finding("warning", "header", m.id, f"the header of the audio is wrong, though readable: {m.repaired}")


def _of_speaker(speaker: str, own: Sequence[Measured]) -> Iterator[Finding]:
    channels = list(dict.fromkeys(name for m in own for name in m.mean))
    table = np.array([[m.mean.get(name, np.nan) for name in channels] for m in own])
    spreads = np.array([[m.spread.get(name, np.nan) for name in channels] for m in own])
    with np.errstate(all="ignore"):
        known = ~np.isnan(table).all(axis=0)
        usual = {name: float(np.nanmedian(table[:, i])) for i, name in enumerate(channels) if known[i]}
        moving = {name: float(np.nanmedian(spreads[:, i])) for i, name in enumerate(channels) if known[i]}
    text = suspicion(usual, moving)
    if text:
        found = ", ".join(f"{name} {value:.0f}" for name, value in usual.items() if not name.endswith(".y"))
        advice = "correct 'channels'" if "swapped" in text else "turn the sign in, or correct, 'axes'"
        kind = "swapped" if "swapped" in text else "axes"
        yield Finding("error", kind, speaker, f"{text} (mean positions in mm: {found}); {advice} in the recipe")
    moved: set[str] = set()
    if len(own) >= 3:
        for m in own:
            text = mistaken(m.mean, usual)
            if text:
                moved.add(m.id)
                kind = "swapped" if "swapped" in text else "axes" if "looks" in text or "look ex" in text else "posture"
                yield Finding("error" if kind != "posture" else "warning", kind, m.id, text)
    rest = [i for i, m in enumerate(own) if m.id not in moved]
    for i, name in enumerate(channels):
        values = table[rest, i][np.isfinite(table[rest, i])]
        if len(values) >= 5 and values.std() > max(2 * moving.get(name, np.inf), 1.5):
            yield Finding(
                "warning",
                "posture",
                speaker,
                f"{name} differs by {values.std():.1f} mm between recordings, {moving[name]:.1f} mm within one: "
                "a sensor that was moved?",
            )
    for what, values in (("audio", [m.audio_hz for m in own]), ("positions", [round(m.ema_hz, 1) for m in own])):
        usual_rate = Counter(values).most_common(1)[0][0]
        for m, rate in zip(own, values, strict=True):
            if abs(rate / usual_rate - 1) > 0.005:
                text = f"the {what} run at {rate:g} Hz, those of the speaker's other recordings at {usual_rate:g} Hz"
                yield Finding("warning", "odd", m.id, text)


def _duplicates(read: Sequence[Measured]) -> Iterator[Finding]:
    for which, what in enumerate(("audio", "positions")):
        first: dict[str, Measured] = {}
        for m in read:
            other = first.setdefault(m.hashes[which], m)
            same_file = (m.audio, m.positions)[which] == (other.audio, other.positions)[which]
            if other is not m and not same_file:
                yield Finding("warning", "duplicate", m.id, f"its {what} is byte for byte that of {other.id}")
