//! What a call gets when it asks, and what it says at its end.

use core::fmt;

use super::circuit_breaker::CircuitBreaker;
use super::state::{State, Transition};
use super::status::Generation;
use crate::Nanos;

/// Leave to make one call. Say what came of it with [`Permit::record`]; a permit that is dropped instead (the client went away, the request was
/// shed) counts as never taken.
///
/// A permit is good for the state that gave it. Once the breaker has moved on, or has taken it back because it was out for too long,
/// nothing that its holder does has an effect.
#[must_use = "dropping a permit gives it back: hold it while the call runs, then record what came of it"]
pub struct Permit<'b> {
    pub(super) breaker: &'b CircuitBreaker,
    pub(super) generation: Generation,
    pub(super) state: State,
    pub(super) since: Nanos,
    pub(super) transition: Option<Transition>,
}

/// What came of a call. Whether it was slow, the breaker sees for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server did what it is there for, be it with an answer such as 404 or 429.
    Success,
    /// It didn't: an answer such as 500 or 503, a timeout, half an answer.
    Failure,
    /// Also a failure, and so many in a row open a closed breaker at once (`consecutive_failures`): nobody is there to be asked.
    Unreachable,
}

/// A call that may not be made.
#[must_use = "an opening breaker wants those who wait for it to be turned away"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Open, half-open with all permits out, or forced open.
    pub state: State,
    /// The earliest that asking again can help. Open: permitted after this long and not a nanosecond sooner. Half-open: zero, since a permit
    /// may come back at any moment. Forced open: [`Nanos::MAX`], nobody knows.
    pub retry_after: Nanos,
    /// What the question has set off: half-open may have taken too long.
    pub transition: Option<Transition>,
}

impl Permit<'_> {
    /// The call has ended at `now`, with `outcome`; it began when the permit was taken. If this opens the breaker, the caller is told,
    /// and nobody else.
    pub fn record(self, outcome: Outcome, now: Nanos) -> Option<Transition> {
        let took = now.saturating_sub(self.since);
        self.record_with_duration(outcome, took, now)
    }

    /// The same where the call took the server `took`, not all the time since the permit: of an answer that is streamed, how fast the client
    /// takes the rest is none of the server's doing.
    pub fn record_with_duration(self, outcome: Outcome, took: Nanos, now: Nanos) -> Option<Transition> {
        let transition = self.breaker.record(&self, outcome, took, now);
        core::mem::forget(self);
        transition
    }

    /// What the question has set off: an open breaker whose wait is over goes half-open with the first call that asks.
    pub const fn transition(&self) -> Option<Transition> {
        self.transition
    }

    /// The state that gave the permit.
    pub const fn state(&self) -> State {
        self.state
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.breaker.give_back(self);
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { breaker: _, generation, state, since, transition } = self;
        f.debug_struct("Permit")
            .field("generation", generation)
            .field("state", state)
            .field("since", since)
            .field("transition", transition)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the circuit breaker is {}: the call is not permitted", self.state)
    }
}

impl core::error::Error for Rejected {}
