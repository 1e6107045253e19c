//! What the loop hands over: once at the start a [`Header`], and after each trial an [`Entry`]. Plain data.

use std::collections::BTreeMap;

use tollgate_client::report::{Quantiles, Validity};
use tollgate_client::{Ledger, Nanos};

use super::{Admitted, Course, Failure, Kind, Server};

/// What is the same for all trials.
#[derive(Clone, Debug)]
pub struct Header {
    /// The tester's.
    pub version: String,
    /// The master seed: all trials are drawn from it.
    pub seed: u64,
    /// The command line, as it would be typed again.
    pub command: String,
    /// What it runs on: name, processor, kernel.
    pub machine: String,
    /// When, since 1970.
    pub started: Nanos,
    /// What the limiter promises; `None` if nobody said.
    pub promise: Option<Promise>,
}

/// A limiter's promise, as far as a plot shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Promise {
    /// In words: `5/5s sliding-window`.
    pub text: String,
    /// The most that a client may be admitted in any span as long as the quota's, in quotas: 1 for a sliding window, 2 for a fixed one.
    pub bound: f64,
}

/// A trial that is over.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number.
    pub trial: u64,
    /// Its own seed.
    pub seed: u64,
    /// See [`tollgate_client::plan::Plan::hash`].
    pub plan_hash: u64,
    /// What was played.
    pub scenario: String,
    /// What was drawn, name and value: `clients`, `connections`, `rate`, `arrival` ...
    pub parameters: Vec<(String, String)>,
    /// When it started, since 1970.
    pub started: Nanos,
    /// How long it took.
    pub length: Nanos,
    /// How its requests ended.
    pub ledger: Ledger,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests per second that the schedule asked for; `None` in a closed loop.
    pub offered_per_s: Option<f64>,
    /// Requests per second that were sent.
    pub sent_per_s: f64,
    /// Latency of allowed requests.
    pub allowed: Quantiles,
    /// Latency of denied requests.
    pub denied: Quantiles,
    /// What the oracle says; `None` if it wasn't told what the limiter promises.
    pub oracle: Option<Verdict>,
    /// Whether the numbers can be believed.
    pub validity: Validity,
    /// What speaks against them.
    pub reasons: Vec<String>,
    /// The server, at the end.
    pub server: Server,
    /// Why the trial failed; empty if it passed. A violation and a ledger that doesn't balance needn't be named here: `oracle` and `ledger` tell.
    pub failures: Vec<Failure>,
    /// The one line that repeats the trial.
    pub command: String,
    /// What happened in the course of it.
    pub course: Course,
    /// What its clients were admitted, against the quota.
    pub admitted: Admitted,
}

/// What came of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was what was planned, and nothing is wrong.
    Passed,
    /// Something is wrong.
    Failed,
    /// Nothing is known to be wrong, and that says nothing: it wasn't what was planned. Perhaps nobody asked for anything.
    Invalid,
}

/// What the oracle makes of a trial.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Nothing speaks against the promise, and enough was seen.
    Conforms,
    /// Too little can be said, for this reason.
    Inconclusive(String),
    /// The promise was broken, and this proves it.
    Violation {
        /// How often.
        count: u64,
        /// The requests that prove it.
        witness: String,
    },
}

impl Entry {
    /// Why the trial failed: what was named, and what its own numbers tell.
    pub fn all_failures(&self) -> Vec<Failure> {
        let mut all = self.failures.clone();
        let is_named = |kind| self.failures.iter().any(|failure| failure.kind == kind);
        if let Some(Verdict::Violation { count, witness }) = &self.oracle
            && !is_named(Kind::Violation)
        {
            let lines = witness.lines().map(str::to_owned).collect();
            all.push(Failure { lines, ..Failure::new(Kind::Violation, format!("the limit was broken {count} times")) });
        }
        let residual = self.ledger.residual();
        if residual != 0 && !is_named(Kind::Unbalanced) {
            all.push(Failure::new(Kind::Unbalanced, format!("{residual} requests are not accounted for")));
        }
        all
    }

    /// What came of it.
    pub fn ending(&self) -> Ending {
        match self.validity {
            _ if self.has_failed() => Ending::Failed,
            Validity::Invalid => Ending::Invalid,
            Validity::Valid | Validity::Suspect => Ending::Passed,
        }
    }

    /// Whether anything is wrong. A trial of which nothing can be said has not failed.
    pub fn has_failed(&self) -> bool {
        !self.failures.is_empty()
            || matches!(self.oracle, Some(Verdict::Violation { .. }))
            || self.ledger.residual() != 0
    }
}

impl Ending {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Invalid => "invalid",
        }
    }
}

impl Verdict {
    /// Its name in reports.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Conforms => "conforms",
            Self::Inconclusive(_) => "inconclusive",
            Self::Violation { .. } => "violation",
        }
    }
}
