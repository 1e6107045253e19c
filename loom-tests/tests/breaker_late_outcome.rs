//! A call of the last attempt ends late, while the next attempt begins.
#![cfg(loom)]

use loom::thread;
use tollgate_limiter::breaker::{Config, State};
use tollgate_loom_tests::breaker::{ask, config, fail, figures, opened, succeed};
use tollgate_loom_tests::explore;

#[test]
fn late_outcome_against_reopening() {
    explore("late outcome against re-opening", || {
        let breaker = opened(&Config { minimum_number_of_calls: 1, ..config() });
        let (late, bad) = (ask(breaker, 11), ask(breaker, 11));
        assert!(fail(bad, 12).is_some(), "one bad call is enough");
        let rival = thread::spawn(move || fail(late, 23));
        let probe = ask(breaker, 23);
        assert_eq!(rival.join().expect("no panic"), None, "what came late, does nothing");
        assert_eq!(figures(breaker), (1, 0, 0), "and isn't counted");
        assert_eq!(succeed(probe, 24).map(|closed| closed.to), Some(State::Closed), "the attempt is the probe's alone");
    });
}
