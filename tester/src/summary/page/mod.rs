//! The page of `--html`: one file with everything in it, which loads nothing and sends nothing.
//!
//! It is a template and its data. The data is JSON within the page; the script makes plots and a table from it, and puts it into the page
//! as text only, never as markup: names and log lines come from whoever is tested. (Plots as SVG made here would do without a script, and
//! nobody could point at them. A plotting library is a megabyte, of which this needs a per cent.)
//!
//! Bounded: as many places in each plot as the history has, and as many rows as [`MOST_ROWS`] and [`MOST_FAILURES`] say. The page says so.

use serde::Serialize;
use serde_json::{Value, json};

use super::history::{Dot, History};
use super::json::{Document, document};
use super::text::date;
use super::{Header, Point};

/// The whole page.
pub(super) fn render(history: &History) -> String {
    let data = serde_json::to_string(&Data::of(history)).expect("keys that are text");
    // What is put in last isn't looked through for places to put something into.
    TEMPLATE.replacen("{{style}}", STYLE, 1).replacen("{{script}}", &SCRIPTS.concat(), 1).replacen(
        "{{data}}",
        &within_script(&data),
        1,
    )
}

/// All that the script is given.
#[derive(Serialize)]
struct Data<'h> {
    header: Value,
    totals: Vec<(String, String)>,
    course: Vec<Value>,
    /// Intervals to a place in the course, and trials to a place in the progress.
    course_each: u64,
    progress: Vec<Value>,
    progress_each: u64,
    admitted: &'h [u64],
    failures: Vec<Document<'h>>,
    trials: Vec<Document<'h>>,
}

impl<'h> Data<'h> {
    fn of(history: &'h History) -> Self {
        let header = &history.header;
        let passed = history.last.iter().rev().chain(history.first.iter().rev()).filter(|entry| !entry.has_failed());
        Self {
            header: json!({
                "version": header.version,
                "seed": header.seed.to_string(),
                "command": header.command,
                "machine": header.machine,
                "started": date(header.started),
                "started_s": header.started.as_secs_f64(),
                "promise": header.promise.as_ref().map(|promise| json!({ "text": promise.text, "bound": promise.bound })),
            }),
            totals: history.totals.named(),
            course: history.course.iter().map(place).collect(),
            course_each: history.course.each(),
            progress: history.progress.iter().map(|trial| dot(header, trial)).collect(),
            progress_each: history.progress.each(),
            admitted: history.admitted.bars(),
            failures: history.failed.iter().rev().take(MOST_FAILURES).map(|entry| document(header, entry)).collect(),
            trials: passed.take(MOST_ROWS).map(|entry| document(header, entry)).collect(),
        }
    }
}

/// Without names: there are many of them.
fn place(point: &Point) -> Value {
    let Point { from, until, measured, offered, allowed, denied, other, errors, p50_us, p99_us } = point;
    let [from, until, measured] = [from, until, measured].map(|time| (time.as_secs_f64() * 1e3).round() / 1e3);
    json!([from, until, measured, offered, allowed, denied, other, errors, p50_us, p99_us])
}

fn dot(header: &Header, dot: &Dot) -> Value {
    let entry = &dot.shown;
    json!({
        "trial": entry.trial,
        "scenario": entry.scenario,
        "failed": entry.has_failed(),
        "failed_at_s": dot.failed.map(|at| (at - header.started).as_secs_f64()),
        "validity": entry.validity.to_string(),
        "offered": entry.offered_per_s,
        "sent": entry.sent_per_s,
        "p50": entry.allowed.p50,
        "p99": entry.allowed.p99,
        "rss": dot.rss,
        "descriptors": dot.descriptors,
        "threads": dot.threads,
        "cpu": dot.cpu_us_per_request,
        "restarted": dot.restarted,
    })
}

/// JSON that a script element can hold: nothing in it ends the element or begins a comment, and it still reads the same.
fn within_script(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
/// In the order in which they need each other.
const SCRIPTS: [&str; 5] = [
    include_str!("scale.js"),
    include_str!("plot.js"),
    include_str!("plots.js"),
    include_str!("table.js"),
    include_str!("main.js"),
];
/// Rows of trials that passed, the last ones.
const MOST_ROWS: usize = 500;
/// Rows of trials that failed, with all that is known of each.
const MOST_FAILURES: usize = 200;
