//! Two threads claim for one new client, and their clocks disagree about which slots have expired.
//!
//! ```text
//!   slot 0: expires at 150      slot 1: empty
//!   the thread at 140 wants slot 1, the thread at 160 slot 0
//! ```
#![cfg(loom)]

use tollgate_loom_tests::{explore, join, limiter, passes, spawn_request, would_pass};

#[test]
fn claim_against_claim_of_one_key_in_expiring_slots() {
    explore("claim against claim, expiring slots", || {
        let limiter = limiter(&["1/50ms"]);
        assert!(passes(&limiter, "first", 100));
        let late = spawn_request(&limiter, "k", 160);
        let admitted = u8::from(passes(&limiter, "k", 140)) + u8::from(join(late));
        assert_eq!(admitted, 1, "one per 50 ms, asked at 140 and at 160: with two slots it gets two");
        assert!(!would_pass(&limiter, "k", 160), "used up");
    });
}
