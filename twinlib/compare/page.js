"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const runs = data.runs;
const $ = (id) => document.getElementById(id);
// Okabe and Ito's colours and darker ones of the same hues; with more runs than colours, colour says the rank.
const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9", "#7a3e9d", "#5c6875", "#a11d1d", "#3c6e2f"];

function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "g", "path", "line", "text", "circle", "title", "rect"].includes(tag);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}
const fill = (node, ...children) => { node.replaceChildren(...children); return node; };
const options = (select, names, chosen) => fill(select, ...names.map(([value, text]) => make("option", { value, selected: value === chosen }, text)));
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const short = (value) => isNumber(value) ? (Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)))) : value === null || value === undefined ? "-" : String(value);

// One run is marked in all sections at once.
function mark(number) {
  document.querySelectorAll(".on").forEach((node) => node.classList.remove("on"));
  document.querySelectorAll("svg.busy").forEach((node) => node.classList.remove("busy"));
  if (number === null) return;
  document.querySelectorAll(`[data-run="${number}"]`).forEach((node) => {
    node.classList.add("on");
    if (node.ownerSVGElement) node.ownerSVGElement.classList.add("busy");
  });
}
const marks = (number) => ({ "data-run": number, onmouseenter: () => mark(number), onmouseleave: () => mark(null) });

function better(a, b, metric) {
  const least = metric === data.objective ? data.minimize : !/acc|r2|f1|auc|precision|recall/.test(metric);
  return least ? a - b : b - a;
}
const ranks = new Map();
[...runs.keys()].sort((a, b) => {
  const [x, y] = [runs[a].metrics[data.objective], runs[b].metrics[data.objective]];
  return isNumber(x) && isNumber(y) ? better(x, y, data.objective) : isNumber(y) - isNumber(x);
}).forEach((number, place) => ranks.set(number, place));
function shade(share) { // from dark blue (0) over green to yellow (1)
  const stops = [[42, 53, 120], [33, 120, 140], [70, 170, 110], [220, 200, 60]];
  const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1), low = Math.min(Math.floor(at), stops.length - 2);
  return `rgb(${stops[low].map((value, i) => Math.round(value + (stops[low + 1][i] - value) * (at - low))).join(",")})`;
}
const color = (number) => runs.length <= COLORS.length ? COLORS[number] : shade(ranks.get(number) / (runs.length - 1));

// ---- table
const columns = [
  ...data.columns.map((column, place) => ({ heading: column.heading, title: column.key, text: (run) => run.text[place], value: (run) => isNumber(run.values[place]) ? run.values[place] : run.text[place] })),
  ...data.metrics.map((name) => ({ heading: name, metric: name, text: (run) => short(run.metrics[name]), value: (run) => run.metrics[name] })),
  { heading: "seconds", text: (run) => run.seconds.toFixed(1), value: (run) => run.seconds },
  ...(runs.some((run) => run.state) ? [{ heading: "state", text: (run) => run.state || "-", value: (run) => run.state || "" }] : []),
  { heading: "made", text: (run) => run.created.replace("T", " ").replace("Z", ""), value: (run) => run.created },
];
const order = { column: columns.findIndex((column) => column.metric === data.objective), sign: data.minimize ? 1 : -1 };
let ticked = [];
function compare(a, b) {
  if (isNumber(a) && isNumber(b)) return order.sign * (a - b);
  if (isNumber(a) !== isNumber(b)) return isNumber(a) ? -1 : 1; // what has no number is last
  return order.sign * String(a).localeCompare(String(b));
}
function drawTable() {
  const places = [...runs.keys()];
  if (order.column >= 0) places.sort((a, b) => compare(columns[order.column].value(runs[a]), columns[order.column].value(runs[b])) || a - b);
  const numeric = columns.map((column) => runs.some((run) => isNumber(column.value(run))));
  const best = columns.map((column) => {
    if (!column.metric || column.metric !== data.objective && !/loss|acc/.test(column.metric)) return null;
    const known = runs.map((run) => run.metrics[column.metric]).filter(isNumber);
    return known.length > 1 ? known.sort((a, b) => better(a, b, column.metric))[0] : null;
  });
  const heads = columns.map((column, place) => make("th", {
    class: numeric[place] ? "number" : null, title: column.title || null,
    "aria-sort": order.column === place ? (order.sign > 0 ? "ascending" : "descending") : null,
  }, make("button", { type: "button", onclick: () => {
    order.sign = order.column === place ? -order.sign : 1;
    order.column = place;
    drawTable();
  } }, column.heading)));
  const rows = places.map((number) => make("tr", marks(number),
    make("td", {}, make("input", { type: "checkbox", "aria-label": `compare ${runs[number].label}`, checked: ticked.includes(number), onchange: () => tick(number) })),
    make("td", { title: runs[number].folder }, make("span", { class: "dot", style: `background:${color(number)}` }), make("code", {}, runs[number].hash)),
    ...columns.map((column, place) => make("td", { class: [numeric[place] ? "number" : "", best[place] !== null && column.value(runs[number]) === best[place] ? "best" : ""].join(" ").trim() || null }, column.text(runs[number])))));
  fill($("table"), make("thead", {}, make("tr", {}, make("th"), make("th", {}, "hash"), ...heads)), make("tbody", {}, ...rows));
}
function tick(number) {
  ticked = ticked.includes(number) ? ticked.filter((other) => other !== number) : [...ticked, number].slice(-2);
  drawTable();
  if (ticked.length === 2) {
    [$("first").value, $("second").value] = ticked.map(String);
    drawDifference();
  }
}

