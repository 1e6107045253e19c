//! Before the first trial, and after each start: what the server will keep anyway is touched.
//!
//! A table's pages come with the clients that use them, buffers with connections. Without this, a server that has just been started would seem
//! to grow from trial to trial.

use tollgate_client::Nanos;
use tollgate_client::plan::{Affinity, Arrival, Pick};

use super::{Bench, Load, Trial, TrialError, run};
use crate::process::Vitals;
use crate::scenario;

/// Warms the server up. What it takes at rest from then on; `None` if its process isn't known.
///
/// # Errors
///
/// As [`run`].
pub fn warm_up(bench: &mut Bench<'_>) -> Result<Option<Vitals>, TrialError> {
    let load = Load {
        clients: 1,
        connections: bench.around.space.connections.most() as u32,
        rate: bench.around.space.rate.nearest(RATE),
        duration: LENGTH,
        arrival: Arrival::Constant,
        pick: Pick::Uniform,
        pipeline: bench.around.space.pipeline.most() as u32,
        churn: 0,
        affinity: Affinity::Spray,
    };
    let trial = Trial { number: 0, seed: 0, scenario: &scenario::ID_CHURN, load };
    run(&trial, bench).map(|seen| seen.vitals)
}

/// Clients of their own, each with one request: enough to touch every page of a table of a million.
const RATE: u64 = 10_000;
const LENGTH: Nanos = Nanos::from_secs(2);
