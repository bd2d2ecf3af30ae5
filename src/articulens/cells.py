"""Cells: the smallest groups of frames that the requested protocols ever separate, and where they are kept.

A cell is one speaker crossed with what the protocols split by (sentence fold, language …). Its moments are all
that is stored of its frames; a protocol is nothing but two lists of cells.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import pandas as pd

from articulens.errors import ArticulensError, suggest
from articulens.files import atomic_write
from articulens.moments import FIELDS, Moments, pack, unpack

FOLDS = ("sentence_fold", "utterance_fold", "frame_fold")


@dataclass(frozen=True)
class CellDesign:
    """How frames are divided into cells.

    Parameters
    ----------
    by
        What separates the cells of one speaker: ``sentence_fold`` (the same text always in the same fold, whoever
        says it), ``utterance_fold``, ``frame_fold`` (frames at random, as in the published 80/20 split), or any
        column of the corpus table (``language``, ``condition``, ``task``, ``l1`` …).
    folds
        Number of folds of each kind.
    seed
        Decides which sentence, utterance and frame falls into which fold.
    """

    by: tuple[str, ...] = ()
    folds: int = 5
    seed: int = 0

    @classmethod
    def for_protocols(
        cls, protocols: Iterable[Any], by: Sequence[str] = (), *, folds: int = 5, seed: int = 0
    ) -> CellDesign:
        """Return the coarsest design that serves all `protocols` and separates the columns `by`."""
        keys = set(by).union(*(p.keys for p in protocols)) - {"speaker"}
        return cls(tuple(sorted(keys)), folds, seed)

    def assign(self, utterances: pd.DataFrame) -> pd.DataFrame:
        """Return ``by`` (but for ``frame_fold``) for each row of a corpus table, indexed by utterance id.

        Raises
        ------
        ArticulensError
            When a column is not in the corpus table, or there are fewer sentences than folds.
        """
        table = utterances.set_index("id", drop=False)
        table = table.assign(sentence_fold=self._sentence_folds(table), utterance_fold=self._utterance_folds(table))
        columns = [c for c in self.by if c != "frame_fold"]
        for column in columns:
            if column not in table:
                raise ArticulensError(
                    f"cells: the corpus has no column '{column}' to split by{suggest(column, list(table.columns))}"
                )
        if "sentence_fold" in columns and table["sentence"].nunique() < self.folds:
            raise ArticulensError(
                f"cells: {table['sentence'].nunique()} different sentences cannot fill {self.folds} folds; "
                "ask for fewer folds."
            )
        return table[["speaker", *columns]]

    def frame_folds(self, utterance_id: str, frames: int) -> npt.NDArray[np.int64]:
        """Return the fold of every frame of one utterance, ``(frames,)``: equal shares in random order."""
        rng = np.random.default_rng([self.seed, 3, zlib.crc32(utterance_id.encode())])
        return rng.permutation(frames) % self.folds

    def _sentence_folds(self, table: pd.DataFrame) -> pd.Series:
        """Deal the texts of each language into folds, so that every fold holds every language."""
        fold: dict[str, int] = {}
        dealt = 0
        for _, group in sorted(table.groupby("language")["sentence"]):
            texts = sorted(set(group) - fold.keys())
            for text in np.random.default_rng([self.seed, 1]).permutation(len(texts)):
                fold[texts[text]] = dealt % self.folds
                dealt += 1
        return table["sentence"].map(fold)

    def _utterance_folds(self, table: pd.DataFrame) -> pd.Series:
        fold = pd.Series(0, index=table.index)
        for _, ids in sorted(table.groupby("speaker").groups.items()):
            order = np.random.default_rng([self.seed, 2]).permutation(len(ids))
            fold.loc[sorted(ids)] = np.argsort(order) % self.folds
        return fold


class CellStore:
    """A folder with the moments of every cell and layer: one file a speaker, written whole or not at all.

    Attributes
    ----------
    header : dict
        What the cells were made from and how: corpus, encoder, fingerprints, layers, targets, options.
    utterances : DataFrame
        By utterance id: speaker and what :meth:`CellDesign.assign` gave it in the whole corpus.
    cells : DataFrame
        One row a cell: ``speaker``, the columns of the design, ``frames``.
    skipped : list of dict
        Utterances left out on request, with the reason.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        try:
            self.header: dict[str, Any] = json.loads((self.folder / "store.json").read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ArticulensError(
                f"{self.folder}: not a folder of cells ({error}); make one with `articulens probe` or sweep()."
            ) from error
        self.layers: tuple[str, ...] = tuple(self.header["layers"])
        self.targets: list[tuple[str, str]] = [(channel, reading) for channel, reading in self.header["targets"]]
        self.design = CellDesign(**{**self.header["design"], "by": tuple(self.header["design"]["by"])})
        self._kept: list[int] | None = None
        self.utterances = pd.DataFrame.from_dict(self.header["utterances"], orient="index")
        self._refresh()

    @classmethod
    def create(cls, folder: str | Path, header: dict[str, Any]) -> CellStore:
        """Start a store, or go on with the one that is there from an interrupted run."""
        folder = Path(folder)
        if not (folder / "store.json").exists():
            with atomic_write(folder / "store.json", "w") as stream:
                json.dump(header, stream, indent=1, ensure_ascii=False)
        return cls(folder)

    def _refresh(self) -> None:
        """Read which cells are there."""
        rows, self.skipped = [], []
        self._files: list[tuple[Path, int]] = []
        for speaker in self.header["speakers"]:
            path = self.path(speaker)
            if not path.exists():
                continue
            try:
                with np.load(path, allow_pickle=False) as stored:
                    about = json.loads(stored["about"].tobytes())
            except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
                raise ArticulensError(
                    f"{path}: the stored cells cannot be read ({error}); delete the file and run the same command "
                    "again."
                ) from error
            rows += about["cells"]
            self._files += [(path, i) for i in range(len(about["cells"]))]
            self.skipped += about["skipped"]
        self.cells = pd.DataFrame(rows, columns=["speaker", *self.design.by, "frames"])

    def path(self, speaker: str) -> Path:
        """Return where a speaker's cells are kept."""
        return self.folder / f"{quote(speaker, safe='')}.npz"

    def has(self, speaker: str) -> bool:
        """Whether this speaker is done."""
        return self.path(speaker).exists()

    def add(
        self,
        speaker: str,
        cells: Sequence[dict[str, Any]],
        moments: Mapping[str, Sequence[Moments]],
        skipped: Sequence[dict[str, str]],
    ) -> None:
        """Write one speaker: rows of the cell table, and for each layer the moments in the same order."""
        about = json.dumps({"cells": list(cells), "skipped": list(skipped)}, ensure_ascii=False)
        with atomic_write(self.path(speaker)) as stream, zipfile.ZipFile(stream, "w") as archive:
            _write(archive, "about", np.frombuffer(about.encode(), dtype=np.uint8))
            for layer, parts in moments.items():
                for i, part in enumerate(parts):
                    for field, array in pack(part).items():
                        _write(archive, f"{layer}/{i}/{field}", array)
        self._refresh()

    def moments(self, layer: str) -> list[Moments]:
        """Return the moments of one layer, in the order of :attr:`cells`.

        Raises
        ------
        ArticulensError
            For a layer that was not stored.
        """
        if layer not in self.layers:
            raise ArticulensError(f"layer '{layer}' is not in {self.folder}{suggest(layer, self.layers)}")
        out: list[Moments] = []
        for path in dict.fromkeys(path for path, _ in self._files):
            with np.load(path, allow_pickle=False) as stored:
                for i in (i for p, i in self._files if p == path):
                    out.append(unpack({field: stored[f"{layer}/{i}/{field}"] for field in FIELDS}))
        return out if self._kept is None else [m.select_targets(self._kept) for m in out]

    def select_targets(self, wanted: Callable[[str], bool]) -> CellStore:
        """Return the same cells with only the targets whose channel (``"TT.x"``) is wanted."""
        selected = CellStore(self.folder)
        selected._kept = [i for i, (channel, _) in enumerate(selected.targets) if wanted(channel)]
        selected.targets = [selected.targets[i] for i in selected._kept]
        return selected


def coarsen(
    cells: pd.DataFrame, moments: Sequence[Moments], columns: Sequence[str]
) -> tuple[pd.DataFrame, list[Moments]]:
    """Merge cells that differ only in what is not among `columns`: fewer, larger cells of the same frames."""
    for column in columns:
        if column not in cells:
            raise ArticulensError(
                f"the stored cells are not separated by '{column}'{suggest(column, list(cells.columns))} "
                "Sweep again with a protocol or `by` that asks for it."
            )
    groups = rows_by(cells, columns)
    table = pd.DataFrame([dict(zip(columns, key, strict=True)) for key in groups], columns=list(columns))
    merged = [Moments.sum(moments[i] for i in index) for index in groups.values()]
    return table.assign(frames=[m.n for m in merged]), merged


def rows_by(table: pd.DataFrame, columns: Sequence[str]) -> dict[tuple[Any, ...], npt.NDArray[np.intp]]:
    """Return the row numbers of every combination of values of `columns` that occurs."""
    numbered = table[list(columns)].reset_index(drop=True)
    return {key: part.index.to_numpy() for key, part in numbered.groupby(list(columns), sort=True, observed=True)}


def _write(archive: zipfile.ZipFile, name: str, array: npt.NDArray[Any]) -> None:
    # As numpy.savez does, but one array at a time: a speaker's packed copy never stands in memory whole.
    with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as stream:
        np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=False)
