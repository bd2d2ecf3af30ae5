"""Figures of the corpus chapter: outlines, one utterance, vowel spaces, a minimal pair, the accent knob."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from articulens import alt_text
from articulens.corpora import SENSORS, Corpus, Utterance
from articulens.drawing import STYLE, STYLES, WIDTH, PageFigure
from articulens.errors import ArticulensError
from articulens.synthesis.checks import labels, open_audio
from articulens.synthesis.inventory import VOWELS, formant_range


def speaker_card(corpus: Corpus, speaker: str) -> dict[str, Any]:
    """Return what ``speakers/ID.json`` says about a speaker of a synthetic corpus.

    Raises
    ------
    ArticulensError
        When the corpus has no such file: it was not made by this synthesiser, or the speaker is unknown.
    """
    path = Path(corpus.root) / "speakers" / f"{speaker}.json"
    if not path.is_file():
        raise ArticulensError(
            f"{path}: not found, but a synthetic corpus keeps each speaker's anatomy there; choose one of its "
            f"speakers ({', '.join(corpus.speakers[:3])}, ...) or the bundled corpus."
        )
    return dict(json.loads(path.read_text(encoding="utf-8")))


def mid_sagittal(card: dict[str, Any], phones: Sequence[str]) -> PageFigure:
    """Draw some phones of one speaker from the side, lips to the right, with the six sensors.

    Parameters
    ----------
    card
        From `speaker_card`.
    phones
        Which of its drawings, at most six.
    """
    with mpl.rc_context(STYLE):
        figure = PageFigure(figsize=(WIDTH, 4.6), layout="constrained")
        axes = figure.subplots(2, 3, sharex=True, sharey=True)
        for axis, phone in zip(axes.flat, phones, strict=False):
            drawing = card["drawings_centi"][phone]
            for part, width in (("upper", 1.2), ("lower", 1.2), ("tongue", 2.0)):
                x, z = np.array(drawing[part]).T / 10
                axis.plot(x, z, color="#D55E00" if part == "tongue" else "0.35", lw=width)
            for k, (x, z) in enumerate(np.array(drawing["sensors"]) / 10):
                colour, marker, _ = STYLES[k]
                axis.plot(x, z, marker, color=colour, ms=5, label=SENSORS[k])
            axis.set_title(f"[{phone}]" if phone != "rest" else "at rest")
            axis.set_aspect("equal")
        axes[0, 0].legend(fontsize=8, ncols=2, loc="lower left", handlelength=1, columnspacing=0.6)
        figure.supxlabel("forward (mm)", fontsize=9)
        figure.supylabel("up (mm)", fontsize=9)
    tops = {phone: max(card["drawings_centi"][phone]["tongue"], key=lambda point: point[1]) for phone in phones}
    places = [f"[{phone}] {x / 10:.0f} mm forward and {z / 10:.0f} mm up" for phone, (x, z) in tops.items()]
    figure.alt = alt_text.joined(
        f"Mid-sagittal outlines of speaker {card.get('id', '')}, a panel for each phone, with the sensors",
        ["Highest point of the tongue: " + ", ".join(places)],
    )
    return figure


def utterance_picture(corpus: Corpus, utterance: Utterance, channels: Sequence[str]) -> PageFigure:
    """Draw one utterance: spectrogram with phones, and some sensor channels below, on one time axis."""
    sound, rate = open_audio(utterance)
    track = corpus.read_trajectory(utterance)
    with mpl.rc_context(STYLE):
        figure = PageFigure(figsize=(WIDTH, 4.8), layout="constrained")
        top, bottom = figure.subplots(2, 1, sharex=True)
        top.specgram(sound, NFFT=320, Fs=rate, noverlap=240, cmap="cividis", vmin=-105, vmax=-45)
        top.set_ylabel("frequency (Hz)")
        _mark_phones(top, bottom, _phones(utterance))
        for channel, (colour, _, line) in zip(channels, STYLES, strict=False):
            values = track.select([channel]).positions[:, 0]
            bottom.plot(track.times_s, values - values.mean(), line, color=colour, label=channel)
        bottom.set(xlabel="time (s)", ylabel="position about its mean (mm)", xlim=(0, len(sound) / rate))
        bottom.legend(ncols=len(channels), fontsize=8, loc="lower center")
        top.set_title(utterance.text)
    reach = [f"{c} {np.ptp(track.select([c]).positions):.0f} mm" for c in channels]
    figure.alt = alt_text.joined(
        f"Spectrogram of {len(sound) / rate:.1f} s with phone boundaries, above sensor tracks: {utterance.text}",
        [f"Phones: {' '.join(p['label'] for p in _phones(utterance))}", f"Range of movement: {', '.join(reach)}"],
    )
    return figure


def _phones(utterance: Utterance) -> list[dict[str, Any]]:
    assert utterance.labels is not None
    return list(labels(utterance.labels)["phones"])


def _mark_phones(top: Any, bottom: Any, phones: list[dict[str, Any]]) -> None:
    for phone in phones:
        for axis in (top, bottom):
            axis.axvline(phone["start_s"], color="0.7", lw=0.5)
        if phone["label"] != "_":
            middle = (phone["start_s"] + phone["end_s"]) / 2
            top.text(middle, 7400, phone["label"], color="white", ha="center", fontsize=8)


def vowel_space(tokens: pd.DataFrame, vowels: Sequence[str]) -> PageFigure:
    """Draw each speaker's median F1 and F2 over the accepted ranges, men and women apart.

    Parameters
    ----------
    tokens
        From `articulens.synthesis.checks.vowel_formants`.
    vowels
        Which vowels.
    """
    with mpl.rc_context(STYLE):
        figure = PageFigure(figsize=(WIDTH, 3.4), layout="constrained")
        axes = figure.subplots(1, 2, sharex=True, sharey=True)
        for axis, sex in zip(axes, "mf", strict=True):
            for vowel, (colour, marker, _) in zip(vowels, [*STYLES, *STYLES], strict=False):
                low1, high1, low2, high2 = formant_range(vowel, sex)
                box = Rectangle((low2, low1), high2 - low2, high1 - low1, fc=colour, alpha=0.12, lw=0)
                axis.add_patch(box)
                mine = tokens[(tokens["vowel"] == vowel) & (tokens["sex"] == sex)]
                medians = mine.groupby("speaker")[["f1_hz", "f2_hz"]].median()
                axis.plot(medians["f2_hz"], medians["f1_hz"], marker, color=colour, ms=4)
                reference, scale = VOWELS[vowel], 1.0 if sex == "m" else 1.17
                axis.text(reference.f2_hz * scale, reference.f1_hz * scale, vowel, fontsize=12, ha="center")
            axis.set(title={"m": "men", "f": "women"}[sex], xlabel="F2 (Hz)")
        axes[0].set(ylabel="F1 (Hz)", xlim=(3000, 500), ylim=(1000, 150))
    said = []
    for (of, said_as), own in tokens[tokens["vowel"].isin(vowels)].groupby(["sex", "vowel"]):
        f1, f2 = own.groupby("speaker")[["f1_hz", "f2_hz"]].median().median()
        said.append(f"{dict(m='men', f='women').get(str(of), of)} [{said_as}] F1 {f1:.0f}, F2 {f2:.0f} Hz")
    figure.alt = alt_text.joined(
        "Vowel charts for men and women: each speaker's median formants over the accepted range of each vowel",
        ["Median speaker: " + "; ".join(said)],
    )
    return figure


def minimal_set(corpus: Corpus, utterance: Utterance, channel: str) -> PageFigure:
    """Draw the words of a list on top of each other: one channel from each word's start.

    Words are taken from the labels; a word begins at its first phone.
    """
    track = corpus.read_trajectory(utterance)
    values = track.select([channel]).positions[:, 0]
    groups: dict[int, list[dict[str, Any]]] = {}
    for phone in _phones(utterance):
        if "word" in phone:
            groups.setdefault(phone["word"], []).append(phone)
    peaks = []
    with mpl.rc_context(STYLE):
        figure = PageFigure(figsize=(WIDTH, 2.8), layout="constrained")
        axis = figure.subplots()
        for phones, (colour, marker, line) in zip(groups.values(), STYLES, strict=False):
            start, end = phones[0]["start_s"], phones[-1]["end_s"]
            inside = (track.times_s >= start) & (track.times_s <= end)
            word = "".join(phone["label"] for phone in phones)
            highest = track.times_s[inside][np.nanargmax(values[inside])] - start
            peaks.append(f"{word} lasts {1000 * (end - start):.0f} ms and is highest after {1000 * highest:.0f} ms")
            axis.plot(
                1000 * (track.times_s[inside] - start), values[inside], line, marker=marker, ms=3, markevery=4,
                color=colour, label=word,
            )  # fmt: skip
        axis.set(xlabel="time from the word's start (ms)", ylabel=f"{channel} (mm)")
        axis.legend()
    figure.alt = alt_text.joined(f"{channel} of the words of a list, each from its start", peaks)
    return figure


def accent_knob(table: pd.DataFrame, value: str, ylabel: str) -> PageFigure:
    """Draw a measured property of each reading against the accent strength α, by condition.

    Parameters
    ----------
    table
        Columns ``alpha``, ``condition`` and `value`.
    value, ylabel
        Which column, and what to call it.
    """
    with mpl.rc_context(STYLE):
        figure = PageFigure(figsize=(WIDTH, 3.0), layout="constrained")
        axis = figure.subplots()
        for (condition, rows), (colour, marker, _) in zip(table.groupby("condition"), STYLES, strict=False):
            axis.plot(rows["alpha"], rows[value], marker, color=colour, ms=4, label=str(condition))
        axis.set(xlabel="accent strength α", ylabel=ylabel)
        axis.legend()
    means = table.groupby(table["alpha"].round(1))[value].mean()
    said = [f"{mean:.2f} at α {alpha:g}" for alpha, mean in means.items()]
    figure.alt = alt_text.joined(
        f"{ylabel} of {len(table)} readings against accent strength", ["Means: " + ", ".join(said)]
    )
    return figure
