"""The measured part of the bundled corpus's card: every number in it is computed here and written between two marks.

``python -m articulens.publishing.corpus_card bundled --real REAL --encoder FOLDER`` measures the corpus `bundled`, the
speeds of people in the corpus ``REAL``, and how well probes read the positions from log-mel frames and from an encoder;
it rewrites that part of ``CARD.md`` in the corpus's folder.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from articulens.cells import CellDesign
from articulens.controls import ROLLED
from articulens.corpora import Corpus, open_corpus
from articulens.encoders import open_encoder
from articulens.evaluation.inference import speaker_interval
from articulens.evaluation.protocols import open_protocol
from articulens.evaluation.scores import evaluate
from articulens.files import replace_between
from articulens.probes.linear import LinearProbe
from articulens.sweep import sweep
from articulens.synthesis import checks
from articulens.synthesis.contrasts import contrasts
from articulens.targets import TargetOptions

START, END = "<!-- measured: python -m articulens.publishing.corpus_card -->", "<!-- end of what was measured -->"
PENALTIES = tuple(float(alpha) for alpha in np.logspace(0, 5, 6))


def write_measurements(corpus: Corpus, cache: Path, real: str | None = None, encoder: str | None = None) -> Path:
    """Rewrite the measured part of a corpus's card; return the card.

    Parameters
    ----------
    corpus
        With a ``CARD.md`` that has the two marks.
    cache
        Folder for moments.
    real
        Specification of a corpus of people whose speeds stand beside.
    encoder
        Name or folder of an encoder that is probed beside log-mel frames, with its random-weight twin.

    Raises
    ------
    ArticulensError
        When there is no card, or it has no marks.
    """
    parts = [*_vowels(corpus), *_contacts(corpus), *_speeds(corpus, real), *_lag(corpus)]
    parts += [*_probes(corpus, cache, encoder), *_contrasts(corpus)]
    card = corpus.root / "CARD.md"
    replace_between(card, START, END, "\n\n".join(parts))
    return card


def _table(rows: pd.DataFrame) -> str:
    """Return a Markdown table."""
    lines = [list(map(str, rows.columns)), ["---"] * rows.shape[1], *rows.astype(str).to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _vowels(corpus: Corpus) -> Iterator[str]:
    found = checks.formant_table(checks.vowel_formants(corpus))
    cells: dict[str, dict[str, str]] = {}
    for row in found.astype({c: int for c in found.columns if "_" in c or c == "n"}).itertuples():
        value = f"{row.f1_hz}/{row.f2_hz} ({row.f1_low}–{row.f1_high}/{row.f2_low}–{row.f2_high})"
        outside = "" if row.inside else " **outside**"
        cells.setdefault(str(row.vowel), {})[str(row.sex)] = f"{value}{outside}, n {row.n}"
    yield (
        "**Vowels**: medians of F1/F2 in Hz of L1 tokens in T1 and T2 by linear prediction at the middle, in brackets "
        f"the accepted range; {int(found['inside'].sum())} of {len(found)} inside."
    )
    rows = [(vowel, by.get("m", "–"), by.get("f", "–")) for vowel, by in cells.items()]
    yield _table(pd.DataFrame(rows, columns=["vowel", "men", "women"]))


def _contacts(corpus: Corpus) -> Iterator[str]:
    found = checks.contacts(corpus)
    closures = found[found["kind"].isin(["voiceless stop", "voiced stop", "nasal"])]
    opened = closures.loc[closures["area_cm2"] > 0, "area_cm2"]
    silent = found.loc[found["kind"] == "voiceless stop", "level_db"]
    vowels = found[found["kind"] == "vowel"]
    peak = max(float(np.abs(checks.open_audio(u)[0]).max()) for u in corpus)
    bad = sum(int(not np.isfinite(corpus.read_trajectory(u).positions).all()) for u in corpus)
    rest = f" (the others at most {opened.max():.2f} cm²)" if len(opened) else ""
    yield (
        f"**Contact**: {len(closures) - len(opened)} of {len(closures)} stops and nasals have no opening at their "
        f"middle{rest}. The level in voiceless stops is {silent.median():.0f} dB (median; re the loudest 20 ms), "
        f"{100 * (silent < -20).mean():.1f} % of them below −20 dB. Unintended closures (a vowel under 0.05 cm² at its "
        f"middle): {int((vowels['area_cm2'] < 0.05).sum())} of {len(vowels)}. Files with NaN: {bad}. Highest peak "
        f"{peak:.2f} of full scale."
    )


def _speeds(corpus: Corpus, real: str | None) -> Iterator[str]:
    yield (
        "**Speed** (mm/s, positions at 100 Hz below 20 Hz)"
        + ("; beside it one real speaker of English on an AG501, measured in the same way:" if real else ":")
    )
    tables = [checks.speeds(corpus)] + ([checks.speeds(open_corpus(real))] if real else [])
    rows = []
    for sensor in tables[0].columns:
        row = {"sensor": str(sensor)}
        for kind, table in zip(("synthetic", "real"), tables, strict=False):
            values = dict(table[sensor]) if sensor in table else {}
            row |= {f"{kind} {name}": f"{values[name]:.0f}" if values else "–" for name in table.index}
        rows.append(row)
    yield _table(pd.DataFrame(rows))


def _lag(corpus: Corpus) -> Iterator[str]:
    best, curve = checks.lag(corpus)
    yield (
        f"**Lag** between sound and sensors by cross-prediction: {1000 * best:.1f} ms (positive: movement after "
        f"sound). The curve over lags of {1000 * curve.index[0]:.0f} to {1000 * curve.index[-1]:.0f} ms peaks at "
        f"{1000 * curve.index[int(curve.argmax())]:.0f} ms."
    )


def _scores(corpus: Corpus, model: str, cache: Path, by: Sequence[Sequence[str]], rolled: bool = False) -> pd.DataFrame:
    protocol = open_protocol("loso_sentence")
    options = TargetOptions(frames="speech", readings=("measured", ROLLED) if rolled else ("measured",))
    store = sweep(
        corpus,
        open_encoder(model, device="cpu"),
        CellDesign.for_protocols([protocol], by=("language", "condition", "task"), folds=5),
        out=cache,
        options=options,
        progress=False,
    )
    scores = evaluate(store, protocol, LinearProbe(PENALTIES, standardize=True), by=by, inner_folds=3)
    return scores.assign(channel=scores["sensor"] + "." + scores["axis"])


def _mean(scores: pd.DataFrame) -> str:
    """Return the mean over speakers of the mean over channels, with its interval."""
    r = scores.groupby("speaker")["r"].mean().to_numpy()
    low, high = speaker_interval(r)
    return f"{r.mean():.3f} [{low:.3f}, {high:.3f}]"


def _probes(corpus: Corpus, cache: Path, encoder: str | None) -> Iterator[str]:
    groups = ("condition", "task", "language")
    full = _scores(corpus, "logmel+6", cache, [[], *([g] for g in groups)], rolled=True)
    measured = full[full["target"] == "measured"]
    everything = (full[list(groups)] == "all").all(axis=1)
    whole, controls = full[everything & (full["target"] == "measured")], full[everything & (full["target"] == ROLLED)]
    channels = ", ".join(f"{c} {r:.2f}" for c, r in whole.groupby("channel", sort=False)["r"].mean().items())
    yield (
        "**Probes**: ridge on frames inside speech; each speaker and each fifth of the texts are held out at once "
        "(sentence-disjoint leave-one-speaker-out), r by channel and speaker, mean over both, 95 % interval over "
        f"speakers. By channel, log-mel ±6 frames: {channels}."
    )
    rows = [
        ("log-mel, one frame", _mean(_scores(corpus, "logmel", cache, [[]]))),
        ("log-mel ±6 frames", _mean(whole)),
        ("the same, positions rolled in time", _mean(controls)),
    ]
    for group in groups:
        mine = measured[measured[group] != "all"]
        rows += [(f"log-mel ±6 frames, {group} {value}", _mean(part)) for value, part in mine.groupby(group)]
    for name in (encoder, f"{encoder}@random") if encoder else ():
        title = "Whisper tiny.en encoder" + (", random weights" if name.endswith("@random") else "")
        scores = _scores(corpus, name, cache, [[]])
        rows += [(f"{title}, state {layer}", _mean(part)) for layer, part in scores.groupby("layer", sort=False)]
    yield _table(pd.DataFrame(rows, columns=["features", "mean r"]))


def _contrasts(corpus: Corpus) -> Iterator[str]:
    yield (
        "**Contrasts in the sound**: cepstral statistics of an utterance normalised by speaker, ridge, same splits; 95 "
        "% intervals by bootstrap over speakers."
    )
    yield _table(contrasts(corpus).round(2))


def main() -> None:
    """Rewrite the measured part of a card."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("corpus", nargs="?", default="bundled")
    parser.add_argument("--real", help="corpus of people")
    parser.add_argument("--encoder", help="name or folder")
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    options = parser.parse_args()
    print(write_measurements(open_corpus(options.corpus), options.cache, options.real, options.encoder))


if __name__ == "__main__":
    main()
