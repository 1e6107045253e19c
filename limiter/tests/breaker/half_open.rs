//! Half-open: few permits, each good once and for a while, and always an end.

use proptest::collection::vec;
use proptest::prelude::{any, prop_assert, prop_assert_eq, prop_assume, proptest};
use tollgate_limiter::Nanos;
use tollgate_limiter::breaker::{Cause, Config, Outcome, Permit, State, Transition};

use crate::calls::{at, build, call, opened, small};
use crate::steps::{configs, run, steps};

#[test]
fn the_first_call_strictly_after_the_wait_takes_a_permit() {
    let breaker = opened(&small());
    let rejected = breaker.try_acquire(at(10)).expect_err("the last instant of the wait");
    assert_eq!((rejected.state, rejected.retry_after), (State::Open, Nanos::new(1)));
    let first = breaker.try_acquire(Nanos::new(10_000_000_001)).expect("after the wait");
    assert_eq!(first.transition().map(|transition| transition.cause), Some(Cause::WaitOver));
    let second = breaker.try_acquire(at(11)).expect("two are permitted");
    assert_eq!(second.transition(), None, "told once");
    let third = breaker.try_acquire(at(11)).expect_err("both permits are out");
    assert_eq!((third.state, third.retry_after), (State::HalfOpen, Nanos::ZERO));
}

#[test]
fn the_minimum_decides_although_more_calls_are_permitted() {
    let config = Config { permitted_number_of_calls_in_half_open_state: 7, minimum_number_of_calls: 3, ..small() };
    let breaker = opened(&Config { sliding_window_size: 2, ..config });
    let breaker_of_three = build(&Config { sliding_window_size: 3, ..config });
    for _ in 0..3 {
        let _ = call(&breaker_of_three, Outcome::Failure, at(0));
    }
    for (breaker, decides) in [(breaker, 2), (breaker_of_three, 3)] {
        for _ in 1..decides {
            assert_eq!(call(&breaker, Outcome::Success, at(11)), None);
        }
        let closed = call(&breaker, Outcome::Success, at(11)).expect("the minimum is reached");
        assert_eq!((closed.to, closed.cause), (State::Closed, Cause::Recovered));
    }
}

#[test]
fn a_dropped_permit_is_there_for_the_next_call() {
    let breaker = opened(&small());
    for _ in 0..100 {
        let permits = [breaker.try_acquire(at(11)), breaker.try_acquire(at(11))];
        assert!(permits.iter().all(Result::is_ok) && breaker.try_acquire(at(11)).is_err());
    }
    assert_eq!(breaker.snapshot(at(11)).calls, 0, "nothing was counted");
}

#[test]
fn a_call_from_before_the_outage_says_nothing_about_the_recovery() {
    let breaker = build(&small());
    let old = [(); 4].map(|()| breaker.try_acquire(at(0)).expect("closed"));
    crate::calls::open(&breaker, at(0));
    let probe = breaker.try_acquire(at(11)).expect("half-open");
    for permit in old {
        assert_eq!(permit.record(Outcome::Failure, at(11)), None);
    }
    assert_eq!(probe.record(Outcome::Success, at(11)), None);
    assert_eq!(call(&breaker, Outcome::Success, at(11)).map(|closed| closed.to), Some(State::Closed));
    assert_eq!(breaker.snapshot(at(11)).calls, 0, "closed with an empty window");
}

#[test]
fn permits_that_leak_count_as_failed_after_their_time() {
    let config = Config { permit_timeout: at(30), ..small() };
    let breaker = opened(&config);
    for _ in 0..2 {
        std::mem::forget(breaker.try_acquire(at(11)).expect("half-open"));
    }
    assert_eq!(breaker.try_acquire(at(41)).expect_err("not yet").state, State::HalfOpen);
    let rejected = breaker.try_acquire(Nanos::new(41_000_000_001)).expect_err("opened again");
    let transition = rejected.transition.expect("told");
    assert_eq!((transition.to, transition.cause), (State::Open, Cause::FailureRate));
}

