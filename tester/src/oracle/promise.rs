//! What a limiter promised, and how exactly it can be held to it.

use std::fmt;
use std::num::NonZeroU32;

use tollgate_client::Nanos;
use tollgate_client::plan::PlanError;
use tollgate_client::plan::parse::{count, duration, show_duration};

/// *N per T by this algorithm*, and what is forgiven. A promise that exists can be broken and kept: constructors refuse the rest.
///
/// ```
/// use tollgate_client::Nanos;
/// use tollgate_tester::oracle::Promise;
///
/// let promise = Promise::parse("5/5s", "sliding-window")?.with_lag(Some(Nanos::from_millis(1)));
/// assert_eq!(promise.to_string(), "5/5s by sliding-window");
/// assert!(Promise::parse("5/5s", "token-bucket:0").is_err());
/// # Ok::<(), tollgate_tester::oracle::PromiseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    limit: NonZeroU32,
    period: Nanos,
    algorithm: Algorithm,
    tick: Nanos,
    lag: Option<Nanos>,
    drift_ppm: u32,
    charges_denied: bool,
}

/// How N per T are metered; L is the length of any interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// At most N in every window of T.
    SlidingWindow,
    /// At most N per window of T, which opens at the client's first admitted request; so 2N − 1 in any T.
    FixedWindow,
    /// At most B + N·L/T. (nginx `limit_req burst=b nodelay` is one of B = b + 1.)
    TokenBucket {
        /// B.
        burst: NonZeroU32,
    },
    /// Admitted requests are held back until at most B + N·L/T have left; one that would have to wait longer than `max_delay` is
    /// denied. (Tollgate's has B = 1; so has nginx `limit_req burst=b`, whose `max_delay` is b·T/N.)
    LeakyBucket {
        /// B.
        burst: NonZeroU32,
        /// The longest wait.
        max_delay: Nanos,
    },
}

/// Why a promise can't be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromiseError {
    /// A part of `--limit` or `--algorithm` that isn't a number or duration in its range.
    Part(PlanError),
    /// `--limit` without a slash.
    NotALimit(String),
    /// An `--algorithm` that isn't known.
    NotAnAlgorithm(String),
    /// A window that isn't between a microsecond and a year.
    Period(Nanos),
    /// A bucket of more than one unit per nanosecond.
    TooFast,
}

impl Promise {
    /// `limit` per `period` by `algorithm`, with the tolerances at their defaults.
    ///
    /// # Errors
    ///
    /// When the period is below a microsecond or above a year, or a bucket refills by more than a unit per nanosecond.
    pub fn new(limit: NonZeroU32, period: Nanos, algorithm: Algorithm) -> Result<Self, PromiseError> {
        if !(SHORTEST..=LONGEST).contains(&period) {
            return Err(PromiseError::Period(period));
        }
        let is_bucket = matches!(algorithm, Algorithm::TokenBucket { .. } | Algorithm::LeakyBucket { .. });
        if is_bucket && u64::from(limit.get()) > period.as_u64() {
            return Err(PromiseError::TooFast);
        }
        let lag = Some(Nanos::new(period.as_u64() / 4));
        Ok(Self { limit, period, algorithm, tick: TICK, lag, drift_ppm: DRIFT_PPM, charges_denied: false })
    }

    /// Reads `5/5s` and `sliding-window`, `fixed-window`, `token-bucket[:B]` (B is N unless said) or `leaky-bucket[:MAX_DELAY]` (T
    /// unless said).
    ///
    /// # Errors
    ///
    /// When one of them is nothing of the kind, or as [`Promise::new`].
    pub fn parse(limit: &str, algorithm: &str) -> Result<Self, PromiseError> {
        let (n, period) = limit.split_once('/').ok_or_else(|| PromiseError::NotALimit(limit.to_owned()))?;
        let limit = number("--limit", n)?;
        let period = duration("--limit", period, SHORTEST, LONGEST)?;
        let (name, setting) = algorithm.split_once(':').map_or((algorithm, None), |(name, text)| (name, Some(text)));
        let algorithm = match (name, setting) {
            ("sliding-window", None) => Algorithm::SlidingWindow,
            ("fixed-window", None) => Algorithm::FixedWindow,
            ("token-bucket", burst) => {
                Algorithm::TokenBucket { burst: burst.map_or(Ok(limit), |burst| number("--algorithm", burst))? }
            }
            ("leaky-bucket", delay) => Algorithm::LeakyBucket {
                burst: NonZeroU32::MIN,
                max_delay: delay.map_or(Ok(period), |delay| duration("--algorithm", delay, Nanos::ZERO, LONGEST))?,
            },
            _ => return Err(PromiseError::NotAnAlgorithm(algorithm.to_owned())),
        };
        Self::new(limit, period, algorithm)
    }

    /// How old the time may be by which the limiter decides, for it may read its clock once for many requests. 20 ms unless said.
    #[must_use]
    pub const fn with_tick(self, tick: Nanos) -> Self {
        Self { tick, ..self }
    }

