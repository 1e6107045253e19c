//! The clock of the examples: a limiter reads none, it is told the time.

#![allow(clippy::disallowed_methods, reason = "this is the clock")]

use std::time::Instant;

use tollgate_limiter::Nanos;

/// Time since it was started, which never runs backwards.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn now(self) -> Nanos {
        self.0.elapsed().into()
    }
}
