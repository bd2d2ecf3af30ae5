// The explorer: one state, drawn three times (heatmap, profile, speakers); every view also changes it.
"use strict";
(() => {
const root = document.getElementById("explorer");
const data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
const ALL = "all", channels = [ALL, ...data.channels];
const protocolOf = s => s.protocol + (s.target === "measured" ? "" : `, positions ${s.target}`);
const nameOf = s => `${s.model}, ${protocolOf(s)}`;
const byName = new Map(data.series.map(s => [nameOf(s), s]));
const unique = list => [...new Set(list)];

// ---- the state, kept in the address so that a view can be shared
const first = data.series.find(s => nameOf(s) === `${data.model}, ${data.protocol}`);
const top = s => s.layers.reduce((best, l) => mean(s, l, ALL)[0] > mean(s, best, ALL)[0] ? l : best);
const baseline = d3.greatest(data.series.filter(s => s.layers.length === 1 && protocolOf(s) === data.protocol),
  s => mean(s, s.layers[0], ALL)[0]);   // an encoder without layers: the sound itself
const state = {model: first.model, protocol: protocolOf(first), beside: baseline ? nameOf(baseline) : "",
  layer: top(first), channel: ALL, speaker: ALL};
for (const [key, value] of new URLSearchParams(location.hash.slice(1))) if (key in state) state[key] = value;

function mean(s, layer, channel) {        // [mean, low, high] over speakers, in thousandths
  const place = channel === ALL ? data.channels.length : data.channels.indexOf(channel);
  return s.means[s.layers.indexOf(layer)][place];
}
function value(s, layer, channel, speaker) {
  const r = s.r[s.layers.indexOf(layer)], who = data.speakers.indexOf(speaker);
  if (channel !== ALL) return r[data.channels.indexOf(channel)][who];
  return r.some(c => c[who] === null) ? null : d3.mean(r, c => c[who]);
}
const layerOf = s => s.layers.includes(state.layer) ? state.layer : top(s);  // a baseline has one layer only
const r2 = v => v === null ? "–" : (v / 1000).toFixed(2), r3 = v => v === null ? "–" : (v / 1000).toFixed(3);
const chosen = () => byName.get(`${state.model}, ${state.protocol}`);

// ---- controls
const selects = Object.fromEntries([...root.querySelectorAll("select")].map(s => [s.name, s]));
function fill(name, values, words = v => v) {
  if (!values.includes(state[name])) state[name] = values[0];
  const select = selects[name];
  if ([...select.options].map(o => o.value).join("\n") !== values.join("\n"))
    select.replaceChildren(...values.map(v => new Option(words(v), v)));
  select.value = state[name];
}
function set(change) {
  Object.assign(state, change);
  draw();
  history.replaceState(null, "", "#" + new URLSearchParams(state));
}
for (const select of Object.values(selects)) select.onchange = () => set({[select.name]: select.value});

// ---- the views
const scale = d3.scaleSequential([200, 950], d3.interpolateViridis).clamp(true);
const shade = v => v === null ? "transparent" : scale(v);
function ink(colour) {                     // black or white, whichever is easier to read on a colour
  const c = d3.rgb(colour), part = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  return 0.2126 * part(c.r) + 0.7152 * part(c.g) + 0.0722 * part(c.b) > 0.18 ? "#000" : "#fff";
}
const heatmap = root.querySelector("table");
function drawHeatmap(s) {
  const focused = heatmap.contains(document.activeElement);
  const head = d => { const th = document.createElement("th"); th.textContent = d; return th; };
  const who = state.speaker === ALL ? "mean over speakers" : state.speaker;
  heatmap.caption.textContent = `r, ${who}: ${nameOf(s)}. Arrow keys or a click choose layer and sensor.`;
  heatmap.setAttribute("role", "grid");
  heatmap.tBodies[0].replaceChildren(...s.layers.toReversed().map(layer => {
    const row = document.createElement("tr"), label = head(layer);
    label.scope = "row";
    row.append(label, ...channels.map(channel => {
      const cell = document.createElement("td"), here = layer === layerOf(s) && channel === state.channel;
      const v = state.speaker === ALL ? mean(s, layer, channel)[0] : value(s, layer, channel, state.speaker);
      cell.textContent = r2(v).replace(/^(-?)0/, "$1");
      cell.style.background = shade(v);
      if (v !== null) cell.style.color = ink(shade(v));
      cell.setAttribute("role", "gridcell");
      cell.setAttribute("aria-selected", here);
      cell.tabIndex = here ? 0 : -1;
      cell.onclick = () => { set({layer, channel}); focusCell(); };
      return cell;
    }));
    return row;
  }));
  if (focused) focusCell();
}
const focusCell = () => heatmap.querySelector("[aria-selected=true]").focus();
heatmap.onkeydown = event => {
  const s = chosen(), layers = s.layers, clamp = (list, i) => list[Math.max(0, Math.min(list.length - 1, i))];
  const l = layers.indexOf(layerOf(s)), c = channels.indexOf(state.channel);
  const move = {ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
    Home: [0, -c], End: [0, channels.length], PageUp: [layers.length, 0], PageDown: [-l, 0]}[event.key];
  if (!move) return;
  event.preventDefault();
  set({layer: clamp(layers, l + move[0]), channel: clamp(channels, c + move[1])});
};

const A = "var(--look-a)", B = "var(--look-b)", C = "var(--look-c)";
const marksOf = [[A, "circle", null], [B, "diamond", "6,3"]];
function show(view, label, options, pick) {
  const place = root.querySelector(`[data-view=${view}]`);
  const plot = Plot.plot({width: Math.max(280, place.clientWidth), style: {fontSize: "12px"}, ...options});
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", label);
  for (const part of plot.querySelectorAll("g[aria-label]")) part.removeAttribute("aria-label");
  plot.addEventListener("click", () => plot.value && pick(plot.value));
  place.replaceChildren(plot);
}
function drawProfile(pair) {
  const layers = pair[0].layers;
  const rows = pair.map(s => layers.map(layer => {
    const [m, low, high] = mean(s, s.layers.includes(layer) ? layer : top(s), state.channel);
    return {layer, r: m / 1000, low: low === null ? NaN : low / 1000, high: high === null ? NaN : high / 1000};
  }));
  const of = ([colour, symbol, dash], d) => [
    Plot.areaY(d, {x: "layer", y1: "low", y2: "high", fill: colour, fillOpacity: 0.18}),
    Plot.lineY(d, {x: "layer", y: "r", stroke: colour, strokeWidth: 2, strokeDasharray: dash}),
    Plot.dot(d, {x: "layer", y: "r", fill: colour, symbol, r: 4}),
  ];
  const own = state.speaker === ALL ? [] : layers.map(layer =>
    ({layer, r: value(pair[0], layer, state.channel, state.speaker) / 1000}));
  show("profile", `Mean r of ${state.channel} by layer: ${pair.map(nameOf).join(" and ")}.`, {
    height: 300, marginBottom: 42,
    x: {type: "point", domain: layers, label: "layer"}, y: {label: "Pearson r", grid: true, nice: true},
    marks: [
      Plot.ruleX([layerOf(pair[0])], {strokeDasharray: "2,3"}),
      ...rows.flatMap((d, i) => of(marksOf[i], d)),
      Plot.lineY(own, {x: "layer", y: "r", stroke: C, strokeDasharray: "2,3"}),
      Plot.dot(own, {x: "layer", y: "r", fill: C, symbol: "triangle", r: 4}),
      Plot.tip(rows[0], Plot.pointerX({ariaLabel: null, x: "layer", y: "r",
        title: d => `layer ${d.layer}: ${d.r.toFixed(3)} (${d.low.toFixed(3)} to ${d.high.toFixed(3)})`})),
    ],
  }, point => set({layer: point.layer}));
}
function drawDots(pair) {
  const at = s => data.speakers.map(speaker =>
    ({speaker, r: value(s, layerOf(s), state.channel, speaker)})).filter(d => d.r !== null)
    .map(d => ({...d, r: d.r / 1000}));
  const rows = pair.map(at), order = d3.sort(rows[0], d => -d.r).map(d => d.speaker);
  const bars = pair.map(s => mean(s, layerOf(s), state.channel).map(v => v === null ? NaN : v / 1000))
    .map(([r, low, high]) => [{speaker: "mean", r, low, high}]);
  const links = rows[1] ? rows[0].flatMap(d => {
    const other = rows[1].find(e => e.speaker === d.speaker);
    return other ? [{speaker: d.speaker, low: d.r, high: other.r}] : [];
  }) : [];
  show("dots", `r of ${state.channel} of each speaker: ${pair.map(nameOf).join(" and ")}.`, {
    height: 72 + 17 * order.length, marginLeft: 54, marginBottom: 42, x: {label: "Pearson r", grid: true, nice: true},
    y: {type: "point", domain: ["mean", ...order], label: null},
    marks: [
      Plot.ruleY(state.speaker === ALL ? [] : [state.speaker], {stroke: C, strokeWidth: 13, strokeOpacity: 0.25}),
      Plot.ruleY(links, {y: "speaker", x1: "low", x2: "high", strokeOpacity: 0.35}),
      ...rows.map((d, i) => Plot.dot(d, {x: "r", y: "speaker", fill: marksOf[i][0], symbol: marksOf[i][1], r: 4})),
      ...bars.flatMap((d, i) => [
        Plot.ruleY(d, {y: "speaker", x1: "low", x2: "high", stroke: marksOf[i][0], strokeWidth: 3}),
        Plot.dot(d, {x: "r", y: "speaker", fill: marksOf[i][0], symbol: marksOf[i][1], r: 6}),
      ]),
      Plot.tip(rows[0], Plot.pointerY({ariaLabel: null, x: "r", y: "speaker",
        title: d => `${d.speaker}: ${d.r.toFixed(3)}`})),
    ],
  }, dot => set({speaker: dot.speaker === state.speaker ? ALL : dot.speaker}));
}
function words(s) {
  const layer = layerOf(s), [m, low, high] = mean(s, layer, state.channel);
  const interval = low === null ? "too few speakers for an interval" : `95 % over speakers ${r3(low)} to ${r3(high)}`;
  return `${nameOf(s)}, layer ${layer}: mean r ${r3(m)} (${interval})` +
    (state.speaker === ALL ? "" : `, ${state.speaker} ${r3(value(s, layer, state.channel, state.speaker))}`);
}

function draw() {
  fill("model", unique(data.series.map(s => s.model)));
  fill("protocol", data.series.filter(s => s.model === state.model).map(protocolOf));
  const s = chosen();
  fill("beside", ["", ...data.series.map(nameOf).filter(n => n !== nameOf(s))], n => n || "nothing");
  fill("layer", s.layers);
  fill("channel", channels, c => c === ALL ? "all sensors" : c);
  fill("speaker", [ALL, ...data.speakers], p => p === ALL ? "all speakers" : p);
  const pair = [s, ...(state.beside ? [byName.get(state.beside)] : [])];
  drawHeatmap(s);
  drawProfile(pair);
  drawDots(pair);
  ["a", "b"].forEach((key, i) => {
    const name = root.querySelector(`[data-name=${key}]`);
    name.textContent = pair[i] ? nameOf(pair[i]) : "";
    name.previousElementSibling.hidden = !pair[i];
  });
  const third = root.querySelector("[data-name=c]");
  third.textContent = state.speaker === ALL ? "" : state.speaker;
  third.previousElementSibling.hidden = state.speaker === ALL;
  root.querySelector(".look-summary").textContent = `${state.channel === ALL ? "All sensors" : state.channel}. ` +
    pair.map(words).join("; ") + `. ${s.protocol} measures ${data.measures[s.protocol]}.`;
}
for (const hidden of root.querySelectorAll("[hidden]")) hidden.hidden = false;
draw();
let width = root.clientWidth;
new ResizeObserver(() => { if (root.clientWidth !== width) { width = root.clientWidth; draw(); } }).observe(root);
})();
