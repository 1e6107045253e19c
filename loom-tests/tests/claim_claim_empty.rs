//! Two threads claim for one new client, after one of them has taken the slot that both want for another.
#![cfg(loom)]

use std::sync::Arc;

use tollgate_loom_tests::{explore, limiter, passes};

#[test]
fn claim_against_claim_of_one_key_in_empty_slots() {
    explore("claim against claim, empty slots", || {
        let limiter = limiter(&["2/50ms"]);
        let rival = loom::thread::spawn({
            let limiter = Arc::clone(&limiter);
            move || {
                assert!(passes(&limiter, "other", 100), "another client has its own slot");
                passes(&limiter, "k", 100)
            }
        });
        let both = passes(&limiter, "k", 100) && rival.join().expect("no panic");
        assert!(both, "two per 50 ms: two pass, and neither waits for the other");
        assert!(!passes(&limiter, "k", 100), "a third passes only if the client has two slots");
    });
}
