// Parallel coordinates: settings on the left, results on the right, ranges kept by dragging.

const AXIS_TOP = 46;
const AXIS_HEIGHT = 300;
const AXIS_LEAST = 92; // pixels between two axes
const FIRST_AXES = 7;
// A finger needs room between the axes to scroll the page.
const AXIS_REACH = matchMedia("(pointer: coarse)").matches ? 16 : 22;
const MOST_TEXTS = 24;
const FEW_NUMBERS = 8;

/** Return the columns that can be an axis: numbers, or few texts. */
function possibleAxes() {
  return columns.map((column, place) => ({ column, place }))
    .filter(({ column }) => !column.texts || column.texts.length <= MOST_TEXTS)
    .filter(({ column }) => new Set(column.v).size > 1);
}

function rankOf({ column, place }) {
  return place === primaryColumn ? 2 : Number(column.kind === "metric");
}

/** Return axes, first those whose values tell good experiments from others. */
function byRelevance(axes) {
  const found = axes.map((axis) => ({ axis, share: relevance(axis.column) }));
  return found.sort((one, other) => other.share - one.share).map(({ axis }) => axis);
}

/** Return how far groups of a column's values stand apart by the primary metric: their variance. */
function relevance(column) {
  const rank = standing();
  const known = [...data.names.keys()].filter((i) => column.v[i] !== null);
  known.sort((one, other) => column.v[one] - column.v[other]);
  const apart = column.texts || fewNumbers(column);
  const groups = new Map();
  for (const [place, i] of known.entries()) {
    const key = apart ? column.v[i] : Math.floor((place * FEW_NUMBERS) / known.length);
    const group = groups.get(key) || { count: 0, sum: 0 };
    groups.set(key, { count: group.count + 1, sum: group.sum + rank[i] });
  }
  const mean = known.reduce((sum, i) => sum + rank[i], 0) / known.length;
  const spread = [...groups.values()].reduce((sum, one) => sum + one.count * (one.sum / one.count - mean) ** 2, 0);
  return spread / known.length;
}

function firstAxes(possible) {
  const isSeed = (column) => /(^|[._])seed$/i.test(column.title);
  const settings = possible.filter(({ column }) => column.kind === "setting" && !isSeed(column));
  const order = settings.length > FIRST_AXES ? byRelevance(settings) : settings;
  const chosen = new Set(order.slice(0, FIRST_AXES).map(({ place }) => place));
  const metrics = possible.filter(({ column }) => column.kind === "metric").map(({ place }) => place);
  for (const place of metrics) if (place === primaryColumn || chosen.size < 2) chosen.add(place);
  return chosen;
}

/** Return the different numbers of a column if they are few; null for many, and for texts. */
function fewNumbers(column) {
  if (column.texts || column.kind === "metric") return null;
  const found = [...new Set(column.v)].filter((value) => value !== null).sort((a, b) => a - b);
  return found.length <= FEW_NUMBERS ? found : null;
}

