//! Time as a number: nanoseconds, both as an instant since the limiter's epoch and as a span.

use core::fmt;
use core::time::Duration;

/// Nanoseconds. As an instant: since an epoch of the caller's choice, on a clock that doesn't jump. Choose the start of the process, not 1970:
/// a sliding window's time ends 2.3 years after the epoch, and then it denies for good. As a span: a length of time. Arithmetic saturates.
///
/// # Examples
///
/// ```
/// use tollgate_limiter::Nanos;
/// assert_eq!(Nanos::from_millis(1500).to_string(), "1500ms");
/// assert_eq!(Nanos::from_secs(2).saturating_sub(Nanos::from_millis(500)), Nanos::from_millis(1500));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(u64);

impl Nanos {
    /// No time at all, or the epoch.
    pub const ZERO: Self = Self(0);
    /// The longest span; as a *retry after* it means never.
    pub const MAX: Self = Self(u64::MAX);

    /// `nanos` nanoseconds.
    pub const fn new(nanos: u64) -> Self {
        Self(nanos)
    }

    /// `micros` microseconds, saturating.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// `millis` milliseconds, saturating.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// `secs` seconds, saturating.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(NANOS_PER_SEC))
    }

    /// The number of nanoseconds.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// Whole seconds, rounded up: what `Retry-After` needs so that nobody is asked back too early.
    pub const fn as_secs_ceil(self) -> u64 {
        self.0.div_ceil(NANOS_PER_SEC)
    }

    /// The sum, at most [`Nanos::MAX`].
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, at least [`Nanos::ZERO`].
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl From<Duration> for Nanos {
    fn from(span: Duration) -> Self {
        Self(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Nanos> for Duration {
    fn from(span: Nanos) -> Self {
        Self::from_nanos(span.0)
    }
}

/// Prints in the largest unit that divides it: `5s`, `1m`, `1500ms`.
impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = UNITS
            .into_iter()
            .find(|(unit, _)| self.0 != 0 && self.0.is_multiple_of(*unit))
            .unwrap_or((NANOS_PER_SEC, "s"));
        write!(f, "{}{name}", self.0 / unit)
    }
}

pub(crate) const NANOS_PER_SEC: u64 = 1_000_000_000;

/// Longest first, for printing; [`crate::Quota`] parses the same names.
pub(crate) const UNITS: [(u64, &str); 7] = [
    (86_400 * NANOS_PER_SEC, "d"),
    (3_600 * NANOS_PER_SEC, "h"),
    (60 * NANOS_PER_SEC, "m"),
    (NANOS_PER_SEC, "s"),
    (1_000_000, "ms"),
    (1_000, "us"),
    (1, "ns"),
];
