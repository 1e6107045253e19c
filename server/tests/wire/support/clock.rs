//! The one place in these tests that reads the clock.

#![allow(clippy::disallowed_methods, reason = "this is clock.rs")]

use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes on a machine that is not broken, however busy it is; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Time since its start.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Waits for the state of a process to become what it must, where nothing announces it. Panics with `what` when patience ends.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let watch = Stopwatch::start();
    while !holds() {
        assert!(watch.elapsed() < PATIENCE, "in vain: {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}
