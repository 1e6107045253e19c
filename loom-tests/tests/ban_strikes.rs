//! Two threads deny one client at once: two strikes, and it is out.
#![cfg(loom)]

use tollgate_limiter::{Decision, DeniedBy, Ladder, Settings};
use tollgate_loom_tests::{at, build, explore, join, passes, settings, spawn_request};

#[test]
fn strike_against_strike() {
    explore("strike against strike", || {
        let ladder = Ladder::new(2, at(1_000), &[at(10_000)]).expect("a ladder");
        let limiter = build(&Settings { bans: Some(ladder), ..settings() });
        assert!(passes(&limiter, "k", 100));
        let rival = spawn_request(&limiter, "k", 100);
        assert!(!passes(&limiter, "k", 100) && !join(rival), "used up");
        let Decision::Deny { by, .. } = limiter.peek(limiter.key(b"k"), 1, at(200)) else {
            panic!("two strikes, one of them lost: the client isn't banned")
        };
        assert_eq!(by, DeniedBy::Ban, "two strikes, one of them lost");
    });
}
