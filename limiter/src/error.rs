//! Settings that can't be: each error says what, and what to do about it.

use core::fmt;

use crate::{Algorithm, Nanos, algorithm::sliding_window};

/// Why a [`crate::Quota`] can't be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuotaError {
    /// The text isn't `N/PERIOD`.
    Syntax {
        /// What was given.
        text: String,
    },
    /// Nobody could ever pass.
    ZeroLimit,
    /// The period is zero or longer than a year.
    Period {
        /// What was asked for.
        period: Nanos,
    },
    /// A sliding window can't remember so many admissions in one word.
    TooManyToRemember {
        /// What was asked for.
        limit: u32,
    },
    /// A bucket refills at most one unit per nanosecond.
    TooFast {
        /// What was asked for.
        limit: u32,
        /// What was asked for.
        period: Nanos,
    },
    /// The burst is zero or takes too long to refill.
    Burst {
        /// What was asked for.
        burst: u32,
    },
    /// The delay is longer than a day.
    Delay {
        /// What was asked for.
        max_delay: Nanos,
    },
    /// The setting belongs to another algorithm.
    NoSuchSetting {
        /// The setting's name.
        setting: &'static str,
        /// The quota's algorithm.
        algorithm: Algorithm,
        /// The algorithm that has it.
        owner: Algorithm,
    },
    /// No algorithm has this name.
    Algorithm {
        /// What was given.
        text: String,
    },
}

impl fmt::Display for QuotaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { text } => {
                write!(
                    f,
                    "`{text}` is not a quota: write N/PERIOD, such as 5/5s, 100/1m or 10/s (N up to 4294967295, units ns us ms s m h d)"
                )
            }
            Self::ZeroLimit => write!(f, "a quota of 0 lets nobody pass: use at least 1, or the deny list"),
            Self::Period { period } => {
                write!(f, "a period of {period} is out of range: use more than 0 and at most 366d")
            }
            Self::TooManyToRemember { limit } => write!(
                f,
                "sliding-window remembers at most {} admissions per client, not {limit}: use fixed-window, token-bucket or leaky-bucket",
                sliding_window::MAX_LIMIT
            ),
            Self::TooFast { limit, period } => {
                write!(f, "{limit}/{period} is more than one per nanosecond: use a longer period or fixed-window")
            }
            Self::Burst { burst } => {
                write!(f, "a burst of {burst} is out of range: use at least 1, and what refills within 34 years")
            }
            Self::Delay { max_delay } => write!(f, "a max-delay of {max_delay} is out of range: use at most 1d"),
            Self::NoSuchSetting { setting, algorithm, owner } => {
                write!(f, "{algorithm} has no {setting}: drop it, or use {owner}")
            }
            Self::Algorithm { text } => write!(
                f,
                "`{text}` is not an algorithm: use sliding-window, fixed-window, token-bucket or leaky-bucket"
            ),
        }
    }
}

impl core::error::Error for QuotaError {}

/// Why a [`crate::Limiter`] can't be built from its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingsError {
    /// No quota at all, or more than 8 in one list.
    QuotaCount {
        /// How many there were.
        count: usize,
    },
    /// No shard, or more than 1024.
    Shards {
        /// What was asked for.
        shards: usize,
    },
    /// Zero clients, or more than 2^32.
    Clients {
        /// What was asked for.
        clients: u64,
    },
    /// The same client stands in two of the lists: overrides, allow, deny.
    ListedTwice {
        /// The client.
        id: String,
    },
    /// The operating system doesn't give that much memory.
    Memory {
        /// How much was asked for.
        bytes: u64,
    },
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QuotaCount { count } => write!(f, "{count} quotas for one client: use 1 to {MAX_QUOTAS}"),
            Self::Shards { shards } => write!(f, "{shards} shards: use 1 to {MAX_SHARDS}, best one per core"),
            Self::Clients { clients } => write!(f, "room for {clients} clients: use 1 to {MAX_CLIENTS}"),
            Self::ListedTwice { id } => {
                write!(
                    f,
                    "client `{id}` is listed twice: name it once in the overrides, the allow list or the deny list"
                )
            }
            Self::Memory { bytes } => write!(f, "no {bytes} bytes of memory to be had: ask for fewer clients"),
        }
    }
}

impl core::error::Error for SettingsError {}

/// Why a [`crate::Ladder`] of bans can't be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LadderError {
    /// Zero strikes, or no time to collect them in.
    Strikes,
    /// Not 1 to 8 rungs, or one that is zero, above a year, or shorter than the one before.
    Rungs,
}

impl fmt::Display for LadderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Strikes => write!(f, "a ban needs at least 1 strike within more than 0 and at most 366d"),
            Self::Rungs => write!(
                f,
                "a ladder has 1 to 8 rungs, each longer than 0, at most 366d and no shorter than the one before"
            ),
        }
    }
}

impl core::error::Error for LadderError {}

/// Why a running limiter can't take over a new quota ([`crate::Limiter::set_quota`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwapError {
    /// There is no quota with that index.
    Index,
    /// What clients have used so far can't be read under the new quota: another algorithm, or a sliding window of another period or a
    /// larger limit. Or one of the two is a shadow: that is fixed when a limiter is built. Build a new limiter.
    Incompatible,
}

impl fmt::Display for SwapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index => write!(f, "no quota has that index"),
            Self::Incompatible => write!(
                f,
                "the new quota can't read the old one's state: keep the algorithm and the shadow mode (and for sliding-window the period, and no larger limit), or build a new limiter"
            ),
        }
    }
}

impl core::error::Error for SwapError {}

pub(crate) const MAX_QUOTAS: usize = 8;
pub(crate) const MAX_SHARDS: usize = 1024;
pub(crate) const MAX_CLIENTS: u64 = 1 << 32;
