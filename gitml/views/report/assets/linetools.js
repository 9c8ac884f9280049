// Tools of charts of lines: smoothing, log scales, and a stretch of the steps for a closer look.

/** Return {nodes, zoom}: the tools of charts that read `tools`, and what shows a stretch of x. */
function lineTools(tools, redraw) {
  const range = el("input", {
    type: "range", min: 0, max: 0.98, step: 0.02, value: 0, "aria-label": "Smoothing",
    input: () => { tools.smooth = Number(range.value); redraw(); },
  });
  const log = (name, text) => labelled(text, check((on) => { tools[name] = on; redraw(); }));
  const stretch = stretchFields(tools, redraw);
  const nodes = [labelled("Smoothing", range), log("log", "Log values"), log("xlog", "Log steps"), stretch.node];
  return { nodes, zoom: stretch.to };
}

/** Return {node, to}: fields for both ends of the stretch, and what sets them. */
function stretchFields(tools, redraw) {
  const ends = ["from", "to"].map((name) => el("input", {
    type: "number", step: "any", class: "end", placeholder: name === "from" ? "first" : "last",
    change: () => read(),
  }));
  const [first, last] = ends;
  const all = el("button", { type: "button", class: "act", hidden: true, click: () => to(null) }, "All steps");

  function read() {
    const low = first.value === "" ? -Infinity : Number(first.value);
    const high = last.value === "" ? Infinity : Number(last.value);
    show([low, high]);
  }

  function to(range) {
    ends.forEach((end, place) => { end.value = range ? Number(range[place].toPrecision(4)) : ""; });
    show(range);
  }

  function show(range) {
    const wanted = range && range[0] < range[1] && range.some(Number.isFinite);
    tools.range = wanted ? range : null;
    all.hidden = !wanted;
    redraw();
  }

  const node = el("span", { class: "stretched" }, labelled("From", first), labelled("to", last), all);
  return { node, to };
}

/** Return what a chart shows of a stretch: as much of it as there is; null for everything. */
function stretchOf(range, [first, last]) {
  if (!range) return null;
  const ends = [Math.max(range[0], first), Math.min(range[1], last)];
  return ends[0] < ends[1] ? ends : null;
}

/** Let a stretch be dragged with a mouse; a double click, or Escape, shows everything again. */
function dragStretch({ drawing, x, left, right, top, bottom }, zoom) {
  let from = null;
  const area = svg("rect", { y: top, height: bottom - top, class: "stretch" });
  const at = (event) => Math.min(Math.max(event.clientX - drawing.getBoundingClientRect().left, left), right);
  const end = () => { from = null; area.remove(); };
  drawing.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button !== 0) return; // fingers read values
    from = at(event);
    drawing.setPointerCapture(event.pointerId);
  });
  drawing.addEventListener("pointermove", (event) => {
    if (from === null || Math.abs(at(event) - from) < 8) return;
    area.setAttribute("x", Math.min(from, at(event)));
    area.setAttribute("width", Math.abs(at(event) - from));
    drawing.append(area);
  });
  drawing.addEventListener("pointerup", (event) => {
    const ends = from === null ? [0, 0] : [from, at(event)].sort((a, b) => a - b);
    end();
    if (ends[1] - ends[0] >= 8) zoom(ends.map(x.back));
  });
  drawing.addEventListener("pointercancel", end);
  drawing.addEventListener("dblclick", () => zoom(null));
  drawing.addEventListener("keydown", (event) => { if (event.key === "Escape") zoom(null); });
}
