//! Sliding window: at most N units in *every* window `[s, s + T)`.
//!
//! The word holds the last N admissions: the newest as a tick number, the others as the gaps between neighbours, newest first. A request
//! passes when the N-th newest admission has left the window, which is one subtraction chain and one comparison.
//!
//! ```text
//!   N = 5:   | newest: 40 bits | gap 1 | gap 2 | gap 3 | gap 4 |      14 bits each, a tick is T / 16382
//!                              ^ newest to second newest     ^ fourth to fifth newest
//! ```
//!
//! **Never early.** An admission at `t` is written as the tick `q` = ⌈t / tick⌉ and leaves the window at `q · tick + T` ≥ `t + T`. So of
//! N + 1 admissions the first and the last are at least T apart, and no half-open window of T holds them all.
//!
//! **At most one tick late**: `q · tick < t + tick`. A gap too long for its field is cut to the largest value D, which moves the older
//! admission forward; the tick is chosen so that (D − 1) · tick ≥ T, and then the moved admission has left the window too by the time
//! the newer one was written.
//!
//! **Time that runs backwards** finds `q` in the future, leaves more admissions in the window, and is written as `q`: it can only deny
//! more.
//!
//! Rejected: timestamps in full (5 × 64 bits) would cost a second word and with it the single compare-and-swap; two counters with
//! interpolation fit but allow up to 2N − 1.

use super::{Grant, LAST_INSTANT, Rule, State, Step};
use crate::Nanos;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlidingWindow {
    limit: u32,
    /// How many admissions a state remembers: the limit that the window was built with.
    kept: u32,
    gap_bits: u32,
    tick: u64,
    period: u64,
}

impl SlidingWindow {
    /// `limit` is 1 to [`MAX_LIMIT`].
    pub(crate) fn new(limit: u32, period: Nanos) -> Self {
        let gaps = limit - 1;
        let gap_bits = GAPS_BITS.checked_div(gaps).map_or(MAX_GAP_BITS, |bits| bits.min(MAX_GAP_BITS));
        let finest = period.as_u64().div_ceil((1 << gap_bits) - 2);
        Self { limit, kept: limit, gap_bits, tick: finest.max(LIFETIME.div_ceil(NEWEST_END)), period: period.as_u64() }
    }

    /// Another limit over the same states, if they remember enough for it.
    pub(crate) fn with_limit(self, limit: u32, period: Nanos) -> Option<Self> {
        (limit <= self.kept && period.as_u64() == self.period).then_some(Self { limit, ..self })
    }

    /// How late a unit can come back.
    pub(crate) const fn resolution(self) -> Nanos {
        Nanos::new(self.tick)
    }

    const fn gaps(self) -> u32 {
        self.kept - 1
    }

    /// The last instant that the newest tick can name. A limiter that gets there denies more and more; it mints nothing.
    const fn last_instant(self) -> u64 {
        let ticks = LAST_INSTANT / self.tick;
        let ticks = if ticks < NEWEST_END - 2 { ticks } else { NEWEST_END - 2 };
        ticks * self.tick
    }

    /// `newest`, then the gaps from newest to oldest.
    const fn newest(self, state: State) -> u64 {
        (state >> (self.gaps() * self.gap_bits)) as u64
    }

    /// When the admission `age` places behind the newest leaves the window; negative if it did before the epoch.
    fn leaves(self, state: State, age: u32) -> i64 {
        let mask = (1_u128 << self.gap_bits) - 1;
        let mut tick = self.newest(state) as i64;
        for gap in 0..age {
            tick -= ((state >> ((self.gaps() - 1 - gap) * self.gap_bits)) & mask) as i64;
        }
        tick * self.tick as i64 + self.period as i64
    }

    /// Whether the admission `age` places behind the newest is in the window that ends at `now`.
    fn counts(self, state: State, age: u32, now: u64) -> bool {
        state != 0 && (now as i64) < self.leaves(state, age)
    }

    /// How many remembered admissions are in the window: a prefix, since they leave oldest first.
    fn used(self, state: State, now: u64) -> u32 {
        (0..self.kept).find(|age| !self.counts(state, *age, now)).unwrap_or(self.kept)
    }

