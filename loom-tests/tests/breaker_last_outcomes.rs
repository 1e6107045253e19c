//! Two calls fail at once, and together they are enough to open.
#![cfg(loom)]

use loom::thread;
use tollgate_limiter::breaker::{Config, SlidingWindowType};
use tollgate_loom_tests::breaker::{ask, breaker, config, fail, figures};
use tollgate_loom_tests::explore;

fn outcome_against_outcome(sliding_window_type: SlidingWindowType) {
    explore(&format!("outcome against outcome, {sliding_window_type:?}"), move || {
        let breaker = breaker(&Config { sliding_window_type, ..config() });
        let (mine, other) = (ask(breaker, 1), ask(breaker, 1));
        let rival = thread::spawn(move || fail(other, 1));
        let told = [fail(mine, 1), rival.join().expect("no panic")];
        assert_eq!(told.iter().flatten().count(), 1, "two failures open it, and one thread is told");
        assert_eq!(figures(breaker).1, 2, "none was lost");
    });
}

#[test]
fn outcome_against_outcome_of_one_second() {
    outcome_against_outcome(SlidingWindowType::TimeBased);
}

#[test]
fn outcome_against_outcome_of_the_last_calls() {
    outcome_against_outcome(SlidingWindowType::CountBased);
}
