"""Leave-one-speaker-out from moments against the same in scikit-learn, on one layer of the paper's size.

18 speakers × 1,500 frames × 1,024 features × 10 targets. Everything is timed in one run, ours with its gathering of
moments included. scikit-learn's folds are timed on a few and scaled up: all 18 take the same work.

    python benchmarks/bench_probes.py [--grid-folds 1]
"""

from __future__ import annotations

import argparse

import numpy as np
from common import timed, write
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut

from articulens.agreement import Agreement
from articulens.moments import Moments
from articulens.probes.linear import PENALTIES, LinearProbe

SPEAKERS, FRAMES, FEATURES, TARGETS = 18, 1500, 1024, 10


def speech(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features with a spectrum that falls like a layer's, targets, and the speaker of every frame."""
    rng = np.random.default_rng(seed)
    spectrum = np.arange(1, FEATURES + 1) ** -0.5
    rotation = np.linalg.qr(rng.normal(size=(FEATURES, FEATURES)))[0]
    x = (rng.normal(size=(SPEAKERS * FRAMES, FEATURES)) * spectrum) @ rotation
    x += np.repeat(rng.normal(size=(SPEAKERS, FEATURES)) * 0.1, FRAMES, axis=0)
    y = x @ rng.normal(size=(FEATURES, TARGETS)) + 2 * rng.normal(size=(len(x), TARGETS))
    return x, y, np.repeat(np.arange(SPEAKERS), FRAMES)


def pearson(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return r of each column."""
    a, b = a - a.mean(0), b - b.mean(0)
    return (a * b).sum(0) / np.sqrt((a * a).sum(0) * (b * b).sum(0))


def ours(x: np.ndarray, y: np.ndarray, speaker: np.ndarray, alpha: float) -> np.ndarray:
    """Return r of every held-out speaker and target, from moments."""
    parts = [Moments.from_frames(x[speaker == s], y[speaker == s]) for s in range(SPEAKERS)]
    total = Moments.sum(parts)
    return np.array([Agreement.of(*LinearProbe(alpha).fit_moments(total - part).weights, part).r for part in parts])


def theirs(model, x: np.ndarray, y: np.ndarray, speaker: np.ndarray, folds: int) -> np.ndarray:
    """Return r of the first `folds` held-out speakers, as one writes it with scikit-learn."""
    out = []
    for s in range(folds):
        train, test = speaker != s, speaker == s
        out.append(pearson(model.fit(x[train], y[train]).predict(x[test]), y[test]))
    return np.array(out)


def main() -> None:
    """Time each way and compare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folds", type=int, default=6, help="folds of scikit-learn that are really run")
    parser.add_argument("--grid-folds", type=int, default=1, help="folds of GridSearchCV that are really run")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    x, y, speaker = speech()
    result: dict = {"layer": f"{SPEAKERS} speakers x {FRAMES} frames x {FEATURES} features x {TARGETS} targets"}

    for name, alpha, model in (("ols", 0.0, LinearRegression()), ("ridge", 100.0, Ridge(100.0))):
        # The two take turns, and the median counts: other work on the machine must not favour either.
        fast, slow = [], []
        for _ in range(options.repeats):
            seconds, r = timed(lambda alpha=alpha: ours(x, y, speaker, alpha))
            fast.append(seconds)
            seconds, r_theirs = timed(lambda model=model: theirs(model, x, y, speaker, options.folds))
            slow.append(seconds * SPEAKERS / options.folds)
        result[f"loso_{name}"] = {
            "ours_s": round(float(np.median(fast)), 3),
            "scikit_learn_s": round(float(np.median(slow)), 3),
            "ratio": round(float(np.median(slow) / np.median(fast)), 1),
            "largest_difference_of_r": float(np.abs(r[: options.folds] - r_theirs).max()),
        }

    def nested() -> list[float]:
        parts = [Moments.from_frames(x[speaker == s], y[speaker == s]) for s in range(SPEAKERS)]
        total = Moments.sum(parts)
        chosen = []
        for s in range(options.grid_folds):
            folds = parts[:s] + parts[s + 1 :]
            probe = LinearProbe(PENALTIES, per_target=False).fit_moments(total - parts[s], folds=folds)
            chosen.append(float(probe.alpha_[0]))
        return chosen

    def grid() -> list[float]:
        chosen = []
        for s in range(options.grid_folds):
            train = speaker != s
            search = GridSearchCV(
                Ridge(), {"alpha": PENALTIES}, cv=LeaveOneGroupOut(), scoring="neg_mean_squared_error"
            )
            search.fit(x[train], y[train], groups=speaker[train])
            chosen.append(float(search.best_params_["alpha"]))
        return chosen

    seconds, chosen = timed(nested)
    seconds_theirs, chosen_theirs = timed(grid)
    result["penalty_by_inner_speaker_folds"] = {
        "outer_folds": options.grid_folds,
        "ours_s": round(seconds, 2),
        "grid_search_s": round(seconds_theirs, 2),
        "ratio": round(seconds_theirs / seconds, 1),
        "chosen": chosen,
        "chosen_by_grid_search": chosen_theirs,
        "same": chosen == chosen_theirs,
    }
    write("probes", result)


if __name__ == "__main__":
    main()
