//! Real threads, and a thousand callers.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use tollgate_limiter::Nanos;
use tollgate_limiter::breaker::{CircuitBreaker, Config, Outcome, Permit, SlidingWindowType, State};

use crate::calls::{at, build, opened, small};

const THREADS: usize = 4;

/// Runs `work` in all threads at once and adds up what they return.
fn together(work: impl Fn() -> usize + Sync) -> usize {
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        let ready = || {
            start.wait();
            work()
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(ready)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread panics")).sum()
    })
}

#[test]
fn a_thousand_callers_at_once_get_the_permitted_calls_and_one_is_told() {
    for _ in 0..50 {
        let breaker = opened(&Config { permitted_number_of_calls_in_half_open_state: 10, ..small() });
        let told = AtomicUsize::new(0);
        let permitted = together(|| {
            let permits: Vec<_> = (0..250).filter_map(|_| breaker.try_acquire(at(11)).ok()).collect();
            told.fetch_add(permits.iter().filter_map(Permit::transition).count(), Ordering::Relaxed);
            let count = permits.len();
            permits.into_iter().for_each(std::mem::forget);
            count
        });
        assert_eq!((permitted, told.into_inner()), (10, 1));
    }
}

#[test]
fn no_permit_is_stuck_after_a_thousand_outages() {
    let breaker = build(&Config { sliding_window_size: 4, minimum_number_of_calls: 4, ..small() });
    let turn = AtomicU64::new(0);
    let now = || at(20 * turn.load(Ordering::Relaxed));
    for _ in 0..1_000 {
        for (outcome, state) in [(Outcome::Failure, State::Open), (Outcome::Success, State::Closed)] {
            turn.fetch_add(1, Ordering::Relaxed);
            together(|| use_it(&breaker, now(), outcome));
            assert_eq!(breaker.state(), state, "{:?}", breaker.snapshot(now()));
        }
    }
}

/// Every third permit is dropped.
fn use_it(breaker: &CircuitBreaker, now: Nanos, outcome: Outcome) -> usize {
    for turn in 0..30 {
        match breaker.try_acquire(now) {
            Ok(permit) if turn % 3 == 0 => drop(permit),
            Ok(permit) => _ = permit.record(outcome, now),
            Err(_) => {}
        }
    }
    0
}

#[test]
fn threads_lose_no_outcome() {
    for sliding_window_type in [SlidingWindowType::CountBased, SlidingWindowType::TimeBased] {
        let breaker = build(&Config {
            initial_state: State::MetricsOnly,
            sliding_window_type,
            sliding_window_size: 600,
            ..Config::default()
        });
        together(|| {
            for turn in 0..150 {
                let outcome = if turn % 3 == 0 { Outcome::Failure } else { Outcome::Success };
                let _ = breaker.try_acquire(at(turn)).expect("permitted").record(outcome, at(turn));
            }
            0
        });
        let seen = breaker.snapshot(at(150));
        assert_eq!((seen.calls, seen.failed), (600, 200), "{sliding_window_type:?}");
    }
}
