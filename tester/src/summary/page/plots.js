// The plots of this page, each from a part of the data.

const time = { label: "since the start", format: clock };
const colour = name => `var(--${name})`;
const OUTCOMES = ["allowed", "denied", "other", "errors"];

/** The course as objects: what happened from `from` to `until`, in events per second. */
function courseOf(data) {
  return data.course.map(([from, until, measured, offered, allowed, denied, other, errors, p50, p99]) => {
    const perSecond = n => (measured > 0 ? n / measured : 0);
    return {
      from, until, p50, p99, offered: perSecond(offered),
      rates: [allowed, denied, other, errors].map(perSecond),
    };
  });
}

/** Neighbours without a pause that could be seen between them. */
function runsOf(places, pause) {
  const runs = [];
  places.forEach((place, i) => {
    if (i && place.from - places[i - 1].until <= pause) runs.at(-1).push(place);
    else runs.push([place]);
  });
  return runs;
}

const steps = (run, x, height) =>
  run.map((place, i) => `${i ? "L" : "M"}${x(place.from)} ${height(place)}L${x(place.until)} ${height(place)}`).join("");

const stepsBack = (run, x, height) =>
  run.toReversed().map(place => `L${x(place.until)} ${height(place)}L${x(place.from)} ${height(place)}`).join("");

function spanText(place) {
  return `${clock(place.from)} to ${clock(place.until)}`;
}

const failedTrials = data => data.progress.filter(trial => trial.failed_at_s !== null);

/** Where a trial failed, at the upper edge of a plot over time: flags, or strokes where they would cover each other. */
function failureFlags(svg, data, x, area) {
  const failed = failedTrials(data), isCrowded = failed.length > CROWDED;
  for (const trial of failed) {
    const at = Math.max(area.left, Math.min(area.right, x(trial.failed_at_s)));
    if (isCrowded) shape("path", { d: `M${at} ${area.top - 10}v9`, stroke: colour("errors") }, svg);
    else MARKS.flag(svg, at, area.top - 6, colour("errors"));
  }
}

/** More marks than this are drawn small. */
const CROWDED = 40;

const flagged = (data, legend) => (failedTrials(data).length ? [...legend, { name: "a trial failed", colour: colour("errors"), mark: "flag" }] : legend);

const eachPlace = (each, thing) => (each > 1 ? ` Each place stands for ${whole(each)} ${thing} in a row.` : "");

function outcomesOverTime(parent, data) {
  const places = courseOf(data);
  const end = Math.max(0, ...places.map(place => place.until));
  const most = Math.max(0, ...places.map(place => Math.max(place.offered, place.rates.reduce((a, b) => a + b))));
  const up = (place, n) => place.rates.slice(0, n).reduce((a, b) => a + b, 0);
  plot(parent, {
    title: "Outcomes over time",
    note: "Answers and errors per second, stacked; the line is what was asked for." + eachPlace(data.course_each, "intervals"),
    wide: true, height: 270,
    empty: places.length ? null : "No interval was measured yet.",
    legend: flagged(data, [
      ...OUTCOMES.map(name => ({ name, colour: colour(name) })),
      { name: "offered", colour: colour("ink"), mark: "line" },
    ]),
    x: { ...time, scale: (range, n) => linear([0, end], range, n, timeStep) },
    y: { label: "requests per second", format: short, scale: (range, n) => linear([0, most * 1.04], range, n) },
    stops: places.map(place => ({
      x: (place.from + place.until) / 2,
      text: [spanText(place), `offered ${rate(place.offered)}`, ...OUTCOMES.map((name, i) => `${name} ${rate(place.rates[i])}`)].join("\n"),
    })),
    draw(svg, x, y, area) {
      for (const run of runsOf(places, (end / area.width) * 2)) {
        OUTCOMES.forEach((name, i) => {
          const d = steps(run, x, place => y(up(place, i + 1))) + stepsBack(run, x, place => y(up(place, i))) + "Z";
          shape("path", { d, fill: colour(name) }, svg);
        });
        const d = steps(run, x, place => y(place.offered));
        shape("path", { d, fill: "none", stroke: colour("ink"), "stroke-width": places.length > 300 ? 0.7 : 1.2, "stroke-opacity": places.length > 300 ? 0.45 : 0.7 }, svg);
      }
      failureFlags(svg, data, x, area);
    },
  });
}

