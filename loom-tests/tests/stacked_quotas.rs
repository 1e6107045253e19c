//! Two threads use one client under two quotas: both look at both first, then charge.
#![cfg(loom)]

use tollgate_loom_tests::{explore, join, limiter, passes, spawn_request};

#[test]
fn stacked_quotas_only_ever_give_less() {
    explore("stacked quotas", || {
        let limiter = limiter(&["3/100ms", "2/50ms"]);
        assert!(passes(&limiter, "k", 100));
        let rival = spawn_request(&limiter, "k", 100);
        let admitted = u8::from(passes(&limiter, "k", 100)) + u8::from(join(rival));
        assert_eq!(admitted, 1, "one was used: two more pass the first quota, one more the second");
        let later = u8::from(passes(&limiter, "k", 155)) + u8::from(passes(&limiter, "k", 155));
        assert!(later <= 1, "three per 100 ms: one more, or none if the loser's charge of the first quota stands");
    });
}
