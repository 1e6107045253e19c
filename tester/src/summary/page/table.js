// The trials: those that failed first, and all that is known of one when it is opened.

const COLUMNS = [
  { name: "trial", value: trial => trial.trial, show: whole, isNumber: true },
  { name: "result", value: trial => trial.result, mark: trial => `badge ${trial.result}` },
  { name: "scenario", value: trial => trial.scenario },
  { name: "start", value: trial => trial.started_s - DATA.header.started_s, show: clock, isNumber: true },
  { name: "length", value: trial => trial.duration_s, show: clock, isNumber: true },
  { name: "offered", value: trial => trial.offered_per_s, show: n => (n === null ? "closed loop" : rate(n)), isNumber: true },
  { name: "requests", value: trial => trial.requests, show: whole, isNumber: true },
  { name: "allowed", value: trial => trial.allowed, show: whole, isNumber: true },
  { name: "denied", value: trial => trial.denied, show: whole, isNumber: true },
  { name: "errors", value: trial => trial.errors, show: whole, isNumber: true, mark: trial => (trial.errors ? "bad" : "") },
  { name: "p50", value: trial => trial.latency_us.allowed.p50, show: micros, isNumber: true },
  { name: "p99", value: trial => trial.latency_us.allowed.p99, show: micros, isNumber: true },
  { name: "memory", value: trial => trial.server.rss_bytes, show: bytes, isNumber: true },
  { name: "oracle", value: trial => trial.oracle.verdict ?? "–", mark: trial => ({ violation: "bad", inconclusive: "doubt" })[trial.oracle.verdict] ?? "" },
  { name: "numbers", value: trial => trial.validity, mark: trial => ({ INVALID: "bad", SUSPECT: "doubt" })[trial.validity] ?? "" },
];
const ROWS_AT_ONCE = 50;

function trialsTable(data) {
  const all = [...data.failures, ...data.trials];
  const table = document.getElementById("trials");
  const find = document.getElementById("find"), failedOnly = document.getElementById("failed-only"), more = document.getElementById("more");
  const body = element("tbody");
  let rows = ROWS_AT_ONCE, order = null;
  const fill = () => {
    const wanted = find.value.trim().toLowerCase();
    const found = all.filter(trial =>
      (!failedOnly.checked || trial.result === "failed") && (!wanted || textOf(trial).includes(wanted)));
    if (order) found.sort((a, b) => order.turn * compared(order.column.value(a), order.column.value(b)));
    body.replaceChildren(...found.slice(0, rows).map(row));
    if (!found.length) body.append(element("tr", {}, element("td", { colSpan: COLUMNS.length, className: "note", textContent: all.length ? "No trial is like that." : "No trial has ended yet." })));
    more.hidden = found.length <= rows;
    document.getElementById("shown").textContent = shownText(data, Math.min(rows, found.length), found.length, all.length);
  };
  table.append(heading(column => {
    order = { column, turn: order && order.column === column ? -order.turn : 1 };
    fill();
    return order.turn;
  }), body);
  const again = () => { rows = ROWS_AT_ONCE; fill(); };
  find.addEventListener("input", again);
  failedOnly.addEventListener("change", again);
  more.addEventListener("click", () => { rows += 4 * ROWS_AT_ONCE; fill(); });
  fill();
}

/** Nothing comes last. */
function compared(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  return a < b ? -1 : Number(a > b);
}

function shownText(data, shown, found, all) {
  const total = Number(data.totals.trials), failed = Number(data.totals.failed);
  const here = all < total
    ? ` This page has the last ${whole(data.failures.length)} of ${whole(failed)} that failed among those kept, and the last ${whole(data.trials.length)} of ${whole(total - failed)} others; test_summary.txt has more.`
    : "";
  return `${whole(shown)} of ${plural(found, "trial")} shown, those that failed first. Open one to see its parameters and the command that repeats it.${here}`;
}

const textOf = trial => (trial.text ??= [trial.trial, trial.scenario, trial.validity, trial.oracle.verdict, trial.seed, trial.plan_hash,
  ...Object.entries(trial.parameters).map(([name, value]) => `${name}=${value}`),
  ...trial.failures.flatMap(failure => [failure.kind, failure.text, failure.again])].join(" ").toLowerCase());

