//! A charge is given back while another thread charges.
#![cfg(loom)]

use std::sync::Arc;

use tollgate_limiter::{Decision, Limiter};
use tollgate_loom_tests::{at, explore, join, limiter, passes, spawn_request};

#[test]
fn refund_against_hit() {
    explore("refund against hit", || {
        let limiter = limiter(&["4/50ms"]);
        assert!(passes(&limiter, "k", 100) && passes(&limiter, "k", 100));
        let thread = spawn_request(&limiter, "k", 100);
        limiter.refund(limiter.key(b"k"), 1, at(100), at(100));
        assert!(join(thread), "two of four were free all the time");
        assert_eq!(remaining(&limiter), 2, "two used, one given back, one used");
    });
}

fn remaining(limiter: &Arc<Limiter>) -> u32 {
    match limiter.peek(limiter.key(b"k"), 0, at(100)) {
        Decision::Allow { remaining, .. } => remaining,
        Decision::Deny { .. } => panic!("a request without cost always passes"),
    }
}
