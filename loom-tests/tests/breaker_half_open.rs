//! Two threads find that the wait is over: one takes the breaker half-open, and both get permits of that state.
#![cfg(loom)]

use loom::thread;
use tollgate_loom_tests::breaker::{ask, config, opened, succeed};
use tollgate_loom_tests::explore;

#[test]
fn half_open_against_half_open() {
    explore("half-open against half-open", || {
        let breaker = opened(&config());
        let rival = thread::spawn(move || ask(breaker, 11));
        let permits = [ask(breaker, 11), rival.join().expect("no panic")];
        let told = permits.iter().filter(|permit| permit.transition().is_some()).count();
        assert_eq!(told, 1, "one transition is told to one thread");
        let closed = permits.map(|permit| succeed(permit, 12)).into_iter().flatten().count();
        assert_eq!(closed, 1, "two permits of one generation: both outcomes count, and they close");
    });
}
