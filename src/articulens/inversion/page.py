"""A mouth that moves with the sound, as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import io
import json
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from articulens.corpora.audio import read_audio
from articulens.inversion.apply import Inverted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>@TITLE@</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:1.5rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
canvas{width:100%;border:1px solid #ddd;border-radius:4px}audio{width:100%;margin:.5rem 0}p{max-width:46rem}
@media(prefers-color-scheme:dark){body{color:#eee;background:#181818}canvas{border-color:#444}}
</style>
<h1>@TITLE@</h1>
<p>@WHAT@</p>
<canvas id="mouth" width="960" height="560" role="img"
 aria-label="Midsagittal view: tongue tip, body and dorsum joined by a curve, and the lips, moving."></canvas>
<audio id="sound" controls preload="auto" src="data:audio/flac;base64,@SOUND@"></audio>
<label>Speed <select id="speed"><option>1</option><option>0.5</option><option>0.25</option></select></label>
<canvas id="traces" width="960" height="260" role="img"
 aria-label="Vertical position of every sensor over time, with a line where the sound is; click to go there."></canvas>
<p>@UNIT@</p>
<script type="application/json" id="data">@DATA@</script>
<script>
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const sound = document.getElementById("sound"), speed = document.getElementById("speed");
const mouth = document.getElementById("mouth"), traces = document.getElementById("traces");
const n = data.frames, k = data.channels.length;
const column = Object.fromEntries(data.channels.map((name, i) => [name, i]));
const sensors = [...new Set(data.channels.map(name => name.split(".")[0]))]
  .filter(s => s + ".x" in column && s + ".z" in column);
const colours = {TT: "#d1495b", TB: "#e07a1f", TD: "#b8860b", UL: "#2a6f97", LL: "#3a9ad9", JAW: "#5b8c5a"};
const ink = getComputedStyle(document.body).color;
function at(seconds) {                     // positions between the two frames around a time
  const place = Math.min(Math.max((seconds - data.start_s) * data.rate_hz, 0), n - 1);
  const i = Math.floor(place), share = place - i, j = Math.min(i + 1, n - 1);
  return data.channels.map((_, c) => (1 - share) * data.mm[i * k + c] + share * data.mm[j * k + c]);
}
let xs = [1e9, -1e9], zs = [1e9, -1e9];
for (const s of sensors) for (let i = 0; i < n; i++) {
  const x = data.mm[i * k + column[s + ".x"]], z = data.mm[i * k + column[s + ".z"]];
  xs = [Math.min(xs[0], x), Math.max(xs[1], x)]; zs = [Math.min(zs[0], z), Math.max(zs[1], z)];
}
const scale = Math.min((mouth.width - 160) / (xs[1] - xs[0] + 1), (mouth.height - 120) / (zs[1] - zs[0] + 1));
const X = x => 80 + (x - xs[0]) * scale, Z = z => mouth.height - 60 - (z - zs[0]) * scale;
function drawMouth(seconds) {
  const pen = mouth.getContext("2d");
  pen.clearRect(0, 0, mouth.width, mouth.height);
  for (const s of sensors) {               // where it has been in the last 0.3 s
    pen.strokeStyle = colours[s] || ink; pen.globalAlpha = 0.35; pen.lineWidth = 3; pen.beginPath();
    for (let back = 0.3; back >= 0; back -= 0.02) {
      const p = at(seconds - back); pen.lineTo(X(p[column[s + ".x"]]), Z(p[column[s + ".z"]]));
    }
    pen.stroke(); pen.globalAlpha = 1;
  }
  const now = at(seconds), point = s => [X(now[column[s + ".x"]]), Z(now[column[s + ".z"]])];
  const tongue = ["TT", "TB", "TD"].filter(s => sensors.includes(s)).map(point);
  if (tongue.length === 3) {
    const [a, b, c] = tongue;
    pen.strokeStyle = colours.TT; pen.lineWidth = 6; pen.lineCap = "round"; pen.beginPath(); pen.moveTo(...a);
    const control = [2 * b[0] - (a[0] + c[0]) / 2, 2 * b[1] - (a[1] + c[1]) / 2];
    pen.quadraticCurveTo(...control, ...c); pen.stroke();
  }
  pen.font = "20px system-ui"; pen.fillStyle = ink;
  for (const s of sensors) {
    const [x, z] = point(s);
    pen.fillStyle = colours[s] || ink; pen.beginPath(); pen.arc(x, z, 11, 0, 7); pen.fill();
    pen.fillStyle = ink; pen.fillText(s, x + 15, z - 10);
  }
  pen.lineWidth = 2; pen.strokeStyle = ink; pen.beginPath(); pen.moveTo(30, mouth.height - 22);
  pen.lineTo(30 + 10 * scale, mouth.height - 22); pen.stroke(); pen.fillText("10 mm", 30, mouth.height - 30);
  pen.fillText("lips →", mouth.width - 90, mouth.height - 20);
  pen.fillText(seconds.toFixed(2) + " s", mouth.width - 90, 30);
}
const length = data.start_s + n / data.rate_hz, drawn = document.createElement("canvas");
function drawTraces() {
  drawn.width = traces.width; drawn.height = traces.height;
  const pen = drawn.getContext("2d"), rows = sensors.length, height = traces.height / rows;
  sensors.forEach((s, row) => {
    const c = column[s + ".z"]; let low = 1e9, high = -1e9;
    for (let i = 0; i < n; i++) { low = Math.min(low, data.mm[i * k + c]); high = Math.max(high, data.mm[i * k + c]); }
    pen.strokeStyle = colours[s] || ink; pen.lineWidth = 1.5; pen.beginPath();
    for (let i = 0; i < n; i++) {
      const share = (data.mm[i * k + c] - low) / (high - low + 1e-9);
      pen.lineTo((data.start_s + i / data.rate_hz) / length * traces.width, (row + 0.9 - 0.8 * share) * height);
    }
    pen.stroke(); pen.fillStyle = ink; pen.font = "15px system-ui"; pen.fillText(s + " height", 4, row * height + 16);
  });
}
const state = {at, data, shown: -1};       // also what a test looks at
window.articulens = state;
function draw() {
  const now = sound.currentTime;
  if (now !== state.shown) {
    drawMouth(now);
    const pen = traces.getContext("2d");
    pen.clearRect(0, 0, traces.width, traces.height); pen.drawImage(drawn, 0, 0);
    pen.fillStyle = "#d1495b"; pen.fillRect(now / length * traces.width - 1, 0, 2, traces.height);
    state.shown = now;
  }
  requestAnimationFrame(draw);
}
speed.onchange = () => { sound.playbackRate = Number(speed.value); };
traces.onclick = event => { sound.currentTime = event.offsetX / traces.clientWidth * length; };
drawTraces(); draw();
</script>
</html>
"""


