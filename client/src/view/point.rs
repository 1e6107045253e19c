//! One interval in the few numbers that a view shows of it.

use hdrhistogram::Histogram;

use crate::engine::{Interval, Stage};
use crate::{Ledger, Nanos, Outcome};

/// One interval. What is called a rate is per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// Its end.
    pub at: Nanos,
    /// Rate of requests taken from the plan.
    pub offered: f64,
    /// Rate of requests sent.
    pub sent: f64,
    /// Rate of answers.
    pub answered: f64,
    /// What the answers (and what was none) came to.
    pub counts: Counts,
    /// Latency of allowed requests.
    pub allowed: Spread,
    /// Latency of denied requests.
    pub denied: Spread,
    /// Lateness, 99th percentile; none in a closed loop.
    pub lateness_p99: Option<Nanos>,
    /// The part of the time that the threads were at work, 0 to 1.
    pub busy: f64,
    /// Rate of new connections.
    pub connected: f64,
    /// Sent and not answered, at its end.
    pub in_flight: u64,
    /// Due and not sent, at its end.
    pub backlog: u64,
    /// Connections open, at its end.
    pub open: u64,
    /// Whether requests are being sent.
    pub stage: Option<Stage>,
}

/// Ends of requests, by what they mean to the one who watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Within the limit.
    pub allowed: u64,
    /// Over the limit.
    pub denied: u64,
    /// Answered with another status.
    pub other: u64,
    /// Something broke.
    pub errors: u64,
}

/// Percentiles; all 0 if nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// The median.
    pub p50: Nanos,
    /// 90 %.
    pub p90: Nanos,
    /// 99 %.
    pub p99: Nanos,
    /// The longest.
    pub max: Nanos,
}

impl Point {
    pub(super) fn of(interval: &Interval) -> Self {
        let record = &interval.record;
        // An interval without length would have no rates; nothing is divided by less than a microsecond.
        let seconds = interval.length.max(Nanos::from_micros(1)).as_secs_f64();
        let per_second = |n: u64| n as f64 / seconds;
        Self {
            at: interval.at,
            offered: per_second(record.ledger.planned),
            sent: per_second(record.ledger.sent),
            answered: per_second(record.ledger.answers()),
            counts: Counts::of(&record.ledger),
            allowed: Spread::of(&record.allowed.latency),
            denied: Spread::of(&record.denied.latency),
            lateness_p99: (!record.lateness.is_empty()).then(|| Nanos::new(record.lateness.value_at_quantile(0.99))),
            busy: record.busy.as_secs_f64() / record.elapsed.max(Nanos::new(1)).as_secs_f64(),
            connected: per_second(record.connections.established),
            in_flight: interval.in_flight,
            backlog: interval.backlog,
            open: interval.open_connections,
            stage: Some(interval.stage),
        }
    }
}

impl Counts {
    pub(super) fn of(ledger: &Ledger) -> Self {
        Self {
            allowed: ledger.count(Outcome::Allowed),
            denied: ledger.count(Outcome::Denied),
            other: ledger.count(Outcome::Other),
            errors: ledger.errors(),
        }
    }

    /// All of them.
    pub const fn sum(&self) -> u64 {
        self.allowed + self.denied + self.other + self.errors
    }
}

impl Spread {
    fn of(times: &Histogram<u64>) -> Self {
        if times.is_empty() {
            return Self::default();
        }
        let at = |quantile| Nanos::new(times.value_at_quantile(quantile));
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: Nanos::new(times.max()) }
    }
}
