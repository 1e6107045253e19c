//! A permit is dropped while another one's outcome comes in: one that decides, and one that doesn't.
#![cfg(loom)]

use loom::thread;
use tollgate_limiter::breaker::{Config, State};
use tollgate_loom_tests::breaker::{ask, config, figures, opened, succeed};
use tollgate_loom_tests::{at, explore};

#[test]
fn drop_against_outcome() {
    explore("drop against outcome", || {
        let breaker = opened(&config());
        let (mine, dropped) = (ask(breaker, 11), ask(breaker, 11));
        let rival = thread::spawn(move || drop(dropped));
        assert_eq!(succeed(mine, 12), None, "one of two");
        rival.join().expect("no panic");
        assert_eq!(figures(breaker), (0, 1, 0), "one came back, one was counted");
        let left = [(); 2].map(|()| breaker.try_acquire(at(12)));
        assert_eq!(left.iter().filter(|permit| permit.is_ok()).count(), 1, "one of two is left, not none and not both");
    });
}

#[test]
fn drop_against_last_outcome() {
    explore("drop against last outcome", || {
        let breaker = opened(&Config { minimum_number_of_calls: 1, ..config() });
        let (last, dropped) = (ask(breaker, 11), ask(breaker, 11));
        let rival = thread::spawn(move || drop(dropped));
        assert!(succeed(last, 12).is_some(), "one good call is enough");
        rival.join().expect("no panic");
        assert_eq!((breaker.state(), figures(breaker)), (State::Closed, (0, 0, 0)), "closed, and nothing else");
    });
}
