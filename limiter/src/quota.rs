//! How much a client may do: N per period, and by which algorithm that is metered.

use core::fmt;
use core::str::FromStr;

use crate::algorithm::{Meter, sliding_window};
use crate::nanos::UNITS;
use crate::{Algorithm, Nanos, QuotaError};

/// *N per T*, metered by an [`Algorithm`]. A quota that exists is possible: constructors refuse the rest and say why.
///
/// # Examples
///
/// ```
/// use tollgate_limiter::{Algorithm, Nanos, Quota};
///
/// let quota: Quota = "5/5s".parse()?;
/// assert_eq!(quota.to_string(), "5/5s");
/// assert_eq!(quota.worst_case(Nanos::from_secs(5)), 5); // in *every* window of five seconds
///
/// let bucket = "100/1m".parse::<Quota>();
/// assert!(bucket.is_err()); // a sliding window can't remember 100 admissions in one word: pick another algorithm
/// let bucket = Quota::with_algorithm_of("100/1m", Algorithm::TokenBucket)?.with_burst(10)?;
/// assert_eq!(bucket.worst_case(Nanos::from_secs(60)), 110);
/// # Ok::<(), tollgate_limiter::QuotaError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    limit: u32,
    period: Nanos,
    algorithm: Algorithm,
    burst: u32,
    max_delay: Nanos,
    shadow: bool,
}

impl Quota {
    /// `limit` units per `period`, by a sliding window.
    ///
    /// # Errors
    ///
    /// When the limit is zero or more than a sliding window can hold, or the period is zero or above a year.
    pub fn new(limit: u32, period: Nanos) -> Result<Self, QuotaError> {
        Self::with(limit, period, Algorithm::SlidingWindow)
    }

    /// `limit` units per `period`, by `algorithm`. A token bucket starts with a burst of `limit`, a leaky bucket with a `max_delay` of
    /// one period.
    ///
    /// # Errors
    ///
    /// As [`Quota::new`]; buckets also refuse more than one unit per nanosecond.
    pub fn with(limit: u32, period: Nanos, algorithm: Algorithm) -> Result<Self, QuotaError> {
        if limit == 0 {
            return Err(QuotaError::ZeroLimit);
        }
        if period == Nanos::ZERO || period > MAX_PERIOD {
            return Err(QuotaError::Period { period });
        }
        let quota = Self { limit, period, algorithm, burst: limit, max_delay: period.min(MAX_DELAY), shadow: false };
        match algorithm {
            Algorithm::SlidingWindow if limit > sliding_window::MAX_LIMIT => {
                Err(QuotaError::TooManyToRemember { limit })
            }
            Algorithm::TokenBucket | Algorithm::LeakyBucket if u64::from(limit) > period.as_u64() => {
                Err(QuotaError::TooFast { limit, period })
            }
            Algorithm::TokenBucket if quota.burst_span() > MAX_BURST_SPAN => Err(QuotaError::Burst { burst: limit }),
            _ => Ok(quota),
        }
    }

    /// Parses `5/5s` for a given algorithm; [`Quota::from_str`] parses for the sliding window.
    ///
    /// # Errors
    ///
    /// When the text isn't `N/PERIOD`, or as [`Quota::with`].
    pub fn with_algorithm_of(text: &str, algorithm: Algorithm) -> Result<Self, QuotaError> {
        let (limit, period) = parse(text)?;
        Self::with(limit, period, algorithm)
    }

    /// The same N per T by another algorithm, with that algorithm's default burst or delay.
    ///
    /// # Errors
    ///
    /// As [`Quota::with`].
    pub fn with_algorithm(self, algorithm: Algorithm) -> Result<Self, QuotaError> {
        Ok(Self { shadow: self.shadow, ..Self::with(self.limit, self.period, algorithm)? })
    }

