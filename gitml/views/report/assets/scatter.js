// Any value against any other: two axes to choose, each with a log scale.

const SCATTER_HEIGHT = 340;

function scatterChart() {
  const chart = $("#scatter-chart");
  if (!chart) return;
  const all = [...columns, { kind: "run", title: "order", v: data.names.map((_, i) => i + 1) }];
  const usable = all.map((column, place) => ({ column, place }))
    .filter(({ column }) => new Set(column.v).size > 1 && (!column.texts || column.texts.length <= MOST_TEXTS));
  if (usable.length < 2) {
    chart.closest("section").hidden = true;
    return;
  }
  const settings = byRelevance(usable.filter(({ column }) => column.kind === "setting"));
  const first = settings[0] || usable[usable.length - 1];
  const result = usable.find(({ place }) => place === primaryColumn)
    || usable.find(({ place }) => place !== first.place);
  const state = { x: first.place, y: result.place, xlog: false, ylog: false, all };
  const guess = (name) => {
    const known = all[state[name]].v.filter((value) => value !== null);
    const isLog = !all[state[name]].texts && Math.min(...known) > 0;
    state[`${name}log`] = isLog && name === "x" && Math.max(...known) / Math.min(...known) >= 50;
  };
  guess("x");
  const plot = el("div");
  chart.append(plot);
  let spots = [];
  const draw = () => {
    const width = Math.floor(plot.clientWidth);
    if (!width) return;
    const made = scatterDrawing(state, width);
    spots = made.spots;
    plot.replaceChildren(made.drawing);
  };
  scatterTools($("#scatter-tools"), usable, state, guess, draw);
  whenSized(plot, draw);
  onChoice(() => showSpots(spots));
}

function scatterTools(host, usable, state, guess, draw) {
  const options = usable.map(({ column, place }) => [place, column.title]);
  for (const name of ["y", "x"]) {
    const log = check((on) => { state[`${name}log`] = on; draw(); }, state[`${name}log`]);
    const pick = choice(options, (value) => {
      state[name] = Number(value);
      guess(name);
      log.checked = state[`${name}log`];
      draw();
    });
    pick.value = String(state[name]);
    host.append(labelled(name === "y" ? "Show" : "over", pick), labelled("log", log));
  }
  host.hidden = false;
}

function placed(column, log, from, to) {
  if (column.texts) return scale(-0.6, column.texts.length - 0.4, from, to);
  const [low, high] = extent(column.v, log, 0.05);
  return scale(low, high, from, to, log);
}

function marksOf(column, place, about) {
  if (column.texts) return column.texts.map((text, value) => [value, clip(text, 14)]);
  return scaleTicks(place, about).map((value) => [value, digits(value)]);
}

/** Spread experiments with the same text a little, the same way each time. */
function spread(column, i) {
  return column.texts ? (((i * 0.618034) % 1) - 0.5) * 0.5 : 0;
}

function scatterDrawing(state, width) {
  const [one, other] = [state.all[state.x], state.all[state.y]];
  const logs = [state.xlog && !one.texts, state.ylog && !other.texts];
  const [top, right, bottom] = [12, width - 14, SCATTER_HEIGHT - 44];
  const rough = marksOf(other, placed(other, logs[1], bottom, top), 5);
  const left = 12 + Math.max(...rough.map(([, text]) => text.length)) * 7.2;
  const x = placed(one, logs[0], left, right);
  const y = placed(other, logs[1], bottom, top);
  const label = `${other.title} over ${one.title}`;
  const found = svg("svg", {
    width, height: SCATTER_HEIGHT, viewBox: `0 0 ${width} ${SCATTER_HEIGHT}`, role: "img", "aria-label": label,
  });
  for (const [value, text] of marksOf(other, y, 5)) {
    found.append(
      svg("line", { x1: left, x2: right, y1: y(value), y2: y(value), class: "grid" }),
      svg("text", { x: left - 7, y: y(value) + 4, "text-anchor": "end" }, text));
  }
  for (const [value, text] of marksOf(one, x, Math.max(2, Math.floor((right - left) / (one.texts ? 110 : 72))))) {
    found.append(svg("text", { x: x(value), y: bottom + 18, "text-anchor": "middle" }, text));
  }
  found.append(svg("text", { x: right, y: bottom + 38, "text-anchor": "end", class: "strong" }, one.title));
  const spots = [];
  for (let i = 0; i < shared.count; i += 1) {
    const [across, up] = [one.v[i], other.v[i]];
    if (across === null || up === null || (logs[0] && across <= 0) || (logs[1] && up <= 0)) continue;
    spots.push(spotOf(x(across + spread(one, i)), y(up + spread(other, i)), i, 3.2));
  }
  showSpots(spots);
  found.append(...spots.map((spot) => spot.mark));
  listenSpots(found, spots, $("#scatter-told"), [one, other]);
  return { drawing: found, spots };
}
