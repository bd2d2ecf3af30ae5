// The player: the sound's clock moves everything; all else only asks where the articulators are at a time.
// It has two pages: utterances read layer by layer, and versions of an utterance (untouched, moved, read) by several readers.
"use strict";
(() => {
const root = document.getElementById("player");
const data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
const control = Object.fromEntries([...root.querySelectorAll("[name]")].map(c => [c.name, c]));
const mouth = root.querySelector(".look-mouth"), strip = root.querySelector(".look-strip");
const now = root.querySelector(".look-now"), summary = root.querySelector(".look-summary");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const sound = new Audio(), sensors = [...new Set(data.channels.map(c => c.split(".")[0]))];
const k = data.channels.length, column = Object.fromEntries(data.channels.map((c, i) => [c, i]));
const NS = "http://www.w3.org/2000/svg", TRAIL_S = 0.3;
let spoken, layer, placed;                 // the utterance, the layer's name, the prediction as it is drawn

function svg(parent, tag, attributes, text) {
  const made = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

// ---- where the articulators are
function at(positions, seconds) {          // mm, between the two frames around a time; held before and after speech
  const times = spoken.times, last = times.length - 1;
  let j = times.findIndex(t => t > seconds);
  if (j === 0) return positions.slice(0, k);
  if (j < 0) return positions.slice(last * k);
  const share = (seconds - times[j - 1]) / (times[j] - times[j - 1]);
  return data.channels.map((_, c) => (1 - share) * positions[(j - 1) * k + c] + share * positions[j * k + c]);
}
function moments(positions, c) {
  const n = positions.length / k;
  let sum = 0, square = 0;
  for (let i = c; i < positions.length; i += k) { sum += positions[i]; square += positions[i] ** 2; }
  return [sum / n, Math.sqrt(Math.max(square / n - (sum / n) ** 2, 1e-12))];
}
function place() {                         // as predicted, or with mean and spread of each channel as measured
  const raw = spoken.predicted[layer];
  if (!control.placed?.checked) return raw;
  const of = data.channels.map((_, c) => [...moments(raw, c), ...moments(spoken.measured, c)]);
  return raw.map((v, i) => { const [m, s, own, spread] = of[i % k]; return (v - m) / s * spread + own; });
}
// What is drawn: the truth, what was read, and on the page of versions the same mouth untouched.
const drawn = () => ({...(spoken.before && {before: spoken.before}), measured: spoken.measured, predicted: placed});
const phoneAt = seconds => spoken.phones.find(p => p[1] <= seconds && seconds < p[2]);
function shownTime() {                     // with reduced motion the picture steps from phone to phone
  const phone = still.matches && phoneAt(sound.currentTime);
  return phone ? (phone[1] + phone[2]) / 2 : sound.currentTime;
}

// ---- the mouth, in mm
let parts;
function drawMouth() {
  const lines = Object.values(spoken.outline), all = lines.flat();
  const x = all.map(p => p[0]), left = Math.min(...x) - 4, right = Math.max(...x) + 18;
  const top = -Math.max(...all.map(p => p[1])) - 5, bottom = 48;
  mouth.setAttribute("viewBox", `${left} ${top} ${right - left} ${bottom - top}`);
  mouth.replaceChildren();
  for (const line of lines)
    svg(mouth, "polyline", {points: line.map(p => `${p[0]},${-p[1]}`).join(" "), class: "look-outline"});
  svg(mouth, "path", {d: `M${right - 16} ${bottom - 4}h10`, class: "look-outline"});
  svg(mouth, "text", {x: right - 16, y: bottom - 5.5}, "10 mm");
  parts = {errors: sensors.map(() => svg(mouth, "line", {class: "look-error"}))};
  for (const kind of Object.keys(drawn())) {
    parts[kind] = {
      trails: kind === "before" ? [] : sensors.map(() => svg(mouth, "polyline", {class: `look-trail ${kind}`})),
      tongue: svg(mouth, "path", {class: `look-tongue ${kind}`}),
      marks: sensors.map(sensor => kind === "predicted"
        ? svg(mouth, "path", {d: "M0-2.3L2.3 0L0 2.3L-2.3 0Z", class: kind, "data-sensor": sensor})
        : svg(mouth, "circle", {r: kind === "before" ? 2.4 : 1.7, class: kind, "data-sensor": sensor})),
    };
  }
  parts.names = sensors.map(sensor => svg(mouth, "text", {"text-anchor": "middle"}, sensor));
}
const point = (mm, sensor) => [mm[column[sensor + ".x"]] / 100, -mm[column[sensor + ".z"]] / 100];
function moveMouth(seconds) {
  const places = {};
  for (const [kind, positions] of Object.entries(drawn())) {
    const mm = at(positions, seconds), p = places[kind] = sensors.map(s => point(mm, s));
    p.forEach(([x, z], i) => parts[kind].marks[i].setAttribute("transform", `translate(${x} ${z})`));
    const [a, b, c] = ["TT", "TB", "TD"].map(s => p[sensors.indexOf(s)]);
    if (a && b && c) {                     // a parabola through the three
      const bend = [2 * b[0] - (a[0] + c[0]) / 2, 2 * b[1] - (a[1] + c[1]) / 2];
      parts[kind].tongue.setAttribute("d", `M${a}Q${bend} ${c}`);
    }
    const past = [];
    const since = still.matches ? seconds : Math.max(0, seconds - TRAIL_S);
    for (let t = since; t < seconds; t += 0.02) past.push(at(positions, t));
    parts[kind].trails.forEach((trail, i) =>
      trail.setAttribute("points", past.map(q => point(q, sensors[i]).join(",")).join(" ")));
  }
  sensors.forEach((_, i) => {
    const [x1, y1] = places.measured[i], [x2, y2] = places.predicted[i];
    for (const [name, value] of Object.entries({x1, y1, x2, y2})) parts.errors[i].setAttribute(name, value);
    parts.names[i].setAttribute("x", (x1 + x2) / 2);
    parts.names[i].setAttribute("y", Math.min(y1, y2) - 3.4);
  });
}

// ---- spectrogram, phones and one channel on one time axis, in pixels
const HIGH = 110, PHONES = 22, TRACE = 80;
let playhead;
const X = seconds => seconds / spoken.seconds * strip.clientWidth;
function drawStrip() {
  const width = strip.clientWidth, foot = HIGH + PHONES + TRACE;
  strip.setAttribute("viewBox", `0 0 ${width} ${foot}`);
  strip.replaceChildren();
  svg(strip, "image", {href: spoken.picture, width, height: HIGH, preserveAspectRatio: "none"});
  for (const [label, start, end] of spoken.phones) {
    svg(strip, "path", {d: `M${X(start)} ${HIGH}v${PHONES}`, class: "look-error"});
    if (label !== "_") svg(strip, "text", {x: X((start + end) / 2), y: HIGH + 16, "text-anchor": "middle"}, label);
  }
  const c = column[control.trace.value], series = drawn();
  const values = Object.values(series).flatMap(s => s.filter((_, i) => i % k === c));
  const low = Math.min(...values), high = Math.max(...values);
  for (const [kind, s] of Object.entries(series)) {
    const d = spoken.times.map((t, i) => {  // a pause has no frames: the line breaks there
      const pen = i && t - spoken.times[i - 1] < 0.05 ? "L" : "M";
      return `${pen}${X(t)} ${foot - 4 - (s[i * k + c] - low) / (high - low + 1e-9) * (TRACE - 8)}`;
    }).join("");
    svg(strip, "path", {d, class: `look-trace ${kind}`});
  }
  svg(strip, "text", {x: 3, y: foot - 4}, `${((high - low) / 100).toFixed(0)} mm`);
  playhead = svg(strip, "path", {d: `M0 0v${foot}`, class: "look-playhead"});
}

// ---- all together
function tell() {                          // for those who listen to the page; not at every frame
  if (spoken.told) {
    summary.textContent = spoken.told[layer];
    return;
  }
  const [r, mm] = spoken.scores[layer];
  summary.textContent = `${spoken.id}: “${spoken.text}” (${spoken.language}, ${spoken.condition}). ` +
    `Layer ${layer}, in this utterance alone: mean r over channels ${r.toFixed(2)}; ` +
    `as predicted ${mm.toFixed(1)} mm off (root mean square).`;
}
let shown;
function move() {
  const seconds = shownTime();
  if (seconds === shown) return;
  shown = seconds;
  root.dataset.time = seconds;
  moveMouth(seconds);
  playhead.setAttribute("transform", `translate(${X(seconds)} 0)`);
  if (document.activeElement !== control.time || !sound.paused) control.time.value = sound.currentTime;
  control.time.setAttribute("aria-valuetext", `${sound.currentTime.toFixed(2)} seconds`);
  const phone = phoneAt(seconds);
  now.textContent = `${sound.currentTime.toFixed(2)} s ${phone && phone[0] !== "_" ? `[${phone[0]}]` : ""}`;
}
function redraw() {
  layer = data.layers[control.layer.value];
  control.layer.setAttribute("aria-valuetext", spoken.before ? layer : `layer ${layer}`);
  control.layer.labels[0].querySelector("b").textContent = layer;
  placed = place();
  drawStrip();
  shown = undefined;
  move();
  tell();
}
function seek(seconds) {
  sound.currentTime = Math.max(0, Math.min(seconds, spoken.seconds));
  move();
}
function listen() {                        // to the version, or to the same words untouched
  const seconds = sound.currentTime, playing = !sound.paused;
  sound.src = control.untouched?.checked ? data.utterances[spoken.untouched].sound : spoken.sound;
  sound.playbackRate = Number(control.speed.value);
  return {seconds, playing};
}
function open() {
  spoken = data.utterances[control.utterance.selectedIndex];
  spoken.before = data.utterances[spoken.untouched]?.measured;
  listen();
  control.time.max = spoken.seconds;
  drawMouth();
  redraw();
}
control.utterance.replaceChildren(
  ...data.utterances.map(u => new Option(u.name ?? `${u.speaker}, ${u.language} ${u.condition}: ${u.text}`)));
control.trace.replaceChildren(...data.channels.map(c => new Option(c)));
control.trace.value = data.channels.includes("TT.z") ? "TT.z" : data.channels[0];
control.layer.max = data.layers.length - 1;
control.layer.value = data.layers.indexOf(data.layer);
control.utterance.onchange = open;
control.layer.oninput = control.trace.onchange = redraw;
if (control.placed) control.placed.onchange = redraw;
if (control.untouched) control.untouched.onchange = () => {
  const {seconds, playing} = listen();
  sound.currentTime = seconds;
  if (playing) sound.play();
};
control.speed.onchange = () => { sound.playbackRate = Number(control.speed.value); };
control.time.oninput = () => seek(Number(control.time.value));
control.play.onclick = () => sound.paused ? sound.play() : sound.pause();
sound.onplay = () => { control.play.textContent = "Pause"; step(); };
sound.onpause = sound.onended = () => { control.play.textContent = "Play"; move(); tell(); };
sound.onseeked = move;
strip.onclick = event =>
  seek((event.clientX - strip.getBoundingClientRect().left) / strip.clientWidth * spoken.seconds);
function step() { move(); if (!sound.paused) requestAnimationFrame(step); }
window.articulensPlayer = {sound, data};   // for the tests of this page

for (const hidden of root.querySelectorAll("[hidden]")) hidden.removeAttribute("hidden");
open();
let width = strip.clientWidth;
new ResizeObserver(() => { if (strip.clientWidth !== width) { width = strip.clientWidth; redraw(); } }).observe(strip);
})();
