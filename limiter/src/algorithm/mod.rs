//! The algorithms, each a pure function from (rule, state, now, cost) to an answer and the next state, in a file of its own.
//!
//! A [`State`] is at most 96 bits and `0` is a client that was never seen. A state whose time has passed ([`Rule::expires`]) answers
//! exactly like `0`: that is what lets the table reclaim a slot by overwriting it.

use core::fmt;
use core::str::FromStr;

use crate::{Decision, Nanos, Quota, QuotaError};

pub(crate) mod bucket;
pub(crate) mod fixed_window;
pub(crate) mod ladder;
pub(crate) mod sliding_window;
#[cfg(all(test, not(loom)))]
mod tests;

pub(crate) use bucket::{LeakyBucket, TokenBucket};
pub(crate) use fixed_window::FixedWindow;
pub(crate) use sliding_window::SlidingWindow;

/// How a quota is metered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// At most N in *every* window of T; the last N admissions in one word.
    #[default]
    SlidingWindow,
    /// At most N in a window that opens with the client's first admitted request.
    FixedWindow,
    /// GCRA: a bucket of B units refilled at N per T.
    TokenBucket,
    /// The same meter answering *when*: requests leave evenly spaced, or are denied when they would wait too long.
    LeakyBucket,
}

impl Algorithm {
    /// All of them, the default first.
    pub const ALL: [Self; 4] = [Self::SlidingWindow, Self::FixedWindow, Self::TokenBucket, Self::LeakyBucket];

    /// Its name on command lines and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SlidingWindow => "sliding-window",
            Self::FixedWindow => "fixed-window",
            Self::TokenBucket => "token-bucket",
            Self::LeakyBucket => "leaky-bucket",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = QuotaError;

    fn from_str(text: &str) -> Result<Self, QuotaError> {
        let named = Self::ALL.into_iter().find(|algorithm| algorithm.name() == text);
        named.ok_or_else(|| QuotaError::Algorithm { text: text.to_owned() })
    }
}

/// What a slot remembers of a client: 96 bits at most, `0` for nothing.
pub(crate) type State = u128;

/// The answer of an algorithm to one request. Small, since it is what a decision carries across its compare-and-swap; what else a client
/// may know is read off the new state afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Passes, and this is the state that remembers it.
    Allow(State),
    /// Doesn't pass; nothing changes.
    Deny { retry_after: Nanos },
    /// Costs more than the quota ever holds.
    Never,
}

/// What a client that passed may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) remaining: u32,
    pub(crate) reset_after: Nanos,
    pub(crate) delay: Nanos,
}

impl Grant {
    pub(crate) const fn decision(self, quota_index: u8, would_deny: bool) -> Decision {
        let Self { remaining, reset_after, delay } = self;
        Decision::Allow { remaining, reset_after, delay, quota_index, would_deny }
    }
}

/// A quota, worked out for deciding: it fits one word, so that a running limiter can take over another one atomically.
pub(crate) trait Rule: Copy {
    fn pack(self) -> u128;
    fn unpack(word: u128) -> Self;

    /// Decides one request of `cost` units.
    fn step(self, state: State, now: Nanos, cost: u32) -> Step;

    /// What a client in `state` may know, right after a request of `cost` units passed.
    fn grant(self, state: State, now: Nanos, cost: u32) -> Grant;

    /// From when on `state` answers like `0`; [`Nanos::MAX`] for never, because the last instant comes first.
    fn expires(self, state: State) -> Nanos;

    /// Gives back up to `cost` units that were charged at `charged_at`: never more than that charge still weighs. `None` changes nothing.
    fn refund(self, state: State, cost: u32, charged_at: Nanos, now: Nanos) -> Option<State>;
}

/// A quota's rule, whichever it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Meter {
    Sliding(SlidingWindow),
    Fixed(FixedWindow),
    Token(TokenBucket),
    Leaky(LeakyBucket),
}

impl Meter {
    pub(crate) fn new(quota: &Quota) -> Self {
        match quota.algorithm() {
            Algorithm::SlidingWindow => Self::Sliding(SlidingWindow::new(quota.limit(), quota.period())),
            Algorithm::FixedWindow => Self::Fixed(FixedWindow::new(quota.limit(), quota.period())),
            Algorithm::TokenBucket => Self::Token(TokenBucket::new(quota.limit(), quota.period(), quota.burst())),
            Algorithm::LeakyBucket => Self::Leaky(LeakyBucket::new(quota.limit(), quota.period(), quota.max_delay())),
        }
    }

    pub(crate) fn resolution(self) -> Nanos {
        match self {
            Self::Sliding(rule) => rule.resolution(),
            Self::Fixed(_) => Nanos::new(1),
            Self::Token(rule) => rule.resolution(),
            Self::Leaky(rule) => rule.resolution(),
        }
    }
}

/// `end`, unless time stops before it.
const fn unless_after(end: u64, last_instant: u64) -> Nanos {
    if end > last_instant { Nanos::MAX } else { Nanos::new(end) }
}

/// 146 years of nanoseconds. A later `now` is taken for this one, so that no sum below overflows; the limiter then denies, it never mints.
pub(crate) const LAST_INSTANT: u64 = 1 << 62;
