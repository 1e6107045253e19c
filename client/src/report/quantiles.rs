//! The points of a distribution that every report shows.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::record::Times;
use crate::{Nanos, Record};

/// A few points of a distribution, in microseconds; nothing where nothing was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantiles {
    /// Values measured.
    pub count: u64,
    /// Their mean.
    pub mean: Option<f64>,
    /// Half of them were no longer.
    pub p50: Option<f64>,
    /// 90 % of them.
    pub p90: Option<f64>,
    /// 99 % of them.
    pub p99: Option<f64>,
    /// 99.9 % of them.
    pub p999: Option<f64>,
    /// The longest.
    pub max: Option<f64>,
}

impl Quantiles {
    /// Of times in nanoseconds.
    pub fn of(times: &Histogram<u64>) -> Self {
        let some = |nanos: f64| (!times.is_empty()).then_some(nanos / 1e3);
        let at = |quantile| some(value_at(times, quantile).as_u64() as f64);
        Self {
            count: times.len(),
            mean: some(times.mean()),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: at(1.0),
        }
    }
}

/// The time that no more than this part of all were longer than.
pub(super) fn value_at(times: &Histogram<u64>, quantile: f64) -> Nanos {
    Nanos::new(times.value_at_quantile(quantile))
}

/// One clock over the answers of all classes.
pub(super) fn of_all(record: &Record, clock: fn(&Times) -> &Histogram<u64>) -> Histogram<u64> {
    let mut sum = clock(&record.allowed).clone();
    sum += clock(&record.denied);
    sum += clock(&record.other);
    sum
}