function heading(sort) {
  const cells = COLUMNS.map(column => {
    const button = element("button", { type: "button", textContent: column.name, title: `Sort by ${column.name}` });
    const cell = element("th", { scope: "col", className: column.isNumber ? "number" : "" }, button);
    button.addEventListener("click", () => {
      const turn = sort(column);
      for (const other of cells) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", turn > 0 ? "ascending" : "descending");
    });
    return cell;
  });
  return element("thead", {}, element("tr", {}, ...cells));
}

function row(trial) {
  const cells = COLUMNS.map(({ value, show, mark, isNumber }) => {
    const shown = element("span", { className: mark ? mark(trial) : "", textContent: (show ?? String)(value(trial)) });
    return element("td", { className: isNumber ? "number" : "" }, shown);
  });
  const open = element("button", { type: "button", className: "open", textContent: "▸", title: `All of trial ${trial.trial}` });
  open.setAttribute("aria-expanded", "false");
  cells[0].prepend(open);
  const line = element("tr", { className: "trial" }, ...cells);
  const toggle = () => {
    const isOpen = open.getAttribute("aria-expanded") === "true";
    open.setAttribute("aria-expanded", String(!isOpen));
    open.textContent = isOpen ? "▸" : "▾";
    if (isOpen) line.nextSibling.remove();
    else line.after(element("tr", { className: "more" }, element("td", { colSpan: COLUMNS.length }, facts(trial))));
  };
  line.addEventListener("click", event => { if (!String(document.getSelection())) toggle(event); });
  return line;
}

/** All that is known of a trial. */
function facts(trial) {
  const list = element("dl", { className: "facts" });
  const fact = (name, ...shown) => list.append(element("dt", { textContent: name }), element("dd", {}, ...shown));
  for (const failure of trial.failures) {
    const again = failure.again ? ` (${failure.again})` : "";
    const lines = failure.lines.length ? [element("pre", { textContent: failure.lines.join("\n") })] : [];
    fact(failure.kind, element("strong", { className: "bad", textContent: failure.text + again }), ...lines);
  }
  if (trial.oracle.why) fact("oracle", trial.oracle.why);
  if (trial.reasons.length) fact(trial.validity, ...trial.reasons.map(reason => element("div", { textContent: reason })));
  fact("repeat with", element("code", { textContent: trial.command }));
  fact("parameters", Object.entries(trial.parameters).map(([name, value]) => `${name} ${value}`).join(" · ") || "none");
  const ends = { "timed out": "timed_out", refused: "refused", "reset before the answer": "reset_before", "reset in the answer": "reset_within", "end of file": "end_of_file", malformed: "malformed", shed: "shed", aborted: "aborted" };
  const other = Object.entries(ends).filter(([, key]) => trial.ledger[key]).map(([name, key]) => `${name} ${whole(trial.ledger[key])}`);
  fact("answers", Object.entries(trial.status).map(([status, n]) => `${status}: ${whole(n)}`).join(" · ") || "none");
  fact("not answered", other.join(" · ") || "none");
  const times = ({ p50, p90, p99, p999, max }) => `p50 ${micros(p50)} · p90 ${micros(p90)} · p99 ${micros(p99)} · p99.9 ${micros(p999)} · longest ${micros(max)}`;
  fact("allowed took", times(trial.latency_us.allowed));
  fact("denied took", times(trial.latency_us.denied));
  fact("server", serverText(trial.server));
  fact("seed, plan", element("code", { textContent: `${trial.seed}, ${trial.plan_hash}` }));
  fact("started", trial.started);
  return list;
}

function serverText({ fate, exit_code, signal, rss_bytes, descriptors, threads, cpu_us_per_request, restarted }) {
  const how = exit_code !== null ? ` with code ${exit_code}` : signal !== null ? ` by signal ${signal}` : "";
  const uses = rss_bytes === null ? [] : [bytes(rss_bytes), plural(descriptors, "descriptor"), plural(threads, "thread")];
  const cpu = cpu_us_per_request === null ? [] : [`${micros(cpu_us_per_request)} of CPU per request`];
  return [fate + how, ...uses, ...cpu, ...(restarted ? ["restarted"] : [])].join(" · ");
}