// ---- scales
function scale(values, logarithmic = false) {
  let [low, high] = [Math.min(...values), Math.max(...values)];
  const to = logarithmic ? Math.log10 : (value) => value;
  if (low === high) [low, high] = logarithmic ? [low / 2, high * 2] : [low - Math.abs(low || 1) / 2, high + Math.abs(high || 1) / 2];
  const place = (value) => (to(value) - to(low)) / (to(high) - to(low));
  return { place, ticks: ticks(low, high, logarithmic) };
}
function ticks(low, high, logarithmic) {
  if (logarithmic) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
      for (const digit of high / low > 50 ? [1] : [1, 2, 5]) found.push(digit * 10 ** power);
    const inside = found.filter((value) => value >= low * 0.9999 && value <= high * 1.0001);
    return inside.length > 1 ? inside : [low, high];
  }
  const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((digit) => digit * power >= rough) || 10);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-6; value += step) found.push(Number(value.toPrecision(12)));
  return found;
}

// ---- learning curves
function drawCurves() {
  const metric = $("curve-metric").value, plot = $("curve-plot"), legend = $("legend");
  const lines = runs.map((run, number) => {
    const x = run.history.epoch || [], y = run.history[metric] || [];
    return { number, points: x.map((epoch, i) => [epoch, y[i]]).filter(([a, b]) => isNumber(a) && isNumber(b)) };
  }).filter((line) => line.points.length);
  const all = lines.flatMap((line) => line.points);
  fill(legend, ...lines.map((line) => make("li", marks(line.number), make("span", { class: "dot", style: `background:${color(line.number)}` }), runs[line.number].label)));
  if (!all.length) { fill(plot, make("text", { x: 10, y: 24 }, "no run has a history of it")); return; }
  const logarithmic = $("curve-log").checked && all.every(([, y]) => y > 0);
  const width = Math.max(plot.clientWidth, 360), height = 340, left = 64, right = 12, top = 10, bottom = 40;
  plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
  let first = Infinity, last = -Infinity, least = Infinity, most = -Infinity;
  for (const [x, y] of all) { first = Math.min(first, x); last = Math.max(last, x); least = Math.min(least, y); most = Math.max(most, y); }
  const across = scale([first, last]), up = scale([least, most], logarithmic);
  const px = (x) => left + across.place(x) * (width - left - right), py = (y) => height - bottom - up.place(y) * (height - top - bottom);
  const whole = across.ticks.filter(Number.isInteger);
  fill(plot,
    ...up.ticks.flatMap((value) => [make("line", { class: "grid", x1: left, x2: width - right, y1: py(value), y2: py(value) }), make("text", { class: "tick", x: left - 8, y: py(value) + 4, "text-anchor": "end" }, short(value))]),
    ...(whole.length ? whole : [first]).map((value) => make("text", { class: "tick", x: px(value), y: height - bottom + 17, "text-anchor": "middle" }, short(value))),
    make("line", { class: "axis", x1: left, x2: width - right, y1: height - bottom, y2: height - bottom }),
    make("text", { x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }, "epoch"),
    ...lines.map((line) => {
      const path = line.points.map(([x, y], i) => `${i ? "L" : "M"}${px(x).toFixed(1)} ${py(y).toFixed(1)}`).join("");
      const dots = line.points.length > 30 ? [] : line.points.map(([x, y]) => make("circle", { cx: px(x), cy: py(y), r: 3, fill: color(line.number), stroke: "none" }));
      return make("g", { class: "run", stroke: color(line.number), ...marks(line.number) }, make("title", {}, runs[line.number].label), make("path", { d: path }), ...dots);
    }));
}

