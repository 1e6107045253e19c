//! The quota is replaced while two threads decide.
#![cfg(loom)]

use std::sync::Arc;

use tollgate_limiter::{Algorithm, Decision, Limiter, Nanos, Quota, Settings};
use tollgate_loom_tests::{at, build, explore, settings};

#[test]
fn quota_swap_against_decisions() {
    explore("quota swap", || {
        let [old, new] =
            ["1/10s", "10/1s"].map(|quota| Quota::with_algorithm_of(quota, Algorithm::TokenBucket).expect("a quota"));
        let limiter = build(&Settings { quotas: vec![old], ..settings() });
        let swap = loom::thread::spawn({
            let limiter = Arc::clone(&limiter);
            move || limiter.set_quota(0, &new).expect("same algorithm")
        });
        let decide = loom::thread::spawn({
            let limiter = Arc::clone(&limiter);
            move || grant(&limiter, "a")
        });
        for seen in [grant(&limiter, "b"), decide.join().expect("no panic")] {
            assert!([OLD, NEW].contains(&seen), "a whole quota, the old or the new: {seen:?}");
        }
        swap.join().expect("no panic");
        assert_eq!(grant(&limiter, "c"), NEW, "after the swap, the new one");
    });
}

/// What the first request of a client is told: how many remain, and when it has all of them again.
fn grant(limiter: &Limiter, id: &str) -> (u32, Nanos) {
    match limiter.decide(limiter.key(id.as_bytes()), at(100)) {
        Decision::Allow { remaining, reset_after, .. } => (remaining, reset_after),
        Decision::Deny { .. } => panic!("a first request passes"),
    }
}

const OLD: (u32, Nanos) = (0, Nanos::from_secs(10));
const NEW: (u32, Nanos) = (9, Nanos::from_millis(100));
