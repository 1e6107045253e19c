//! What all trials add up to, however many they are.

use std::collections::BTreeMap;

use tollgate_client::report::Validity;
use tollgate_client::{Ledger, Nanos, Outcome};

use super::{Ending, Entry, Header, Kind, Verdict};

/// All trials together.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Trials that ran.
    pub trials: u64,
    /// Those of them that were what was planned, with nothing wrong.
    pub passed: u64,
    /// Those with something wrong.
    pub failed: u64,
    /// How requests ended.
    pub ledger: Ledger,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Broken promises that the oracle proved.
    pub violations: u64,
    /// Trials of which the oracle could say nothing.
    pub inconclusive: u64,
    /// Trials with numbers to be doubted.
    pub suspect: u64,
    /// Trials with numbers not to be believed.
    pub invalid: u64,
    /// From the start of the first to the end of the last.
    pub duration: Nanos,
    failures: [u64; Kind::ALL.len()],
}

impl Totals {
    /// Trials that failed like this.
    pub const fn failures(&self, kind: Kind) -> u64 {
        self.failures[kind as usize]
    }

    /// Requests that were sent.
    pub const fn requests(&self) -> u64 {
        self.ledger.sent
    }

    /// Whole answers.
    pub fn responses(&self) -> u64 {
        self.ledger.answers()
    }

    pub(super) fn add(&mut self, header: &Header, entry: &Entry) {
        self.trials += 1;
        self.passed += u64::from(entry.ending() == Ending::Passed);
        self.failed += u64::from(entry.has_failed());
        self.ledger += &entry.ledger;
        for (status, answers) in &entry.statuses {
            *self.statuses.entry(*status).or_default() += answers;
        }
        match entry.oracle {
            Some(Verdict::Violation { count, .. }) => self.violations += count,
            Some(Verdict::Inconclusive(_)) => self.inconclusive += 1,
            Some(Verdict::Conforms) | None => {}
        }
        match entry.validity {
            Validity::Valid => {}
            Validity::Suspect => self.suspect += 1,
            Validity::Invalid => self.invalid += 1,
        }
        let failures = entry.all_failures();
        for kind in Kind::ALL {
            self.failures[kind as usize] += u64::from(failures.iter().any(|failure| failure.kind == kind));
        }
        self.duration = self.duration.max((entry.started + entry.length) - header.started);
    }

    /// Each as a name and a number, in the order in which people look for them.
    pub(super) fn named(&self) -> Vec<(String, String)> {
        let ended = |outcome| self.ledger.count(outcome);
        let before = [
            ("trials", self.trials),
            ("passed", self.passed),
            ("failed", self.failed),
            ("crashes", self.failures(Kind::Crash)),
            ("hangs", self.failures(Kind::Hang)),
            ("violations", self.violations),
            ("growths", self.failures(Kind::Growth)),
            ("broken_rules", self.failures(Kind::Rule)),
            ("unbalanced", self.failures(Kind::Unbalanced)),
            ("inconclusive", self.inconclusive),
            ("suspect", self.suspect),
            ("invalid", self.invalid),
            ("requests", self.requests()),
            ("responses", self.responses()),
        ];
        let after = [
            ("allowed", ended(Outcome::Allowed)),
            ("denied", ended(Outcome::Denied)),
            ("other", ended(Outcome::Other)),
            ("timeouts", ended(Outcome::TimedOut)),
            ("resets", ended(Outcome::ResetBefore) + ended(Outcome::ResetWithin)),
            ("refused", ended(Outcome::Refused)),
            ("other_errors", ended(Outcome::EndOfFile) + ended(Outcome::Malformed)),
            ("shed", ended(Outcome::Shed)),
            ("aborted", ended(Outcome::Aborted)),
        ];
        let text = |(name, n): (&str, u64)| (name.to_owned(), n.to_string());
        let missing = self.requests() as i64 - self.responses() as i64;
        let mut all: Vec<_> = before.into_iter().map(text).collect();
        all.push(("requests_minus_responses".to_owned(), missing.to_string()));
        all.extend(self.statuses.iter().map(|(status, answers)| (format!("status_{status}"), answers.to_string())));
        all.extend(after.into_iter().map(text));
        all.push(("ledger_residual".to_owned(), self.ledger.residual().to_string()));
        all.push(("duration_s".to_owned(), format!("{:.1}", self.duration.as_secs_f64())));
        all
    }
}
