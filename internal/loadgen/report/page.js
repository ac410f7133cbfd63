"use strict";
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const color = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const digits = x => x == null ? "–" : x >= 100 ? Math.round(x).toLocaleString("en") : x >= 10 ? x.toFixed(1) : x >= 1 ? x.toFixed(2) : x.toFixed(3);
const ms = x => x == null ? "–" : digits(x) + " ms";
const short = x => x >= 1e6 ? x / 1e6 + "M" : x >= 1e4 ? x / 1e3 + "k" : x.toLocaleString("en");
const shortMS = x => x >= 1e3 ? x / 1e3 + " s" : x >= 1 ? x + " ms" : Math.round(x * 1e3) + " µs";
const powerOfTen = x => Math.abs(Math.log10(x) - Math.round(Math.log10(x))) < 1e-6;

// The warm-up and what follows the window are shaded, and stages are marked.
function shade(u) {
  const ctx = u.ctx, { left, top, width, height } = u.bbox;
  const at = t => Math.min(Math.max(u.valToPos(t, "x", true), left), left + width);
  ctx.save();
  ctx.fillStyle = color("shade");
  const from = at(0), to = at(data.window_s);
  ctx.fillRect(left, top, from - left, height);
  ctx.fillRect(to, top, left + width - to, height);
  ctx.restore();
}

function marks(u) {
  const ctx = u.ctx, { left, top, width, height } = u.bbox, dpr = uPlot.pxRatio;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = color("mark");
  ctx.setLineDash([3 * dpr, 3 * dpr]);
  ctx.textAlign = "left";
  ctx.font = 11 * dpr + "px system-ui, sans-serif";
  let free = left;
  for (const s of data.stages || []) {
    const x = u.valToPos(s.t, "x", true);
    if (x < left || x > left + width) continue;
    ctx.beginPath(); ctx.moveTo(x, top); ctx.lineTo(x, top + height); ctx.stroke();
    const wide = ctx.measureText(s.name).width;
    if (u.root.closest(".wide") && x + 4 * dpr >= free && x + wide < left + width) {
      ctx.fillText(s.name, x + 4 * dpr, top + 12 * dpr);
      free = x + wide + 12 * dpr;
    }
  }
  ctx.restore();
}

const axis = more => Object.assign({
  stroke: color("soft"), grid: { stroke: color("grid"), width: 1 }, ticks: { stroke: color("grid"), width: 1 },
  font: "11px system-ui, sans-serif",
}, more);
const timeAxis = () => axis({ values: (u, list) => list.map(t => t + " s"), size: 30, space: 60 });
const countAxis = () => axis({ values: (u, list) => list.map(short), size: 52 });
const msAxis = () => axis({
  values: (u, list) => list.map(x => x == null ? "" : shortMS(x)), size: 58,
  filter: (u, list) => list.map(x => {
    const top = u.scales.y.max / u.scales.y.min;
    const lead = Math.round(x / Math.pow(10, Math.floor(Math.log10(x) + 1e-9)));
    return powerOfTen(x) || top < 200 && (lead === 2 || lead === 5) ? x : null;
  }),
});
// A step lasts until the next one: the last one needs an end.
const ends = data.t.length ? data.t[data.t.length - 1] + data.interval_s : 0;
const timeScale = { time: false, range: () => [data.t[0], ends] };
const steps = lists => [[...data.t, ends], ...lists.map(l => [...l, l[l.length - 1]])];
const fromZero = { range: (u, min, max) => [0, max > 0 ? max * 1.08 : 1] };
const stepped = uPlot.paths.stepped({ align: 1 });
const noPoints = { show: false };
const time = { label: "second", value: (u, t) => t == null ? "–" : t + " s" };
// A single second would be no line: it is a point.
const single = { show: (u, i) => u.data[i].filter(x => x != null).length < 2, size: 6 };

// A logarithmic scale has no zero: what is not above it is not drawn.
const positive = list => list.map(x => x > 0 ? x : null);

function latency() {
  const q = [data.p50, data.p90, data.p99, data.p999, data.max].map(positive);
  const line = (label, stroke, width, more) => Object.assign({ label, stroke, width, points: single, value: (u, x) => ms(x) }, more);
  return {
    height: 300, data: [data.t, ...q],
    opts: {
      scales: { x: timeScale, y: { distr: 3 } },
      axes: [timeAxis(), msAxis()],
      series: [time, line("p50", color("line"), 2), line("p90", color("band1"), 1), line("p99", color("line"), 1),
        line("p99.9", color("band2"), 1), line("most", color("top"), 1, { dash: [4, 3] })],
      bands: [{ series: [2, 1], fill: color("band1") }, { series: [3, 2], fill: color("band2") }, { series: [4, 3], fill: color("band3") }],
    },
  };
}

