"""The report of a check as one HTML page with its plots inside, to be opened or sent anywhere."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from articulens.corpora.check import Report
from articulens.corpora.check.lag import REACH, STEP_S

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
h1{overflow-wrap:anywhere}h2{font-size:1.25rem}.verdict{font-size:1.2rem}img{width:100%;max-width:36rem}
table{border-collapse:collapse;font-size:.85rem}td,th{padding:.2rem .7rem .2rem 0;text-align:left;vertical-align:top}
tr{border-bottom:1px solid #ddd}.error td:first-child{color:#a11;font-weight:600}div{overflow-x:auto}
.files td,.files th{white-space:nowrap}
"""


def to_html(report: Report) -> str:
    """Return the page. Names from the corpus are text in it, never markup."""
    errors = sum(f.level == "error" for f in report.findings)
    coverage = report.coverage().round(2).reset_index().rename_axis(columns=None)
    verdict = "usable" if report.usable else "not usable as it is"
    findings = pd.DataFrame([f.to_dict() for f in report.findings], columns=["level", "kind", "where", "text"])
    rows = "".join(
        f'<tr class="{escape(f.level)}">'
        + "".join(f"<td>{escape(str(v))}</td>" for v in f.to_dict().values())
        + "</tr>"
        for f in report.findings
    )
    head = "".join(f"<th>{name}</th>" for name in findings.columns)
    parts = [
        f"<h1>{escape(report.name)}</h1>",
        f'<p class="verdict">{_count(len(report.measured), "recording")}: {verdict}, {_count(errors, "error")}, '
        f"{_count(len(report.findings) - errors, 'warning')}.</p>",
        "<h2>Findings</h2>",
        f'<div tabindex="0"><table><tr>{head}</tr>{rows}</table></div>' if rows else "<p>Nothing was found.</p>",
        "<h2>Where the sensors lie</h2>",
        _image(_postures(report), "Mean position of every sensor in the midsagittal plane, one colour a speaker."),
        "<h2>Length of positions against audio</h2>",
        _image(_lengths(report), "Difference in length between positions and audio, one point a recording."),
    ]
    if any(lags.curve for lags in report.lags.values()):
        alt = "How well sound predicts positions at each lag, one curve a speaker."
        parts += ["<h2>Lag between sound and positions</h2>", _image(_lags(report), alt)]
    parts += [
        "<h2>Minutes by speaker, language, condition and task</h2>",
        f'<div tabindex="0">{coverage.to_html(border=0, index=False, escape=True)}</div>',
        '<h2>File by file</h2><div class="files" tabindex="0">'
        + report.files().to_html(border=0, index=False, escape=True)
        + "</div>",
    ]
    title = escape(f"{report.name}: check")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style><main>{"".join(parts)}</main></html>'
    )


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _figure(width: float = 5, height: float = 4) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _postures(report: Report) -> Figure:
    figure = _figure()
    axes = figure.subplots()
    for i, speaker in enumerate(dict.fromkeys(m.speaker for m in report.measured)):
        own = [m for m in report.measured if m.speaker == speaker and m.mean]
        sensors = sorted({name.split(".")[0] for m in own for name in m.mean})
        for sensor in sensors:
            x = np.array([m.mean.get(f"{sensor}.x", np.nan) for m in own])
            z = np.array([m.mean.get(f"{sensor}.z", np.nan) for m in own])
            if np.isfinite(x * z).any():
                label = speaker if sensor == sensors[0] else None
                axes.plot(x, z, ".", color=f"C{i % 10}", alpha=0.6, label=label)
                axes.annotate(sensor, (np.nanmedian(x), np.nanmedian(z)), xytext=(4, 4), textcoords="offset points")
    axes.margins(0.12)  # room for the names
    axes.set(xlabel="x, mm (forwards)", ylabel="z, mm (upwards)", aspect="equal")
    if axes.has_data() and len(report.lags) <= 12:
        axes.legend(fontsize="small")
    return figure


def _lengths(report: Report) -> Figure:
    figure = _figure(height=2.4)
    axes = figure.subplots()
    read = [m for m in report.measured if not m.error]
    axes.plot([m.audio_s for m in read], [1000 * m.difference_s for m in read], ".")
    axes.axhline(0, color="0.6", linewidth=0.8)
    axes.set(xlabel="length of the audio, s", ylabel="positions longer by, ms")
    return figure


def _lags(report: Report) -> Figure:
    figure = _figure(height=2.4)
    axes = figure.subplots()
    at = 1000 * STEP_S * np.arange(-REACH, REACH + 1)
    for speaker, lags in report.lags.items():
        if lags.curve:
            axes.plot(at, lags.curve, label=speaker if len(report.lags) <= 12 else None)
    axes.axvline(0, color="0.6", linewidth=0.8)
    axes.set(xlabel="positions after sound by, ms", ylabel="mean r, held out")
    if len(report.lags) <= 12:
        axes.legend(fontsize="small")
    return figure


def _image(figure: Figure, alt: str) -> str:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=160, bbox_inches="tight")
    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}">'
