"""Is a corpus usable? File by file, speaker by speaker, before anything is computed from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from articulens.corpora.check.judge import Finding, judge
from articulens.corpora.check.lag import LONGEST_S, Heard, Lags, find_lags, hear
from articulens.corpora.check.measure import Measured, measure
from articulens.corpora.corpus import Corpus

__all__ = ["Finding", "Report", "check"]


@dataclass(frozen=True)
class Report:
    """What a check found.

    Attributes
    ----------
    name
        Of the corpus.
    measured
        Every utterance, in order.
    lags
        By speaker.
    findings
        The worst first.
    """

    name: str
    measured: list[Measured]
    lags: dict[str, Lags]
    findings: list[Finding]

    @property
    def usable(self) -> bool:
        """Whether nothing was found that makes results wrong."""
        return bool(self.measured) and not any(f.level == "error" for f in self.findings)

    def files(self) -> pd.DataFrame:
        """Return one row an utterance."""
        rows = []
        for m in self.measured:
            worst = max(m.missing.values(), default=0.0)
            rows.append(
                {
                    "id": m.id,
                    "speaker": m.speaker,
                    "audio_s": round(m.audio_s, 3),
                    "audio_hz": m.audio_hz,
                    "ema_s": round(m.ema_s, 3),
                    "ema_hz": round(m.ema_hz, 3),
                    "difference_ms": round(1000 * m.difference_s, 1),
                    "missing": round(worst, 4),
                    "jumps": sum(m.jumps.values()),
                    "clipped": m.clipped_runs,
                    "findings": sum(f.where == m.id for f in self.findings),
                }
            )
        return pd.DataFrame(rows)

    def coverage(self) -> pd.DataFrame:
        """Return minutes by speaker and by language, condition and task."""
        rows = [
            {"speaker": m.speaker, "cell": " ".join(m.cell), "minutes": m.audio_s / 60}
            for m in self.measured
            if not m.error
        ]
        table = pd.DataFrame(rows, columns=["speaker", "cell", "minutes"])
        return table.pivot_table(index="speaker", columns="cell", values="minutes", aggfunc="sum", fill_value=0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        utterances = [asdict(m) | {"audio": str(m.audio), "positions": str(m.positions)} for m in self.measured]
        return {
            "corpus": self.name,
            "usable": self.usable,
            "findings": [f.to_dict() for f in self.findings],
            "lag_s": {speaker: lags.speaker_s for speaker, lags in self.lags.items()},
            "utterances": utterances,
        }


def check(corpus: Corpus, *, lag: bool = True, say: Callable[[str], None] = lambda line: None) -> Report:
    """Check a corpus; open it with ``skip_bad=True``, so that what cannot be opened is listed too.

    Parameters
    ----------
    corpus
        What to check. Only one speaker's sound is in memory at a time, two minutes at most.
    lag
        Whether to look for the lag between sound and positions, which takes most of the time.
    say
        Called with a line for each speaker.
    """
    measured: list[Measured] = []
    lags: dict[str, Lags] = {}
    for speaker in corpus.speakers:
        heard: list[Heard] = []
        seconds = 0.0
        for utterance in (u for u in corpus if u.speaker == speaker):
            found, samples, trajectory = measure(corpus, utterance)
            measured.append(found)
            if lag and samples is not None and trajectory is not None and seconds < LONGEST_S:
                heard.append(hear(found.id, samples, found.audio_hz, trajectory))
                seconds += found.audio_s
        if lag:
            lags[speaker] = find_lags(heard)
        say(f"{speaker}: {sum(m.speaker == speaker for m in measured)} recordings")
    findings = judge(
        measured,
        lags,
        drift=corpus.recipe.get("max_clock_drift", 0.0),
        difference_s=corpus.recipe.get("max_length_difference_s", 0.3),
    )
    left_out = [Finding("error", "unreadable", "", reason) for reason in corpus.skipped]
    return Report(corpus.name, measured, lags, left_out + findings)
