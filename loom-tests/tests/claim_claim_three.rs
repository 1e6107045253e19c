//! Three threads claim for one new client, each in a slot of its own.
//!
//! ```text
//!   slot 0: expires at 170      slot 1: expires at 150      slot 2: empty
//!   at 180 a thread wants slot 0, at 160 slot 1, at 140 slot 2
//! ```
#![cfg(loom)]

use tollgate_loom_tests::{explore_three, join, limiter, passes, spawn_request, would_pass};

#[test]
fn three_claims_of_one_key_in_three_slots() {
    explore_three("three claims", || {
        let limiter = limiter(&["1/50ms"]);
        assert!(passes(&limiter, "first", 120) && passes(&limiter, "second", 100));
        let threads = [spawn_request(&limiter, "k", 160), spawn_request(&limiter, "k", 180)];
        let mine = passes(&limiter, "k", 140);
        let admitted = usize::from(mine) + threads.map(join).into_iter().filter(|passed| *passed).count();
        assert_eq!(admitted, 1, "one per 50 ms, asked at 140, 160 and 180: each slot more is one more");
        assert!(!would_pass(&limiter, "k", 180), "used up");
    });
}
