//! A slot is reclaimed by a thread whose clock is past its expiry, and its client comes back on a thread whose clock stands still.
#![cfg(loom)]

use tollgate_loom_tests::{explore, join, limiter, passes, spawn_request, would_pass};

#[test]
fn expiry_against_a_clock_that_stands_still() {
    explore("expiry against a still clock", || {
        let limiter = limiter(&["1/50ms"]);
        assert!(passes(&limiter, "k", 100));
        let other = spawn_request(&limiter, "other", 160);
        let again = passes(&limiter, "k", 100);
        assert!(join(other), "another client gets a slot, this one or the next");
        let after = would_pass(&limiter, "k", 155);
        assert_eq!(after, passes(&limiter, "k", 155), "a peek tells the truth");
        assert!(!(again && after), "used at 100; what passes after that counts from 150, so not both before 200");
    });
}
