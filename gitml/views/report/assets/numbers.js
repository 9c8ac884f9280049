// Numbers: how they look, where they stand, and what is between them.

function digits(value, many = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  let text;
  if (size >= 1e9 || size < 1e-5) text = value.toExponential(Math.max(many - 2, 0));
  else if (size >= 1e4) text = Math.round(value).toLocaleString("en");
  else text = String(Number(value.toPrecision(many)));
  return text.replace("-", "−");
}

/** Return a scale: a function from values to places, with `.back` for the other way. */
function scale(low, high, from, to, log = false) {
  const turn = log ? Math.log10 : (value) => value;
  const start = turn(low);
  const span = turn(high) - start || 1;
  const place = (value) => from + ((turn(value) - start) / span) * (to - from);
  place.back = (at) => {
    const found = start + ((at - from) / (to - from)) * span;
    return log ? 10 ** found : found;
  };
  place.low = low;
  place.high = high;
  place.log = log;
  return place;
}

function ticks(low, high, about) {
  const rough = (high - low) / Math.max(about, 1);
  if (!(rough > 0) || !Number.isFinite(rough)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((many) => many * power).find((value) => value >= rough * 0.999);
  const found = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high + step * 1e-9; place += 1) {
    found.push(Number((place * step).toPrecision(12)));
    if (found.length > 40) break;
  }
  return found;
}

function logTicks(low, high, about) {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  const found = [];
  if (last > first) {
    const every = Math.max(1, Math.ceil((last - first) / Math.max(about, 1)));
    for (let power = first; power <= last; power += every) found.push(10 ** power);
    return found;
  }
  for (let power = first - 1; power <= last + 1; power += 1) {
    for (const many of [1, 2, 5]) found.push(many * 10 ** power);
  }
  const inside = found.filter((value) => value >= low * 0.999 && value <= high * 1.001);
  return inside.length > 1 ? inside : ticks(low, high, about).filter((value) => value > 0);
}

const scaleTicks = (place, about) =>
  place.log ? logTicks(place.low, place.high, about) : ticks(place.low, place.high, about);

/** Return [low, high] of finite numbers with a little room, or of positive ones for a log scale. */
function extent(values, log = false, room = 0.04) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value === null || !Number.isFinite(value) || (log && value <= 0)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return log ? [0.1, 1] : [0, 1];
  if (low === high) {
    const reach = Math.abs(low) * 0.1 || 1;
    return log ? [low / 2, high * 2] : [low - reach, high + reach];
  }
  if (log) {
    const factor = (high / low) ** room;
    return [low / factor, high * factor];
  }
  const more = (high - low) * room;
  return [low - more, high + more];
}

/** Return the place of the number that is nearest to `value` in a sorted list. */
function nearest(sorted, value) {
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low > 0 && value - sorted[low - 1] < sorted[low] - value ? low - 1 : low;
}

/** Return y at x on a line of points, by the points next to it; null beyond its ends. */
function between(xs, ys, x) {
  if (!xs.length || x < xs[0] || x > xs[xs.length - 1]) return null;
  let place = nearest(xs, x);
  if (xs[place] === x) return ys[place];
  if (xs[place] > x) place -= 1;
  const [left, right] = [ys[place], ys[place + 1]];
  if (left === null || right === null || right === undefined) return null;
  return left + ((x - xs[place]) / (xs[place + 1] - xs[place])) * (right - left);
}

/** Return an exponential moving average that starts at the first value; gaps stay gaps. */
function smoothed(values, weight) {
  if (!(weight > 0)) return values;
  let mean = 0;
  let mass = 0;
  return values.map((value) => {
    if (value === null || !Number.isFinite(value)) return null;
    mean = mean * weight + value * (1 - weight);
    mass = mass * weight + (1 - weight);
    return mean / mass;
  });
}

/** Whether a value has a place on a scale. */
const fits = (place, value) => Number.isFinite(value) && (!place.log || value > 0);

/** Return the path of a line; it is broken where a value is missing. */
function linePath(xs, ys, x, y) {
  let path = "";
  let open = false;
  for (let place = 0; place < xs.length; place += 1) {
    if (!fits(y, ys[place]) || !fits(x, xs[place])) {
      open = false;
      continue;
    }
    path += `${open ? "L" : "M"}${x(xs[place]).toFixed(1)} ${y(ys[place]).toFixed(1)}`;
    open = true;
  }
  return path;
}

/** Return the path of the area between two lines. */
function bandPath(xs, lows, highs, x, y) {
  const kept = [];
  for (let place = 0; place < xs.length; place += 1) {
    const [low, high] = [lows[place], highs[place]];
    if (!fits(y, low) || !fits(y, high) || !fits(x, xs[place])) continue;
    kept.push([x(xs[place]), y(low), y(high)]);
  }
  if (kept.length < 2) return "";
  const there = kept.map(([at, , high]) => `${at.toFixed(1)} ${high.toFixed(1)}`);
  const back = kept.reverse().map(([at, low]) => `${at.toFixed(1)} ${low.toFixed(1)}`);
  return `M${there.join("L")}L${back.join("L")}Z`;
}
