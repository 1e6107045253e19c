//! A permit's outcome comes in at the last moment, while another thread, whose clock is ahead, takes the permit back.
#![cfg(loom)]

use loom::thread;
use tollgate_loom_tests::breaker::{ask, config, figures, opened, succeed};
use tollgate_loom_tests::explore;

#[test]
fn outcome_against_taking_back() {
    explore("outcome against taking back", || {
        let breaker = opened(&config());
        let slow = ask(breaker, 11);
        let rival = thread::spawn(move || succeed(slow, 41));
        let _next = ask(breaker, 42);
        assert_eq!(rival.join().expect("no panic"), None, "one of two");
        let (out, calls, failed) = figures(breaker);
        assert_eq!((out, calls), (1, 1), "the call was counted once: as good, or as lost");
        assert!(failed <= 1, "{failed}");
    });
}
