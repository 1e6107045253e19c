//! Two new clients want the last free slot of a table that displaces nobody.
#![cfg(loom)]

use tollgate_limiter::{Settings, WhenFull};
use tollgate_loom_tests::{build, explore, join, passes, settings, spawn_request, would_pass};

#[test]
fn claims_of_two_keys_for_the_last_slot() {
    explore("the last slot", || {
        let limiter = build(&Settings { when_full: WhenFull::Refuse, ..settings() });
        assert!(passes(&limiter, "first", 100) && passes(&limiter, "second", 100));
        let rival = spawn_request(&limiter, "third", 100);
        let admitted = u8::from(passes(&limiter, "fourth", 100)) + u8::from(join(rival));
        assert_eq!(admitted, 1, "one slot, one client");
        for id in ["first", "second", "third", "fourth"] {
            assert!(!would_pass(&limiter, id, 100), "{id} is used up or refused; nobody was displaced");
        }
        assert!(would_pass(&limiter, "first", 151), "and only until the slots fall free");
    });
}