/** Return where the values of a column stand on its axis. */
function axisScale(column) {
  const bottom = AXIS_TOP + AXIS_HEIGHT;
  if (column.texts) return scale(-0.5, column.texts.length - 0.5, bottom, AXIS_TOP);
  const known = column.v.filter((value) => value !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const log = column.kind === "setting" && low > 0 && high / low >= (fewNumbers(column) ? 8 : 50);
  const [from, to] = column.kind === "metric" ? extent(robust(known, false), false, 0) : [low, high];
  return scale(from, to, bottom, AXIS_TOP, log);
}

function parallelChart() {
  const chart = $("#parallel-chart");
  const possible = chart ? possibleAxes() : [];
  if (possible.length < 2) {
    if (chart) chart.closest("section").hidden = true;
    return;
  }
  const state = { chosen: firstAxes(possible), axes: [] };
  const canvas = el("canvas", { "aria-hidden": "true" });
  const box = el("div", { class: "parallel" }, canvas);
  chart.append(el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Parallel coordinates" }, box));
  const paint = () => paintLines(canvas, state);
  const draw = () => {
    const shown = possible.filter(({ place }) => state.chosen.has(place));
    shown.sort((one, other) => rankOf(one) - rankOf(other)); // settings, metrics, the primary one
    const width = Math.max(chart.clientWidth, (shown.length - 1) * AXIS_LEAST + 120);
    placeAxes(state, shown, width);
    $("svg", box)?.remove();
    box.append(drawAxes(state, width));
    sizeCanvas(canvas, width);
    paint();
  };
  axisTools($("#parallel-tools"), possible, state, draw);
  whenSized(chart, draw);
  onChoice(() => { showRanges(state); paint(); });
  document.addEventListener("theme", paint);
}

function axisTools(host, possible, state, draw) {
  const list = el("details", {}, el("summary", {}, "Axes"));
  const inside = el("div", { class: "tools" });
  for (const { column, place } of possible) {
    inside.append(labelled(column.title, check((on) => {
      if (on) state.chosen.add(place);
      else state.chosen.delete(place);
      if (shared.ranges.delete(place)) narrow();
      draw();
    }, state.chosen.has(place))));
  }
  list.append(inside);
  host.append(list, el("span", { class: "passing" }, ...passingTools()));
  host.hidden = false;
}

function placeAxes(state, shown, width) {
  const [left, right] = [62, width - 62];
  state.axes = shown.map(({ column, place }, number) => ({
    column, place, y: axisScale(column),
    x: shown.length > 1 ? left + (number * (right - left)) / (shown.length - 1) : (left + right) / 2,
  }));
}

function sizeCanvas(canvas, width) {
  const fine = window.devicePixelRatio || 1;
  canvas.width = width * fine;
  canvas.height = (AXIS_TOP + AXIS_HEIGHT + 30) * fine;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${AXIS_TOP + AXIS_HEIGHT + 30}px`;
}

function clip(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function drawAxes(state, width) {
  const height = AXIS_TOP + AXIS_HEIGHT + 30;
  const found = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "Axes" });
  const room = state.axes.length > 1 ? state.axes[1].x - state.axes[0].x : width;
  for (const [number, axis] of state.axes.entries()) {
    const { column, x, y } = axis;
    const bottom = AXIS_TOP + AXIS_HEIGHT;
    const up = number % 2 && room < 130 ? 30 : 14; // neighbours with long names take turns
    const title = svg("text", { x, y: up, "text-anchor": "middle", class: "strong" }, clip(column.title, 18));
    title.append(svg("title", {}, column.title));
    axis.range = svg("rect", { x: x - 9, width: 18, y: 0, height: 0, class: "kept" });
    found.append(title, svg("line", { x1: x, x2: x, y1: AXIS_TOP, y2: bottom, class: "tick" }), axis.range);
    const few = fewNumbers(column);
    // Outside of the lines, as far as there is an outside.
    const isLast = number > 0 && number === state.axes.length - 1;
    const beside = { x: isLast ? x + 7 : x - 7, "text-anchor": isLast ? "start" : "end" };
    const marks = column.texts
      ? column.texts.map((text, place) => [place, clip(text, 12)])
      : (few || scaleTicks(y, 5)).map((value) => [value, digits(value)]);
    for (const [value, text] of marks) {
      found.append(svg("text", { ...beside, y: y(value) + 4, class: "haloed" }, text));
    }
    if (column.v.includes(null)) {
      found.append(svg("text", { ...beside, y: bottom + 24 }, "none"));
    }
    axis.handle = svg("rect", {
      x: x - AXIS_REACH, width: 2 * AXIS_REACH, y: AXIS_TOP - 6, height: AXIS_HEIGHT + 12, class: "handle",
      tabindex: 0, role: "slider", "aria-orientation": "vertical", "aria-label": `Range of ${column.title}`,
    });
    found.append(axis.handle);
    brush(found, axis.handle, axis);
    axis.handle.addEventListener("keydown", (event) => steer(event, axis));
  }
  showRanges(state);
  return found;
}

/** Move the range of an axis with the arrow keys, or its lower end with Shift; Escape lets go of it. */
function steer(event, axis) {
  const step = { ArrowUp: -AXIS_HEIGHT / 20, ArrowDown: AXIS_HEIGHT / 20 }[event.key];
  const kept = shared.ranges.get(axis.place);
  if (event.key === "Escape" && shared.ranges.delete(axis.place)) narrow();
  if (!step) return;
  event.preventDefault();
  const [top, bottom] = [AXIS_TOP, AXIS_TOP + AXIS_HEIGHT];
  let [from, to] = kept ? [axis.y(kept[1]), axis.y(kept[0])] : [top, bottom];
  if (kept && !event.shiftKey) {
    const free = Math.min(Math.max(step, top - from), bottom - to);
    [from, to] = [from + free, to + free];
  } else if (step < 0 || event.shiftKey) to = Math.min(Math.max(to + step, from + 1), bottom);
  else from += step;
  shared.ranges.set(axis.place, [axis.y.back(to), axis.y.back(from)]);
  narrow();
}

/** Let a range of an axis be dragged; a click lets go of it. */
function brush(drawing, handle, axis) {
  let from = null;
  const at = (event) => event.clientY - drawing.getBoundingClientRect().top;
  handle.addEventListener("pointerdown", (event) => {
    from = at(event);
    handle.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  handle.addEventListener("pointermove", (event) => {
    if (from === null || Math.abs(at(event) - from) < 4) return;
    const ends = [axis.y.back(from), axis.y.back(at(event))].sort((a, b) => a - b);
    shared.ranges.set(axis.place, ends);
    narrow();
  });
  handle.addEventListener("pointerup", (event) => {
    if (from !== null && Math.abs(at(event) - from) < 4 && shared.ranges.delete(axis.place)) narrow();
    from = null;
  });
  handle.addEventListener("pointercancel", () => { from = null; });
}

/** Return a range in words. */
function rangeText({ texts }, kept) {
  if (!kept) return "everything";
  if (!texts) return kept.map((end) => digits(end)).join(" to ");
  return texts.filter((_, place) => place >= kept[0] && place <= kept[1]).join(", ") || "nothing";
}

function showRanges(state) {
  for (const axis of state.axes) {
    const kept = shared.ranges.get(axis.place);
    const { low, high } = axis.y;
    const now = kept ? (kept[0] + kept[1]) / 2 : (low + high) / 2;
    const told = { min: low, max: high, now, text: rangeText(axis.column, kept) };
    for (const [name, value] of Object.entries(told)) axis.handle.setAttribute(`aria-value${name}`, value);
    const [top, bottom] = kept ? [axis.y(kept[1]), axis.y(kept[0])] : [0, 0];
    const start = Math.max(top, AXIS_TOP - 6);
    axis.range.setAttribute("y", start);
    axis.range.setAttribute("height", Math.max(0, Math.min(bottom, AXIS_TOP + AXIS_HEIGHT + 6) - start));
  }
}

/** Return 0 … 1 for each experiment: where it stands among all by the primary metric. */
function standing() {
  if (standing.found) return standing.found;
  const found = new Float32Array(shared.count).fill(0.5);
  if (primaryColumn >= 0) {
    const { v } = columns[primaryColumn];
    const known = [...v.keys()].filter((i) => v[i] !== null).sort((a, b) => v[a] - v[b]);
    known.forEach((i, place) => {
      const share = known.length > 1 ? place / (known.length - 1) : 1;
      found[i] = data.goal === "min" ? 1 - share : share;
    });
  }
  standing.found = found;
  return found;
}

function paintLines(canvas, state) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const pen = canvas.getContext("2d");
  const fine = window.devicePixelRatio || 1;
  pen.setTransform(fine, 0, 0, fine, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  const rank = standing();
  const order = [...data.names.keys()].sort((a, b) => rank[a] - rank[b]);
  const [best, rest] = [colour("--e1"), colour("--soft")];
  const few = Math.min(1, 0.2 + 60 / shared.passing);
  const clear = Math.min(0.8, 0.3 + 40 / shared.passing);
  // Experiments with the same value are drawn a little apart, so that one sees how many they are.
  const spreads = state.axes.map(({ column }) => (column.texts || fewNumbers(column) ? 14 : 0));
  const line = (i, paintWith, alpha, width) => {
    pen.strokeStyle = paintWith;
    pen.globalAlpha = alpha;
    pen.lineWidth = width;
    pen.beginPath();
    for (const [number, { column, x, y }] of state.axes.entries()) {
      const value = column.v[i];
      const inside = value === null ? AXIS_TOP + AXIS_HEIGHT + 20
        : Math.min(Math.max(y(value), AXIS_TOP), AXIS_TOP + AXIS_HEIGHT);
      const place = inside + spreads[number] * (((i * 0.618034) % 1) - 0.5);
      if (number) pen.lineTo(x, place);
      else pen.moveTo(x, place);
    }
    pen.stroke();
  };
  for (const i of order) if (!shared.shown[i]) line(i, rest, 0.05 * few + 0.02, 1);
  for (const i of order) {
    if (!shared.shown[i]) continue;
    const top = rank[i] >= 0.9;
    line(i, top ? best : rest, top ? clear : few * (0.15 + 0.5 * rank[i]), 1);
  }
  shared.ticked.forEach((i, place) => line(i, colour(`--e${place % 8}`), shared.shown[i] ? 1 : 0.3, 2.2));
  pen.globalAlpha = 1;
}