function rate() {
  const series = [time], lists = [];
  const add = (label, list, stroke, more) => {
    if (!list) return;
    series.push(Object.assign({ label, stroke, width: 1.5, paths: stepped, points: single, value: (u, x) => digits(x) }, more));
    lists.push(list);
  };
  add("asked", data.asked, color("asked"), { dash: [5, 4], width: 2 });
  add("sent", data.sent, color("sent"));
  add("reached", data.answered, color("reached"), { width: 2 });
  return { height: 220, data: steps(lists), opts: { scales: { x: timeScale, y: fromZero }, axes: [timeAxis(), countAxis()], series } };
}

function inflight() {
  return {
    height: 220, data: steps([data.in_flight]),
    opts: {
      scales: { x: timeScale, y: fromZero }, axes: [timeAxis(), countAxis()],
      series: [time, { label: "in flight", stroke: color("line"), fill: color("band3"), width: 1.5, paths: stepped, points: single, value: (u, x) => digits(x) }],
    },
  };
}

// Outcomes are stacked: a series is drawn at the sum of its own and of those below it, the highest first.
const classColor = { approved: "c0", declined: "c1", refused: "c2", no_answer: "c3", others: "c7" };
function outcomes() {
  const used = {}, spare = ["c4", "c5", "c6", "c7", "c1", "c2", "c3"];
  const shown = data.outcomes.map(o => {
    let c = classColor[o.class];
    if (!c || used[c]) c = spare.find(s => !used[s]) || "c7";
    used[c] = true;
    return Object.assign({ color: color(c) }, o);
  });
  const sums = [];
  shown.forEach((o, i) => sums.push(o.per_s.map((n, k) => n + (i > 0 ? sums[i - 1][k] : 0))));
  const series = [time], lists = [];
  for (let i = shown.length - 1; i >= 0; i--) {
    series.push({
      label: shown[i].name, stroke: shown[i].color, fill: shown[i].color, width: 1, paths: stepped, points: noPoints,
      value: (u, x, s, k) => k == null ? "–" : digits(shown[i].per_s[Math.min(k, data.t.length - 1)]),
    });
    lists.push(sums[i]);
  }
  return { height: 220, data: steps(lists), opts: { scales: { x: timeScale, y: fromZero }, axes: [timeAxis(), countAxis()], series } };
}

function percentiles() {
  const xs = [...new Set(data.percentiles.flatMap(c => c.x))].sort((a, b) => a - b);
  const names = ["line", "sent", "c0", "c1", "c5", "c6", "c2", "c7"];
  const series = [{ label: "percentile", value: (u, x) => x == null ? "–" : nines(x) }], lists = [xs];
  data.percentiles.forEach((c, i) => {
    const at = new Map(c.x.map((x, k) => [x, c.ms[k]]));
    lists.push(positive(xs.map(x => at.has(x) ? at.get(x) : null)));
    series.push({
      label: c.name, stroke: color(names[i % names.length]), width: i < 2 ? 2 : 1, dash: i === 1 ? [5, 4] : undefined,
      spanGaps: true, points: single, value: (u, x) => ms(x),
    });
  });
  return {
    height: 220, data: lists, still: true,
    opts: {
      scales: { x: { time: false, distr: 3, range: () => [1, Math.max(xs[xs.length - 1] || 10, 10)] }, y: { distr: 3 } },
      axes: [axis({
        size: 30, space: 40, filter: (u, list) => list.map(x => powerOfTen(x) ? x : null),
        values: (u, list) => list.map(x => x == null ? "" : nines(x)),
      }), msAxis()],
      series,
    },
  };
}

const nines = x => {
  const p = 100 * (1 - 1 / x), places = Math.max(0, Math.floor(Math.log10(x) + 1e-9) - 2);
  return (powerOfTen(x) ? p.toFixed(places) : p.toPrecision(places + 4)) + "%";
};

const all = { latency, rate, inflight, outcomes, percentiles };
let drawn = {};
function draw(printing) {
  for (const name in drawn) drawn[name].destroy();
  drawn = {};
  for (const name in all) {
    const box = document.getElementById(name), c = all[name]();
    if (!c.data[0].length || c.data.length < 2) { box.textContent = "nothing was measured"; continue; }
    // The page is not laid out for paper yet when it is about to be printed: these fit A4 within its margins.
    const onPaper = box.closest(".wide") ? 680 : 325;
    const width = printing ? onPaper : Math.max(box.clientWidth, 200);
    const opts = Object.assign({
      width, height: printing ? Math.round(c.height * .7) : c.height, cursor: { points: { size: 6 }, y: false },
      hooks: c.still ? {} : { drawClear: [shade], draw: [marks] },
    }, c.opts);
    drawn[name] = new uPlot(opts, c.data, box);
  }
}

let due = 0;
const redraw = () => { cancelAnimationFrame(due); due = requestAnimationFrame(() => draw(false)); };
window.addEventListener("resize", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
// Paper has other colours and another width than the screen.
window.addEventListener("beforeprint", () => draw(true));
window.addEventListener("afterprint", () => draw(false));
draw(matchMedia("print").matches);
document.documentElement.dataset.drawn = Object.keys(drawn).length;
})();
