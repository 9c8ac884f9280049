// The best so far: every experiment as a dot, and the line that only ever gets better.

const PROGRESS_HEIGHT = 240;

function day(seconds) {
  const found = new Date(seconds * 1000);
  return Number.isNaN(found.getTime()) ? "–" : found.toISOString().slice(0, 10);
}

/** Return [place, value] of each experiment that was better than all before it. */
function records() {
  const { v } = columns[primaryColumn];
  const found = [];
  for (let i = 0; i < shared.count; i += 1) {
    const value = v[i];
    if (value === null || !data.completed[i] || !shared.shown[i]) continue;
    const best = found.length ? found[found.length - 1][1] : null;
    if (best === null || (data.goal === "max" ? value > best : value < best)) found.push([i, value]);
  }
  return found;
}

function progressChart() {
  const chart = $("#progress-chart");
  if (!chart || primaryColumn < 0 || !data.goal) return;
  const column = columns[primaryColumn];
  const tools = { time: false, log: false };
  const plot = el("div");
  const told = el("p", { class: "told", "aria-live": "polite" });
  chart.append(plot, told);
  let state = null;
  const draw = () => {
    const width = Math.floor(plot.clientWidth);
    if (!width) return;
    state = progressDrawing(column, tools, width, told);
    plot.replaceChildren(state.drawing);
  };
  const follow = () => {
    if (!state) return;
    showSpots(state.spots);
    const best = state.line();
    state.best.replaceWith(best);
    state.best = best;
  };
  const change = (name) => (value) => { tools[name] = value; draw(); };
  const host = $("#progress-tools");
  host.append(
    labelled("Over", choice([["", "experiments"], ["time", "time"]], change("time"))),
    labelled("Log scale", check(change("log"))));
  host.hidden = false;
  whenSized(plot, draw);
  onChoice(follow);
}

/** Draw a spot for an experiment; what it looks like changes with filters and ticks. */
function spotOf(x, y, i, size) {
  const mark = svg("circle", { cx: x.toFixed(1), cy: y.toFixed(1) });
  return { x, y, i, size, mark, look: "" };
}

/** Give spots the look that filters and ticks ask for; what hasn't changed isn't touched. */
function showSpots(spots) {
  for (const spot of spots) {
    const chosen = tickedTint(spot.i);
    const look = `spot${shared.shown[spot.i] ? "" : " out"} ${chosen}`;
    if (look === spot.look) continue;
    spot.look = look;
    spot.mark.setAttribute("class", look);
    spot.mark.setAttribute("r", chosen ? spot.size + 1.8 : spot.size);
  }
}

function progressDrawing(column, tools, width, told) {
  const places = [...data.names.keys()].filter((i) => column.v[i] !== null && (!tools.log || column.v[i] > 0));
  const over = tools.time ? (i) => data.started[i] : (i) => i + 1;
  const [low, high] = extent(robust(places.map((i) => column.v[i]), tools.log), tools.log);
  const marks = tools.log ? logTicks(low, high, 5) : ticks(low, high, 5);
  const left = 10 + Math.max(...marks.map((value) => digits(value).length)) * 7.2;
  const frame = { left, right: width - 14, top: 10, bottom: PROGRESS_HEIGHT - 26 };
  const [first, last] = extent(places.map(over), false, 0);
  const x = scale(first, last, frame.left, frame.right);
  const y = scale(low, high, frame.bottom, frame.top, tools.log);
  const step = tools.time ? day : (value) => digits(Math.round(value), 6);
  const label = tools.time ? "" : "experiment";
  const found = svg("svg", {
    width, height: PROGRESS_HEIGHT, viewBox: `0 0 ${width} ${PROGRESS_HEIGHT}`, role: "img", "aria-label": `${column.title} of every experiment, and the best so far`,
  }, grid(marks, x, y, { ...frame, label, step, room: tools.time ? 110 : 72 }));
  const clamp = (value) => Math.min(Math.max(y(value), frame.top), frame.bottom);
  const spots = places.map((i) => spotOf(x(over(i)), clamp(column.v[i]), i, 2.6));
  showSpots(spots);
  const line = () => bestLine(records().filter(([, value]) => !tools.log || value > 0), x, over, clamp, frame);
  const best = line();
  found.append(...spots.map((spot) => spot.mark), best);
  listenSpots(found, spots, told, [column]);
  return { drawing: found, spots, line, best };
}

/** A few wild values must not press all others into a line. */
function robust(values, log) {
  const sorted = values.filter((value) => Number.isFinite(value) && (!log || value > 0)).sort((a, b) => a - b);
  if (sorted.length < 20) return sorted;
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  const [lower, upper] = [at(0.25), at(0.75)];
  const reach = 6 * (upper - lower || Math.abs(upper) * 0.1);
  return sorted.filter((value) => value >= lower - reach && value <= upper + reach);
}

function bestLine(best, x, over, y, frame) {
  const group = svg("g", { class: "record" });
  if (!best.length) return group;
  let path = "";
  for (const [i, value] of best) path += path ? `H${x(over(i))}V${y(value)}` : `M${x(over(i))} ${y(value)}`;
  group.append(svg("path", { d: `${path}H${frame.right}`, class: "curve" }));
  for (const [i, value] of best) {
    group.append(svg("circle", { cx: x(over(i)), cy: y(value), r: 4, class: "mark" }));
  }
  const [i, value] = best[best.length - 1];
  const end = x(over(i)) > (frame.left + frame.right) / 2;
  const below = data.goal === "max" ? 18 : -10;
  group.append(svg("text", {
    x: x(over(i)), y: y(value) + below, "text-anchor": end ? "end" : "start", class: "strong haloed",
  }, `${clip(data.names[i], 20)} ${digits(value, 5)}`));
  return group;
}

/** Tell about the spot under the mouse, and tick it with a click. */
function listenSpots(drawing, spots, told, shownColumns) {
  const ring = svg("circle", { r: 6, class: "ring" });
  ring.style.display = "none";
  drawing.append(ring);
  const under = (event) => {
    const box = drawing.getBoundingClientRect();
    const [left, top] = [event.clientX - box.left, event.clientY - box.top];
    let found = null;
    let least = 24 ** 2;
    for (const spot of spots) {
      const far = (spot.x - left) ** 2 + (spot.y - top) ** 2;
      if (far < least) [least, found] = [far, spot];
    }
    return found;
  };
  const tellAbout = (event) => {
    const spot = under(event);
    ring.style.display = spot ? "" : "none";
    if (!spot) return;
    const { x, y, i } = spot;
    ring.setAttribute("cx", x);
    ring.setAttribute("cy", y);
    const parts = shownColumns.map((column) => `${column.title} ${shownValue(column, i)}`);
    told.textContent = `${data.names[i]}: ${parts.join(", ")}`;
  };
  drawing.addEventListener("pointermove", tellAbout);
  drawing.addEventListener("pointerdown", tellAbout); // a finger never moves before it is down
  drawing.addEventListener("pointerleave", () => { ring.style.display = "none"; });
  drawing.addEventListener("click", (event) => {
    const spot = under(event);
    if (spot) tick(spot.i, !shared.ticked.includes(spot.i));
  });
}
