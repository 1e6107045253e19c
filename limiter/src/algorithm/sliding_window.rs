//! Sliding window: at most N units in *every* window `[s, s + T)`.
//!
//! The word holds the last N admissions: the newest as a tick number, the others as their ages, in ticks before the newest. A request
//! passes when the N-th newest admission has left the window: one field, one multiplication, one comparison.
//!
//! ```text
//!   N = 5:   | newest: 40 bits | age 1 | age 2 | age 3 | age 4 |      14 bits each, a tick is T / 16382
//!                                ^ second newest         ^ fifth newest
//! ```
//!
//! **Never early.** An admission at `t` is written as the tick `q` = ⌈t / tick⌉ and leaves the window at `q · tick + T` ≥ `t + T`. So of
//! N + 1 admissions the first and the last are at least T apart, and no half-open window of T holds them all.
//!
//! **At most one tick late**: `q · tick < t + tick`. An age too long for its field is cut to the largest value D, which moves that
//! admission forward; the tick is chosen so that (D − 1) · tick ≥ T, and then the moved admission has left the window too by the time
//! the newer one was written.
//!
//! **Time that runs backwards** finds `q` in the future, leaves more admissions in the window, and is written as `q`: it can only deny
//! more.
//!
//! **A refund** has to bring back what the word had forgotten: the admission before the oldest, or a clock that lags would find room that
//! never was. All that is known of it is that it had left when the newest was admitted, so it is put there, and may leave a tick late.
//!
//! Rejected: timestamps in full (5 × 64 bits) would cost a second word and with it the single compare-and-swap; two counters with
//! interpolation fit but allow up to 2N − 1.

use super::{Grant, Rule, State, Step, unless_after};
use crate::Nanos;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlidingWindow {
    limit: u32,
    /// How many admissions a state remembers: the limit that the window was built with.
    kept: u32,
    age_bits: u32,
    /// The bits of all ages together: at most [`AGES_BITS`], so they fit a machine word.
    ages_len: u32,
    tick: u64,
    period: u64,
}

impl SlidingWindow {
    /// `limit` is 1 to [`MAX_LIMIT`].
    pub(crate) fn new(limit: u32, period: Nanos) -> Self {
        let ages = limit - 1;
        let age_bits = AGES_BITS.checked_div(ages).map_or(MAX_AGE_BITS, |bits| bits.min(MAX_AGE_BITS));
        let finest = period.as_u64().div_ceil((1 << age_bits) - 2);
        let tick = finest.max(LIFETIME.div_ceil(NEWEST_END));
        Self { limit, kept: limit, age_bits, ages_len: ages * age_bits, tick, period: period.as_u64() }
    }

    /// Another limit over the same states, if they remember enough for it.
    pub(crate) fn with_limit(self, limit: u32, period: Nanos) -> Option<Self> {
        (limit <= self.kept && period.as_u64() == self.period).then_some(Self { limit, ..self })
    }

    /// How late a unit can come back.
    pub(crate) const fn resolution(self) -> Nanos {
        Nanos::new(self.tick)
    }

    const fn newest(self, state: State) -> u64 {
        (state >> self.ages_len) as u64
    }

    /// The ages of all admissions behind the newest, the oldest in the lowest bits.
    const fn ages(self, state: State) -> u64 {
        state as u64 & low_bits(self.ages_len)
    }

    /// The age of the admission `behind` places behind the newest, in ticks.
    const fn age(self, state: State, behind: u32) -> u64 {
        if behind == 0 {
            0
        } else {
            (self.ages(state) >> (self.ages_len - behind * self.age_bits)) & low_bits(self.age_bits)
        }
    }

    /// The ticks of the remembered admissions, the newest first. One before the epoch never was.
    fn ticks(self, state: State) -> [i64; MAX_LIMIT as usize] {
        let newest = self.newest(state) as i64;
        core::array::from_fn(|behind| {
            let behind = behind as u32;
            if behind < self.kept { newest - self.age(state, behind) as i64 } else { i64::MIN }
        })
    }

    /// The state that remembers these, the newest first.
    fn state(self, ticks: &[i64]) -> State {
        let Ok(newest @ 1..) = u64::try_from(ticks[0]) else { return 0 };
        let ages = ticks[1..].iter().fold(0, |ages, tick| {
            let age = (ticks[0] - tick).min(low_bits(self.age_bits) as i64);
            (ages << self.age_bits) | age as u64
        });
        (u128::from(newest) << self.ages_len) | u128::from(ages)
    }

    /// How long after `now` the newest admission leaves the window; one that is older leaves that much earlier. Negative: it has left.
    const fn window_left(self, newest: u64, now: u64) -> i64 {
        newest as i64 * self.tick as i64 + self.period as i64 - now as i64
    }

    /// How many remembered admissions are in the window that ends at `now`.
    #[inline(always)]
    fn used(self, state: State, now: u64) -> u32 {
        if state == 0 {
            return 0;
        }
        let left = self.window_left(self.newest(state), now);
        let mut ages = self.ages(state);
        let mut used = u32::from(left > 0);
        for _ in 1..self.kept {
            let age = ages & low_bits(self.age_bits);
            used += u32::from(left > (age * self.tick) as i64);
            ages >>= self.age_bits;
        }
        used
    }

