"use strict";
// Scales take a value to a place and have ticks at round values; formats take a value to a text with its unit.

/** `count` ticks or fewer, at multiples of what `step` makes of the distance that they should at least have. */
function linear([low, high], [from, to], count, step = roundStep) {
  if (!(high > low)) high = low + 1;
  const by = step((high - low) / count);
  const ticks = [];
  for (let i = Math.ceil(low / by - 1e-9) + 0; i * by <= high + by * 1e-9; i++) ticks.push(i * by + 0);
  return { ticks, place: value => from + ((value - low) / (high - low)) * (to - from) };
}

/** Ticks at powers of ten, with others between them where there are few. */
function logarithmic([low, high], [from, to], count) {
  const start = Math.log10(low), length = Math.log10(high) - start || 1;
  const ticksOf = digits => {
    const ticks = [];
    for (let power = Math.floor(start); power <= start + length; power++) ticks.push(...digits.map(digit => digit * 10 ** power));
    return ticks.filter(tick => tick >= low && tick <= high);
  };
  const choices = [[1, 1.5, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]].map(ticksOf);
  const ticks = choices.find(ticks => ticks.length <= count) || choices.at(-1);
  return { ticks, place: value => from + ((Math.log10(Math.max(value, low)) - start) / length) * (to - from) };
}

/** 1, 2 or 5 times a power of ten. */
function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map(digit => digit * power).find(step => step >= least * (1 - 1e-9));
}

const wholeStep = least => Math.max(1, roundStep(least));

/** Seconds: what a clock or a calendar has. */
function timeStep(least) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  return least < 1 ? roundStep(least) : steps.find(step => step >= least) || 86400 * roundStep(least / 86400);
}

/** All of `values` with a little room, for a logarithmic scale. */
function roomy(values) {
  const real = values.filter(value => value > 0);
  if (!real.length) return [1, 10];
  return [Math.min(...real) / 1.5, Math.max(...real) * 1.5];
}

const digits = (value, unit) => {
  const text = value >= 99.95 ? Math.round(value).toString() : value.toPrecision(value >= 9.995 ? 3 : 2);
  return (text.includes(".") ? text.replace(/\.?0+$/, "") : text) + unit;
};

/** A value in the largest of `units` that leaves a digit before the point. */
function withUnit(value, units) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0" + units[0][1];
  const [size, unit] = units.findLast(([size]) => value >= size * 0.9995) || units[0];
  return digits(value / size, unit);
}

const micros = us => withUnit(us, [[1, " µs"], [1e3, " ms"], [1e6, " s"]]);
const bytes = n => withUnit(n, [[1, " B"], [1e3, " kB"], [1e6, " MB"], [1e9, " GB"]]);
const short = n => withUnit(n, [[1, ""], [1e3, "k"], [1e6, "M"], [1e9, "G"]]);
const whole = n => (n === null || n === undefined ? "–" : Math.round(n).toLocaleString("en-US"));
const rate = n => (n === null || n === undefined ? "–" : (n < 10 ? digits(n, "") : whole(n)) + "/s");
const plural = (n, thing) => `${whole(n)} ${thing}${n === 1 ? "" : "s"}`;

/** `1:05`, `2:00:30`, `3 d 04:00`. */
function clock(seconds) {
  const two = n => String(Math.floor(n)).padStart(2, "0");
  if (seconds < 1 && seconds > 0) return `${digits(seconds, " s")}`;
  const [d, h, m, s] = [seconds / 86400, (seconds / 3600) % 24, (seconds / 60) % 60, seconds % 60];
  if (d >= 1) return `${Math.floor(d)} d ${two(h)}:${two(m)}`;
  return h >= 1 ? `${Math.floor(h)}:${two(m)}:${two(s)}` : `${Math.floor(m)}:${two(s)}`;
}