function percentilesOverTime(parent, data) {
  const places = courseOf(data).filter(place => place.p99 !== null);
  const end = Math.max(0, ...data.course.map(([, until]) => until));
  const range = roomy(places.flatMap(place => [place.p50, place.p99]));
  const lines = [["p99", "second"], ["p50", "first"]];
  plot(parent, {
    title: "Latency over time",
    note: "From when a request was due to when its answer was read, of all answers." +
      (data.course_each > 1 ? ` Each place shows the highest of ${whole(data.course_each)} intervals in a row.` : ""),
    wide: true,
    empty: places.length ? null : "No answer was measured yet.",
    legend: flagged(data, lines.map(([name, tone]) => ({ name: name === "p50" ? "p50: half took no longer" : "p99: 1 in 100 took longer", colour: colour(tone), mark: "line" }))),
    x: { ...time, scale: (place, n) => linear([0, end], place, n, timeStep) },
    y: { label: "latency", format: micros, scale: (place, n) => logarithmic(range, place, n) },
    stops: places.map(place => ({
      x: (place.from + place.until) / 2,
      text: `${spanText(place)}\np50 ${micros(place.p50)}\np99 ${micros(place.p99)}`,
    })),
    draw(svg, x, y, area) {
      for (const run of runsOf(places, (end / area.width) * 2)) {
        for (const [name, tone] of lines) {
          shape("path", { d: steps(run, x, place => y(place[name])), fill: "none", stroke: colour(tone), "stroke-width": 1.6 }, svg);
        }
      }
      failureFlags(svg, data, x, area);
    },
  });
}

function latencyAgainstRate(parent, data) {
  const loads = data.progress.filter(trial => trial.p99 !== null)
    .map(trial => ({ ...trial, load: trial.offered ?? trial.sent })).filter(trial => trial.load > 0)
    .sort((a, b) => a.load - b.load);
  const mark = trial => (trial.failed ? "diamond" : trial.validity === "VALID" ? "dot" : "ring");
  const tone = trial => colour(trial.failed ? "errors" : "second");
  plot(parent, {
    title: "Latency against load",
    note: `Of allowed requests, a point for ${data.progress_each > 1 ? `one of every ${whole(data.progress_each)} trials` : "each trial"}.`,
    empty: loads.length ? null : "No trial with an allowed request yet.",
    legend: [
      { name: "p99", colour: colour("second"), mark: "dot" },
      { name: "p50", colour: colour("first"), mark: "small" },
      { name: "to be doubted", colour: colour("second"), mark: "ring" },
      { name: "failed", colour: colour("errors"), mark: "diamond" },
    ],
    x: { label: "requests per second, offered", format: short, scale: (place, n) => logarithmic(roomy(loads.map(trial => trial.load)), place, n) },
    y: { label: "latency", format: micros, scale: (place, n) => logarithmic(roomy(loads.flatMap(trial => [trial.p50, trial.p99])), place, n) },
    nearest: "both",
    stops: loads.map(trial => ({
      x: trial.load, y: trial.p99,
      text: `trial ${trial.trial}, ${trial.scenario}${trial.failed ? ", failed" : ""}\n` +
        `${trial.offered === null ? "closed loop, sent" : "offered"} ${rate(trial.load)}\np50 ${micros(trial.p50)}\np99 ${micros(trial.p99)}\n${trial.validity}`,
    })),
    draw(svg, x, y) {
      for (const trial of loads) MARKS.small(svg, x(trial.load), y(trial.p50), colour("first"));
      for (const trial of loads) MARKS[mark(trial)](svg, x(trial.load), y(trial.p99), tone(trial));
    },
  });
}

