//! A client that has used its quota up comes back at the moment in which it is displaced from a full table.
#![cfg(loom)]

use tollgate_loom_tests::{explore, join, limiter, passes, spawn_request, would_pass};

#[test]
fn displacement_against_the_return_of_the_displaced() {
    explore("displacement against return", || {
        let limiter = limiter(&["1/50ms"]);
        assert!(passes(&limiter, "resident", 100) && passes(&limiter, "second", 120) && passes(&limiter, "third", 120));
        let newcomer = spawn_request(&limiter, "newcomer", 130);
        assert!(!passes(&limiter, "resident", 130), "displaced or not, it has used its one per 50 ms");
        assert!(join(newcomer), "a newcomer takes the slot that expires first");
        assert!(!would_pass(&limiter, "resident", 149), "its debt is remembered until 150");
        assert!(passes(&limiter, "resident", 151), "and not for longer");
    });
}
