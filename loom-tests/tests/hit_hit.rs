//! Three threads use one client that has a slot.
#![cfg(loom)]

use tollgate_loom_tests::{explore, join, limiter, passes, spawn_request, would_pass};

#[test]
fn hit_against_hit() {
    explore("hit against hit", || {
        let limiter = limiter(&["3/50ms"]);
        assert!(passes(&limiter, "k", 100));
        let threads = [spawn_request(&limiter, "k", 100), spawn_request(&limiter, "k", 100)];
        let mine = passes(&limiter, "k", 100);
        let admitted = usize::from(mine) + threads.map(join).into_iter().filter(|passed| *passed).count();
        assert_eq!(admitted, 2, "one of three was used: two are left, for three threads");
        assert!(!would_pass(&limiter, "k", 100), "all three are used, and one was lost");
    });
}