function admittedAgainstQuota(parent, data) {
  const bars = data.admitted.map((clients, i) => ({ clients, from: (i - 1) / 10, until: i / 10, isMore: i === data.admitted.length - 1 }));
  const { promise } = data.header;
  const isBeyond = bar => promise && bar.from > promise.bound - 1e-9;
  const last = Math.max(promise ? promise.bound : 1, ...bars.filter(bar => bar.clients).map(bar => bar.until)) + 0.2;
  const shown = bars.filter(bar => bar.until <= last + 0.05);
  const most = Math.max(...bars.map(bar => bar.clients));
  const between = bar => bar.until === 0 ? "nothing at all"
    : bar.isMore ? `more than ${bar.from.toFixed(1)} quotas` : `over ${bar.from.toFixed(1)} up to ${bar.until.toFixed(1)} quotas`;
  plot(parent, {
    title: "Admitted per client, against the quota",
    note: "The most in any span as long as the quota's, seen from outside" + (promise ? ` (${promise.text})` : "") +
      ". Past the bound is a reason to look; proof is the oracle's.",
    empty: most ? null : data.progress.length ? "No client was counted: this takes a known limit." : "No trial has ended yet.",
    legend: [
      { name: "clients", colour: colour("allowed") },
      ...(promise ? [{ name: "past the bound", colour: colour("errors") }, { name: "promised at most", colour: colour("ink"), mark: "bar" }] : []),
    ],
    x: { label: "admitted, in quotas", format: tick => (tick ? digits(tick, "×") : "0"), scale: (place, n) => linear([-0.12, last], place, n, least => Math.max(0.1, roundStep(least))) },
    y: { label: "clients", format: short, scale: (place, n) => logarithmic([0.6, Math.max(10, most * 1.6)], place, n) },
    stops: shown.map(bar => ({ x: (bar.from + bar.until) / 2, text: `${plural(bar.clients, "client")}\nadmitted ${between(bar)}${isBeyond(bar) ? "\npast the bound" : ""}` })),
    draw(svg, x, y, area) {
      for (const bar of shown.filter(bar => bar.clients)) {
        const at = x(bar.from) + 1, top = y(bar.clients);
        shape("rect", { x: at, y: top, width: x(bar.until) - at - 1, height: area.bottom - top, rx: 2, fill: colour(isBeyond(bar) ? "errors" : "allowed") }, svg);
      }
      if (!promise) return;
      const at = x(promise.bound);
      shape("path", { d: `M${at} ${area.top - 4}V${area.bottom}`, stroke: colour("ink"), "stroke-width": 2, "stroke-dasharray": "5 3" }, svg);
      label(`at most ${digits(promise.bound, "×")}`, { x: at, y: area.top - 10, "text-anchor": "middle", class: "strong" }, svg);
    },
  });
}

/** What the server used, over the trials: `lines` are the data's name, the name for people, and a colour. */
function serverOverTrials(parent, data, { title, unit, format, lines }) {
  const trials = data.progress.filter(trial => trial[lines[0][0]] !== null);
  const [first, last] = [trials.at(0)?.trial ?? 0, trials.at(-1)?.trial ?? 0];
  const most = Math.max(0, ...trials.flatMap(trial => lines.map(([key]) => trial[key])));
  const restarts = trials.filter(trial => trial.restarted);
  plot(parent, {
    title,
    note: "At the end of each trial." + (data.progress_each > 1 ? ` Each place shows the most of ${whole(data.progress_each)} trials in a row.` : ""),
    empty: trials.length ? null : data.progress.length ? "The server's process wasn't watched." : "No trial has ended yet.",
    legend: [
      ...lines.map(([, name, tone]) => ({ name, colour: colour(tone), mark: "line" })),
      ...(restarts.length ? [{ name: "server restarted", colour: colour("soft"), mark: "bar" }] : []),
    ],
    x: { label: "trial", format: whole, scale: (place, n) => linear(first === last ? [first - 0.5, last + 0.5] : [first, last], place, n, wholeStep) },
    y: { label: unit, format, scale: (place, n) => linear([0, most * 1.1], place, n, unit === "memory" ? roundStep : wholeStep) },
    stops: trials.map(trial => ({
      x: trial.trial, y: trial[lines[0][0]],
      text: [`trial ${trial.trial}, ${trial.scenario}`, ...lines.map(([key, name]) => `${name} ${format(trial[key])}`), ...(trial.restarted ? ["restarted"] : [])].join("\n"),
    })),
    draw(svg, x, y, area) {
      const from = restarts.length > CROWDED ? area.bottom - 9 : area.top;
      for (const trial of restarts) {
        shape("path", { d: `M${x(trial.trial)} ${from}V${area.bottom}`, stroke: colour("soft"), "stroke-dasharray": "3 3" }, svg);
      }
      for (const [key, , tone] of lines) {
        const d = trials.map((trial, i) => `${i ? "L" : "M"}${x(trial.trial)} ${y(trial[key])}`).join("");
        shape("path", { d, fill: "none", stroke: colour(tone), "stroke-width": 1.8, "stroke-linejoin": "round" }, svg);
        if (trials.length <= 60) for (const trial of trials) shape("circle", { cx: x(trial.trial), cy: y(trial[key]), r: 2.6, fill: colour(tone) }, svg);
      }
    },
  });
}
