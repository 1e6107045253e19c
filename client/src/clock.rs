//! The one place that reads the clock.

use std::ops::{Add, Sub};
use std::time::{Duration, Instant};

/// Nanoseconds: an instant since the start of the run, or a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(u64);

impl Nanos {
    /// The start of the run; no time.
    pub const ZERO: Self = Self(0);
    /// Later than any instant.
    pub const MAX: Self = Self(u64::MAX);

    /// That many nanoseconds.
    pub const fn new(nanos: u64) -> Self {
        Self(nanos)
    }

    /// That many microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// That many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// That many seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// As a number.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// In seconds.
    pub const fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The span from `earlier` to this instant; none if it is later.
    pub const fn saturating_sub(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

    /// This much later, or the latest instant there is.
    pub const fn saturating_add(self, span: Self) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Add for Nanos {
    type Output = Self;

    fn add(self, span: Self) -> Self {
        self.saturating_add(span)
    }
}

impl Sub for Nanos {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        self.saturating_sub(earlier)
    }
}

impl From<Duration> for Nanos {
    fn from(span: Duration) -> Self {
        Self(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Nanos> for Duration {
    fn from(Nanos(nanos): Nanos) -> Self {
        Self::from_nanos(nanos)
    }
}

/// Counts from the start of the run. Copies agree, on whichever thread.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A run starts now.
    #[allow(clippy::disallowed_methods, reason = "the one place")]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Since the start.
    #[allow(clippy::disallowed_methods, reason = "the one place")]
    pub fn now(&self) -> Nanos {
        self.start.elapsed().into()
    }
}
