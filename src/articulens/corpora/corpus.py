"""A corpus: utterances with their files, and how to read them."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from articulens.corpora.audio import audio_duration, read_audio
from articulens.corpora.integrity import hash_files, verify_checksums
from articulens.corpora.labels import Interval, read_intervals
from articulens.corpora.readers import READERS
from articulens.corpora.recipe import Recipe
from articulens.corpora.schema import Trajectory, Utterance
from articulens.errors import ArticulensError, suggest
from articulens.files import sha256_text

COMMON_RATES_HZ = (50.0, 100.0, 145.65, 200.0, 250.0, 400.0, 500.0, 1250.0)
# Clocks that agree this well are left alone; six good AG501 sweeps agree within 0.01 %.
_SAME_CLOCK = 0.0005


class Corpus:
    """Utterances with their files, and how to read them.

    Parameters
    ----------
    name : str
        For tables and titles.
    root : Path
        The folder.
    utterances : iterable of Utterance
        Kept sorted by id.
    recipe : Recipe
        How files are read.
    skipped : iterable of str
        What was left out when the corpus was opened, one sentence each.

    Raises
    ------
    ArticulensError
        When two utterances have the same id.
    """

    def __init__(
        self,
        name: str,
        root: Path,
        utterances: Iterable[Utterance],
        recipe: Recipe,
        skipped: Iterable[str] = (),
    ) -> None:
        self.name = name
        self.root = Path(root)
        self.utterances = tuple(sorted(utterances, key=lambda u: u.id))
        self.recipe = recipe
        self.skipped = tuple(skipped)
        for before, after in pairwise(self.utterances):
            if before.id == after.id:
                raise ArticulensError(f"{root}: two utterances have the id '{after.id}'; give each its own.")

    def __len__(self) -> int:
        return len(self.utterances)

    def __iter__(self) -> Iterator[Utterance]:
        return iter(self.utterances)

    def __repr__(self) -> str:
        return f"<Corpus {self.name}: {len(self)} utterances, {len(self.speakers)} speakers>"

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speakers' names, sorted."""
        return tuple(sorted({u.speaker for u in self.utterances}))

    @property
    def description(self) -> str:
        """What the corpus is, in a line."""
        return str(self.recipe.get("description", ""))

    @property
    def licence(self) -> str:
        """What one may do with it; empty if nobody said."""
        return str(self.recipe.get("licence", ""))

    @property
    def card(self) -> Path | None:
        """The document that describes it, if there is one."""
        return self.root / self.recipe["card"] if "card" in self.recipe.keys else None

    def read_audio(self, utterance: Utterance) -> tuple[NDArray[np.float32], int]:
        """Return samples (n,) float32, the mean of the channels, and the rate in Hz.

        Raises
        ------
        ArticulensError
            See `articulens.corpora.audio.read_audio`.
        """
        return read_audio(utterance.audio)

    def read_trajectory(self, utterance: Utterance) -> Trajectory:
        """Return the sensor positions in mm on the clock of the audio.

        Raises
        ------
        ArticulensError
            When the file cannot be read, or is longer or shorter than the audio by more than the recipe's
            ``max_length_difference_s``; where another common rate would fit, the message names it.
        """
        return self._on_audio_clock(utterance, audio_duration(utterance.audio))

    def read(self, utterance: Utterance) -> tuple[NDArray[np.float32], int, Trajectory]:
        """Return samples, their rate in Hz, and the trajectory: `read_audio` and `read_trajectory` in one."""
        samples, rate_hz = read_audio(utterance.audio)
        return samples, rate_hz, self._on_audio_clock(utterance, len(samples) / rate_hz)

    def read_intervals(self, utterance: Utterance) -> list[Interval]:
        """Return labelled intervals (start_s, end_s, label).

        Raises
        ------
        ArticulensError
            When the utterance has no labels, or they cannot be read.
        """
        if utterance.labels is None:
            raise ArticulensError(
                f"{utterance.audio}: utterance '{utterance.id}' has no labels; add a column 'labels' to "
                "the manifest or a pattern 'labels' to the recipe."
            )
        return read_intervals(
            utterance.labels, self.recipe.get("labels_tier"), unit_s=self.recipe.get("labels_unit_s", 1.0)
        )

    def _on_audio_clock(self, utterance: Utterance, audio_s: float) -> Trajectory:
        if utterance.positions is None:
            raise ArticulensError(
                f"{utterance.audio}: utterance '{utterance.id}' has no positions, expected a recording with "
                "articulation; choose another corpus."
            )
        reader = READERS[self.recipe["reader"]]
        trajectory = reader(utterance.positions, **self.recipe.reader_arguments(utterance.speaker))
        difference = trajectory.start_s + trajectory.duration_s - audio_s
        share = abs(difference) / audio_s
        if share <= _SAME_CLOCK:
            return trajectory
        fitting_hz = len(trajectory) / max(audio_s - trajectory.start_s, 1e-9)
        if share <= self.recipe.get("max_clock_drift", 0.0):
            return dataclasses.replace(trajectory, rate_hz=fitting_hz)
        allowed = self.recipe.get("max_length_difference_s", 0.3)
        if abs(difference) <= allowed:
            return trajectory
        found = (
            f"{utterance.positions}: the positions last {trajectory.start_s + trajectory.duration_s:.2f} s "
            f"at {trajectory.rate_hz:g} Hz but the audio {audio_s:.2f} s"
        )
        common = min(COMMON_RATES_HZ, key=lambda rate: abs(fitting_hz / rate - 1))
        if abs(fitting_hz / common - 1) < 0.01:
            raise ArticulensError(
                f"{found}; {common:g} Hz would fit: set 'rate_hz: {common:g}' in the recipe, or open the "
                f"corpus with rate_hz={common:g}."
            )
        raise ArticulensError(
            f"{found}, more than the {allowed:g} s they may differ by; cut both to the same recording, "
            "raise 'max_length_difference_s' in the recipe, or leave this utterance out."
        )

    def select(self, **wanted: Any) -> Corpus:
        """Keep the utterances whose columns have the wanted values.

        Parameters
        ----------
        **wanted
            Column of `to_frame` to a value or a list of values, e.g. ``language="fi", task=["T1", "T2"]``.

        Raises
        ------
        ArticulensError
            When a column or a value is unknown, or nothing is left.
        """
        kept = list(self.utterances)
        for column, values in wanted.items():
            accepted = [values] if isinstance(values, str) or not isinstance(values, Iterable) else list(values)
            known = list(dict.fromkeys(value for u in self.utterances for value in _column(u, column)))
            if not known:
                columns = list(dict.fromkeys(key for u in self.utterances for key in _row(u)))
                raise ArticulensError(f"corpus '{self.name}' has no column '{column}'{suggest(column, columns)}")
            for value in accepted:
                if value not in known:
                    hint = suggest(str(value), [str(other) for other in known])
                    raise ArticulensError(f"corpus '{self.name}' has no {column} '{value}'{hint}")
            kept = [u for u in kept if any(value in accepted for value in _column(u, column))]
        if not kept:
            raise ArticulensError(f"corpus '{self.name}' has no utterance with all of {wanted}; ask for less.")
        return Corpus(self.name, self.root, kept, self.recipe, self.skipped)

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each utterance; ``meta`` keys are columns, paths are relative to the root."""
        frame = pd.DataFrame([_row(u) for u in self.utterances])
        for column in ("audio", "positions", "labels"):
            frame[column] = [
                None if path is None else Path(os.path.relpath(path, self.root)).as_posix() for path in frame[column]
            ]
        return frame

    def fingerprint(self) -> str:
        """Return a hash (hex) of utterances, recipe and the bytes of all files, not of their place."""
        files = [path for u in self.utterances for path in (u.audio, u.positions, u.labels) if path is not None]
        rows = self.to_frame().drop(columns=["audio", "positions", "labels"]).to_dict("records")
        described = [json.dumps(row, sort_keys=True, default=str) for row in rows]
        return sha256_text([self.recipe.fingerprint_text(), *described, *hash_files(files)])

    def verify(self) -> int:
        """Compare every file with the corpus's ``SHA256SUMS``; return how many there are.

        Raises
        ------
        ArticulensError
            When there is no list, or a file is missing or has changed.
        """
        return verify_checksums(self.root)


def _row(utterance: Utterance) -> dict[str, Any]:
    fields = {field.name: getattr(utterance, field.name) for field in dataclasses.fields(utterance)}
    meta: dict[str, Any] = fields.pop("meta")
    return fields | meta


def _column(utterance: Utterance, column: str) -> list[Any]:
    row = _row(utterance)
    return [row[column]] if row.get(column) is not None else []
