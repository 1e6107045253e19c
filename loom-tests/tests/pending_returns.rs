//! A claim is killed, and its slot claimed again for the same client, before the first claimant looks again.
//!
//! ```text
//!   slot 0: expires at 150      slots 1, 2: empty
//!   two threads at 140 want slot 1, the thread at 160 wants slot 0 and kills what it finds in slot 1
//! ```
#![cfg(loom)]

use tollgate_loom_tests::{explore_three, join, limiter, passes, spawn_request, would_pass};

#[test]
fn killed_claim_against_a_new_one_in_its_slot() {
    explore_three("killed claim", || {
        let limiter = limiter(&["1/50ms"]);
        assert!(passes(&limiter, "first", 100));
        let threads = [spawn_request(&limiter, "k", 160), spawn_request(&limiter, "k", 140)];
        let mine = passes(&limiter, "k", 140);
        let admitted = usize::from(mine) + threads.map(join).into_iter().filter(|passed| *passed).count();
        assert_eq!(admitted, 1, "one per 50 ms, asked at 140, 140 and 160");
        assert!(!would_pass(&limiter, "k", 160), "used up");
    });
}
