"""Labelled intervals (phones, words) and the frames they make speech."""

from __future__ import annotations

import csv
import json
import math
import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from articulens.corpora.limits import MAX_BYTES, MAX_TEXT_BYTES, read_bytes
from articulens.errors import ArticulensError, suggest

Interval = tuple[float, float, str]

SILENCE = ("", "sil", "sp", "spn", "pau", "_", "__", "#", "breath", "<p:>")
"""Labels that mean that nobody speaks."""


_LONGEST_S = 86_400.0  # a day: what ends later is in another unit


def read_intervals(path: str | os.PathLike[str], tier: str | None = None, *, unit_s: float = 1.0) -> list[Interval]:
    """Read labelled intervals.

    Parameters
    ----------
    path : path
        See `read_tiers`.
    tier : str, optional
        Which tier; by default ``phones`` if there is one, else the first.
    unit_s : float
        See `read_tiers`.

    Returns
    -------
    list of (start_s, end_s, label)

    Raises
    ------
    ArticulensError
        When the file is absent or not such a file, or has no such tier.
    """
    tiers = read_tiers(path, unit_s=unit_s)
    if not tiers:
        raise ArticulensError(f"{path}: it holds no words and no phones; give labels of another file, or none.")
    name = tier or ("phones" if "phones" in tiers else next(iter(tiers)))
    if name not in tiers:
        raise ArticulensError(f"{path}: there is no tier '{name}'{suggest(name, list(tiers))}")
    return tiers[name]


def read_tiers(path: str | os.PathLike[str], *, unit_s: float = 1.0) -> dict[str, list[Interval]]:
    """Read all tiers of labelled intervals.

    Parameters
    ----------
    path : path
        One of

        * a Praat ``.TextGrid``, long or short form, UTF-8 or UTF-16;
        * a ``.json``: a list of ``{"label", "start_s", "end_s"}``, or such lists under the names of tiers;
        * a ``.csv`` with the columns ``start_s, end_s, label``;
        * a ``.lab`` of lines ``start end label`` (MOCHA-TIMIT in seconds; HTK, PB2007 in 100 ns), or of ESPS, where
          after a line ``#`` come lines ``end colour label`` (mngu0);
        * a ``.trans`` of USC-TIMIT: lines ``start,end,phone,word,sentence,number``;
        * the ``.mat`` of an MVIEW recording, with its words and phones (HPRC).
    unit_s : float
        Seconds in one unit of the times of a ``.lab``: 1e-7 in HTK's.

    Returns
    -------
    dict of list of (start_s, end_s, label)
        Empty for the ``.mat`` of a recording that nobody has labelled.

    Raises
    ------
    ArticulensError
        When the file is absent or not such a file, or an interval ends before it begins.
    """
    path = Path(path)
    recording = path.suffix.lower() == ".mat"
    content = read_bytes(path, max_bytes=MAX_BYTES if recording else MAX_TEXT_BYTES)
    if recording:
        # Nothing else here needs the readers of positions.
        from articulens.corpora.readers import mview

        return _checked(mview.read_labels(path), path)
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    suffix = path.suffix.lower()
    try:
        text = content.decode(encoding)
        if suffix == ".textgrid":
            tiers = _textgrid_tiers(text)
        elif suffix == ".json":
            tiers = _json_tiers(json.loads(text))
        elif suffix == ".csv":
            rows = csv.DictReader(text.splitlines())
            tiers = {"phones": [(float(r["start_s"]), float(r["end_s"]), r["label"] or "") for r in rows]}
        elif suffix == ".lab":
            tiers = {"phones": _lab(text, unit_s)}
        elif suffix == ".trans":
            tiers = {"phones": _trans(text)}
        else:
            raise ValueError(f"unknown suffix '{path.suffix}'")
        if not tiers:
            raise ValueError("no tier of intervals")
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ArticulensError(
            f"{path}: cannot be read as labels ({error}); expected a TextGrid, JSON or CSV with start_s, end_s and "
            "label, or a .lab or .trans file: correct the file."
        ) from error
    return _checked(tiers, path)


def _checked(tiers: dict[str, list[Interval]], path: Path) -> dict[str, list[Interval]]:
    for intervals in tiers.values():
        for start, end, label in intervals:
            if not (math.isfinite(start) and start <= end <= _LONGEST_S):
                raise ArticulensError(
                    f"{path}: '{label}' lasts from {start:g} s to {end:g} s, which is not possible; correct the file, "
                    "or say in the recipe in which unit its times are ('labels_unit_s')."
                )
    return tiers


