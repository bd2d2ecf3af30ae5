"""What is in a file of positions that nobody has described: its format, its sensors, and which may be which.

A recipe must say which socket or name is which sensor. This is what one looks at before writing it: every format can
say what a file holds, and where a sensor lies and how it moves tells much. Names and places are suggestions for a
person to confirm; nothing is opened by them.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from articulens.corpora.check.anatomy import suspicion
from articulens.corpora.integrity import list_files
from articulens.corpora.limits import read_bytes
from articulens.corpora.readers import READERS, SOURCES
from articulens.corpora.recipe import load_recipe, shipped_recipes
from articulens.corpora.schema import AXES, SENSORS
from articulens.errors import ArticulensError

_NAMES = {
    "TT": "tt|t1|ttip|tip|tonguetip",
    "TB": "tb|t2|tbo1?|tmid|tonguebody|tongueblade",
    "TD": "td|t3|tr|tback|tonguedorsum|tongueback",
    "UL": "ul|ulip|upperlip",
    "LL": "ll|llip|lowerlip",
    "JAW": "jaw|li|mni|lowerincisor",
}
_STILL = 0.12
"""Of the largest movement. Sensors on the head had .01 to .10 of it in three recordings, upper lips .14 to .34."""
_NO_POSITIONS = (".wav", ".flac", ".md", ".json", ".yaml", ".yml", ".textgrid", ".lab")
_LIPS_MM = 15.0  # no lip lies further behind the foremost sensor
_TONGUE_MM = 6.0  # a tongue's tip lay 10 to 18 mm above the lower lip in five speakers, a jaw 2 above to 3 below
_CHIN_MM = 30.0  # a chin 3 to 22 mm below; what lies deeper is not in the mouth


@dataclass(frozen=True)
class Survey:
    """What a file holds.

    Attributes
    ----------
    path
        The file.
    reader
        Which of `articulens.corpora.readers.READERS` reads it.
    rate_hz
        Positions a second; None where the file does not say.
    samples
        How many.
    axes
        As the file names them.
    table
        One row a sensor: ``sensor`` as ``channels`` of a recipe wants it, what it ``is`` (empty, still or moving), the
        share ``missing``, and mean and standard deviation along each axis in the file's unit.
    channels
        Our sensors to those of the file, as far as they can be told.
    told_by
        ``names`` or ``places``; empty where nothing could be told.
    """

    path: Path
    reader: str
    rate_hz: float | None
    samples: int
    axes: tuple[str, ...]
    table: pd.DataFrame
    channels: Mapping[str, int | str]
    told_by: str

    def relatives(self) -> list[str]:
        """Return the shipped recipes for files of this format, of which one may fit."""
        readers = {self.reader, "carstens"} if self.reader.startswith("carstens") else {self.reader}
        return [name for name in shipped_recipes() if load_recipe(name).get("reader") in readers]

    def recipe(self) -> str:
        """Return the beginning of a ``corpus.yaml`` for such files; what cannot be known is commented out."""
        known = ", ".join(f"{sensor}: {source}" for sensor, source in self.channels.items())
        untold = [sensor for sensor in SENSORS if sensor not in self.channels]
        told = f"told by {self.told_by}" + (f"; not told: {', '.join(untold)}" if untold else "")
        channels = f"channels: {{{known}}}   # {told}" if known else "# channels: {TT: ?, ...}   # nothing told which"
        rate = [] if self.rate_hz else ["# rate_hz: ?   # the files do not say"]
        first = f"# Begun from {self.path.name}: confirm every line, complete those that are commented out."
        stem, suffix = "(?:.*/)?(?P<stem>[^/]+)", re.escape(self.path.suffix)
        audio = suffix if self.reader == "mview" else r"\.wav"
        files = [f"positions: '{stem}{suffix}'", f"audio: '{stem}{audio}'"]
        if self.reader.startswith("carstens"):
            files = [] if self.path.parent.name == "pos" else files
            own = ["extends: carstens-folder", channels, *rate, *files, "# defaults: {language: ?}   # fi, ru, ..."]
            return "\n".join([first, *own, ""])
        own = [
            f"reader: {self.reader}",
            channels,
            f"# axes: {{x: +?, z: +?}}   # which of {', '.join(self.axes)} grows to the lips, which upwards",
            *rate,
            *files,
            "# defaults: {language: ?, speaker: S1, condition: L1, task: T1, sentence: '{stem}'}",
        ]
        if self.reader == "ssff":
            own.append(
                "# reader_options: {one_file_a_sensor: true}   # then 'channels' holds the suffixes of the files"
            )
        return "\n".join([first, *own, ""])


def survey(path: str | os.PathLike[str], *, reader: str | None = None, rate_hz: float | None = None) -> Survey:
    """Look into a file of positions.

    Parameters
    ----------
    path
        The file.
    reader
        Its format, one of `articulens.corpora.readers.SOURCES`; told by its beginning if not given.
    rate_hz
        Positions a second, where the file does not say.

    Raises
    ------
    ArticulensError
        When the file cannot be read, is of no known format, or holds no positions.
    """
    path = Path(path)
    reader = reader or recognise(path)
    if reader not in SOURCES:
        raise ArticulensError(f"reader '{reader}' cannot list what a file holds; choose one of {', '.join(SOURCES)}.")
    sources = SOURCES[reader](path)
    axes = max(sources.values(), key=len, default=())[:3]
    described = [source for source, own in sources.items() if own and set(axes) <= set(own)]
    if not described:
        raise ArticulensError(f"{path}: no column holds a position, such as TT.x or TT_x; name another file.")
    silent = inspect.signature(READERS[reader]).parameters["rate_hz"].default is inspect.Parameter.empty
    rate = {"rate_hz": rate_hz or 250.0} if silent else {"rate_hz": rate_hz}
    rows = []
    for i in range(0, len(described), len(SENSORS)):
        few = dict(zip(SENSORS, described[i : i + len(SENSORS)], strict=False))
        read = READERS[reader](path, channels=few, axes=dict(zip(AXES, axes, strict=False)), **rate)
        for sensor, source in few.items():
            columns = [read.channels.index(f"{sensor}.{axis}") for axis in AXES[: len(axes)]]
            rows.append({"sensor": source, **_described(read.positions[:, columns], axes)})
    table = pd.DataFrame(rows)
    largest = table[[f"sd_{axis}" for axis in axes]].max(axis=1)
    moving = largest > _STILL * largest.max()
    table.insert(1, "is", np.where(largest.isna(), "empty", np.where(moving, "moving", "still")))
    channels, told_by = _by_names(table), "names"
    if not channels and (reader == "carstens-ascii" or read_bytes(path, first=4) == b"AG50"):
        channels, told_by = _by_places(table), "places"
    stated = None if silent and rate_hz is None else read.rate_hz
    return Survey(path, reader, stated, len(read), axes, table, channels, told_by if channels else "")


def survey_folder(folder: str | os.PathLike[str], **options: Any) -> Survey:
    """Look into one file of each kind (suffix and folder) and return the survey that tells most.

    Parameters
    ----------
    folder
        A folder with recordings, at any depth.
    options
        As for `survey`.

    Raises
    ------
    ArticulensError
        When none of the first hundred kinds holds positions.
    """
    root = Path(folder)
    kinds: dict[tuple[Path, str], Path] = {}
    for name in list_files(root):
        path = root / name
        if path.suffix.lower() not in _NO_POSITIONS:
            kinds.setdefault((path.parent, path.suffix), path)
    found: list[Survey] = []
    for path in list(kinds.values())[:100]:
        try:
            found.append(survey(path, **options))
        except ArticulensError:
            continue
        if len(found[-1].channels) >= 5:
            break
    if not found:
        raise ArticulensError(
            f"{root}: no file holds positions in a known format ({', '.join(SOURCES)}); name one that does, and its "
            "reader."
        )
    return max(found, key=lambda seen: (len(seen.channels), int((seen.table["is"] == "moving").sum())))


def recognise(path: Path) -> str:
    """Return which reader reads a file, by its beginning.

    Raises
    ------
    ArticulensError
        When none does.
    """
    start = read_bytes(path, first=1 << 16)
    for beginning, reader in (
        (b"AG50", "carstens-binary"),
        (b"EST_File Track", "est-track"),
        (b"SSFF --", "ssff"),
        (b"MATLAB 5.0", "mview"),
        (b"PAR1", "tabular"),
    ):
        if start.startswith(beginning):
            return reader
    if b"\0" in start:
        if path.suffix.lower() == ".pos":
            return "carstens-binary"  # of an AG500, which has no header
        raise _unknown(path, start)
    first = start.removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n", 1)[0].decode("utf-8", errors="replace")
    cells = re.split(r"[\t,]|\s{2,}", first.strip())
    if re.match(r"(?:Audio)?Time\[s\]\t|Wav Time\t", first):
        return "ndi-wave"
    if re.search(r"\bCh[0-9]+_[XYZ]\b", first):
        return "carstens-ascii"
    if all(re.fullmatch(r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?", cell.strip()) for cell in cells):
        return "xrmb" if len(cells) == 17 else "carstens-ascii"
    if path.suffix.lower() in (".csv", ".tsv"):
        return "tabular"
    raise _unknown(path, start)


def _unknown(path: Path, start: bytes) -> ArticulensError:
    return ArticulensError(
        f"{path}: begins with {start[:20]!r}, which is the beginning of no known format of positions "
        f"({', '.join(SOURCES)}); name its reader, or export it as a table."
    )


def _described(positions: np.ndarray, axes: tuple[str, ...]) -> dict[str, float]:
    missing = np.isnan(positions).any(axis=1)
    there = positions[~missing]
    mean, spread = (there.mean(axis=0), there.std(axis=0)) if len(there) > 1 else np.full((2, len(axes)), np.nan)
    return {
        "missing": float(missing.mean()),
        **{f"mean_{axis}": float(value) for axis, value in zip(axes, mean, strict=True)},
        **{f"sd_{axis}": float(value) for axis, value in zip(axes, spread, strict=True)},
    }


def _by_names(table: pd.DataFrame) -> dict[str, int | str]:
    """Tell sensors by what they are called."""
    plain = {re.sub(r"[^a-z0-9]", "", str(source).lower()): source for source in table["sensor"]}
    found = {}
    for sensor, names in _NAMES.items():
        fitting = [source for name, source in plain.items() if re.fullmatch(names, name)]
        if fitting and not isinstance(fitting[0], int):
            found[sensor] = fitting[0]
    return found


def _by_places(table: pd.DataFrame) -> dict[str, int | str]:
    """Tell sensors of a head-corrected AG501 by where they lie, as far as that is beyond doubt.

    In front are the lips, the upper one higher. What lies behind them is tongue where it is clearly higher than the
    lower lip, jaw or chin where it is not. The foremost sensor of the tongue is its tip; body and dorsum are told only
    where there are just two more. What does not look like a mouth then is not told.
    """
    moving = table[table["is"] == "moving"].set_index("sensor").sort_values("mean_X", ascending=False)
    x, z = moving["mean_X"], moving["mean_Z"]
    lips = z[x > x.max() - _LIPS_MM].nlargest(2)
    if len(lips) < 2:
        return {}
    found = dict(zip(("UL", "LL"), lips.index, strict=True))
    above_lip = z.drop(lips.index) - lips.iloc[1]
    tongue = above_lip.index[above_lip > _TONGUE_MM]
    jaw = above_lip.index[(above_lip <= _TONGUE_MM) & (above_lip > -_CHIN_MM)]
    found |= dict(zip(("TT", "TB", "TD") if len(tongue) == 3 else ("TT",), tongue, strict=False))
    found |= dict(zip(("JAW",), jaw, strict=False))
    mean: dict[str, float] = {}
    spread: dict[str, float] = {}
    for sensor, source in found.items():
        for axis in AXES:
            mean[f"{sensor}.{axis}"], spread[f"{sensor}.{axis}"] = (
                float(moving[f"{what}_{axis.upper()}"][source]) for what in ("mean", "sd")
            )
    return {} if suspicion(mean, spread) else {sensor: found[sensor] for sensor in SENSORS if sensor in found}
