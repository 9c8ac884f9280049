// Curves of a comparison: one chart a metric, all with the same tools and the same crosshair.

const FIRST_CHARTS = 7;

function decodeRun(run) {
  const xs = Array.isArray(run.x) ? run.x : run.y.map((_, place) => run.x.start + place * run.x.step);
  return { xs, ys: run.y, seconds: run.t || null, name: run.run || "" };
}

/** Return the mean, the smallest and the largest of several runs at every x that one of them has. */
function together(runs) {
  const xs = [...new Set(runs.flatMap((run) => run.xs))].filter((x) => x !== null).sort((a, b) => a - b);
  const found = { xs, ys: [], lows: [], highs: [] };
  for (const x of xs) {
    const values = runs.map((run) => between(run.xs, run.ys, x)).filter((value) => value !== null);
    const some = values.length > 0;
    found.ys.push(some ? values.reduce((sum, value) => sum + value, 0) / values.length : null);
    found.lows.push(some ? Math.min(...values) : null);
    found.highs.push(some ? Math.max(...values) : null);
  }
  return found;
}

function bestPoint(xs, ys, goal) {
  if (!goal) return null;
  let best = null;
  for (const [place, value] of ys.entries()) {
    if (value === null) continue;
    if (best === null || (goal === "max" ? value > best[1] : value < best[1])) best = [xs[place], value];
  }
  return best;
}

function oneSeries(entry, item, tools) {
  let runs = entry.runs;
  if (tools.runs === "one") runs = runs.slice(0, 1);
  runs = runs.map((run) => ({ xs: tools.time ? run.seconds || [] : run.xs, raw: run.ys }))
    .filter((run) => run.xs.length)
    .map((run) => ({ ...run, ys: smoothed(run.raw, tools.smooth) }));
  const base = {
    name: data.titles[entry.e], place: entry.e, hidden: tools.hidden.has(entry.e), xs: [], ys: [],
  };
  if (!runs.length) return base;
  const raw = tools.smooth > 0;
  if (runs.length > 1 && tools.runs === "mean") {
    const { xs, ys, lows, highs } = together(runs);
    return {
      ...base, xs, ys, band: { lows, highs }, best: raw ? null : bestPoint(xs, ys, item.goal),
      more: `mean of ${runs.length} runs`,
    };
  }
  const [own, ...others] = runs;
  return {
    ...base, xs: own.xs, ys: own.ys, others, raw: raw ? own.raw : null,
    best: raw ? null : bestPoint(own.xs, own.ys, item.goal),
    more: others.length ? `and ${others.length} more` : "",
  };
}

function clockText(seconds) {
  if (seconds < 120) return `${digits(seconds, 3)} s`;
  if (seconds < 7200) return `${digits(seconds / 60, 3)} min`;
  return `${digits(seconds / 3600, 3)} h`;
}

function curveCharts() {
  const plots = $("#curve-charts");
  if (!plots || !data.curves.length) return;
  const items = data.curves.map((item) => ({
    ...item, series: item.series.map((entry) => ({ ...entry, runs: entry.runs.map(decodeRun) })),
  }));
  const tools = { smooth: 0, log: false, xlog: false, time: false, range: null, runs: "mean", hidden: new Set() };
  const charts = [];
  const redraw = soon(() => charts.forEach((chart) => chart.draw()));
  const { nodes, zoom } = lineTools(tools, redraw);
  const hover = (x) => charts.forEach((chart) => chart.hover(x));
  const toggle = (place) => {
    if (!tools.hidden.delete(place)) tools.hidden.add(place);
    redraw();
  };
  const add = (item) => {
    const box = el("div", { class: "chart" }, el("h3", {}, item.metric));
    if (item.note) box.append(el("p", { class: "soft" }, item.note));
    plots.append(box);
    const model = () => ({
      series: item.series.map((entry) => oneSeries(entry, item, tools)),
      log: tools.log,
      xlog: tools.xlog,
      range: tools.range,
      parted: tools.time ? null : item.parted,
      label: tools.time ? "time" : item.stepped ? "step" : "measurement",
      step: tools.time ? clockText : (x) => digits(x, 6),
    });
    charts.push(lineChart(box, model, { hover, toggle, zoom, title: item.metric }));
  };
  items.slice(0, FIRST_CHARTS).forEach(add);
  if (items.length > FIRST_CHARTS) {
    const more = el("button", {
      type: "button", class: "act more",
      click: () => { items.slice(FIRST_CHARTS).forEach(add); more.remove(); },
    }, `Show all ${items.length} metrics`);
    plots.after(more);
  }
  const host = $("#curve-tools");
  host.append(...nodes, ...curveTools(items, tools, redraw, zoom));
  host.hidden = false;
}

/** Return the tools for replicates and for time, where there are any. */
function curveTools(items, tools, redraw, zoom) {
  const runs = items.flatMap((item) => item.series.flatMap((entry) => entry.runs));
  const found = [];
  if (items.some((item) => item.series.some((entry) => entry.runs.length > 1))) {
    const options = [["mean", "mean and range"], ["each", "each run"], ["one", "this run only"]];
    found.push(labelled("Replicates", choice(options, (value) => { tools.runs = value; redraw(); })));
  }
  if (runs.length && runs.every((run) => run.seconds)) {
    const options = [["", "step"], ["time", "time"]];
    found.push(labelled("Over", choice(options, (value) => { tools.time = value !== ""; zoom(null); })));
  }
  return found;
}
