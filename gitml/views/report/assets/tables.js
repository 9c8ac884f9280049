// Tables that can be sorted, and that show their first rows until somebody asks for all.

function orderOf(row, column) {
  const cell = row.cells[column];
  const given = cell.dataset.v;
  const text = given ?? cell.textContent; // a number that is shown in full isn't given again
  const number = Number(text);
  if (text !== "" && !Number.isNaN(number)) return number;
  return given ? given.toLowerCase() : null;
}

function compareKeys(one, other, sign) {
  if (one === other) return 0;
  if (one === null) return 1; // what is missing is last, whatever the order
  if (other === null) return -1;
  if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1;
  const step = typeof one === "number" ? one - other : one.localeCompare(other, "en", { numeric: true });
  return sign * step;
}

/** Sort the rows of a table by a column; twice the same column turns the order. */
function sortTable(table, column, head) {
  const body = table.tBodies[0];
  const turned = head.getAttribute("aria-sort") === "descending";
  const isNumber = head.classList.contains("n");
  const before = head.getAttribute("aria-sort");
  // Numbers are mostly wanted from the largest down, texts from the start of the alphabet.
  const descending = before ? !turned : isNumber;
  for (const other of $$("th[aria-sort]", table)) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const sign = descending ? -1 : 1;
  const keyed = [...body.rows].map((row, place) => [orderOf(row, column), place, row]);
  keyed.sort((one, other) => compareKeys(one[0], other[0], sign) || one[1] - other[1]);
  body.append(...keyed.map(([, , row]) => row));
}

function sortableTables() {
  for (const table of $$("table")) {
    const heads = table.tHead ? [...table.tHead.rows[0].cells] : [];
    for (const [column, head] of heads.entries()) {
      const button = $("button", head);
      if (!button) continue;
      button.addEventListener("click", () => {
        sortTable(table, column, head);
        table.dispatchEvent(new Event("order"));
      });
    }
  }
}

/** Show the first rows only, with a button for the rest. */
function shortTables() {
  for (const table of $$("table[data-first]")) {
    const many = Number(table.dataset.first);
    const body = table.tBodies[0];
    const total = body.rows.length;
    const cut = () => [...body.rows].forEach((row, place) => { row.hidden = place >= many; });
    const button = el("button", {
      type: "button",
      class: "act more",
      click: () => {
        for (const row of body.rows) row.hidden = false;
        table.removeEventListener("order", cut);
        button.remove();
      },
    }, `Show all ${total.toLocaleString("en")}`);
    table.addEventListener("order", cut);
    table.closest(".scroll").after(button);
    window.addEventListener("beforeprint", () => {
      if (total <= 200) button.click();
    });
    cut();
  }
}