    /// How late a used unit may come back; with `None` the limiter may deny whom it likes, and only its admissions are judged.
    ///
    /// T/4 unless said, which forgives the coarsest of Tollgate's windows. A limiter that may deny for other reasons (bans, a full table,
    /// the same status for an overload) wants `None`.
    #[must_use]
    pub const fn with_lag(self, lag: Option<Nanos>) -> Self {
        Self { lag, ..self }
    }

    /// By how many millionths the limiter's clock may run faster or slower than ours. 500 unless said: the most by which Linux slews.
    #[must_use]
    pub fn with_drift_ppm(self, drift_ppm: u32) -> Self {
        Self { drift_ppm: drift_ppm.min(MILLION as u32 / 2), ..self }
    }

    /// Denied requests use units up as well, as they do with HAProxy's `http_req_rate`.
    #[must_use]
    pub const fn charging_denials(self) -> Self {
        Self { charges_denied: true, ..self }
    }

    /// N.
    pub const fn limit(&self) -> u32 {
        self.limit.get()
    }

    /// T.
    pub const fn period(&self) -> Nanos {
        self.period
    }

    /// How it is metered.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// How long an admitted request may be held back.
    pub const fn longest_delay(&self) -> Nanos {
        match self.algorithm {
            Algorithm::LeakyBucket { max_delay, .. } => max_delay,
            Algorithm::SlidingWindow | Algorithm::FixedWindow | Algorithm::TokenBucket { .. } => Nanos::ZERO,
        }
    }

    /// Whether denied requests use units up.
    pub const fn charges_denied(&self) -> bool {
        self.charges_denied
    }

    /// Whether denials are judged.
    pub const fn judges_denials(&self) -> bool {
        self.lag.is_some()
    }

    /// The age of the limiter's time.
    pub(super) const fn tick(&self) -> u64 {
        self.tick.as_u64()
    }

    /// T at the shortest, by our clock: what proofs of too many are held against.
    pub(super) const fn shortest(&self) -> u64 {
        self.shortest_wait(self.period)
    }

    /// T at the longest, by our clock.
    pub(super) const fn longest(&self) -> u64 {
        self.period.as_u64().saturating_add(self.drift())
    }

    /// How much before a denial was sent an answer must have been read, so that its unit had certainly come back.
    pub(super) fn back(&self) -> u64 {
        self.longest().saturating_add(self.slack())
    }

    /// The tick and the lag.
    pub(super) fn slack(&self) -> u64 {
        self.tick().saturating_add(self.lag.unwrap_or(Nanos::MAX).as_u64())
    }

    /// A wait that the limiter measured, at the shortest by our clock.
    pub(super) const fn shortest_wait(&self, wait: Nanos) -> u64 {
        wait.as_u64() - self.drift_of(wait)
    }

    const fn drift(&self) -> u64 {
        self.drift_of(self.period)
    }

    const fn drift_of(&self, span: Nanos) -> u64 {
        (span.as_u64() as u128 * self.drift_ppm as u128).div_ceil(MILLION) as u64
    }
}

fn number(flag: &'static str, text: &str) -> Result<NonZeroU32, PlanError> {
    let number = count(flag, text, 1, MOST)?;
    Ok(NonZeroU32::new(number as u32).expect("at least 1, at most a million"))
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} by {}", self.limit, show_duration(self.period), self.algorithm)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SlidingWindow => f.write_str("sliding-window"),
            Self::FixedWindow => f.write_str("fixed-window"),
            Self::TokenBucket { burst } => write!(f, "token-bucket:{burst}"),
            Self::LeakyBucket { max_delay, .. } => write!(f, "leaky-bucket:{}", show_duration(*max_delay)),
        }
    }
}

impl From<PlanError> for PromiseError {
    fn from(error: PlanError) -> Self {
        Self::Part(error)
    }
}

impl fmt::Display for PromiseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part(error) => error.fmt(f),
            Self::NotALimit(text) => {
                write!(f, "--limit \"{}\": write requests per time, like 5/5s or 100/1m", text.escape_debug())
            }
            Self::NotAnAlgorithm(text) => write!(
                f,
                "--algorithm \"{}\": unknown: write sliding-window, fixed-window, token-bucket[:BURST] or \
                 leaky-bucket[:MAX_DELAY]",
                text.escape_debug()
            ),
            Self::Period(period) => {
                write!(f, "--limit: a window of {} can't be: from 1us to 8760h", show_duration(*period))
            }
            Self::TooFast => f.write_str("--limit: a bucket can't refill by more than one unit per nanosecond"),
        }
    }
}

impl std::error::Error for PromiseError {}

/// A cached clock is renewed every few milliseconds; a starved machine takes its time.
const TICK: Nanos = Nanos::from_millis(20);
/// The most by which Linux slews a clock.
const DRIFT_PPM: u32 = 500;
const MILLION: u128 = 1_000_000;
/// N and B at most: each admission of a window is remembered.
const MOST: u64 = 1_000_000;
/// T at least: below this, all is tolerance.
const SHORTEST: Nanos = Nanos::from_micros(1);
/// T at most: a year.
const LONGEST: Nanos = Nanos::from_secs(8_760 * 3_600);

#[cfg(test)]
mod tests;
