//! A client is displaced from the slot that one thread gave it while another thread, by an older clock, claims a second one for it.
//!
//! ```text
//!   slot 0: expires at 150      slot 1: expires at 250      slot 2: empty
//!   one thread, at 160: client → slot 0, then newcomer → slot 2, or 0 if 2 is being claimed
//!   the other, at 140: client → slot 2
//! ```
#![cfg(loom)]

use std::sync::Arc;

use tollgate_loom_tests::{explore, limiter, passes};

#[test]
fn displacement_against_claim() {
    explore("displacement against claim", || {
        let limiter = limiter(&["1/50ms"]);
        assert!(passes(&limiter, "first", 100) && passes(&limiter, "second", 120) && passes(&limiter, "second", 200));
        let late = loom::thread::spawn({
            let limiter = Arc::clone(&limiter);
            move || {
                let passed = passes(&limiter, "client", 160);
                assert!(passes(&limiter, "newcomer", 160), "a newcomer passes");
                passed
            }
        });
        let admitted = u8::from(passes(&limiter, "client", 140)) + u8::from(late.join().expect("no panic"));
        assert_eq!(admitted, 1, "one per 50 ms, asked at 140 and at 160; displaced in between");
        assert!(!passes(&limiter, "client", 160), "in debt or in its slot, it is used up");
    });
}
