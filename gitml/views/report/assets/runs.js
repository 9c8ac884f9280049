// Curves of the experiments that are ticked.

function runCharts() {
  const host = $("#runs-chart");
  if (!host || !data.curves.length) return;
  const metrics = data.curves.map((item) => ({
    metric: item.metric, runs: new Map(item.runs.map((run) => [run.i, decodeCurve(run)])),
  }));
  const tools = { metric: 0, smooth: 0, log: false, xlog: false, range: null, hidden: new Set() };
  const model = () => ({
    series: shared.ticked.map((i, place) => {
      const run = metrics[tools.metric].runs.get(i) || { xs: [], ys: [] };
      const ys = smoothed(run.ys, tools.smooth);
      return {
        name: data.names[i], place, hidden: tools.hidden.has(i), xs: run.xs, ys,
        raw: tools.smooth > 0 ? run.ys : null, more: run.xs.length ? "" : "none",
      };
    }),
    log: tools.log,
    xlog: tools.xlog,
    range: tools.range,
    parted: null,
    label: "step",
    step: (x) => digits(x, 6),
  });
  const toggle = (place) => {
    const i = shared.ticked[place];
    if (!tools.hidden.delete(i)) tools.hidden.add(i);
    chart.draw();
  };
  const { nodes, zoom } = lineTools(tools, soon(() => chart.draw()));
  const chart = lineChart(host, model, { toggle, zoom, title: "Curves" });
  $("#runs-tools").append(
    labelled("Metric", choice(metrics.map((item, place) => [place, item.metric]), (value) => {
      tools.metric = Number(value);
      chart.draw();
    })),
    ...nodes);
  $("#runs-tools").hidden = false;
  onChoice(chart.draw);
}

function decodeCurve(run) {
  const xs = Array.isArray(run.x) ? run.x : run.y.map((_, place) => run.x.start + place * run.x.step);
  return { xs, ys: run.y };
}
