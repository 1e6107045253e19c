//! A call from before the outage ends while the first one after it does, in the same second.
#![cfg(loom)]

use loom::thread;
use tollgate_limiter::breaker::{Config, SlidingWindowType};
use tollgate_loom_tests::breaker::{ask, breaker, config, fail, figures, succeed};
use tollgate_loom_tests::explore;

fn late_outcome_against_first(sliding_window_type: SlidingWindowType) {
    explore(&format!("late outcome against first, {sliding_window_type:?}"), move || {
        let breaker = breaker(&Config { sliding_window_type, ..config() });
        let late = ask(breaker, 0);
        let _ = (fail(ask(breaker, 0), 0), fail(ask(breaker, 0), 0));
        let _ = (succeed(ask(breaker, 11), 11), succeed(ask(breaker, 11), 11));
        let rival = thread::spawn(move || fail(late, 12));
        assert_eq!(fail(ask(breaker, 12), 12), None, "one of two");
        assert_eq!(rival.join().expect("no panic"), None, "what came late, opens nothing");
        assert_eq!(figures(breaker), (0, 1, 1), "the new window has the new call");
    });
}

#[test]
fn late_outcome_against_first_of_a_second() {
    late_outcome_against_first(SlidingWindowType::TimeBased);
}

#[test]
fn late_outcome_against_first_of_the_last_calls() {
    late_outcome_against_first(SlidingWindowType::CountBased);
}
