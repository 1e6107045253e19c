//! A slot expires between the clocks of three threads: its client uses it before and after, another client reclaims it.
#![cfg(loom)]

use tollgate_loom_tests::{explore, join, limiter, passes, spawn_request, would_pass};

#[test]
fn expiry_against_hit() {
    explore("expiry against hit", || {
        let limiter = limiter(&["1/50ms"]);
        assert!(passes(&limiter, "k", 100));
        let threads = [spawn_request(&limiter, "other", 160), spawn_request(&limiter, "k", 160)];
        let early = passes(&limiter, "k", 145);
        let [other, late] = threads.map(join);
        assert!(other, "another client gets a slot, this one or the next");
        assert_eq!(u8::from(early) + u8::from(late), 1, "one from 150 on, whoever asked");
        assert!(!would_pass(&limiter, "k", 160) && !would_pass(&limiter, "other", 160), "both are used up");
    });
}
