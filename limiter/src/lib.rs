//! Rate limits per client, in fixed memory, without locks: one client, one 128-bit word, one compare-and-swap.
//!
//! # Model
//!
//! A [`Limiter`] is a table of slots, 16 bytes each, reserved when it is built. A client is a [`Key`], a keyed fingerprint of its id; its
//! whole state under a [`Quota`] is one word in one slot, one of twelve in three cache lines. Any thread decides on any client: it loads the
//! quota's rule and those slots up to the client's own, runs an algorithm that is a pure function, and if that allows, does one
//! compare-and-swap. A slot whose state no longer matters is free: nothing is swept, nothing is ever allocated.
//!
//! # Guarantees
//!
//! - **Never more than the quota's bound**, [`Quota::worst_case`], whatever the threads do, whatever the clocks do (a time that runs backwards
//!   mints nothing: windows are counted by the clock that is furthest ahead), however many clients there are (a client displaced from a
//!   full table is denied until its debt is over, unless you choose [`WhenFull::Forget`]). What a [refund](Limiter::refund) gave back
//!   counts as never let through; only a token bucket has to be told the time by a clock that doesn't lag for that.
//! - **A denial changes nothing**: it writes no memory, doesn't prolong itself, and costs an attacker's core as little as possible. (With
//!   [bans](Settings::bans), [`DeniedBy::Quota`] is counted as a strike until the client is banned.)
//! - **`retry_after` is exact**: denied a nanosecond before, allowed at it.
//! - **Memory is fixed** by [`Capacity`]: at most 32 bytes per client and quota, and 4 KiB per shard and quota, where bans count as one more
//!   quota (31 + 31 = 62 bytes per client in a large table). Each [override](Settings::overrides) has tables of its own, of at least 704
//!   bytes per quota and shard.
//!
//! # Price
//!
//! - Ids aren't stored. Two clients share a slot, and with it a quota, with odds of 2⁻³² / (lines of a group) per pair, 1.5 · 10⁻¹⁵ in a table
//!   for a million clients: among a million clients, about one chance in 1 300 that there is any such pair at all.
//! - A sliding window remembers at most 19 admissions; larger quotas take another algorithm.
//! - Time is an argument. Give it a clock that doesn't jump, counted from about when the limiter was built, not Unix time: a sliding window
//!   takes an instant beyond 2.3 years for that one, and everybody ends up denied for good. The others go on for 146 years.
//!
//! # Example
//!
//! ```
//! use tollgate_limiter::{Decision, Limiter, Nanos, Settings};
//!
//! let limiter = Limiter::new(&Settings { seed: 0x5eed, ..Settings::default() })?; // 5 per 5 s
//! let alice = limiter.key(b"alice");
//! let now = Nanos::from_secs(1);
//! for _ in 0..5 {
//!     assert!(limiter.decide(alice, now).is_allow());
//! }
//! let Decision::Deny { retry_after, .. } = limiter.decide(alice, now) else { panic!("a sixth request") };
//! assert!(limiter.decide(alice, now.saturating_add(retry_after)).is_allow());
//! # Ok::<(), tollgate_limiter::SettingsError>(())
//! ```
//!
//! For the other end, a server that fails, there is a circuit breaker: [`breaker`].
//!
//! How it works, and why it is right: `DESIGN.md` beside this crate. The races are model-checked in `tollgate-loom-tests`.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod algorithm;
mod bans;
pub mod breaker;
mod claim;
mod debt;
mod decision;
mod error;
mod key;
mod limiter;
mod meter;
mod names;
mod nanos;
mod plan;
mod quota;
mod settings;
mod slot;
mod sync;
mod table;
mod tier;

pub use algorithm::Algorithm;
pub use algorithm::ladder::Ladder;
pub use decision::{Decision, DeniedBy};
pub use error::{LadderError, QuotaError, SettingsError, SwapError};
pub use key::Key;
pub use limiter::Limiter;
pub use nanos::Nanos;
pub use plan::{ShardParts, ShardPlan};
pub use quota::Quota;
pub use settings::{Capacity, Override, Settings, UnknownWhenFull, WhenFull};
#[cfg(loom)]
#[doc(hidden)]
pub use sync::announce_loads;
