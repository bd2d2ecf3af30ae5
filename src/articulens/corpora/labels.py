"""Labelled intervals (phones, words) and the frames they make speech."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from articulens.errors import ArticulensError, suggest

Interval = tuple[float, float, str]

SILENCE = ("", "sil", "sp", "spn", "pau", "_", "#", "<p:>")
"""Labels that mean that nobody speaks."""


def read_intervals(path: str | os.PathLike[str], tier: str | None = None) -> list[Interval]:
    """Read labelled intervals.

    Parameters
    ----------
    path : path
        A Praat ``.TextGrid`` (long or short form; UTF-8 or UTF-16), a ``.json`` (a list of
        ``{"label", "start_s", "end_s"}``, or such lists under the names of tiers), or a ``.csv`` with the
        columns ``start_s, end_s, label``.
    tier : str, optional
        Which tier; by default ``phones`` if there is one, else the first.

    Returns
    -------
    list of (start_s, end_s, label)

    Raises
    ------
    ArticulensError
        When the file is absent or not such a file, or has no such tier.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArticulensError(
            f"{path}: cannot be read ({error.strerror}); correct the labels in the recipe or the manifest."
        ) from error
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
        else:
            raise ValueError(f"unknown suffix '{path.suffix}'")
        if not tiers:
            raise ValueError("no tier of intervals")
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ArticulensError(
            f"{path}: cannot be read as labels ({error}); expected a TextGrid, or JSON or CSV with "
            "start_s, end_s and label: correct the file."
        ) from error
    name = tier or ("phones" if "phones" in tiers else next(iter(tiers)))
    if name not in tiers:
        raise ArticulensError(f"{path}: there is no tier '{name}'{suggest(name, list(tiers))}")
    return tiers[name]


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
