//! A new client displaces a live one from a full table while that one uses its slot.
//!
//! ```text
//!   slot 0: resident, one of two used, expires first      slots 1, 2: others, expire later
//! ```
#![cfg(loom)]

use tollgate_loom_tests::{explore, join, limiter, passes, spawn_request};

#[test]
fn displacement_against_hit() {
    explore("displacement against hit", || {
        let limiter = limiter(&["2/50ms"]);
        assert!(passes(&limiter, "resident", 100) && passes(&limiter, "second", 120) && passes(&limiter, "third", 120));
        let resident = spawn_request(&limiter, "resident", 130);
        assert!(passes(&limiter, "newcomer", 130), "a newcomer takes the slot that expires first");
        let mut used = 1 + u8::from(join(resident));
        while passes(&limiter, "resident", 130) {
            used += 1;
        }
        assert!(used <= 2, "two per 50 ms, displaced or not: {used}");
        assert!(
            passes(&limiter, "newcomer", 130) && !passes(&limiter, "newcomer", 130),
            "the newcomer has two as well"
        );
    });
}
