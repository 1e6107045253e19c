//! A client is banned while a strike of its own is on the way to a slot that comes before the ban's.
//!
//! ```text
//!   slot 0: expires at 150; the strike, at 160, wants it      slot 1: empty; the ban, at 140, wants it
//! ```
#![cfg(loom)]

use tollgate_limiter::{Decision, DeniedBy, Ladder, Limiter, Settings};
use tollgate_loom_tests::{at, build, explore, join, passes, settings, spawn_request};

#[test]
fn ban_behind_a_pending_strike() {
    explore("ban behind a pending strike", || {
        let ladder = Ladder::new(9, at(40), &[at(1_000)]).expect("a ladder");
        let limiter = build(&Settings { bans: Some(ladder), ..settings() });
        assert!(limiter.ban(limiter.key(b"first"), at(150), at(100)));
        assert!(passes(&limiter, "k", 155));
        let denied = spawn_request(&limiter, "k", 160);
        assert!(limiter.ban(limiter.key(b"k"), at(5_000), at(140)), "two of three slots are free");
        assert!(is_banned(&limiter), "banned, and its quota has room at 300: the strike under way hides the ban");
        assert!(!join(denied), "used up until 205");
        assert!(is_banned(&limiter), "a strike ends no ban");
    });
}

fn is_banned(limiter: &Limiter) -> bool {
    matches!(limiter.peek(limiter.key(b"k"), 1, at(300)), Decision::Deny { by: DeniedBy::Ban, .. })
}