// ---- parallel coordinates
function drawParallel() {
  const metric = $("parallel-metric").value, plot = $("parallel-plot");
  const axes = data.columns.map((column, place) => ({ key: column.key, heading: column.heading, value: (run) => run.values[place], text: (run) => run.text[place] })).filter((axis) => !["code", "data", "environment"].includes(axis.key));
  axes.push({ heading: metric, value: (run) => run.metrics[metric], text: (run) => short(run.metrics[metric]) });
  if (axes.length < 2) { fill(plot, make("text", { x: 4, y: 20 }, "the runs differ in no setting")); plot.setAttribute("width", 400); plot.setAttribute("height", 30); return; }
  const step = Math.max(150, Math.min(260, 1180 / axes.length)), width = step * axes.length + 40, height = 330, top = 40, bottom = 18;
  plot.setAttribute("width", width); plot.setAttribute("height", height);
  axes.forEach((axis, place) => {
    axis.x = step * (place + 0.5);
    const values = runs.map(axis.value), known = values.filter(isNumber);
    if (known.length && values.every((value) => isNumber(value) || value === null)) {
      const [low, high] = [Math.min(...known), Math.max(...known)];
      const found = scale(known, low > 0 && high / low >= 100);
      axis.y = (run) => isNumber(axis.value(run)) ? height - bottom - found.place(axis.value(run)) * (height - top - bottom) : null;
      const exact = [...new Set(known)];
      const shown = exact.length <= 6 ? exact : found.ticks;
      axis.ticks = shown.map((value) => [height - bottom - found.place(value) * (height - top - bottom), short(value)]);
    } else {
      const words = [...new Set(runs.map(axis.text))].sort();
      const at = (word) => height - bottom - (words.length > 1 ? words.indexOf(word) / (words.length - 1) : 0.5) * (height - top - bottom);
      axis.y = (run) => at(axis.text(run));
      axis.ticks = words.length <= 20 ? words.map((word) => [at(word), word]) : [];
    }
  });
  const known = runs.map((run) => run.metrics[metric]).filter(isNumber);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const share = (run) => isNumber(run.metrics[metric]) && high > low ? (run.metrics[metric] - low) / (high - low) : 0;
  fill($("scale"), `${short(low)} `, make("span", { style: `display:inline-block;width:90px;height:10px;background:linear-gradient(to right,${[0, 1 / 3, 2 / 3, 1].map(shade).join(",")})` }), ` ${short(high)}`);
  fill(plot,
    ...runs.map((run, number) => {
      const path = axes.map((axis) => [axis.x, axis.y(run)]).filter(([, y]) => y !== null).map(([x, y], i) => `${i ? "L" : "M"}${x} ${y.toFixed(1)}`).join("");
      return make("path", { class: "run", d: path, stroke: shade(share(run)), ...marks(number) }, make("title", {}, run.label));
    }),
    ...axes.flatMap((axis) => [
      make("line", { class: "axis", x1: axis.x, x2: axis.x, y1: top, y2: height - bottom }),
      make("text", { x: axis.x, y: 18, "text-anchor": "middle", "font-weight": 600 }, axis.heading),
      ...axis.ticks.map(([y, word]) => make("text", { class: "tick", x: axis.x + 6, y: y - 4, style: "paint-order:stroke;stroke:#fff;stroke-width:3px" }, word.length > 22 ? word.slice(0, 21) + "…" : word)),
    ]));
}

// ---- importance
function drawImportance() {
  $("objective").textContent = data.objective;
  if (data.importance.why) { fill($("shares"), make("p", { class: "none" }, `None: ${data.importance.why}.`)); return; }
  const most = Math.max(...Object.values(data.importance.shares));
  fill($("shares"), ...Object.entries(data.importance.shares).map(([key, share]) =>
    make("div", { class: "bar" }, make("span", {}, key), make("span", {}, make("i", { style: `width:${(share / (most || 1) * 80).toFixed(2)}%` }), `${(100 * share).toFixed(1)} %`))));
}

