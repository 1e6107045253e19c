//! What is said while the loop runs: a line when a trial begins, one when it ended, and the failures with what proves them.

use std::fmt::{Arguments, Display};
use std::io::{self, Write};

use tollgate_client::Outcome;

use super::meant::Meant;
use crate::summary::{Ending, Entry, Summary, SummaryError};
use crate::trial::{Bench, Load, Trial};

/// Speaks to whoever sits there, on stderr: one line at a time, which also a terminal in raw mode shows as lines.
#[derive(Debug, Default)]
pub struct Teller {
    unwritten: Option<SummaryError>,
}

impl Teller {
    /// The loop begins.
    pub fn begin(&self, meant: &Meant, bench: &Bench<'_>) {
        let promise = bench.promise.map_or_else(|| "no limit to check".to_owned(), |promise| promise.to_string());
        say(format_args!("testing {} · {promise} · seed {} · a key ends it", bench.target.url, meant.seed));
    }

    /// A trial begins.
    pub fn trial(&self, trial: &Trial, load: &Load) {
        let settings = load.settings().map(|setting| setting.to_string());
        say(format_args!("{:>5}  {:<16} {}", trial.number, trial.scenario.name, settings.join(" ")));
    }

    /// It is tried again, because the server ended.
    pub fn again(&self, trial: &Trial, attempt: u32) {
        say(format_args!("{:>5}  once more, to see whether it repeats ({attempt})", trial.number));
    }

    /// A trial ended.
    pub fn trial_ended(&self, entry: &Entry) {
        let ledger = &entry.ledger;
        let oracle = entry.oracle.as_ref().map_or("not asked", |verdict| verdict.name());
        let p99 = entry.allowed.p99.map_or_else(|| "-".to_owned(), |p99| format!("{:.1} ms", p99 / 1e3));
        say(format_args!(
            "       {} · {} requests, {} allowed, {} denied, {} errors · allowed p99 {p99} · oracle {oracle} · {:?}",
            match entry.ending() {
                Ending::Passed => "passed",
                Ending::Failed => "FAILED",
                Ending::Invalid => "invalid",
            },
            ledger.sent,
            ledger.count(Outcome::Allowed),
            ledger.count(Outcome::Denied),
            ledger.errors(),
            entry.validity,
        ));
        for failure in entry.all_failures() {
            let again = failure.again.name().map_or_else(String::new, |name| format!(" ({name})"));
            say(format_args!("       {}: {}{again}", failure.kind.name(), failure.text));
            failure.lines.iter().take(SHOWN).for_each(|line| say(format_args!("         {line}")));
        }
        if entry.ending() == Ending::Invalid {
            entry.reasons.iter().take(1).for_each(|reason| say(format_args!("       says nothing: {reason}")));
        }
        if entry.has_failed() {
            say(format_args!("       again: {}", entry.command));
        }
    }

    /// What came of writing the files. Told when it begins to fail, not after each trial.
    pub fn written(&mut self, written: Result<(), SummaryError>) {
        if let Err(error) = &written
            && self.unwritten.is_none()
        {
            say(error);
        }
        self.unwritten = written.err();
    }

    /// Whether the files don't tell of the last trial.
    pub const fn is_unwritten(&self) -> bool {
        self.unwritten.is_some()
    }

    /// The loop is over.
    pub fn end(&self, summary: &Summary) {
        let totals = summary.totals();
        let invalid = totals.trials - totals.passed - totals.failed;
        let said_nothing = if invalid > 0 { format!(", {invalid} invalid") } else { String::new() };
        say(format_args!("{} trials, {} failed{said_nothing}", totals.trials, totals.failed));
    }
}

/// Says something, in a line.
pub fn say(line: impl Display) {
    // Nobody listening changes nothing.
    let _ = write_line(format_args!("{line}"));
}

fn write_line(line: Arguments<'_>) -> io::Result<()> {
    write!(io::stderr(), "{line}\r\n")
}

/// Lines of a failure; all of them are in the summary.
const SHOWN: usize = 12;
