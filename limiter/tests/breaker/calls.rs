//! Short ways to make calls.

use tollgate_limiter::Nanos;
use tollgate_limiter::breaker::{CircuitBreaker, Config, Outcome, State, Transition};

/// A breaker that opens after two failures of two calls, stays open for 10 s and permits two calls half-open.
pub fn small() -> Config {
    Config {
        sliding_window_size: 2,
        wait_duration_in_open_state: at(10),
        permitted_number_of_calls_in_half_open_state: 2,
        ..Config::default()
    }
}

pub fn build(config: &Config) -> CircuitBreaker {
    CircuitBreaker::new(config).expect("a possible config")
}

pub const fn at(secs: u64) -> Nanos {
    Nanos::from_secs(secs)
}

/// A call that takes no time.
pub fn call(breaker: &CircuitBreaker, outcome: Outcome, now: Nanos) -> Option<Transition> {
    breaker.try_acquire(now).expect("permitted").record(outcome, now)
}

/// Two failures at `now`.
pub fn open(breaker: &CircuitBreaker, now: Nanos) {
    assert_eq!(call(breaker, Outcome::Failure, now), None);
    let transition = call(breaker, Outcome::Failure, now).expect("the second failure opens");
    assert_eq!((transition.from, transition.to), (State::Closed, State::Open));
}

/// The [`small`] breaker, open since second 0.
pub fn opened(config: &Config) -> CircuitBreaker {
    let breaker = build(config);
    open(&breaker, Nanos::ZERO);
    breaker
}
