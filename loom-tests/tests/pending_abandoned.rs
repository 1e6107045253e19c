//! A thread stops in the middle of a claim for longer than a second. Another client takes the slot; then the thread goes on.
#![cfg(loom)]

use std::sync::Arc;

use tollgate_loom_tests::{explore, limiter, passes, would_pass};

#[test]
fn abandoned_claim_against_its_owner() {
    explore("abandoned claim", || {
        let limiter = limiter(&["1/5s"]);
        let others = loom::thread::spawn({
            let limiter = Arc::clone(&limiter);
            move || {
                assert!(passes(&limiter, "other", 1_300), "another client gets a slot, this one or the next");
                passes(&limiter, "k", 1_300)
            }
        });
        let slow = passes(&limiter, "k", 100);
        let late = others.join().expect("no panic");
        assert_eq!(u8::from(slow) + u8::from(late), 1, "one per 5 s, asked at 0.1 s and at 1.3 s");
        assert!(!would_pass(&limiter, "k", 1_300) && !would_pass(&limiter, "other", 1_300), "both are used up");
    });
}