    /// Sets how many units a full token bucket holds.
    ///
    /// # Errors
    ///
    /// When the algorithm isn't the token bucket, or the burst is zero, or takes above 34 years to refill.
    pub fn with_burst(self, burst: u32) -> Result<Self, QuotaError> {
        let quota = Self { burst, ..self };
        match self.algorithm {
            Algorithm::TokenBucket if burst == 0 || quota.burst_span() > MAX_BURST_SPAN => {
                Err(QuotaError::Burst { burst })
            }
            Algorithm::TokenBucket => Ok(quota),
            algorithm => Err(QuotaError::NoSuchSetting { setting: "burst", algorithm, owner: Algorithm::TokenBucket }),
        }
    }

    /// Sets how long a leaky bucket may hold a request back; a request that had to wait longer is denied. Zero means: deny rather than wait.
    ///
    /// # Errors
    ///
    /// When the algorithm isn't the leaky bucket, or the delay is above a day.
    pub fn with_max_delay(self, max_delay: Nanos) -> Result<Self, QuotaError> {
        match self.algorithm {
            Algorithm::LeakyBucket if max_delay > MAX_DELAY => Err(QuotaError::Delay { max_delay }),
            Algorithm::LeakyBucket => Ok(Self { max_delay, ..self }),
            algorithm => {
                Err(QuotaError::NoSuchSetting { setting: "max-delay", algorithm, owner: Algorithm::LeakyBucket })
            }
        }
    }

    /// The same quota, counted but not enforced: see `would_deny` in [`crate::Decision::Allow`].
    #[must_use]
    pub const fn shadow(self) -> Self {
        Self { shadow: true, ..self }
    }

    /// Whether the quota is only counted.
    pub const fn is_shadow(&self) -> bool {
        self.shadow
    }

    /// N.
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// T.
    pub const fn period(&self) -> Nanos {
        self.period
    }

    /// How the quota is metered.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The most that can pass in one instant from rest: the burst of a token bucket, one for a leaky bucket, else N.
    pub const fn burst(&self) -> u32 {
        match self.algorithm {
            Algorithm::LeakyBucket => 1,
            _ => self.burst,
        }
    }

    /// How long a leaky bucket may hold a request back; zero for the others.
    pub const fn max_delay(&self) -> Nanos {
        match self.algorithm {
            Algorithm::LeakyBucket => self.max_delay,
            _ => Nanos::ZERO,
        }
    }

    /// How late a used unit may come back, at most. It never comes back early.
    ///
    /// - Sliding window: a tick, ⌈T / 16382⌉ for N ≤ 5 (305 214 ns for 5 per 5 s) and coarser for more, but never below 65.5 µs.
    /// - Fixed window: not at all, which counts as 1 ns here.
    /// - Buckets: 1 ns, and one more for every 2²⁴ units of the burst, or of the requests that may wait at once. They count in 2⁻²⁴ ns, and
    ///   an interval T / N that isn't whole in these is rounded up; a client that never lets its bucket fill is slower by as much.
    pub fn resolution(&self) -> Nanos {
        Meter::new(self).resolution()
    }

    /// The most units that any window `[s, s + window)` can hold, and for the token bucket any closed `[s, s + window]`. Proven in the
    /// module of each algorithm, and for any costs; but units of one request leave a leaky bucket together, so there its cost takes the
    /// place of the 1. That bound is for a leaky bucket on its own: under several quotas a request leaves after the longest delay of all,
    /// and a charge that another quota then denied, in a race, leaves a gap.
    ///
    /// | algorithm | bound | for `window` = T |
    /// |---|---|---|
    /// | sliding window | N · ⌈window / T⌉ | N |
    /// | fixed window | N · (⌈window / T⌉ + 1) − 1 | 2N − 1 |
    /// | token bucket | B + ⌊window · N / T⌋ | B + N |
    /// | leaky bucket, as the requests leave | 1 + ⌊window · N / T⌋ | N + 1 |
    pub fn worst_case(&self, window: Nanos) -> u64 {
        if window == Nanos::ZERO {
            return 0;
        }
        let limit = u64::from(self.limit);
        let windows = window.as_u64().div_ceil(self.period.as_u64());
        let refill = u128::from(window.as_u64()) * u128::from(limit) / u128::from(self.period.as_u64());
        let refill = u64::try_from(refill).unwrap_or(u64::MAX);
        match self.algorithm {
            Algorithm::SlidingWindow => limit.saturating_mul(windows),
            Algorithm::FixedWindow => limit.saturating_mul(windows.saturating_add(1)).saturating_sub(1),
            Algorithm::TokenBucket => refill.saturating_add(u64::from(self.burst)),
            Algorithm::LeakyBucket => refill.saturating_add(1),
        }
    }

