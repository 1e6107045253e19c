//! A new client displaces a live one from a full table while that one uses its slot.
//!
//! ```text
//!   slot 0: resident, one of two used, expires first      slots 1, 2: others, expire later
//! ```
#![cfg(loom)]

use tollgate_limiter::Limiter;
use tollgate_loom_tests::{explore, join, limiter, passes, spawn_request};

#[test]
fn displacement_against_hit() {
    explore("displacement against hit", || {
        let limiter = limiter(&["2/50ms"]);
        assert!(passes(&limiter, "resident", 100) && passes(&limiter, "second", 120) && passes(&limiter, "third", 120));
        let resident = spawn_request(&limiter, "resident", 130);
        assert!(passes(&limiter, "newcomer", 130), "a newcomer takes the slot that expires first");
        let at_130 = u8::from(join(resident)) + again(&limiter, "resident", 130);
        assert!(at_130 < 2, "two per 50 ms, one of them used at 100, displaced or not");
        assert_eq!(1 + again(&limiter, "newcomer", 130), 2, "two per 50 ms for the newcomer as well, all its own");
        assert!(
            at_130 + again(&limiter, "resident", 151) <= 2,
            "two per 50 ms, at 130 and at 151: what passed at 130 still counts"
        );
    });
}

/// How many more pass, of three.
fn again(limiter: &Limiter, id: &str, millis: u64) -> u8 {
    (0..3).map(|_| u8::from(passes(limiter, id, millis))).sum()
}
