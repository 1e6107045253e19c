//! From open to closed: longer waits while it fails, a slow start when it is back.

use tollgate_limiter::Nanos;
use tollgate_limiter::breaker::{Config, Outcome, State};

use crate::calls::{at, build, call, open, opened, small};

#[test]
fn each_failed_recovery_doubles_the_wait_and_a_good_one_forgets() {
    let config = Config { wait_backoff_multiplier: 2.0, wait_max: at(30), ..small() };
    let breaker = opened(&config);
    let mut now = Nanos::ZERO;
    for wait in [10, 20, 30, 30] {
        let retry_after = breaker.retry_after(now).expect("open");
        assert_eq!(retry_after, at(wait).saturating_add(Nanos::new(1)));
        now = now.saturating_add(retry_after);
        assert_eq!(call(&breaker, Outcome::Failure, now), None);
        assert_eq!(call(&breaker, Outcome::Failure, now).map(|opened| opened.to), Some(State::Open));
    }
    assert_eq!(breaker.snapshot(now).attempts, 5);
    now = now.saturating_add(breaker.retry_after(now).expect("open"));
    let _ = (call(&breaker, Outcome::Success, now), call(&breaker, Outcome::Success, now));
    open(&breaker, now);
    assert_eq!(breaker.retry_after(now), Some(Nanos::new(10_000_000_001)));
}

#[test]
fn after_an_outage_the_share_rises_evenly_from_a_tenth_to_the_whole() {
    let breaker = opened(&Config { slow_start: at(10), ..small() });
    let _ = (call(&breaker, Outcome::Success, at(11)), call(&breaker, Outcome::Success, at(11)));
    assert_eq!(breaker.state(), State::Closed);
    for (second, expected) in [(11, 0.1), (16, 0.55), (21, 1.0), (1_000, 1.0), (0, 0.1)] {
        let share = breaker.slow_start(at(second));
        assert!((share - expected).abs() < 1e-9, "at {second} s: {share}");
    }
}

#[test]
fn a_breaker_that_never_opened_gives_its_server_everything() {
    let breaker = build(&Config::gateway());
    assert!((breaker.slow_start(Nanos::ZERO) - 1.0).abs() < 1e-9);
}

#[test]
fn a_gate_takes_back_a_server_that_is_seldom_called() {
    let breaker = build(&Config::gateway());
    for _ in 0..5 {
        let _ = call(&breaker, Outcome::Unreachable, Nanos::ZERO);
    }
    assert_eq!(breaker.state(), State::Open);
    for minute in 1..=10 {
        assert_eq!(breaker.retry_after(at(60 * minute)), None, "a probe a minute");
        let _ = call(&breaker, Outcome::Success, at(60 * minute));
    }
    assert_eq!(breaker.state(), State::Closed);
}