    /// How long an empty bucket takes to fill.
    fn burst_span(&self) -> Nanos {
        let span = u128::from(self.burst) * u128::from(self.period.as_u64()) / u128::from(self.limit);
        Nanos::new(u64::try_from(span).unwrap_or(u64::MAX))
    }
}

impl FromStr for Quota {
    type Err = QuotaError;

    fn from_str(text: &str) -> Result<Self, QuotaError> {
        Self::with_algorithm_of(text, Algorithm::SlidingWindow)
    }
}

/// Prints `5/5s`: the limit and the period alone, as [`FromStr`] reads them for a sliding window and [`Quota::with_algorithm_of`] for any
/// other. The algorithm, its burst or delay, and the shadow mode aren't shown: print [`Quota::algorithm`] beside it.
impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.limit, self.period)
    }
}

/// `N/PERIOD`, where a period is a number with a unit (`5s`, `250ms`), a unit alone (`s`: one of it) or a bare number of seconds, and N
/// may end in `k` or `M`.
fn parse(text: &str) -> Result<(u32, Nanos), QuotaError> {
    let syntax = || QuotaError::Syntax { text: text.to_owned() };
    let (limit, period) = text.trim().split_once('/').ok_or_else(syntax)?;
    let (digits, factor) = match limit.trim().as_bytes() {
        [.., b'k'] => (&limit.trim()[..limit.trim().len() - 1], 1_000),
        [.., b'M'] => (&limit.trim()[..limit.trim().len() - 1], 1_000_000),
        _ => (limit.trim(), 1),
    };
    let limit = number(digits).and_then(|n| n.checked_mul(factor)).ok_or_else(syntax)?;
    let limit = u32::try_from(limit).map_err(|_| syntax())?;
    let period = period.trim();
    let unit_at = period.find(|c: char| !c.is_ascii_digit()).unwrap_or(period.len());
    let (count, unit) = period.split_at(unit_at);
    let unit = if unit.is_empty() { "s" } else { unit };
    let (unit, _) = UNITS.into_iter().find(|(_, name)| *name == unit).ok_or_else(syntax)?;
    let count = if count.is_empty() { 1 } else { number(count).ok_or_else(syntax)? };
    if unit_at == 0 && period.is_empty() {
        return Err(syntax());
    }
    let period = count.checked_mul(unit).ok_or(QuotaError::Period { period: Nanos::MAX })?;
    Ok((limit, Nanos::new(period)))
}

/// Plain digits: `u64::from_str` would also take a sign.
fn number(digits: &str) -> Option<u64> {
    if digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// A year: the longest period that a gate with human users has a use for, and far from any overflow.
pub(crate) const MAX_PERIOD: Nanos = Nanos::from_secs(366 * 86_400);
/// A day, which fits the 47 bits that the leaky bucket's rule has for it.
const MAX_DELAY: Nanos = Nanos::from_secs(86_400);
/// 34 years: a full bucket's debt added to any `now` stays within the 64 bits of a meter's clock.
const MAX_BURST_SPAN: Nanos = Nanos::from_secs(1 << 30);