    /// Remembers `cost` admissions at `now`.
    #[inline(always)]
    fn admit(self, state: State, now: u64, cost: u32) -> State {
        let oldest = low_bits(self.age_bits);
        let before = self.newest(state);
        // At least 1: tick 0 with no ages would be the empty state, and an admission at the very epoch may leave one tick late.
        let newest = now.div_ceil(self.tick).max(before).max(1);
        // Nothing before: every older admission lies "too long ago".
        let passed = if state == 0 { oldest } else { (newest - before).min(oldest) };
        let ages = if cost >= self.kept {
            0
        } else if passed == oldest {
            // So are all of them when the newest is.
            low_bits(self.ages_len) >> ((cost - 1) * self.age_bits)
        } else {
            // The oldest `cost` are forgotten, the others grow older, the newest so far comes next, and the new ones have no age.
            let mut older = self.ages(state) >> (cost * self.age_bits);
            let (mut ages, mut at) = (0, 0);
            for _ in cost + 1..self.kept {
                ages |= ((older & oldest) + passed).min(oldest) << at;
                older >>= self.age_bits;
                at += self.age_bits;
            }
            ages | passed << at
        };
        (u128::from(newest) << self.ages_len) | u128::from(ages)
    }
}

impl Rule for SlidingWindow {
    fn pack(self) -> u128 {
        let low = (self.tick << 11) | u64::from(self.kept << 6) | u64::from(self.ages_len);
        let high = (self.period << 9) | u64::from(self.limit << 4) | u64::from(self.age_bits);
        (u128::from(high) << 64) | u128::from(low)
    }

    #[inline(always)]
    fn unpack(word: u128) -> Self {
        let (high, low) = ((word >> 64) as u64, word as u64);
        Self {
            limit: (high >> 4) as u32 & 0x1f,
            kept: (low >> 6) as u32 & 0x1f,
            age_bits: high as u32 & 0xf,
            ages_len: low as u32 & 0x3f,
            tick: low >> 11,
            period: high >> 9,
        }
    }

    #[inline(always)]
    fn step(self, state: State, now: Nanos, cost: u32) -> Step {
        if cost == 0 || cost > self.limit {
            return if cost == 0 { Step::Allow(state) } else { Step::Never };
        }
        let now = now.as_u64().min(LAST);
        // It has to have left for `cost` units more to fit; those before it have then left too.
        let in_the_way = self.age(state, self.limit - cost);
        let rest = self.window_left(self.newest(state), now) - (in_the_way * self.tick) as i64;
        if state != 0 && rest > 0 {
            return Step::Deny { retry_after: Nanos::new(rest as u64) };
        }
        Step::Allow(self.admit(state, now, cost))
    }

    #[inline(always)]
    fn grant(self, state: State, now: Nanos, _: u32) -> Grant {
        let now = now.as_u64().min(LAST);
        let reset_after = if state == 0 { 0 } else { self.window_left(self.newest(state), now).max(0) };
        Grant {
            remaining: self.limit.saturating_sub(self.used(state, now)),
            reset_after: Nanos::new(reset_after as u64),
            delay: Nanos::ZERO,
        }
    }

    fn expires(self, state: State) -> Nanos {
        if state == 0 {
            return Nanos::ZERO;
        }
        unless_after(self.window_left(self.newest(state), 0) as u64, LAST)
    }

    /// Takes the *oldest* admissions in the window: whichever was given back, those that stay leave no earlier than the real ones. Older
    /// ones move up, for a clock that lags to see.
    fn refund(self, state: State, cost: u32, charged_at: Nanos, now: Nanos) -> Option<State> {
        if state == 0 || cost == 0 {
            return None;
        }
        let (mut ticks, kept) = (self.ticks(state), self.kept as usize);
        // By the clock of the newest admission, if this one lags.
        let now = (ticks[0] as u64 * self.tick).max(now.as_u64().min(LAST));
        let used = self.used(state, now) as usize;
        let back = used.min(cost as usize);
        if back == 0 || charged_at.as_u64().saturating_add(self.period) <= now {
            return None;
        }
        // What comes after the last one remembered is unknown, but it had left when the newest was admitted.
        let forgotten = ticks[kept - 1].min(ticks[0] - self.period.div_ceil(self.tick) as i64);
        ticks.copy_within(used..kept, used - back);
        ticks[kept - back..kept].fill(forgotten);
        Some(self.state(&ticks[..kept]))
    }
}

const fn low_bits(bits: u32) -> u64 {
    (1 << bits) - 1
}

/// 96 bits less the 40 of the newest tick.
const AGES_BITS: u32 = 56;
/// With fewer than five admissions to remember, longer ages would make a finer tick than anyone needs.
const MAX_AGE_BITS: u32 = 14;
/// Beyond this an age has 2 bits and a unit returns half a period late: not a sliding window any more.
pub(crate) const MAX_LIMIT: u32 = 19;
/// The newest tick is below this, also where it has more than 40 bits: all ones would read as a pending slot.
const NEWEST_END: u64 = (1 << 40) - 1;
/// 2.3 years: what the newest tick spans at least. A tick is 65.5 µs or more for its sake, which is T / 16382 from T = 1.07 s on.
const LIFETIME: u64 = 1 << 56;
/// The last instant that every newest tick can name. A limiter that gets there denies more and more; it mints nothing.
const LAST: u64 = (NEWEST_END - 2) * LIFETIME.div_ceil(NEWEST_END);

const _: () = assert!(AGES_BITS / (MAX_LIMIT - 1) == 3 && MAX_LIMIT < 1 << 5 && MAX_AGE_BITS < 1 << 4);
