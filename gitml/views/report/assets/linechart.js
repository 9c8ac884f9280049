// A chart of lines over a common x: bands, a crosshair with values, and a legend that hides lines.

const CHART_HEIGHT = 250;

/**
 * Make a chart in `host`; returns {draw, hover}.
 *
 * `model()` returns {series, log, label, parted, xlog, range, step}: each of the series has a name,
 * a place (its colour), xs, ys, and may have raw, band {lows, highs}, others [{xs, ys}],
 * best [x, y], hidden. `range` is the stretch of x that is shown; null for all of it.
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
    if (events.zoom) dragStretch(state, events.zoom);
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
      if (fits(state.y, value) && fits(place, one.xs[at]) && inside(state, one.xs[at])) {
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

/** Return the values of lines and bands within a stretch of x. */
function valuesWithin(lines, range) {
  const sets = lines.flatMap((one) => [one.ys, ...(one.band ? [one.band.lows, one.band.highs] : [])]
    .map((ys) => [one.xs, ys]));
  if (!range) return sets.flatMap(([, ys]) => ys);
  return sets.flatMap(([xs, ys]) => ys.filter((_, at) => xs[at] >= range[0] && xs[at] <= range[1]));
}

const inside = (state, x) => x >= state.x.low && x <= state.x.high;

function paint(plot, shown, width, title) {
  const visible = shown.series.filter((one) => !one.hidden);
  const lines = visible.flatMap((one) => [one, ...(one.others || [])]);
  const whole = extent(lines.flatMap((one) => one.xs), shown.xlog, 0);
  const stretch = stretchOf(shown.range, whole);
  const [low, high] = extent(valuesWithin(lines, stretch), shown.log);
  const [first, last] = stretch || whole;
  const marks = shown.log ? logTicks(low, high, 5) : ticks(low, high, 5);
  const left = 10 + Math.max(...marks.map((value) => digits(value).length)) * 7.2;
  const [top, right, bottom] = [10, width - 14, CHART_HEIGHT - 26];
  const x = scale(first, last, left, right, shown.xlog);
  const y = scale(low, high, bottom, top, shown.log);
  const cross = svg("g", { class: "crosshair" });
  const drawing = svg("svg", {
    width, height: CHART_HEIGHT, viewBox: `0 0 ${width} ${CHART_HEIGHT}`, role: "img", tabindex: 0, "aria-label": `${title}, chart over ${shown.label}`,
  }, grid(marks, x, y, { left, right, top, bottom, label: shown.label, step: shown.step }));
  if (Number.isFinite(shown.parted) && fits(x, shown.parted) && shown.parted >= first && shown.parted <= last) {
    const at = x(shown.parted);
    const anchor = at > (left + right) / 2 ? "end" : "start";
    drawing.append(
      svg("line", { x1: at, x2: at, y1: top, y2: bottom, class: "parted" }),
      svg("text", { x: at + (anchor === "end" ? -5 : 5), y: bottom - 6, "text-anchor": anchor }, "equal until here"));
  }
  const frame = svg("g", {}, ...visible.map((one) => drawSeries(one, x, y)));
  drawing.append(stretch ? clipped(frame, { left, right, top, bottom }) : frame, cross);
  const focused = plot.contains(document.activeElement);
  plot.replaceChildren(drawing);
  if (focused) drawing.focus();
  return { drawing, cross, x, y, left, right, top, bottom, series: shown.series, step: shown.step, lines };
}

let clips = 0;

/** Cut what goes beyond the frame: a line goes on outside of a stretch. */
function clipped(group, { left, right, top, bottom }) {
  clips += 1;
  const area = svg("rect", { x: left, y: top - 6, width: right - left, height: bottom - top + 12 });
  group.setAttribute("clip-path", `url(#clip-${clips})`);
  return svg("g", {}, svg("clipPath", { id: `clip-${clips}` }, area), group);
}

function grid(marks, x, y, { left, right, top, bottom, label, step, room = 72 }) {
  const found = svg("g");
  for (const value of marks) {
    found.append(
      svg("line", { x1: left, x2: right, y1: y(value), y2: y(value), class: "grid" }),
      svg("text", { x: left - 7, y: y(value) + 4, "text-anchor": "end" }, digits(value)));
  }
  const about = Math.max(2, Math.floor((right - left) / room));
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
  const known = one.ys.flatMap((value, at) => (fits(y, value) && fits(x, one.xs[at]) ? [at] : []));
  if (known.length === 1) {
    group.append(svg("circle", { cx: x(one.xs[known[0]]), cy: y(one.ys[known[0]]), r: 3.5, class: "mark" }));
  }
  if (one.best && fits(x, one.best[0]) && fits(y, one.best[1])) {
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
  const stops = [...new Set(state.lines.flatMap((one) => one.xs))]
    .filter((value) => fits(x, value) && inside(state, value)).sort((a, b) => a - b);
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
