//! What the models of the circuit breaker share: a small one, and short ways to bring it where the race begins.

use tollgate_limiter::breaker::{CircuitBreaker, Config, Outcome, Permit, State, Transition};

use crate::at;

/// Two failures of two calls open it for 10 ms; then it permits two calls, and both decide.
pub fn config() -> Config {
    Config {
        sliding_window_size: 2,
        minimum_number_of_calls: 2,
        wait_duration_in_open_state: at(10),
        permitted_number_of_calls_in_half_open_state: 2,
        permit_timeout: at(30),
        ..Config::default()
    }
}

/// It outlives the model, so that permits can go to other threads.
pub fn breaker(config: &Config) -> &'static CircuitBreaker {
    Box::leak(Box::new(CircuitBreaker::new(config).expect("a possible config")))
}

/// The same, opened at instant 0.
pub fn opened(config: &Config) -> &'static CircuitBreaker {
    let breaker = breaker(config);
    while breaker.state() == State::Closed {
        let _ = fail(ask(breaker, 0), 0);
    }
    breaker
}

/// A permit that there must be.
pub fn ask(breaker: &'static CircuitBreaker, millis: u64) -> Permit<'static> {
    breaker.try_acquire(at(millis)).expect("permitted")
}

/// The call failed.
pub fn fail(permit: Permit<'_>, millis: u64) -> Option<Transition> {
    permit.record(Outcome::Failure, at(millis))
}

/// The call went well.
pub fn succeed(permit: Permit<'_>, millis: u64) -> Option<Transition> {
    permit.record(Outcome::Success, at(millis))
}

/// What half-open has counted and what is out: `(permits out, calls, failed)`.
pub fn figures(breaker: &CircuitBreaker) -> (u8, u32, u32) {
    let seen = breaker.snapshot(at(0));
    (seen.permits_out, seen.calls, seen.failed)
}
