//! Three threads ask for the last permit of a half-open breaker.
#![cfg(loom)]

use loom::thread;
use tollgate_loom_tests::breaker::{ask, config, figures, opened};
use tollgate_loom_tests::{at, explore};

#[test]
fn ask_against_ask() {
    explore("ask against ask", || {
        let breaker = opened(&config());
        let _first = ask(breaker, 11);
        let rivals = [(); 2].map(|()| thread::spawn(move || breaker.try_acquire(at(11))));
        let mine = breaker.try_acquire(at(11));
        let theirs = rivals.map(|rival| rival.join().expect("no panic"));
        let permitted = theirs.iter().chain([&mine]).filter(|permit| permit.is_ok()).count();
        assert_eq!(permitted, 1, "two are permitted, one was out: one is left, for three threads");
        assert_eq!(figures(breaker).0, 2, "as many are out as were given");
    });
}
