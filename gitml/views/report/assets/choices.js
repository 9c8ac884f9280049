// Which experiments pass the filters, and which are ticked: what all parts of the page share.

const MOST_TICKED = 12;

const shared = {
  count: data.names.length,
  shown: new Uint8Array(data.names.length).fill(1),
  passing: data.names.length,
  ranges: new Map(), // place of a column of values → [low, high]
  tests: [], // from the words of the search field
  ticked: [], // places of experiments, in the order in which they were ticked
  listeners: [],
  search: null, // the field whose words narrow, where there is one
};

const columns = data.values;
const primaryColumn = columns.findIndex((column) => column.kind === "metric" && column.name === data.primary);

/** Let `work` run whenever filters or ticks have changed. */
function onChoice(work) {
  shared.listeners.push(work);
}

const tell = soon(() => shared.listeners.forEach((work) => work()));

function narrow() {
  const { shown, ranges, tests } = shared;
  let passing = 0;
  for (let i = 0; i < shared.count; i += 1) {
    let fits = true;
    for (const [place, [low, high]] of ranges) {
      const value = columns[place].v[i];
      if (value === null || value < low || value > high) fits = false;
    }
    for (const test of tests) if (!test(i)) fits = false;
    shown[i] = fits ? 1 : 0;
    passing += shown[i];
  }
  shared.passing = passing;
  tell();
}

/** Let every experiment pass again. */
function letAllPass() {
  if (shared.search) shared.search.value = "";
  shared.tests = [];
  shared.ranges.clear();
  narrow();
}

/** Return what says how many experiments pass, and lets all of them pass again. */
function passingTools() {
  const told = el("span", { class: "told", "aria-live": "polite" });
  const clear = el("button", { type: "button", class: "act", click: letAllPass }, "Show all again");
  const follow = () => {
    const all = shared.count.toLocaleString("en");
    const some = shared.passing < shared.count;
    told.textContent = some ? `${shared.passing.toLocaleString("en")} of ${all}` : `${all} experiments`;
    clear.hidden = !some;
  };
  onChoice(follow);
  follow();
  return [clear, told];
}

function tick(i, on) {
  shared.ticked = shared.ticked.filter((other) => other !== i);
  if (on) shared.ticked.push(i);
  if (shared.ticked.length > MOST_TICKED) shared.ticked.shift();
  tell();
}

/** Return the colour of a ticked experiment; empty for others. */
function tickedTint(i) {
  const place = shared.ticked.indexOf(i);
  return place < 0 ? "" : tint(place);
}

/** Return a value as people read it. */
function shownValue(column, i) {
  const value = column.v[i];
  if (value === null) return "–";
  return column.texts ? column.texts[value] : digits(value, 6);
}

const COMPARE = {
  "<": (one, other) => one < other,
  "<=": (one, other) => one <= other,
  ">": (one, other) => one > other,
  ">=": (one, other) => one >= other,
  "=": (one, other) => one === other,
  "!=": (one, other) => one !== other,
};

/** Return a test for one word: `lr<0.01`, `optimizer=adam`, or a part of a name. */
function testOf(word) {
  const parts = /^(.+?)(<=|>=|!=|<|>|=)(.+)$/.exec(word);
  const column = parts && columns.find((one) => one.title.toLowerCase() === parts[1].toLowerCase());
  if (column) {
    const [compare, wanted] = [COMPARE[parts[2]], parts[3]];
    if (!column.texts) {
      return (i) => column.v[i] !== null && compare(column.v[i], Number(wanted));
    }
    return (i) => column.v[i] !== null && compare(column.texts[column.v[i]].toLowerCase(), wanted.toLowerCase());
  }
  const text = word.toLowerCase();
  const { texts, v } = data.studies;
  return (i) => data.names[i].toLowerCase().includes(text)
    || texts[v[i]].toLowerCase().includes(text) || data.tags[i].toLowerCase().includes(text);
}

/** Tick the best experiments, or the newest where nothing says what is better. */
function tickSome() {
  let order = [...data.names.keys()].reverse();
  if (primaryColumn >= 0 && data.goal) {
    const found = columns[primaryColumn].v;
    const sign = data.goal === "max" ? -1 : 1;
    // Of equally good ones the oldest comes first, as champions do.
    order = order.filter((i) => data.completed[i]).reverse();
    order.sort((one, other) => compareKeys(found[one], found[other], sign));
  }
  const drawn = new Set(data.curves.flatMap((item) => item.runs.map((run) => run.i)));
  shared.ticked = order.filter((i) => !drawn.size || drawn.has(i)).slice(0, 5);
}
