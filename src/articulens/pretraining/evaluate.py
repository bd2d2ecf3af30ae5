"""What the bundled models learned: the numbers of their cards, from the models and a corpus.

Articulation is probed as everywhere else (leave one speaker and the sentences out); phones by a linear classifier on
held-out speakers; a fine-tuned model's own phone head by its error rate. Each number comes with an interval over
speakers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from articulens.cells import CellDesign
from articulens.corpora.audio import audio_duration
from articulens.corpora.catalog import Corpus
from articulens.corpora.labels import SILENCE
from articulens.encoders import open_encoder
from articulens.encoders.base import Encoder
from articulens.evaluation.inference import speaker_interval, summarise
from articulens.evaluation.protocols import Protocol, open_protocol
from articulens.evaluation.scores import evaluate, read_scores, write_scores
from articulens.files import atomic_write, sha256_text
from articulens.pretraining.data import RATE_HZ, read_human
from articulens.pretraining.verification import vectors, verify
from articulens.probes.linear import LinearProbe
from articulens.sweep import sweep
from articulens.targets import TargetOptions

BASELINES = ("logmel", "logmel+6")
PENALTIES = tuple(float(alpha) for alpha in np.logspace(0, 5, 6))
COLUMNS = ("measure", "model", "layer", "against", "mean", "low", "high", "speakers")
Say = Callable[[str], None]


def articulation(corpus: Corpus, models: Sequence[str], cache: Path) -> pd.DataFrame:
    """Return r by model, layer and speaker, mean over channels; nobody's speaker or sentence is in the training."""
    return _scores(corpus, models, cache, open_protocol("loso_sentence"), 5, TargetOptions(), "frames")


def real_articulation(corpus: Corpus, models: Sequence[str], cache: Path) -> pd.DataFrame:
    """Return r of each model and layer on one real speaker: each recording left out once, speech frames only."""
    # r inside each recording: coils shift by millimetres between recordings.
    options = TargetOptions(frames="speech")
    return _scores(corpus, models, cache, open_protocol("utterance"), len(corpus), options, "splits")


def _scores(
    corpus: Corpus,
    models: Sequence[str],
    cache: Path,
    protocol: Protocol,
    folds: int,
    options: TargetOptions,
    pool: str,
) -> pd.DataFrame:
    design = CellDesign.for_protocols([protocol], folds=folds)
    probe = LinearProbe(PENALTIES, standardize=True)
    known: dict[str, pd.DataFrame] = {}  # random twins of one architecture are one and the same
    for model in models:
        encoder = open_encoder(model, device="cpu")
        moving = [layer for layer in encoder.layers if layer != "embedding"]  # which is one vector a recording
        if len(moving) < len(encoder.layers):
            encoder = open_encoder(model, device="cpu", layers=moving)
        if encoder.fingerprint not in known:
            store = sweep(corpus, encoder, design, out=cache, options=options, progress=False)
            path = store.folder / f"{protocol.name}.csv"
            if not path.exists():
                write_scores(evaluate(store, protocol, probe, pool=pool, inner_folds=3), path)
            known[encoder.fingerprint] = _by_speaker(read_scores(path))
        known[model] = known[encoder.fingerprint].assign(model=model)
    return pd.concat([known[model] for model in models], ignore_index=True)


def _by_speaker(scores: pd.DataFrame) -> pd.DataFrame:
    return scores.groupby(["model", "layer", "speaker"], sort=False)["r"].mean().reset_index()


def best_layer(scores: pd.DataFrame, model: str) -> str:
    """Return the layer of a model with the highest mean over speakers."""
    own = scores[scores["model"] == model].groupby("layer")["r"].mean()
    return str(own.idxmax())


