"""From stored cells to the tidy score table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from sklearn.base import clone

from articulens.agreement import Agreement
from articulens.cells import CellStore, coarsen, rows_by
from articulens.errors import ArticulensError
from articulens.evaluation.protocols import Protocol, Split
from articulens.files import atomic_write
from articulens.moments import Array, Moments
from articulens.probes.linear import LinearProbe

#: Columns of the tidy score table, one row a speaker, channel, layer and protocol.
#:
#: ``seconds`` is the mean length of speech that trained the probe, ``alpha`` the geometric mean over folds of the
#: penalty used, ``r`` Pearson's correlation pooled over the held-out frames of the row, ``rmse_mm`` the root mean
#: squared error in millimetres; ``target`` says which reading of the sensor was asked for ("measured", or a
#: negative control such as "rolled").
COLUMNS = (
    "experiment", "corpus", "model", "layer", "probe", "protocol", "train_group", "speaker", "language", "task",
    "condition", "sensor", "axis", "target", "seconds", "alpha", "seed", "n_frames", "r", "rmse_mm",
)  # fmt: skip

SCALES = ("speaker", "mm")
POOLS = ("frames", "splits")


@dataclass
class _Row:
    """What the splits of one held-out group add up to."""

    agreement: Agreement
    split_r: list[Array] = field(default_factory=list)
    log_alphas: list[Array] = field(default_factory=list)
    train_frames: list[int] = field(default_factory=list)


def evaluate(
    store: CellStore,
    protocol: Protocol,
    probe: LinearProbe,
    *,
    by: Sequence[str] | Sequence[Sequence[str]] = (),
    layers: Sequence[str] | None = None,
    scale: str = "speaker",
    pool: str = "splits",
    inner_folds: int = 3,
    jobs: int = 1,
    experiment: str = "",
) -> pd.DataFrame:
    """Fit and score a probe at every layer under one protocol.

    Parameters
    ----------
    store
        Cells of a corpus under an encoder.
    protocol
        Who trains, who tests.
    probe
        An unfitted probe; it is cloned for every split.
    by
        Columns by which test frames are scored apart, besides the speaker: ``["language", "task"]``. Several such
        lists, ``[[], ["language"]]``, are scored with the same probes, fitted once.
    layers
        Which layers; all by default.
    scale
        ``"speaker"``: targets are z-scored by each training speaker's own mean and standard deviation while
        fitting, and predictions are given in mm by the means of those over the training speakers, so that nothing
        of the test speaker is used. ``"mm"``: targets as they are.
    pool
        Where several splits test one speaker: ``"splits"`` takes the mean of the r of each split; ``"frames"`` takes
        r over all of the speaker's held-out frames, each predicted by the probe that has not seen it. The second
        also asks the probe to know how far apart the splits lie. It cannot where coils shifted between them, and it
        is biased downwards where splits share a speaker: a cautious probe predicts the mean of its training frames,
        which is low just where the held-out frames are high.
    inner_folds
        At most so many inner folds choose the penalty; the groups a protocol names (speakers, say) are dealt into
        them whole. Each costs one eigendecomposition a split. Where all that trains is one group, nothing can choose:
        the middle penalty is taken.
    jobs
        Layers scored at a time, each in a process of its own; -1 for as many as there are cores.
    experiment
        Goes into the column of that name.

    Returns
    -------
    DataFrame with :data:`COLUMNS`; ``rmse_mm`` is always over all held-out frames of the row.
    """
    if pool not in POOLS:
        raise ArticulensError(f"unknown way '{pool}' to pool splits; known: {', '.join(POOLS)}.")
    groupings: list[list[str]] = [[str(c) for c in g] for g in by if not isinstance(g, str)] or [[str(c) for c in by]]
    keys = list(dict.fromkeys([*protocol.keys, *(column for grouping in groupings for column in grouping)]))
    layers = tuple(layers or store.layers)
    jobs = min(effective_n_jobs(jobs), len(layers))
    # A worker has one core: several BLAS threads in each would wait for one another.
    with parallel_config(backend="loky", inner_max_num_threads=1) if jobs != 1 else nullcontext():
        every = Parallel(n_jobs=jobs)(
            delayed(_score_layer)(store, layer, keys, groupings, protocol, probe, scale, pool, inner_folds)
            for layer in layers
        )
    scores = pd.DataFrame([row for rows in every for row in rows])
    extra = [column for column in keys if column in scores and column not in COLUMNS]
    return scores.assign(
        experiment=experiment,
        corpus=store.header["corpus"],
        model=store.header["encoder"],
        probe=describe(probe),
        protocol=protocol.name,
        seed=store.design.seed,
    )[[*COLUMNS, *extra]]


def _score_layer(
    store: CellStore,
    layer: str,
    keys: list[str],
    groupings: list[list[str]],
    protocol: Protocol,
    probe: LinearProbe,
    scale: str,
    pool: str,
    inner_folds: int,
) -> list[dict[str, Any]]:
    """Return the rows of one layer."""
    rows: list[dict[str, Any]] = []
    table, moments = coarsen(store.cells, store.moments(layer), keys)
    results: dict[tuple[Any, ...], _Row] = {}
    for split, fitted in fit_splits(table, moments, protocol, probe, scale, inner_folds):
        b, c = fitted.weights
        trained = sum(moments[i].n for i in np.flatnonzero(split.train))
        tested = np.flatnonzero(split.test)
        agreements = {i: Agreement.of(b, c, moments[i]) for i in tested}
        for columns in groupings:
            for values, group in rows_by(table.iloc[tested], ["speaker", *columns]).items():
                agreement = reduce(add, (agreements[i] for i in tested[group]))
                key = (split.train_group, *zip(["speaker", *columns], values, strict=True))
                if key in results:
                    results[key].agreement += agreement
                row = results.setdefault(key, _Row(agreement))
                row.split_r.append(agreement.r)
                row.log_alphas.append(np.log(np.maximum(fitted.alpha_, 1e-300)))
                row.train_frames.append(trained)
    for (train_group, *group_values), row in results.items():
        r = row.agreement.r if pool == "frames" else np.mean(row.split_r, axis=0)
        rows += _rows(store, layer, train_group, dict(group_values), row, r)
    return rows


def fit_splits(
    table: pd.DataFrame,
    moments: Sequence[Moments],
    protocol: Protocol,
    probe: LinearProbe,
    scale: str = "speaker",
    inner_folds: int = 3,
) -> Iterator[tuple[Split, LinearProbe]]:
    """Yield every split of `protocol` with a probe fitted to its training cells, which predicts mm."""
    if scale not in SCALES:
        raise ArticulensError(f"unknown target scale '{scale}'; known: {', '.join(SCALES)}.")
    for split in protocol.splits(table):
        yield split, fit_split(table, moments, split, probe, scale, inner_folds)


def fit_split(
    table: pd.DataFrame,
    moments: Sequence[Moments],
    split: Split,
    probe: LinearProbe,
    scale: str = "speaker",
    inner_folds: int = 3,
) -> LinearProbe:
    """Return a probe fitted to the training cells of one split, which predicts mm."""
    train: Any = np.flatnonzero(split.train)
    parts = {i: moments[i] for i in train}
    mean, spread = np.zeros(moments[0].k), np.ones(moments[0].k)
    if scale == "speaker":
        speakers = table["speaker"].to_numpy()[train]
        own = {s: Moments.target_statistics(parts[i] for i in train[speakers == s]) for s in np.unique(speakers)}
        parts = {i: parts[i].standardise_targets(*own[s]) for i, s in zip(train, speakers, strict=True)}
        mean, spread = (np.mean(values, axis=0) for values in zip(*own.values(), strict=True))
    inner = pd.factorize(split.inner[train])[0] % inner_folds
    folds = [Moments.sum(parts[i] for i in train[inner == fold]) for fold in np.unique(inner)]
    return settled(probe, len(folds)).fit_moments(Moments.sum(folds), folds=folds).rescaled(mean, spread)


def settled(probe: LinearProbe, groups: int) -> LinearProbe:
    """Return an unfitted copy; of several penalties only the middle one where no two groups of frames can choose."""
    copy = clone(probe)
    several = np.size(probe.alpha) > 1
    return copy.set_params(alpha=float(np.median(np.asarray(probe.alpha)))) if several and groups < 2 else copy


def write_scores(scores: pd.DataFrame, path: str | Path) -> None:
    """Write a table as ``.parquet`` or ``.csv``, whole or not at all."""
    path = Path(path)
    if path.suffix not in (".parquet", ".csv"):
        raise ArticulensError(f"{path}: a table is written as .parquet or .csv; change the name's ending.")
    with atomic_write(path) as stream:
        if path.suffix == ".csv":
            stream.write(scores.to_csv(index=False).encode())
        else:
            scores.to_parquet(stream, index=False, compression="zstd", compression_level=19)


def read_scores(path: str | Path) -> pd.DataFrame:
    """Read a table that :func:`write_scores` wrote; layers stay names."""
    try:
        if Path(path).suffix == ".csv":
            return pd.read_csv(path, dtype={"layer": str, "speaker": str})
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ArticulensError(f"{path}: not a readable table of scores ({error}); make it again.") from error


def describe(probe: LinearProbe) -> str:
    """Return the probe's name in the score table: ``ols``, ``ridge`` (penalty chosen) or ``ridge(alpha)``."""
    alphas = np.atleast_1d(np.asarray(probe.alpha, dtype=float))
    if len(alphas) > 1:
        return "ridge"
    return "ols" if alphas[0] == 0 else f"ridge({alphas[0]:g})"


def _rows(
    store: CellStore, layer: str, train_group: str, values: dict[str, Any], row: _Row, r: Array
) -> list[dict[str, Any]]:
    common = {
        **{column: "all" for column in ("language", "task", "condition")},
        **values,
        "layer": layer,
        "train_group": train_group,
        "seconds": float(np.mean(row.train_frames)) * store.header["frame_s"],
        "n_frames": row.agreement.n,
    }
    alphas = np.exp(np.mean(row.log_alphas, axis=0))
    in_mm = store.header["options"]["zscore"] != "file"
    return [
        {
            **common,
            "sensor": channel.split(".")[0],
            "axis": channel.split(".")[1],
            "target": reading,
            "alpha": float(alphas[j]) if alphas[j] > 1e-299 else 0.0,
            "r": float(r[j]),
            "rmse_mm": float(row.agreement.rmse[j]) if in_mm else float("nan"),
        }
        for j, (channel, reading) in enumerate(store.targets)
    ]
