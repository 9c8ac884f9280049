// The table of all experiments: searched, narrowed by the charts, ticked for the curves.

const FIRST_ROWS = 50;

function explorer() {
  const table = $("table.experiments");
  const host = $("#experiments-tools");
  if (!table || !host) return;
  const boxes = new Map();
  for (const label of $$("label[data-i]", table)) {
    const i = Number(label.dataset.i);
    const box = check((on) => tick(i, on));
    label.prepend(box, " ");
    boxes.set(i, { box, label, row: label.closest("tr") });
  }
  let many = FIRST_ROWS;
  const more = el("button", { type: "button", class: "act more", click: () => { many = Infinity; show(); } });
  const search = el("input", {
    type: "search", placeholder: "name, tag, or lr<0.01", "aria-label": "Filter experiments", size: 24,
    input: calm(() => {
      shared.tests = search.value.trim().split(/\s+/).filter(Boolean).map(testOf);
      narrow();
    }, 120),
  });
  shared.search = search;
  host.append(search, ...passingTools());
  table.closest(".scroll").after(more);

  function show() {
    let count = 0;
    for (const row of table.tBodies[0].rows) {
      const i = Number($("label", row).dataset.i);
      const fits = shared.shown[i] === 1;
      if (fits) count += 1;
      row.hidden = !fits || count > many;
    }
    for (const [i, { box, label }] of boxes) {
      const colour = tickedTint(i);
      box.checked = colour !== "";
      label.className = colour;
    }
    more.hidden = count <= many;
    more.textContent = `Show all ${count.toLocaleString("en")}`;
  }

  table.addEventListener("order", show);
  onChoice(calm(show, 80)); // a table is slow, and nobody looks at it while dragging
  window.addEventListener("beforeprint", () => { if (shared.count <= 200) { many = Infinity; show(); } });
  host.hidden = false;
  show();
}
