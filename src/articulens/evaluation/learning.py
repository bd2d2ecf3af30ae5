"""How much speech a probe needs: scores against seconds of training speech of one speaker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from articulens.agreement import Agreement
from articulens.cells import CellDesign
from articulens.corpora.corpus import Corpus
from articulens.encoders.base import Encoder
from articulens.errors import ArticulensError
from articulens.evaluation.inference import cluster_interval
from articulens.moments import Array, Moments
from articulens.probes.linear import LinearProbe
from articulens.sweep import stream
from articulens.targets import TargetOptions


@dataclass(frozen=True)
class Frames:
    """The frames of one utterance at one layer.

    Attributes
    ----------
    x, y
        Hidden states ``(frames, dims)`` and positions ``(frames, channels)``, mm.
    fold
        Sentence fold of the utterance.
    """

    x: Array
    y: Array
    fold: int


def collect(
    corpus: Corpus, encoder: Encoder, layer: str, *, folds: int = 5, seed: int = 0, options: TargetOptions | None = None
) -> dict[str, list[Frames]]:
    """Return the frames of every speaker at one layer: the one place where hidden states are kept, in memory.

    An hour of speech at 1,024 dimensions takes 1.5 GB; leave speakers out with ``corpus.select``.
    """
    options = options or TargetOptions()
    design = CellDesign(("sentence_fold",), folds, seed)
    table = design.assign(corpus.to_frame())
    fold = {str(utterance): int(value) for utterance, value in table["sentence_fold"].items()}
    kept: dict[str, list[Frames]] = {speaker: [] for speaker in corpus.speakers}
    for utterance, states, keep, y in stream(corpus, encoder, list(corpus), table, options, 60.0, None):
        x = states.layers[layer].cpu().double().numpy()[keep]
        kept[utterance.speaker].append(Frames(x, y, fold[utterance.id]))
    return kept


def learning_curve(
    utterances: Sequence[Frames],
    seconds: Sequence[float],
    probes: Mapping[str, LinearProbe],
    *,
    frame_s: float,
    draws: int = 5,
    test_fold: int = 0,
    shuffled: bool = False,
    seed: int = 0,
) -> pd.DataFrame:
    """Score probes trained on more and more speech of one speaker, always on the same test set.

    Parameters
    ----------
    utterances
        From :func:`collect`.
    seconds
        Training sizes; those that the speaker has not got are left out, and all there is comes last.
    probes
        Unfitted probes by name; where one has several penalties they are chosen on runs of successive training frames.
    frame_s
        Seconds from frame to frame.
    draws
        Random orders of the training utterances; every size takes the first frames of the order, so sizes are nested.
    test_fold
        Sentences of this fold are the test set and never train.
    shuffled
        As published: a fifth of the frames at random is the test set, whatever they neighbour.
    seed
        Decides the orders.

    Returns
    -------
    DataFrame with ``probe``, ``seconds``, ``draw``, ``n_frames``, ``features``, ``channel`` (number), ``r``.

    Raises
    ------
    ArticulensError
        When the speaker has no test or no training sentence.
    """
    rows = []
    for draw in range(draws):
        rng = np.random.default_rng([seed, draw])
        if shuffled:
            x = np.concatenate([u.x for u in utterances])
            y = np.concatenate([u.y for u in utterances])
            order = rng.permutation(len(x))
            cut = len(x) // 5
            test_x, test_y, train_x, train_y = x[order[:cut]], y[order[:cut]], x[order[cut:]], y[order[cut:]]
        else:
            test = [u for u in utterances if u.fold == test_fold]
            train = [u for u in utterances if u.fold != test_fold]
            if not test or not train:
                raise ArticulensError(
                    f"learning_curve: {len(train)} training and {len(test)} test utterances; a speaker needs both."
                )
            train = [train[i] for i in rng.permutation(len(train))]
            test_x, test_y = np.concatenate([u.x for u in test]), np.concatenate([u.y for u in test])
            train_x, train_y = np.concatenate([u.x for u in train]), np.concatenate([u.y for u in train])
        sizes = [round(s / frame_s) for s in seconds if round(s / frame_s) < len(train_x)] + [len(train_x)]
        for n in sizes:
            for name, probe in probes.items():
                fitted = _fit(probe, train_x[:n], train_y[:n])
                r = Agreement.of_frames(fitted.predict(test_x), test_y).r
                rows += [
                    {
                        "probe": name,
                        "seconds": n * frame_s,
                        "draw": draw,
                        "n_frames": n,
                        "features": x_width,
                        "channel": j,
                        "r": float(value),
                    }
                    for x_width in [train_x.shape[1]]
                    for j, value in enumerate(r)
                ]
    return pd.DataFrame(rows)


def seconds_to_plateau(curve: pd.DataFrame, share: float = 0.95) -> float:
    """Return the seconds at which a curve first reaches `share` of its highest value, interpolated on log seconds.

    Parameters
    ----------
    curve
        ``seconds`` and ``r``, one row a size.
    """
    curve = curve.sort_values("seconds")
    s, r = curve["seconds"].to_numpy(), curve["r"].to_numpy()
    goal = share * np.nanmax(r)
    first = int(np.argmax(r >= goal))
    if first == 0:
        return float(s[0])
    part = (goal - r[first - 1]) / (r[first] - r[first - 1])
    return float(np.exp(np.log(s[first - 1]) + part * (np.log(s[first]) - np.log(s[first - 1]))))


def seconds_needed(curves: pd.DataFrame, by: Sequence[str] = ("split", "probe"), *, seed: int = 0) -> pd.DataFrame:
    """Return how many seconds of speech the plateau takes, with an interval over speakers and draws.

    Parameters
    ----------
    curves
        Mean over channels, one row a `by`, ``speaker``, ``draw`` and ``seconds``, with ``r``.
    by
        What is kept apart.
    seed
        Decides the resamples.

    Returns
    -------
    DataFrame with `by`, ``seconds`` (mean over speakers of the mean over draws of :func:`seconds_to_plateau`), ``low``,
    ``high`` (95 %, speakers and then draws resampled; NaN for few speakers), ``least``, ``most`` and ``speakers``.
    """
    rows = []
    for key, part in curves.groupby(list(by), sort=False):
        each = part.groupby(["speaker", "draw"])[["seconds", "r"]].apply(seconds_to_plateau).rename("s").reset_index()
        low, high = cluster_interval(each["s"], each["speaker"], seed=seed)
        mean = each.groupby("speaker")["s"].mean().mean()
        found = {"seconds": mean, "low": low, "high": high, "least": each["s"].min(), "most": each["s"].max()}
        rows.append({**dict(zip(by, key, strict=True)), **found, "speakers": each["speaker"].nunique()})
    return pd.DataFrame(rows)


def published_curve(path: str | Path) -> pd.DataFrame:
    """Return the learning curve printed for experiment E3, from ``data/published.csv``.

    Returns
    -------
    DataFrame with ``seconds``, ``r`` (mean over speakers) and ``low``, ``high`` (the lowest and the highest speaker).
    """
    table = pd.read_csv(path, keep_default_na=False)
    table = table[(table["experiment"] == "E3") & table["quantity"].str.startswith("pearson_r")]
    table = table.assign(seconds=table["condition"].str.extract(r"train_(\d+)_s", expand=False).astype(float))
    wide = table.astype({"value": float}).pivot(index="seconds", columns="quantity", values="value").reset_index()
    names = {"pearson_r_mean": "r", "pearson_r_min_speaker": "low", "pearson_r_max_speaker": "high"}
    return wide.rename(columns=names)[["seconds", *names.values()]]


def _fit(probe: LinearProbe, x: Array, y: Array) -> LinearProbe:
    fitted = LinearProbe(probe.alpha, standardize=probe.standardize, per_target=probe.per_target)
    labels = np.arange(len(x)) * 5 // len(x)
    folds = [Moments.from_frames(x[labels == fold], y[labels == fold]) for fold in np.unique(labels)]
    return fitted.fit_moments(Moments.sum(folds), folds=folds)
