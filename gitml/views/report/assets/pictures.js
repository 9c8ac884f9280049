// Pictures: two over each other with a slider, their difference, and examples by what happened.

/** Return the second picture over the first one, cut where the slider stands. */
function sliderOf(figures) {
  const [below, over] = figures.map((figure) => $("img", figure).cloneNode());
  const cover = el("div", { class: "over" }, over);
  const rule = el("div", { class: "rule" });
  const move = () => {
    cover.style.clipPath = `inset(0 0 0 ${range.value}%)`;
    rule.style.left = `${range.value}%`;
  };
  const range = el("input", {
    type: "range", min: 0, max: 100, value: 50, class: "slider", "aria-label": "How much of each", input: move,
  });
  move();
  const slide = el("div", { class: "slide" }, below, cover, rule);
  const drag = (event) => {
    if (!event.buttons) return;
    const box = slide.getBoundingClientRect();
    range.value = ((event.clientX - box.left) / box.width) * 100;
    move();
  };
  slide.addEventListener("pointerdown", drag);
  slide.addEventListener("pointermove", drag);
  slide.addEventListener("dragstart", (event) => event.preventDefault());
  const names = el("p", { class: "soft" }, data.titles[0], " on the left, ", data.titles[1], " on the right");
  return el("div", { class: "sliding" }, range, slide, names);
}

function pictureModes() {
  for (const plot of $$(".plot[data-compare]")) {
    const box = $(".figures", plot);
    const sides = $$("figure", box).filter((figure) => figure.dataset.side !== "difference");
    const difference = $("figure[data-side=difference]", box);
    const modes = $(".modes", plot);
    if (sides.length !== 2 || sides.some((figure) => !$("img", figure))) continue;
    const slider = sliderOf(sides);
    slider.hidden = true;
    box.before(slider);
    if (difference) difference.hidden = true;
    pressOne($$("button", modes), (button) => {
      const mode = button.dataset.mode;
      slider.hidden = mode !== "slider";
      box.hidden = mode === "slider";
      box.classList.toggle("one", mode === "difference");
      for (const figure of sides) figure.hidden = mode === "difference";
      if (difference) difference.hidden = mode !== "difference";
    });
    modes.hidden = false;
  }
}

/** Show the examples of one kind, the first ones until somebody asks for all. */
function exampleFilters() {
  for (const tools of $$(".filter[data-for]")) {
    const box = document.getElementById(tools.dataset.for);
    const cards = $$(".flip", box);
    const table = $("table", box);
    const kindOf = (item) => item.dataset.kind || $("[data-kind]", item).dataset.kind;
    let wanted = "all";
    let many = Number(box.dataset.few);
    const more = el("button", { type: "button", class: "act more", click: () => { many = Infinity; show(); } });
    const show = () => {
      let count = 0;
      for (const item of cards.length ? cards : table.tBodies[0].rows) {
        const fits = wanted === "all" || kindOf(item) === wanted;
        if (fits) count += 1;
        item.hidden = !fits || count > many;
      }
      more.hidden = count <= many;
      more.textContent = `Show all ${count.toLocaleString("en")}`;
    };
    box.after(more);
    if (table) table.addEventListener("order", show);
    pressOne($$("button", tools), (button) => { wanted = button.dataset.kind; show(); });
    tools.hidden = false;
    show();
  }
}