#[test]
fn a_permit_that_was_taken_back_has_nothing_to_say() {
    let config = Config { permit_timeout: at(30), permitted_number_of_calls_in_half_open_state: 3, ..small() };
    let breaker = build(&Config { sliding_window_size: 3, ..config });
    for _ in 0..3 {
        let _ = call(&breaker, Outcome::Failure, at(0));
    }
    let slow = breaker.try_acquire(at(11)).expect("half-open");
    let next = breaker.try_acquire(at(42)).expect("one of three was taken back, two are left");
    assert_eq!(breaker.snapshot(at(42)).failed, 1);
    assert_eq!(slow.record(Outcome::Success, at(42)), None);
    assert_eq!((breaker.snapshot(at(42)).calls, breaker.snapshot(at(42)).permits_out), (1, 1));
    assert_eq!(next.record(Outcome::Success, at(42)), None);
    assert_eq!(call(&breaker, Outcome::Success, at(42)).map(|closed| closed.to), Some(State::Closed));
}

#[test]
fn half_open_that_takes_too_long_goes_where_the_config_says() {
    for (to, cause) in [(State::Open, Cause::MaxWaitOpens), (State::Closed, Cause::MaxWaitCloses)] {
        let max_wait_duration_in_half_open_state = at(5);
        let transition_to_state_after_wait_duration = to;
        let config =
            Config { max_wait_duration_in_half_open_state, transition_to_state_after_wait_duration, ..small() };
        let breaker = opened(&config);
        let permit = breaker.try_acquire(at(11)).expect("half-open");
        assert_eq!(breaker.tick(at(16)), None, "the last instant");
        let transition = breaker.tick(Nanos::new(16_000_000_001)).expect("over");
        assert_eq!((transition.to, transition.cause), (to, cause));
        assert_eq!(permit.record(Outcome::Failure, at(17)), None, "void");
    }
}

#[test]
fn a_tick_begins_half_open_only_if_the_config_says_so() {
    for automatic in [false, true] {
        let config = Config { automatic_transition_from_open_to_half_open_enabled: automatic, ..small() };
        let breaker = opened(&config);
        assert_eq!(breaker.tick(at(11)).is_some(), automatic);
    }
}

proptest! {
    #[test]
    fn no_more_calls_than_permitted_are_out_or_counted(config in configs(), steps in steps()) {
        let breaker = build(&config);
        let permitted = u32::from(config.permitted_number_of_calls_in_half_open_state);
        run(&breaker, &steps, |_, _, now| {
            let seen = breaker.snapshot(now);
            if seen.state == State::HalfOpen {
                prop_assert!(u32::from(seen.permits_out) + seen.calls <= permitted, "{:?}", seen);
            }
            Ok(())
        })?;
    }

    /// The calls that ask are made and leak, or end in any way: within a few rounds half-open is over.
    #[test]
    fn half_open_ends_from_wherever_it_is(config in configs(), steps in steps(), ends in vec(any::<Option<bool>>(), 1..5)) {
        let config = Config { initial_state: State::Closed, ..config };
        let (trial, mut last, mut nth) = (build(&config), 0, 0);
        run(&trial, &steps, |_, _, _| {
            nth += 1;
            last = if trial.state() == State::HalfOpen { nth } else { last };
            Ok(())
        })?;
        prop_assume!(last > 0);
        let breaker = build(&config);
        let mut now = run(&breaker, &steps[..last], |_, _, _| Ok(()))?;
        prop_assert_eq!(breaker.state(), State::HalfOpen);
        let mut left = false;
        for round in 0..2 * usize::from(config.permitted_number_of_calls_in_half_open_state) {
            now = now.saturating_add(config.permit_timeout).saturating_add(Nanos::new(1));
            let moved = match (breaker.try_acquire(now), ends[round % ends.len()]) {
                (Err(rejected), _) => rejected.transition,
                (Ok(permit), Some(good)) => {
                    let at_once = permit.transition();
                    at_once.or(permit.record(if good { Outcome::Success } else { Outcome::Failure }, now))
                }
                (Ok(permit), None) => leak(permit),
            };
            left |= moved.is_some_and(|transition| transition.from == State::HalfOpen);
        }
        prop_assert!(left, "stuck: {:?}", breaker.snapshot(now));
    }
}

fn leak(permit: Permit<'_>) -> Option<Transition> {
    let transition = permit.transition();
    std::mem::forget(permit);
    transition
}
