//! A breaker's figures at one moment.

use super::counts::Counts;
use super::state::State;
use super::status::Status;

/// What [`CircuitBreaker::snapshot`](super::CircuitBreaker::snapshot) shows. While the breaker is open these are the calls that opened it,
/// with those of them that ended later; a window of seconds forgets them in its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Snapshot {
    /// The state.
    pub state: State,
    /// How often it has opened since it was last closed, 15 at most.
    pub attempts: u8,
    /// How many permits of the half-open state are out.
    pub permits_out: u8,
    /// Calls in the window, or in half-open.
    pub calls: u32,
    /// Those of them that failed.
    pub failed: u32,
    /// Those of them that were slow, failed or not.
    pub slow: u32,
    /// Percentage of failed calls; `None` below the minimum number.
    pub failure_rate: Option<f64>,
    /// Percentage of slow calls; `None` below the minimum number.
    pub slow_call_rate: Option<f64>,
}

impl Snapshot {
    pub(super) fn new(status: Status, counts: Counts, minimum: u32) -> Self {
        let Counts { calls, failed, slow } = counts;
        let rate = |part: u32| (calls >= minimum).then(|| 100.0 * f64::from(part) / f64::from(calls));
        let (failure_rate, slow_call_rate) = (rate(failed), rate(slow));
        let Status { state, attempts, permits_out, .. } = status;
        Self { state, attempts, permits_out, calls, failed, slow, failure_rate, slow_call_rate }
    }
}
