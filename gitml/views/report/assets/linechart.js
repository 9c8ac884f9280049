// A chart of lines over a common x: bands, a crosshair with values, and a legend that hides lines.

const CHART_HEIGHT = 250;

/**
 * Make a chart in `host`; returns {draw, hover}.
 *
 * `model()` returns {series, log, label, parted, xlog, step}: each of the series has a name, a
 * place (its colour), xs, ys, and may have raw, band {lows, highs}, others [{xs, ys}], best [x, y],
 * hidden.
 */
function lineChart(host, model, events = {}) {
  const legend = el("ul", { class: "legend" });
  const plot = el("div", { class: "plotted" });
  host.append(legend, plot);
  let state = null;

  const draw = () => {
    const width = Math.floor(plot.clientWidth);
    if (!width) return;
    state = paint(plot, model(), width, events.title || "");
    fillLegend(legend, state, events.toggle);
    listen(state, events.hover || hover);
  };

  function hover(x) {
    if (!state) return;
    const { cross, x: place, series } = state;
    cross.replaceChildren();
    for (const one of series) one.output.textContent = "";
    if (x === null) return;
    const shown = series.filter((one) => !one.hidden && one.xs.length);
    for (const one of shown) {
      const at = nearest(one.xs, x);
      const value = one.ys[at];
      if (value === null || value === undefined) continue;
      one.output.textContent = digits(value);
      if (!state.y.log || value > 0) {
        const mark = { cx: place(one.xs[at]), cy: state.y(value), r: 4, class: `mark ${tint(one.place)}` };
        cross.append(svg("circle", mark));
      }
    }
    const at = Math.min(Math.max(place(x), state.left), state.right);
    cross.prepend(svg("line", { x1: at, x2: at, y1: state.top, y2: state.bottom, class: "cross" }));
    const anchor = at > (state.left + state.right) / 2 ? "end" : "start";
    const shift = anchor === "end" ? -6 : 6;
    cross.append(svg("text", { x: at + shift, y: state.top + 10, "text-anchor": anchor, class: "strong" },
      state.step(x)));
  }

  whenSized(plot, draw);
  return { draw, hover };
}

function paint(plot, shown, width, title) {
  const visible = shown.series.filter((one) => !one.hidden);
  const lines = visible.flatMap((one) => [one, ...(one.others || [])]);
  const ys = lines.flatMap((one) => one.ys).concat(
    visible.flatMap((one) => (one.band ? [...one.band.lows, ...one.band.highs] : [])));
  const [low, high] = extent(ys, shown.log);
  const [first, last] = extent(lines.flatMap((one) => one.xs), shown.xlog, 0);
  const marks = shown.log ? logTicks(low, high, 5) : ticks(low, high, 5);
  const left = 10 + Math.max(...marks.map((value) => digits(value).length)) * 7.2;
  const [top, right, bottom] = [10, width - 14, CHART_HEIGHT - 26];
  const x = scale(first, last, left, right, shown.xlog);
  const y = scale(low, high, bottom, top, shown.log);
  const cross = svg("g", { class: "crosshair" });
  const drawing = svg("svg", {
    width, height: CHART_HEIGHT, viewBox: `0 0 ${width} ${CHART_HEIGHT}`, role: "img", tabindex: 0, "aria-label": `${title}, chart over ${shown.label}`,
  }, grid(marks, x, y, { left, right, top, bottom, label: shown.label, step: shown.step }));
  if (shown.parted !== null && shown.parted !== undefined) {
    const at = x(shown.parted);
    const anchor = at > (left + right) / 2 ? "end" : "start";
    drawing.append(
      svg("line", { x1: at, x2: at, y1: top, y2: bottom, class: "parted" }),
      svg("text", { x: at + (anchor === "end" ? -5 : 5), y: bottom - 6, "text-anchor": anchor }, "equal until here"));
  }
  for (const one of visible) drawing.append(drawSeries(one, x, y));
  drawing.append(cross);
  plot.replaceChildren(drawing);
  return { drawing, cross, x, y, left, right, top, bottom, series: shown.series, step: shown.step, lines };
}

function grid(marks, x, y, { left, right, top, bottom, label, step }) {
  const found = svg("g");
  for (const value of marks) {
    found.append(
      svg("line", { x1: left, x2: right, y1: y(value), y2: y(value), class: "grid" }),
      svg("text", { x: left - 7, y: y(value) + 4, "text-anchor": "end" }, digits(value)));
  }
  const about = Math.max(2, Math.floor((right - left) / 110));
  const places = scaleTicks(x, about).filter((value) => x(value) < right - label.length * 7 - 24);
  for (const value of places) {
    found.append(svg("text", { x: x(value), y: bottom + 18, "text-anchor": "middle" }, step(value)));
  }
  found.append(svg("text", { x: right, y: bottom + 18, "text-anchor": "end" }, label));
  return found;
}

function drawSeries(one, x, y) {
  const group = svg("g", { class: tint(one.place) });
  if (one.band) {
    group.append(svg("path", { d: bandPath(one.xs, one.band.lows, one.band.highs, x, y), class: "band" }));
  }
  for (const other of one.others || []) {
    group.append(svg("path", { d: linePath(other.xs, other.ys, x, y), class: "faint" }));
  }
  if (one.raw) group.append(svg("path", { d: linePath(one.xs, one.raw, x, y), class: "faint" }));
  group.append(svg("path", { d: linePath(one.xs, one.ys, x, y), class: "curve" }));
  const known = one.ys.flatMap((value, at) => (value === null ? [] : [at]));
  if (known.length === 1) {
    group.append(svg("circle", { cx: x(one.xs[known[0]]), cy: y(one.ys[known[0]]), r: 3.5, class: "mark" }));
  }
  if (one.best && (!y.log || one.best[1] > 0)) {
    group.append(svg("circle", { cx: x(one.best[0]), cy: y(one.best[1]), r: 4, class: "mark" }));
  }
  return group;
}

function fillLegend(legend, state, toggle) {
  legend.replaceChildren(...state.series.map((one) => {
    one.output = el("output", {});
    const button = el("button", {
      type: "button",
      class: tint(one.place),
      "aria-pressed": String(!one.hidden),
      title: "Show or hide",
      click: () => toggle && toggle(one.place),
    }, one.name, one.more ? el("small", {}, one.more) : null);
    return el("li", {}, button, " ", one.output);
  }));
}

function listen(state, hover) {
  const { drawing, x, left, right } = state;
  const stops = [...new Set(state.lines.flatMap((one) => one.xs))].sort((a, b) => a - b);
  let at = -1;
  const point = (event) => {
    const place = event.clientX - drawing.getBoundingClientRect().left;
    if (!stops.length) return;
    at = nearest(stops, x.back(Math.min(Math.max(place, left), right)));
    hover(stops[at]);
  };
  drawing.addEventListener("pointermove", point);
  drawing.addEventListener("pointerdown", point);
  drawing.addEventListener("pointerleave", () => hover(null));
  drawing.addEventListener("blur", () => hover(null));
  drawing.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
    if (!(event.key in moves) || !stops.length) return;
    event.preventDefault();
    at = Math.min(Math.max(at + moves[event.key], 0), stops.length - 1);
    hover(stops[at]);
  });
}