def to_html(inverted: Inverted) -> str:
    """Return the page: sound, mouth and traces on one clock."""
    positions = inverted.positions
    data = {
        "channels": list(positions.channels),
        "rate_hz": positions.rate_hz,
        "start_s": positions.start_s,
        "frames": len(positions),
        "mm": np.round(positions.positions, 2).ravel().tolist(),
    }
    unit = (
        "Millimetres of this speaker, from the recordings it was calibrated with."
        if inverted.calibrated
        else "Drawn in the mouth of the average training speaker: only how far a sensor is from its usual place, in "
        "units of how much it usually moves, was read from the sound."
    )
    parts = {
        "TITLE": escape(inverted.audio.name),
        "WHAT": escape(inverted.inverter.describe()),
        "UNIT": unit,
        "DATA": json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
        "SOUND": base64.b64encode(_flac(inverted.audio)).decode(),
    }
    page = _PAGE
    for name, text in parts.items():
        page = page.replace(f"@{name}@", text)
    return page


def _flac(audio: Path) -> bytes:
    """Return the sound as one channel of FLAC at its own rate, block by block: it may be long."""
    stream = io.BytesIO()
    if audio.suffix.lower() == ".mat":
        samples, rate_hz = read_audio(audio)
        soundfile.write(stream, np.clip(samples, -1, 1), rate_hz, format="FLAC", subtype="PCM_16")
        return stream.getvalue()
    with soundfile.SoundFile(audio) as source:
        rate_hz = source.samplerate
        with soundfile.SoundFile(stream, "w", rate_hz, 1, subtype="PCM_16", format="FLAC") as out:
            for block in source.blocks(10 * rate_hz, dtype="float32", always_2d=True):
                out.write(np.clip(block.mean(axis=1), -1, 1))
    return stream.getvalue()


def draw(inverted: Inverted) -> Figure:
    """Return a figure: one row a sensor, x and z in spreads away from the mean, over time."""
    from matplotlib.figure import Figure

    channels = inverted.positions.channels
    sensors = list(dict.fromkeys(name.split(".")[0] for name in channels))
    figure = Figure(figsize=(9, 1 + 0.9 * len(sensors)), layout="constrained")
    rows = figure.subplots(len(sensors), sharex=True, squeeze=False)[:, 0]
    for axes, sensor in zip(rows, sensors, strict=True):
        for i, name in enumerate(channels):
            if name.split(".")[0] == sensor:
                axes.plot(inverted.times_s, inverted.z[:, i], linewidth=1, label=name.split(".")[1])
        axes.set_ylabel(sensor)
    rows[0].legend(ncols=3, fontsize="small", loc="upper right")
    rows[-1].set_xlabel("time, s")
    figure.suptitle(f"{inverted.audio.name}: z-scores read from {inverted.inverter.card['encoder']}", fontsize="medium")
    return figure
