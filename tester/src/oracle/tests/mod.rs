//! The oracle against limiters whose every decision is known.

mod brute;
mod edges;
mod faults;
mod keeping;
mod limiter;
mod lives;
mod memory;
mod traffic;

use tollgate_client::{Exchange, Nanos, Outcome};

use super::{History, Oracle, Promise, Report, Verdict};

const MS: u64 = 1_000_000;

/// A request that ended like this; times in milliseconds.
fn exchange(n: u64, sent: u64, done: u64, outcome: Outcome) -> Exchange {
    let (sent, done) = (Nanos::from_millis(sent), Nanos::from_millis(done));
    Exchange { n, id: 1, connection: n as u32 % 8, due: sent, sent, done, outcome, status: None }
}

/// A promise without any tolerance, to see where the bounds are.
fn exact(limit: &str, algorithm: &str) -> Promise {
    let promise = Promise::parse(limit, algorithm).expect("a promise");
    promise.with_tick(Nanos::ZERO).with_lag(Some(Nanos::ZERO)).with_drift_ppm(0)
}

fn judge<'a>(promise: Promise, history: History, exchanges: impl IntoIterator<Item = &'a Exchange>) -> Report {
    let mut oracle = Oracle::new(promise, history);
    exchanges.into_iter().for_each(|exchange| oracle.exchange(exchange));
    oracle.finish()
}

/// Judges what one client sent, in milliseconds from *sent* to *done*.
fn judged(promise: Promise, requests: &[(u64, u64, Outcome)]) -> Report {
    let exchanges: Vec<_> =
        (0..).zip(requests).map(|(n, (sent, done, outcome))| exchange(n, *sent, *done, *outcome)).collect();
    judge(promise, History::Unused, &exchanges)
}

fn is_violation(report: &Report) -> bool {
    matches!(report.verdict, Verdict::Violation(_))
}

/// How many admissions too many and wrong denials were proven.
fn proven(promise: Promise, requests: &[(u64, u64, Outcome)]) -> (u64, u64) {
    let counters = judged(promise, requests).counters;
    (counters.too_many, counters.wrong_denials)
}