    /// Remembers `cost` admissions at `now`.
    fn admit(self, state: State, now: u64, cost: u32) -> State {
        // At least 1: tick 0 with no gap would be the empty state, and an admission at the very epoch may leave one tick late.
        let newest = now.div_ceil(self.tick).max(self.newest(state)).max(1);
        let gap_max = (1_u128 << self.gap_bits) - 1;
        let gaps = if state == 0 {
            // Nothing before: every older admission lies "too long ago".
            low_bits(self.gaps() * self.gap_bits) >> ((cost - 1) * self.gap_bits)
        } else if cost > self.gaps() {
            0
        } else {
            let gap = u128::from(newest - self.newest(state)).min(gap_max);
            let older = (state & low_bits(self.gaps() * self.gap_bits)) >> (cost * self.gap_bits);
            (gap << ((self.gaps() - cost) * self.gap_bits)) | older
        };
        (u128::from(newest) << (self.gaps() * self.gap_bits)) | gaps
    }
}

impl Rule for SlidingWindow {
    fn pack(self) -> u128 {
        let small = u128::from(self.limit) | (u128::from(self.kept) << 5) | (u128::from(self.gap_bits) << 10);
        small | (u128::from(self.tick) << 14) | (u128::from(self.period) << 70)
    }

    fn unpack(word: u128) -> Self {
        let field = |shift: u32, bits: u32| ((word >> shift) & low_bits(bits)) as u64;
        Self {
            limit: field(0, 5) as u32,
            kept: field(5, 5) as u32,
            gap_bits: field(10, 4) as u32,
            tick: field(14, 56),
            period: field(70, 56),
        }
    }

    fn step(self, state: State, now: Nanos, cost: u32) -> Step {
        if cost == 0 || cost > self.limit {
            return if cost == 0 { self.look(state, now) } else { Step::Never };
        }
        let now = now.as_u64().min(self.last_instant());
        let in_the_way = self.limit - cost;
        if self.counts(state, in_the_way, now) {
            return Step::Deny { retry_after: Nanos::new((self.leaves(state, in_the_way) - now as i64) as u64) };
        }
        let state = self.admit(state, now, cost);
        let grant = Grant {
            remaining: self.limit.saturating_sub(self.used(state, now)),
            reset_after: self.expires(state).saturating_sub(Nanos::new(now)),
            delay: Nanos::ZERO,
        };
        Step::Allow { grant, state }
    }

    fn expires(self, state: State) -> Nanos {
        if state == 0 { Nanos::ZERO } else { Nanos::new(self.leaves(state, 0) as u64) }
    }

    /// Forgets the *oldest* admissions in the window: whichever was given back, those that stay leave no earlier than the real ones.
    fn refund(self, state: State, cost: u32, charged_at: Nanos, now: Nanos) -> Option<State> {
        let charge_left = charged_at.as_u64().saturating_add(self.period) <= now.as_u64();
        let used = self.used(state, now.as_u64().min(self.last_instant()));
        if charge_left || used == 0 || cost == 0 {
            return None;
        }
        let kept = used.saturating_sub(cost);
        if kept == 0 {
            return Some(0);
        }
        // The gap behind the last one kept becomes "too long ago", and so do all older ones.
        Some(state | low_bits((self.gaps() - (kept - 1)) * self.gap_bits))
    }
}

impl SlidingWindow {
    /// A request of no cost always passes and leaves the state as it is.
    fn look(self, state: State, now: Nanos) -> Step {
        let at = now.as_u64().min(self.last_instant());
        let grant = Grant {
            remaining: self.limit.saturating_sub(self.used(state, at)),
            reset_after: self.expires(state).saturating_sub(now),
            delay: Nanos::ZERO,
        };
        Step::Allow { grant, state }
    }
}

const fn low_bits(bits: u32) -> u128 {
    (1 << bits) - 1
}

/// 96 bits less the 40 of the newest tick.
const GAPS_BITS: u32 = 56;
/// With fewer than five admissions to remember, finer gaps would make a finer tick than anyone needs.
const MAX_GAP_BITS: u32 = 14;
/// Beyond this a gap has 2 bits and a unit returns half a period late: not a sliding window any more.
pub(crate) const MAX_LIMIT: u32 = 19;
/// The newest tick is below this, also where it has more than 40 bits: all ones would read as a pending slot.
const NEWEST_END: u64 = (1 << 40) - 1;
/// 2.3 years: what the newest tick spans at least. A tick is 65.5 µs or more for its sake, which is T / 16384 from T = 1.07 s on.
const LIFETIME: u64 = 1 << 56;

const _: () = assert!(GAPS_BITS / (MAX_LIMIT - 1) == 3 && MAX_LIMIT < 1 << 5 && MAX_GAP_BITS < 1 << 4);