def speech_mask(
    intervals: Sequence[Interval],
    times_s: ArrayLike,
    silence: Collection[str] = SILENCE,
    *,
    keep_pauses: bool = False,
) -> NDArray[np.bool_]:
    """Say which times lie inside an interval that is not silence.

    Parameters
    ----------
    intervals : sequence of (start_s, end_s, label)
        Start belongs to an interval, end does not.
    times_s : (frames,)
        Seconds.
    silence : collection of str
        Labels that do not count as speech.
    keep_pauses : bool
        Count everything from the beginning of the first to the end of the last speech interval.

    Returns
    -------
    (frames,) bool
    """
    times = np.asarray(times_s, dtype=np.float64)
    speech = np.zeros(times.shape, dtype=bool)
    spoken = [(start, end) for start, end, label in intervals if label.strip() not in silence]
    if keep_pauses and spoken:
        spoken = [(min(start for start, _ in spoken), max(end for _, end in spoken))]
    for start, end in spoken:
        speech |= (times >= start) & (times < end)
    return speech


def phone_of(label: str) -> str:
    """Return the phone of a label: without length marks, and "" for silence."""
    label = label.strip()
    return "" if label in SILENCE else label.replace("ː", "")


def phone_indicators(intervals: Sequence[Interval], times_s: ArrayLike, phones: Sequence[str]) -> NDArray[np.float64]:
    """Return ``(frames, phones)``: 1 where a time lies inside an interval of that phone, see :func:`phone_of`."""
    times = np.asarray(times_s, dtype=np.float64)
    at = {phone: i for i, phone in enumerate(phones)}
    said = np.zeros((len(times), len(phones)))
    for start, end, label in intervals:
        if (column := at.get(phone_of(label))) is not None:
            said[(times >= start) & (times < end), column] = 1.0
    return said


def _lab(text: str, unit_s: float) -> list[Interval]:
    lines = [line.strip() for line in text.splitlines()]
    if "#" in lines:  # ESPS: a header, then the end of each interval; the next begins there
        rows = [line.split(maxsplit=2) for line in lines[lines.index("#") + 1 :] if line]
        ends = [unit_s * float(row[0]) for row in rows]
        return [(start, end, row[2]) for start, end, row in zip([0.0, *ends], ends, rows, strict=False)]
    rows = [line.split(maxsplit=2) for line in lines if line]
    if not rows:
        raise ValueError("the file is empty")
    return [(unit_s * float(row[0]), unit_s * float(row[1]), row[2]) for row in rows]


def _trans(text: str) -> list[Interval]:
    intervals = []
    for number, row in enumerate(csv.reader(text.splitlines()), start=1):
        if row and len(row) != 6:
            raise ValueError(f"line {number} has {len(row)} cells, not 6")
        if row:
            intervals.append((float(row[0]), float(row[1]), row[2].strip()))
    if not intervals:
        raise ValueError("the file is empty")
    return intervals


def _json_tiers(content: object) -> dict[str, list[Interval]]:
    named = content if isinstance(content, dict) else {"phones": content}
    return {
        name: [(float(i["start_s"]), float(i["end_s"]), str(i["label"])) for i in intervals]
        for name, intervals in named.items()
        if isinstance(intervals, list) and all(isinstance(i, dict) and "start_s" in i for i in intervals)
    }


# Both forms of a TextGrid are the same strings, numbers and flags in the same order; the long one adds words
# and indices in brackets, which this leaves out.
_TOKEN = re.compile(r'"(?:[^"]|"")*"|<exists>|\[\d*\]|(?<![\w.])-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?(?![\w.])')


def _textgrid_tiers(text: str) -> dict[str, list[Interval]]:
    tokens = [token for token in _TOKEN.findall(text) if not token.startswith("[")]
    if len(tokens) < 6 or tokens[1].strip('"') != "TextGrid" or tokens[4] != "<exists>":
        raise ValueError("not a TextGrid with tiers")
    stream = iter(tokens[5:])

    def string() -> str:
        return next(stream)[1:-1].replace('""', '"')

    tiers: dict[str, list[Interval]] = {}
    try:
        for _ in range(int(next(stream))):
            kind, name = string(), string()
            next(stream), next(stream)
            count = int(next(stream))
            if kind == "IntervalTier":
                tiers[name] = [(float(next(stream)), float(next(stream)), string()) for _ in range(count)]
            else:
                for _ in range(2 * count):
                    next(stream)
    except StopIteration as error:
        raise ValueError("it ends in the middle of a tier") from error
    return tiers
