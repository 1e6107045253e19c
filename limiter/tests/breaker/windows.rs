//! The sliding window against a list of calls.

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_assert_eq, proptest};
use tollgate_limiter::Nanos;
use tollgate_limiter::breaker::{Cause, CircuitBreaker, Config, Outcome, SlidingWindowType, State};

use crate::calls::{at, build, call};

/// One call: milliseconds since the last one, and what comes of it.
fn traffic() -> impl Strategy<Value = Vec<(u64, bool, bool)>> {
    vec((0..1_500_u64, any::<bool>(), any::<bool>()), 1..300)
}

/// Only counts, so that the window goes on.
fn counting(config: Config) -> CircuitBreaker {
    build(&Config { initial_state: State::MetricsOnly, slow_call_duration_threshold: Nanos::new(1), ..config })
}

fn one(breaker: &CircuitBreaker, now: Nanos, failed: bool, slow: bool) {
    let begun = now.saturating_sub(Nanos::new(if slow { 2 } else { 1 }));
    let outcome = if failed { Outcome::Failure } else { Outcome::Success };
    let _ = breaker.try_acquire(begun).expect("permitted").record(outcome, now);
}

fn figures(breaker: &CircuitBreaker, now: Nanos) -> (usize, usize, usize) {
    let seen = breaker.snapshot(now);
    (seen.calls as usize, seen.failed as usize, seen.slow as usize)
}

/// The naive figures: how many of `calls`, how many failed, how many were slow.
fn naive<'c>(calls: impl Iterator<Item = &'c (u64, bool, bool)> + Clone) -> (usize, usize, usize) {
    (calls.clone().count(), calls.clone().filter(|call| call.1).count(), calls.filter(|call| call.2).count())
}

proptest! {
    #[test]
    fn a_count_based_window_holds_the_last_calls(calls in traffic(), size in 1..150_u32) {
        let breaker = counting(Config { sliding_window_size: size, ..Config::default() });
        for (count, (_, failed, slow)) in calls.iter().enumerate() {
            one(&breaker, at(1), *failed, *slow);
            let last = calls[..=count].iter().rev().take(size as usize);
            prop_assert_eq!(figures(&breaker, at(1)), naive(last));
        }
    }

    #[test]
    fn a_time_based_window_holds_the_last_seconds(calls in traffic(), size in 1..20_u32) {
        let sliding_window_type = SlidingWindowType::TimeBased;
        let breaker = counting(Config { sliding_window_type, sliding_window_size: size, ..Config::default() });
        let (mut now, mut seen) = (Nanos::from_millis(1), Vec::new());
        for (pause, failed, slow) in calls {
            now = now.saturating_add(Nanos::from_millis(pause));
            let second = now.as_u64() / 1_000_000_000;
            let live = |call: &&(u64, bool, bool)| call.0 + u64::from(size) > second;
            prop_assert_eq!(figures(&breaker, now), naive(seen.iter().filter(live)), "before the call");
            one(&breaker, now, failed, slow);
            seen.push((second, failed, slow));
            prop_assert_eq!(figures(&breaker, now), naive(seen.iter().filter(live)));
        }
    }

    #[test]
    fn rates_are_unknown_below_the_minimum_and_open_nothing(minimum in 1..200_u32, window in 1..150_u32) {
        let breaker = build(&Config { sliding_window_size: window, minimum_number_of_calls: minimum, ..Config::default() });
        for _ in 1..minimum.min(window) {
            prop_assert_eq!(call(&breaker, Outcome::Failure, at(1)), None);
            prop_assert_eq!(breaker.snapshot(at(1)).failure_rate, None);
        }
        let opened = call(&breaker, Outcome::Failure, at(1)).expect("the minimum is reached");
        prop_assert_eq!(opened.cause, Cause::FailureRate);
        prop_assert_eq!(breaker.snapshot(at(1)).failure_rate, Some(100.0));
    }
}

#[test]
fn exactly_the_threshold_opens() {
    for (failures, opens) in [(49, false), (50, true)] {
        let breaker = build(&Config::default());
        let ends = (0..100).map(|nth| if nth < failures { Outcome::Failure } else { Outcome::Success });
        let opened = ends.filter_map(|outcome| call(&breaker, outcome, at(1))).count();
        assert_eq!(opened == 1, opens, "{failures} of 100");
    }
}

#[test]
fn a_call_is_slow_when_it_took_longer_than_the_threshold_not_as_long() {
    let config = Config { sliding_window_size: 1, slow_call_duration_threshold: at(5), ..Config::default() };
    for (nanos, opens) in [(5_000_000_000, false), (5_000_000_001, true)] {
        let permit_from = build(&config);
        let permit = permit_from.try_acquire(at(1)).expect("closed");
        let opened = permit.record(Outcome::Success, at(1).saturating_add(Nanos::new(nanos)));
        assert_eq!(opened.map(|transition| transition.cause), opens.then_some(Cause::SlowCallRate));
    }
}

#[test]
fn a_call_is_as_slow_as_its_caller_says_if_he_says_how_long_it_took() {
    let config = Config { sliding_window_size: 1, slow_call_duration_threshold: at(5), ..Config::default() };
    for (took, opens) in [(at(5), false), (at(6), true)] {
        let breaker = build(&config);
        let permit = breaker.try_acquire(at(1)).expect("closed");
        let opened = permit.record_with_duration(Outcome::Success, took, at(600));
        assert_eq!(opened.map(|transition| transition.cause), opens.then_some(Cause::SlowCallRate));
    }
}

#[test]
fn calls_in_a_row_that_reach_nobody_open_at_once_and_any_other_call_begins_the_row_anew() {
    let breaker = build(&Config::gateway());
    for _ in 0..4 {
        assert_eq!(call(&breaker, Outcome::Unreachable, at(1)), None);
    }
    assert_eq!(call(&breaker, Outcome::Failure, at(1)), None, "somebody was there");
    for _ in 0..4 {
        assert_eq!(call(&breaker, Outcome::Unreachable, at(1)), None);
    }
    let opened = call(&breaker, Outcome::Unreachable, at(1)).expect("five in a row");
    assert_eq!((opened.to, opened.cause), (State::Open, Cause::ConsecutiveFailures));
}

#[test]
fn the_figures_that_opened_stay_to_be_seen_and_late_calls_join_them() {
    let breaker = build(&Config { sliding_window_size: 4, minimum_number_of_calls: 2, ..Config::default() });
    let late = breaker.try_acquire(at(1)).expect("closed");
    crate::calls::open(&breaker, at(1));
    assert_eq!(figures(&breaker, at(2)), (2, 2, 0));
    assert_eq!(late.record(Outcome::Success, at(2)), None);
    assert_eq!(figures(&breaker, at(2)), (3, 2, 0));
}
