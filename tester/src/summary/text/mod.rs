//! `test_summary.txt`: for people and for `grep`.
//!
//! ```text
//!   trials 40                        totals: a name and a value a line
//!   ...
//!   FAILURES                         each with the line that repeats it, and what proves or explains it
//!   ...
//!   TRIALS                           a line for each, in columns; no value has a space in it
//!   ...
//!   end of summary                   there if the file is whole, and it always is
//! ```

mod table;

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use tollgate_client::Nanos;

use super::Entry;
use super::history::History;

/// The whole file.
pub(super) fn render(history: &History) -> String {
    let mut text = String::new();
    let result = totals(&mut text, history)
        .and_then(|()| failures(&mut text, history))
        .and_then(|()| trials(&mut text, history))
        .and_then(|()| writeln!(text, "\nend of summary"));
    result.expect("a string that takes what is written");
    text
}

fn totals(out: &mut String, history: &History) -> std::fmt::Result {
    let header = &history.header;
    writeln!(out, "tollgate-tester: summary of all trials\n")?;
    for (name, value) in history.totals.named() {
        writeln!(out, "{name:<24} {value}")?;
    }
    let about = [
        ("seed", header.seed.to_string()),
        ("version", header.version.clone()),
        ("started", date(header.started)),
        ("machine", header.machine.clone()),
        ("promise", header.promise.as_ref().map_or("-".to_owned(), |promise| promise.text.clone())),
        ("command", header.command.clone()),
    ];
    for (name, value) in about {
        writeln!(out, "{name:<24} {value}")?;
    }
    Ok(())
}

fn failures(out: &mut String, history: &History) -> std::fmt::Result {
    let (failed, kept) = (history.totals.failed, history.failed.len() as u64);
    if failed == 0 {
        return writeln!(out, "\nFAILURES: none");
    }
    writeln!(out, "\nFAILURES: {failed} of {} trials", history.totals.trials)?;
    for entry in &history.failed {
        failure(out, entry)?;
    }
    if failed > kept {
        writeln!(out, "\nand {} later ones: counted above and not shown", failed - kept)?;
    }
    Ok(())
}

fn failure(out: &mut String, entry: &Entry) -> std::fmt::Result {
    let Entry { trial, seed, plan_hash, scenario, command, .. } = entry;
    writeln!(out, "\ntrial {trial}, {scenario}, {}, seed {seed}, plan {plan_hash:016x}", date(entry.started))?;
    writeln!(out, "  {:<11} {command}", "repeat with")?;
    for failure in entry.all_failures() {
        let again = failure.again.name().map_or(String::new(), |again| format!(" ({again})"));
        writeln!(out, "  {:<11} {}{again}", failure.kind.name(), failure.text)?;
        for line in &failure.lines {
            writeln!(out, "  {:<11} | {line}", "")?;
        }
    }
    Ok(())
}

fn trials(out: &mut String, history: &History) -> std::fmt::Result {
    writeln!(out, "\nTRIALS: start from {}, latency in us", date(history.header.started))?;
    let rows: Vec<&Entry> = history.first.iter().chain(&history.last).map(AsRef::as_ref).collect();
    let lines = table::lines(&history.header, &rows);
    // The heading, and a line for each.
    let gap = 1 + history.first.len();
    for (place, line) in lines.iter().enumerate() {
        if place == gap && history.left_out() > 0 {
            writeln!(out, "... {} trials left out ...", history.left_out())?;
        }
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// `2026-02-01T12:30:00Z`.
pub(super) fn date(since_1970: Nanos) -> String {
    let since_1970 = Duration::from(since_1970.min(LAST_DATE));
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + since_1970).to_string()
}

/// The form has room for four digits of the year.
const LAST_DATE: Nanos = Nanos::from_secs(253_402_300_799);
