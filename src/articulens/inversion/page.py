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
h1{font-size:1.5rem;overflow-wrap:anywhere}p{max-width:46rem}audio{width:100%;margin:.5rem 0}select{font:inherit}
canvas{display:block;width:100%;box-sizing:border-box;border:1px solid #ddd;border-radius:4px;margin:.5rem 0}
#mouth{aspect-ratio:12/7}#traces{height:16rem;cursor:pointer}
@media(prefers-color-scheme:dark){body{color:#eee;background:#181818}canvas{border-color:#444}}
</style>
<h1>@TITLE@</h1>
<p>@WHAT@</p>
<canvas id="mouth" role="img"
 aria-label="Midsagittal view: tongue tip, body and dorsum joined by a curve, and the lips, moving."></canvas>
<audio id="sound" controls preload="auto" src="data:audio/flac;base64,@SOUND@"></audio>
<label>Speed <select id="speed"><option>1</option><option>0.5</option><option>0.25</option></select></label>
<canvas id="traces" role="slider" tabindex="0" aria-valuemin="0"
 aria-label="Place in the sound, over the height of every sensor."></canvas>
<p>Above: the height of every sensor, and a line where the sound is. Click to go there, or use the arrow keys, Home and
End; the space bar plays and pauses. @UNIT@</p>
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
const style = getComputedStyle(document.body), ink = style.color, paper = style.backgroundColor;
const length = data.start_s + n / data.rate_hz, drawn = document.createElement("canvas");
function at(seconds) {                     // positions between the two frames around a time
  const place = Math.min(Math.max((seconds - data.start_s) * data.rate_hz, 0), n - 1);
  const i = Math.floor(place), share = place - i, j = Math.min(i + 1, n - 1);
  return data.channels.map((_, c) => (1 - share) * data.mm[i * k + c] + share * data.mm[j * k + c]);
}
function range(channel) {
  const c = column[channel]; let low = Infinity, high = -Infinity;
  for (let i = 0; i < n; i++) { low = Math.min(low, data.mm[i * k + c]); high = Math.max(high, data.mm[i * k + c]); }
  return [low, high];
}
const ranges = Object.fromEntries(data.channels.map(name => [name, range(name)]));
const across = axis => sensors.map(s => ranges[s + axis]), left = Math.min(...across(".x").map(r => r[0]));
const right = Math.max(...across(".x").map(r => r[1])), floor = Math.min(...across(".z").map(r => r[0]));
const roof = Math.max(...across(".z").map(r => r[1]));
let scale = 1, width = 0, height = 0;      // of the mouth: px for a mm, and px
const X = x => 45 + (x - left) * scale, Z = z => height - 60 - (z - floor) * scale;
function fit(canvas) {                     // as many dots as the screen has; then draw in its px
  const dots = window.devicePixelRatio || 1, pen = canvas.getContext("2d");
  canvas.width = Math.max(1, Math.round(canvas.clientWidth * dots));
  canvas.height = Math.max(1, Math.round(canvas.clientHeight * dots));
  pen.setTransform(dots, 0, 0, dots, 0, 0); pen.font = "15px system-ui, sans-serif"; pen.lineJoin = "round";
  return pen;
}
function write(pen, text, x, y, align = "left") {      // with an edge, so that no line runs through it
  pen.textAlign = align; pen.lineWidth = 4; pen.strokeStyle = paper; pen.strokeText(text, x, y);
  pen.fillStyle = ink; pen.fillText(text, x, y);
}
function drawMouth(seconds) {
  const pen = mouth.getContext("2d");
  pen.clearRect(0, 0, width, height);
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
    pen.strokeStyle = colours.TT; pen.lineWidth = 5; pen.lineCap = "round"; pen.beginPath(); pen.moveTo(...a);
    const control = [2 * b[0] - (a[0] + c[0]) / 2, 2 * b[1] - (a[1] + c[1]) / 2];
    pen.quadraticCurveTo(...control, ...c); pen.stroke();
  }
  for (const s of sensors) {
    const [x, z] = point(s);
    pen.fillStyle = colours[s] || ink; pen.beginPath(); pen.arc(x, z, 8, 0, 7); pen.fill();
    write(pen, s, x, z - 14, "center");
  }
  pen.lineWidth = 2; pen.strokeStyle = ink; pen.beginPath(); pen.moveTo(15, height - 12);
  pen.lineTo(15 + 10 * scale, height - 12); pen.stroke(); write(pen, "10 mm", 15, height - 18);
  write(pen, "lips →", width - 12, height - 12, "right");
  write(pen, seconds.toFixed(2) + " s", width - 12, 24, "right");
}
const margin = 44, along = seconds => margin + seconds / length * (traces.clientWidth - margin - 6);
function drawTraces() {                    // once, on a canvas of its own that every frame copies
  const pen = drawn.getContext("2d"), row = traces.clientHeight / sensors.length;
  drawn.width = traces.width; drawn.height = traces.height;
  pen.setTransform(traces.getContext("2d").getTransform()); pen.font = "15px system-ui, sans-serif";
  sensors.forEach((s, i) => {
    const c = column[s + ".z"], [low, high] = ranges[s + ".z"];
    pen.strokeStyle = colours[s] || ink; pen.lineWidth = 1.5; pen.beginPath();
    for (let frame = 0; frame < n; frame++) {
      const share = (data.mm[frame * k + c] - low) / (high - low + 1e-9);
      pen.lineTo(along(data.start_s + frame / data.rate_hz), (i + 0.9 - 0.8 * share) * row);
    }
    pen.stroke(); pen.fillStyle = ink; pen.fillText(s, 8, (i + 0.5) * row + 5);
  });
}
const state = {at, data, shown: -1};       // also what a test looks at
window.articulens = state;
function resize() {
  fit(mouth); fit(traces); width = mouth.clientWidth; height = mouth.clientHeight;
  scale = Math.min((width - 90) / (right - left + 1), (height - 110) / (roof - floor + 1));
  drawTraces(); state.shown = -1;
}
function draw() {
  const now = sound.currentTime;
  if (now !== state.shown) {
    drawMouth(now);
    const pen = traces.getContext("2d");
    pen.clearRect(0, 0, traces.clientWidth, traces.clientHeight);
    pen.drawImage(drawn, 0, 0, traces.clientWidth, traces.clientHeight);
    pen.fillStyle = "#d1495b"; pen.fillRect(along(now) - 1, 0, 2, traces.clientHeight);
    traces.setAttribute("aria-valuenow", now.toFixed(1)); traces.setAttribute("aria-valuetext", now.toFixed(1) + " s");
    state.shown = now;
  }
  requestAnimationFrame(draw);
}
function go(seconds) { sound.currentTime = Math.min(Math.max(seconds, 0), sound.duration || length); }
speed.onchange = () => { sound.playbackRate = Number(speed.value); };
traces.onclick = event => go((event.offsetX - margin) / (traces.clientWidth - margin - 6) * length);
traces.onkeydown = event => {
  const step = {ArrowLeft: -0.1, ArrowDown: -0.1, ArrowRight: 0.1, ArrowUp: 0.1, PageDown: -1, PageUp: 1}[event.key];
  if (step) go(sound.currentTime + step);
  else if (event.key === "Home") go(0);
  else if (event.key === "End") go(length);
  else if (event.key === " ") sound.paused ? sound.play() : sound.pause();
  else return;
  event.preventDefault();
};
traces.setAttribute("aria-valuemax", length.toFixed(1));
window.onresize = resize;
resize(); draw();
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
