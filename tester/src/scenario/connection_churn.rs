//! A connection for each request.

use super::{Around, Needs, Scenario, Work, rule};
use crate::trial::Load;

pub(super) const CONNECTION_CHURN: Scenario = Scenario {
    name: "connection-churn",
    about: "a connection for each request",
    beside: None,
    needs: Needs::Nothing,
    work,
    rule: rule::answered,
};

fn work(load: &Load, _: &Around<'_>) -> Work {
    // Each leaves a port in TIME-WAIT for a minute, and there are 28 000.
    let most = MOST_CONNECTIONS as f64 / load.duration.as_secs_f64();
    Work::plain(Load { rate: load.rate.min(most.max(1.0) as u64), churn: 1, pipeline: 1, ..load.clone() })
}

/// In one trial.
const MOST_CONNECTIONS: u64 = 8_000;
