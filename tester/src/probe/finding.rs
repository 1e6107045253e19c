//! What a probe has found out, how sure it is, and why.

use std::fmt;

use tollgate_client::Nanos;

use super::error::show;
use super::model::Algorithm;
use super::scope::Scope;

/// What a limiter is, as far as answers show.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// How many in how long. Of a bucket: how fast it refills, in the shortest of a second, a minute and an hour that makes it whole.
    pub quota: Judged<Quota>,
    /// How many a fresh id is admitted at once.
    pub burst: Judged<u32>,
    /// How it counts.
    pub algorithm: Judged<Algorithm>,
    /// What denials cost.
    pub denials: Judged<Denials>,
    /// Whose quota it is.
    pub scope: Judged<Scope>,
    /// Requests that it took to find out.
    pub requests: u32,
    /// Time that it took.
    pub took: Nanos,
}

/// Something found, with reasons.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged<T> {
    /// What.
    pub value: T,
    /// How sure.
    pub confidence: Confidence,
    /// Why, in words.
    pub evidence: String,
}

/// How sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// A guess.
    Low,
    /// More likely than anything else.
    Fair,
    /// Nothing else explains what was seen.
    High,
}

/// At most so many in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// N.
    pub limit: u32,
    /// T.
    pub window: Nanos,
}

/// What denials cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denials {
    /// Nothing: to ask too early puts nothing off.
    Free,
    /// They count like admissions: who keeps asking is kept out.
    Charged,
}

impl<T> Judged<T> {
    pub(super) fn new(value: T, confidence: Confidence, evidence: impl Into<String>) -> Self {
        Self { value, confidence, evidence: evidence.into() }
    }
}

impl fmt::Display for Finding {
    /// Five aligned lines, and one with the price.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { quota, burst, algorithm, denials, scope, requests, took } = self;
        let shown = [
            ("limit", quota.value.to_string(), quota.confidence, &quota.evidence),
            ("burst", burst.value.to_string(), burst.confidence, &burst.evidence),
            ("algorithm", algorithm.value.name().to_owned(), algorithm.confidence, &algorithm.evidence),
            ("denials", denials.value.name().to_owned(), denials.confidence, &denials.evidence),
            ("scope", scope.value.name(), scope.confidence, &scope.evidence),
        ];
        let width = shown.iter().map(|(_, value, ..)| value.chars().count()).max().unwrap_or(0);
        for (name, value, confidence, evidence) in shown {
            writeln!(f, "{name:<10} {value:<width$}  {:<4}  {evidence}", confidence.name())?;
        }
        write!(f, "{:<10} {requests} requests in {}", "took", show(*took))
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} per {}", self.limit, show(self.window))
    }
}

impl Confidence {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Fair => "fair",
            Self::High => "high",
        }
    }

    /// High from `high` on, fair from `fair` on.
    pub(super) fn from(measure: f64, fair: f64, high: f64) -> Self {
        if measure >= high {
            Self::High
        } else if measure >= fair {
            Self::Fair
        } else {
            Self::Low
        }
    }
}

impl Denials {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Free => "cost nothing",
            Self::Charged => "are charged like admissions",
        }
    }
}