def profile(scores: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return one row a model and layer with an interval over speakers."""
    return summarise(scores, ["model", "layer"]).assign(measure=measure, against="")[list(COLUMNS)]


def differences(scores: pd.DataFrame, model: str, others: Sequence[str], measure: str) -> list[dict[str, Any]]:
    """Return how much a model's best layer is above the best layer of others, paired by speaker."""
    layer = best_layer(scores, model)
    mine = _of(scores, model, layer)
    rows = []
    for other in others:
        gap = (mine - _of(scores, other, best_layer(scores, other))).to_numpy()
        low, high = speaker_interval(gap)
        rows.append(_row(measure, model, layer, other, gap.mean(), low, high, len(gap)))
    return rows


def _of(scores: pd.DataFrame, model: str, layer: str) -> pd.Series:
    return scores[(scores["model"] == model) & (scores["layer"] == layer)].set_index("speaker")["r"].sort_index()


def _row(measure: str, model: str, layer: str, against: str, *numbers: float) -> dict[str, Any]:
    return dict(zip(COLUMNS, (measure, model, layer, against, *map(float, numbers)), strict=True))


def phone_accuracy(corpus: Corpus, encoder: Encoder, layer: str, *, folds: int = 3) -> pd.Series:
    """Return, by speaker, the share of frames whose phone a linear classifier tells that never heard the speaker.

    Frames inside labelled phones; length marks are left off, so that a classifier need not count frames.
    """
    features: dict[str, list[NDArray[np.float32]]] = {}
    labels: dict[str, list[str]] = {}
    for utterance in corpus:
        states = encoder.encode(*corpus.read_audio(utterance))
        at: NDArray[Any] = np.full(len(states), "", dtype=object)
        for start, end, label in corpus.read_intervals(utterance):
            if label.strip() not in SILENCE:
                at[(states.times_s >= start) & (states.times_s < end)] = label.replace("ː", "")
        keep = np.flatnonzero(at != "")
        features.setdefault(utterance.speaker, []).append(states[layer].numpy()[keep])
        labels.setdefault(utterance.speaker, []).extend(at[keep])
    speakers = sorted(features)
    x = {s: np.concatenate(features[s]) for s in speakers}
    y = {s: np.array(labels[s], dtype=str) for s in speakers}
    right: dict[str, float] = {}
    for fold in range(folds):
        test = speakers[fold::folds]
        train = [s for s in speakers if s not in test]
        classifier = make_pipeline(StandardScaler(), RidgeClassifier(100.0))
        classifier.fit(np.concatenate([x[s] for s in train]), np.concatenate([y[s] for s in train]))
        right |= {s: float((classifier.predict(x[s]) == y[s]).mean()) for s in test}
    return pd.Series(right).sort_index()


def _phones(corpus: Corpus, model: str, layer: str, cache: Path) -> pd.Series:
    """Return `phone_accuracy`, from an earlier run where there was one."""
    encoder = open_encoder(model, device="cpu")
    key = sha256_text([corpus.fingerprint(), encoder.fingerprint, layer])[:12]
    path = cache / f"phones-{model}-{key}.csv"
    if not path.exists():
        told = phone_accuracy(corpus, encoder, layer)
        with atomic_write(path, "w") as stream:
            told.rename("accuracy").to_csv(stream, index_label="speaker")
    return pd.read_csv(path, index_col="speaker")["accuracy"]


def phone_errors(corpus: Corpus, folder: Path, language: str) -> pd.Series:
    """Return, by speaker, the phone error rate of a fine-tuned model's own head on native speech of a language."""
    from articulens.pretraining.ctc import edit_distance, greedy

    encoder = open_encoder(str(folder), layers=["final"], device="cpu")
    with safe_open(folder / "heads.safetensors", "pt") as stored:
        weight, bias = (stored.get_tensor(f"phones.{name}").float() for name in ("weight", "bias"))
        vocabulary = stored.metadata()["phones"].partition("vocabulary: ")[2].split(" ")
    counts: dict[str, list[int]] = {}
    for utterance in corpus.select(language=language, condition="L1"):
        said = [label for _, _, label in corpus.read_intervals(utterance) if label.strip() not in SILENCE]
        states = encoder.encode(*corpus.read_audio(utterance))["final"]
        scores = torch.nn.functional.linear(states, weight, bias).numpy()
        wrong = edit_distance(said, greedy(scores, vocabulary))
        total = counts.setdefault(utterance.speaker, [0, 0])
        total[0], total[1] = total[0] + wrong, total[1] + len(said)
    return pd.Series({speaker: wrong / n for speaker, (wrong, n) in counts.items()}).sort_index()


def voices(corpus: Corpus, models: Sequence[str], human: Path | None) -> list[dict[str, Any]]:
    """Return equal error rates of speaker models on the corpus, and on a folder of human recordings."""
    sets = {"equal error rate": [(u.speaker, u.sentence, u.language, corpus.read_audio(u)) for u in corpus]}
    if human is not None:
        heard = read_human(human, "en")
        sets["equal error rate, human"] = [(r.speaker, str(i), "en", (r.samples, RATE_HZ)) for i, r in enumerate(heard)]
    rows = []
    for measure, recordings in sets.items():
        speakers, sentences, languages, audio = zip(*recordings, strict=True)
        for model in models:
            encoder = open_encoder(model, device="cpu")
            rate = verify(vectors(audio, encoder), speakers, sentences, languages)
            layer = "embedding" if "embedding" in encoder.layers else "mean and spread"
            rows.append(_row(measure, model, layer, "", *rate, len(set(speakers))))
    return rows


def extraction_seconds(corpus: Corpus, model: str, threads: int = 2) -> tuple[float, float]:
    """Return the seconds in which all layers of a model are computed over a corpus, and the seconds of its audio."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    encoder = open_encoder(model, device="cpu")
    audio = [corpus.read_audio(utterance) for utterance in corpus]
    started = time.perf_counter()
    encoder.encode_batch(audio)
    taken = time.perf_counter() - started
    torch.set_num_threads(before)
    return taken, sum(audio_duration(u.audio) for u in corpus)


def report(
    corpus: Corpus,
    models: Sequence[str],
    cache: Path,
    *,
    real: Corpus | None = None,
    fine_tuned: dict[str, str] | None = None,
    folder: Path = Path("data/models"),
    human: Path | None = None,
    say: Say = lambda line: None,
) -> pd.DataFrame:
    """Return every number of the cards as one table.

    Parameters
    ----------
    corpus
        With labelled phones; several speakers.
    models
        Bundled models.
    cache
        Folder for moments.
    real
        Recordings of one person, left out where absent.
    fine_tuned
        Fine-tuned models and their language.
    folder
        Where the models are.
    human
        Folder of human recordings that no model has heard, several of each speaker, for the speaker models.
    say
        Called with a line for each step.
    """
    twins = [f"{model}@random" for model in models]
    scores = articulation(corpus, [*BASELINES, *models, *twins], cache)
    tables = [profile(scores, "articulation")]
    rows: list[dict[str, Any]] = []
    for model, twin in zip(models, twins, strict=True):
        rows += differences(scores, model, [*BASELINES, twin], "articulation above")
    say("articulation on the corpus")
    if real is not None:
        person = real_articulation(real, [*BASELINES, *models, *twins], cache)
        tables.append(profile(person, "real articulation"))
        for model, twin in zip(models, twins, strict=True):
            rows += differences(person, model, [*BASELINES, twin], "real articulation above")
        say("articulation on real recordings")
    baseline = _phones(corpus, "logmel+6", "0", cache)
    rows.append(_row("phones", "logmel+6", "0", "", baseline.mean(), *speaker_interval(baseline), len(baseline)))
    for model in models:
        layer = best_layer(scores, model)
        told = _phones(corpus, model, layer, cache)
        rows.append(_row("phones", model, layer, "", told.mean(), *speaker_interval(told), len(told)))
        gap = told - baseline
        rows.append(_row("phones above", model, layer, "logmel+6", gap.mean(), *speaker_interval(gap), len(gap)))
        say(f"phones from {model}")
    for model, language in (fine_tuned or {}).items():
        wrong = phone_errors(corpus, folder / model, language)
        measure = f"phone error rate {language}"
        rows.append(_row(measure, model, "final", "", wrong.mean(), *speaker_interval(wrong), len(wrong)))
    speaker_models = [model for model in models if "embedding" in open_encoder(model, device="cpu").layers]
    rows += voices(corpus, ["logmel", *speaker_models, *(f"{model}@random" for model in speaker_models[:1])], human)
    say("who speaks")
    taken, audio = extraction_seconds(corpus, models[0])
    rows.append(_row("extraction seconds", models[0], "all", "", taken, np.nan, np.nan, len(corpus.speakers)))
    rows.append(_row("times real time", models[0], "all", "", audio / taken, np.nan, np.nan, len(corpus.speakers)))
    return pd.concat([*tables, pd.DataFrame(rows)], ignore_index=True).round(4)