// ---- difference of two runs
function parts(run) {
  const found = [];
  for (const part of ["config", "code", "data", "environment"]) found.push([part, data.parts[part][run[part]]]);
  return found;
}
function drawDifference() {
  const [a, b] = [runs[Number($("first").value)], runs[Number($("second").value)]];
  const before = new Map(parts(a)), rows = [];
  for (const [part, after] of parts(b)) {
    const keys = [...new Set([...Object.keys(before.get(part)), ...Object.keys(after)])].sort();
    for (const key of keys) {
      const [x, y] = [before.get(part)[key], after[key]];
      if (x !== y) rows.push(make("tr", {}, make("td", {}, part), make("td", {}, make("code", {}, key)), ...[x, y].map((value) => make("td", {}, value === undefined ? make("span", { class: "none" }, "not there") : make("code", {}, part === "code" || part === "data" ? value.slice(0, 12) : value)))));
    }
  }
  const numbers = data.metrics.filter((name) => a.metrics[name] !== b.metrics[name]).map((name) => make("tr", {}, make("td", {}, "metric"), make("td", {}, make("code", {}, name)), make("td", {}, short(a.metrics[name])), make("td", {}, short(b.metrics[name]))));
  if (!rows.length && !numbers.length) { fill($("differences"), make("tbody", {}, make("tr", {}, make("td", { class: "none" }, a === b ? "one run: choose another for A or B" : "no difference")))); return; }
  fill($("differences"), make("thead", {}, make("tr", {}, make("th", {}, "part"), make("th", {}, "key"), make("th", {}, `A  ${a.hash}`), make("th", {}, `B  ${b.hash}`))), make("tbody", {}, ...rows, ...numbers));
}

// ---- pictures
function drawPictures() {
  const name = $("picture-name").value;
  const shown = [...runs.entries()].filter(([, run]) => run.pictures[name]).sort(([a], [b]) => ranks.get(a) - ranks.get(b));
  fill($("gallery"), ...shown.map(([number, run]) => make("figure", marks(number), make("figcaption", {}, make("span", { class: "dot", style: `background:${color(number)}` }), `${run.label}  `, make("code", {}, run.hash)), make("img", { src: run.pictures[name], alt: `${name} of ${run.label}` }))));
}

function start() {
  $("summary").textContent = data.summary;
  const drawn = [...new Set(runs.flatMap((run) => Object.keys(run.history)))].filter((name) => name !== "epoch");
  options($("curve-metric"), drawn.map((name) => [name, name]), drawn.includes(data.objective) ? data.objective : drawn[0]);
  options($("parallel-metric"), data.metrics.map((name) => [name, name]), data.objective);
  const names = runs.map((run, number) => [String(number), `${run.hash}  ${run.label}`]);
  options($("first"), names, "0");
  options($("second"), names, String(Math.min(1, runs.length - 1)));
  const pictures = [...new Set(runs.flatMap((run) => Object.keys(run.pictures)))].sort();
  options($("picture-name"), pictures.map((name) => [name, name.replaceAll("_", " ")]), pictures[0]);
  if (!pictures.length) fill($("gallery"), make("p", { class: "none" }, "No run has a picture."));
  $("left-out").textContent = data.leftOut;
  if (data.without.length) fill($("without"), make("p", { class: "gone" }, "Points of the sweep without a record:"), make("table", {}, make("tbody", {}, ...data.without.map((point) => make("tr", {}, ...point.map((word) => make("td", {}, word)))))));
  $("curve-metric").addEventListener("change", drawCurves);
  $("curve-log").addEventListener("change", drawCurves);
  $("parallel-metric").addEventListener("change", drawParallel);
  $("first").addEventListener("change", drawDifference);
  $("second").addEventListener("change", drawDifference);
  $("picture-name").addEventListener("change", drawPictures);
  window.addEventListener("resize", drawCurves);
  document.body.style.setProperty("--strength", runs.length > 80 ? 0.4 : 1);
  drawTable(); drawCurves(); drawParallel(); drawImportance(); drawDifference();
  if (pictures.length) drawPictures();
  window.addEventListener("load", () => $(location.hash.slice(1))?.scrollIntoView()); // the page was empty when the browser looked for it
}
start();
