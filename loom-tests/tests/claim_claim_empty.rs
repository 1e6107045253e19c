//! Two threads claim for one new client, after one of them has taken the slot that both want for another.
#![cfg(loom)]

use std::sync::Arc;

use tollgate_loom_tests::{explore, limiter, passes, would_pass};

#[test]
fn claim_against_claim_of_one_key_in_empty_slots() {
    explore("claim against claim, empty slots", || {
        let limiter = limiter(&["1/50ms"]);
        let rival = loom::thread::spawn({
            let limiter = Arc::clone(&limiter);
            move || {
                assert!(passes(&limiter, "other", 100), "another client has its own slot");
                passes(&limiter, "k", 100)
            }
        });
        let admitted = u8::from(passes(&limiter, "k", 100)) + u8::from(rival.join().expect("no panic"));
        assert_eq!(admitted, 1, "one per 50 ms for one client: with two slots it gets two");
        assert!(!would_pass(&limiter, "k", 100) && !would_pass(&limiter, "other", 100), "both are used up");
    });
}
