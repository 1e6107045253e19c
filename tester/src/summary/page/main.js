// Puts the page together.

const DATA = JSON.parse(document.getElementById("data").textContent);
DATA.totals = Object.fromEntries(DATA.totals);

function head({ header, totals }) {
  const count = name => Number(totals[name]);
  const trials = count("trials"), failed = count("failed"), passed = count("passed");
  const verdict = document.getElementById("verdict");
  const [kind, mark, words] = trials === 0 ? ["empty", "…", "No trial has ended yet"]
    : failed ? ["failed", "✗", `${whole(failed)} of ${plural(trials, "trial")} failed: ${reasons(count)}`]
    : passed === 0 ? ["empty", "…", trials === 1 ? "The trial says nothing" : `None of ${whole(trials)} trials says anything`]
    : passed < trials ? ["passed", "✓", `${whole(passed)} of ${whole(trials)} trials passed, the others say nothing`]
    : ["passed", "✓", trials === 1 ? "The trial passed" : `All ${whole(trials)} trials passed`];
  verdict.classList.add(kind);
  verdict.querySelector(".mark").textContent = mark;
  verdict.querySelector(".words").textContent = words;
  document.title = `${words} · Tollgate tester`;
  const about = [`started ${header.started}`, `ran ${clock(count("duration_s"))}`, `seed ${header.seed}`, `version ${header.version}`, header.machine];
  if (header.promise) about.push(`promised ${header.promise.text}`);
  document.getElementById("about").textContent = about.join(" · ");
  document.getElementById("command").textContent = header.command;
}

function reasons(count) {
  const names = { crashes: "crash/crashes", hangs: "hang/hangs", violations: "violation/violations", growths: "growth/growths", broken_rules: "broken rule/broken rules", unbalanced: "unbalanced ledger/unbalanced ledgers" };
  return Object.entries(names).filter(([name]) => count(name)).map(([name, words]) => `${whole(count(name))} ${words.split("/")[count(name) === 1 ? 0 : 1]}`).join(", ");
}

function tiles({ totals }) {
  const count = name => Number(totals[name]), n = name => whole(count(name));
  const share = name => (count("responses") ? `${((100 * count(name)) / count("responses")).toFixed(1)} % of responses` : "");
  const errors = count("timeouts") + count("resets") + count("refused") + count("other_errors");
  const status = Object.keys(totals).filter(name => name.startsWith("status_")).map(name => `${name.slice(7)}: ${short(count(name))}`).join(", ");
  const shown = [
    ["trials", n("trials"), `${n("passed")} passed, ${n("failed")} failed`, count("failed")],
    ["requests", short(count("requests")), n("requests")],
    ["responses", short(count("responses")), status],
    ["allowed", short(count("allowed")), share("allowed")],
    ["denied", short(count("denied")), share("denied")],
    ["errors", whole(errors), `${n("timeouts")} timeouts, ${n("resets")} resets, ${n("refused")} refused, ${n("other_errors")} other`],
    ["crashes, hangs", `${n("crashes")}, ${n("hangs")}`, `${plural(count("growths"), "growth")} of memory, descriptors or threads`, count("crashes") + count("hangs") + count("growths")],
    ["violations", n("violations"), `${plural(count("inconclusive"), "trial")} inconclusive`, count("violations")],
    ["requests − responses", n("requests_minus_responses"), `ledger residual ${n("ledger_residual")}`, count("ledger_residual")],
    ["numbers in doubt", whole(count("suspect") + count("invalid")), `${n("suspect")} suspect, ${n("invalid")} invalid`],
  ];
  for (const [name, value, detail, isAlarm] of shown) {
    document.getElementById("tiles").append(element("div", { className: isAlarm ? "alarm" : "" },
      element("dt", { textContent: name }), element("dd", { textContent: value }), element("dd", { className: "detail", textContent: detail || "" })));
  }
}

function theme() {
  const button = document.getElementById("theme"), ways = [["system", "light dark"], ["light", "light"], ["dark", "dark"]];
  let at = 0;
  button.addEventListener("click", () => {
    at = (at + 1) % ways.length;
    document.documentElement.style.colorScheme = ways[at][1];
    button.textContent = `Theme: ${ways[at][0]}`;
  });
}

theme();
head(DATA);
tiles(DATA);
const plots = document.getElementById("plots");
outcomesOverTime(plots, DATA);
percentilesOverTime(plots, DATA);
latencyAgainstRate(plots, DATA);
admittedAgainstQuota(plots, DATA);
serverOverTrials(plots, DATA, { title: "The server's memory", unit: "memory", format: bytes, lines: [["rss", "resident", "first"]] });
serverOverTrials(plots, DATA, { title: "The server's descriptors and threads", unit: "number", format: whole, lines: [["descriptors", "descriptors", "first"], ["threads", "threads", "second"]] });
trialsTable(DATA);
