//! What happened over time, within a trial and over all of them.

use tollgate_client::report::Quantiles;
use tollgate_client::{Interval, Nanos, Outcome};

use super::thinned::{Merge, Thinned};

/// A trial's course: push a [`Point`] for each interval, as many as there are.
pub type Course = Thinned<Point, 240>;

/// What happened in an interval, or in several in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// Its start, from the start of the trial.
    pub from: Nanos,
    /// Its end.
    pub until: Nanos,
    /// How much of it was measured: all, unless it was merged from several with a pause between them.
    pub measured: Nanos,
    /// Requests that were due.
    pub offered: u64,
    /// Allowed.
    pub allowed: u64,
    /// Denied.
    pub denied: u64,
    /// Answered otherwise.
    pub other: u64,
    /// What something broke for.
    pub errors: u64,
    /// Latency of all answers in microseconds; the highest, where several were merged.
    pub p50_us: Option<f64>,
    /// As `p50_us`.
    pub p99_us: Option<f64>,
}

impl Point {
    /// So much later.
    pub(super) fn delayed(self, by: Nanos) -> Self {
        Self { from: self.from + by, until: self.until + by, ..self }
    }
}

impl From<&Interval> for Point {
    fn from(interval: &Interval) -> Self {
        let record = &interval.record;
        let mut latency = record.allowed.latency.clone();
        latency += &record.denied.latency;
        latency += &record.other.latency;
        let quantiles = Quantiles::of(&latency);
        Self {
            from: interval.at - interval.length,
            until: interval.at,
            measured: interval.length,
            offered: record.ledger.planned,
            allowed: record.ledger.count(Outcome::Allowed),
            denied: record.ledger.count(Outcome::Denied),
            other: record.ledger.count(Outcome::Other),
            errors: record.ledger.errors(),
            p50_us: quantiles.p50,
            p99_us: quantiles.p99,
        }
    }
}

impl Merge for Point {
    fn merge(&mut self, later: Self) {
        *self = Self {
            from: self.from,
            until: later.until,
            measured: self.measured + later.measured,
            offered: self.offered + later.offered,
            allowed: self.allowed + later.allowed,
            denied: self.denied + later.denied,
            other: self.other + later.other,
            errors: self.errors + later.errors,
            // Percentiles can't be added up; the highest is at least true of one of them.
            p50_us: highest(self.p50_us, later.p50_us),
            p99_us: highest(self.p99_us, later.p99_us),
        };
    }
}

pub(super) fn highest(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    [a, b].into_iter().flatten().reduce(f64::max)
}
