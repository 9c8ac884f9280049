// Finding and making elements. Text only ever becomes text: nothing here parses HTML.

const SPACE = "http://www.w3.org/2000/svg";
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const data = JSON.parse($("#data").textContent);

function put(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

const el = (name, attributes = {}, ...children) =>
  put(document.createElement(name), attributes, children);

const svg = (name, attributes = {}, ...children) =>
  put(document.createElementNS(SPACE, name), attributes, children);

const tint = (place) => `e${place % 8} k${Math.floor(place / 8) + place % 8}`;

/** Call draw(width) now and whenever the width of an element has changed. */
function whenSized(host, draw) {
  let last = 0;
  const look = () => {
    const width = Math.floor(host.clientWidth);
    if (width > 0 && width !== last) {
      last = width;
      draw(width);
    }
  };
  new ResizeObserver(look).observe(host);
  look();
}

/** Return a function that runs `work` once at the next frame, however often it is called. */
function soon(work) {
  let waiting = 0;
  return () => {
    if (waiting) return;
    waiting = requestAnimationFrame(() => {
      waiting = 0;
      work();
    });
  };
}

/** Return what calls `work` when nothing has called it for so many milliseconds. */
function calm(work, milliseconds) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, milliseconds);
  };
}

function labelled(text, input) {
  return el("label", {}, text, input);
}

function choice(options, change) {
  const box = el("select", { change: () => change(box.value) });
  for (const [value, text] of options) box.append(el("option", { value }, text));
  return box;
}

function check(change, checked = false) {
  const box = el("input", { type: "checkbox", change: () => change(box.checked) });
  box.checked = checked;
  return box;
}

/** Let one of several buttons be pressed at a time. */
function pressOne(buttons, change) {
  for (const button of buttons) {
    button.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      change(button);
    });
  }
}

function themeButton() {
  const button = $("#theme");
  const preferred = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : preferred.matches);
  const show = () => {
    button.setAttribute("aria-pressed", String(isDark()));
    document.dispatchEvent(new Event("theme"));
  };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    show();
  });
  preferred.addEventListener("change", show);
  button.hidden = false;
  show();
}

/** Mark the section that is being read in the table of contents. */
function followContents() {
  const links = new Map($$(".contents a").map((link) => [link.hash.slice(1), link]));
  if (!links.size || !("IntersectionObserver" in window)) return;
  const seen = new Set();
  const look = (entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) seen.add(entry.target.id);
      else seen.delete(entry.target.id);
    }
    const first = [...links.keys()].find((name) => seen.has(name));
    for (const [name, link] of links) {
      if (name === first) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  const observer = new IntersectionObserver(look, { rootMargin: "-10% 0px -60% 0px" });
  for (const section of $$("main > section")) observer.observe(section);
}

/** What is folded on the screen is open on paper. */
function openForPrint() {
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = $$("details:not([open])");
    for (const part of opened) part.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const part of opened) part.open = false;
  });
}
