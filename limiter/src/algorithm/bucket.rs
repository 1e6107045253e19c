//! Token bucket and leaky bucket: one meter, the *theoretical arrival time* of GCRA (ITU-T I.371, "virtual scheduling").
//!
//! State: the instant at which everything charged so far will have been paid off, at one unit per *emission interval* E = T / N. A request
//! adds its cost in E. The token bucket lets the debt reach B · E; the leaky bucket asks the request to wait until the debt before it is
//! paid, so that requests leave one E apart, and denies if that takes longer than `max_delay`.
//!
//! Instants carry 24 fractional bits and E is rounded up, so a client loses less than 2⁻²⁴ ns per unit and gains nothing.
//!
//! **Bound (token bucket): B + ⌊W · N / T⌋ in any closed window of length W.** The debt is at most B · E after an admission at the end of
//! the window and can't be below zero at its start; in between at most W is paid off; so what was charged is at most B · E + W.
//!
//! **Bound (leaky bucket): 1 + ⌊W · N / T⌋ leave in any window `[s, s + W)`**, because two that leave are at least E apart. (Each is told a
//! whole number of nanoseconds, rounded up, so in whole nanoseconds they can be one closer: the closed window doesn't have this bound.)
//!
//! **Time that runs backwards**: the debt stays where it is, and an earlier `now` only sees more of it. (Buckets that store tokens and a
//! last time mint quota here.)

use super::{Grant, LAST_INSTANT, Rule, State, Step, unless_after};
use crate::Nanos;

/// GCRA: a bucket of `burst` units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenBucket {
    emission: u128,
    burst: u32,
}

impl TokenBucket {
    pub(crate) fn new(limit: u32, period: Nanos, burst: u32) -> Self {
        Self { emission: emission(limit, period), burst }
    }

    /// What a whole burst is late.
    pub(crate) fn resolution(self) -> Nanos {
        late(u128::from(self.burst))
    }
}

impl Rule for TokenBucket {
    fn pack(self) -> u128 {
        (self.emission << 32) | u128::from(self.burst)
    }

    #[inline(always)]
    fn unpack(word: u128) -> Self {
        Self { emission: word >> 32, burst: word as u32 }
    }

    #[inline(always)]
    fn step(self, state: State, now: Nanos, cost: u32) -> Step {
        if cost > self.burst {
            return Step::Never;
        }
        let now = instant(now);
        let debt = state.max(now) + u128::from(cost) * self.emission;
        let ceiling = now + u128::from(self.burst) * self.emission;
        // Without cost a debt above the ceiling is no reason: a clock that lags, or a burst that has been lowered.
        if debt > ceiling && cost > 0 {
            return Step::Deny { retry_after: ceil(debt - ceiling) };
        }
        Step::Allow(if cost == 0 { state } else { debt })
    }

    #[inline(always)]
    fn grant(self, state: State, now: Nanos, _: u32) -> Grant {
        let now = instant(now);
        let debt = state.max(now);
        let ceiling = now + u128::from(self.burst) * self.emission;
        Grant {
            remaining: quotient(ceiling.saturating_sub(debt), self.emission),
            reset_after: ceil(debt - now),
            delay: Nanos::ZERO,
        }
    }

    fn expires(self, state: State) -> Nanos {
        unless_after(ceil(state).as_u64(), LAST_INSTANT)
    }

    /// What a charge still weighs: time since has paid off that much of it already, or would have had it never been made. That holds for
    /// a `now` no earlier than any charge since; the state can't tell, and a `now` that lags gives back as much too much.
    fn refund(self, state: State, cost: u32, charged_at: Nanos, now: Nanos) -> Option<State> {
        let paid = instant(now.saturating_sub(charged_at));
        let weight = (u128::from(cost) * self.emission).checked_sub(paid)?;
        (weight > 0).then_some(state.saturating_sub(weight))
    }
}

/// The same meter, answering *when*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeakyBucket {
    emission: u128,
    max_delay: u64,
}

impl LeakyBucket {
    pub(crate) fn new(limit: u32, period: Nanos, max_delay: Nanos) -> Self {
        Self { emission: emission(limit, period), max_delay: max_delay.as_u64() }
    }

    /// What as many as wait at once are late.
    pub(crate) fn resolution(self) -> Nanos {
        late((u128::from(self.max_delay) << FRACTION) / self.emission + 1)
    }
}

impl Rule for LeakyBucket {
    fn pack(self) -> u128 {
        (self.emission << 48) | u128::from(self.max_delay)
    }

    #[inline(always)]
    fn unpack(word: u128) -> Self {
        Self { emission: word >> 48, max_delay: word as u64 & ((1 << 48) - 1) }
    }

    /// A request of cost c counts as c requests back to back and leaves when the last of them would.
    #[inline(always)]
    fn step(self, state: State, now: Nanos, cost: u32) -> Step {
        let now = instant(now);
        let patience = u128::from(self.max_delay) << FRACTION;
        let before_last = u128::from(cost.saturating_sub(1)) * self.emission;
        if before_last > patience {
            return Step::Never;
        }
        let leaves = state.max(now) + before_last;
        if leaves > now + patience && cost > 0 {
            return Step::Deny { retry_after: ceil(leaves - now - patience) };
        }
        Step::Allow(if cost == 0 { state } else { leaves + self.emission })
    }

    #[inline(always)]
    fn grant(self, state: State, now: Nanos, cost: u32) -> Grant {
        let now = instant(now);
        let debt = state.max(now);
        let patience = u128::from(self.max_delay) << FRACTION;
        let room = (now + patience).checked_sub(debt).map_or(0, |room| quotient(room, self.emission).saturating_add(1));
        let delay = if cost == 0 { 0 } else { debt.saturating_sub(now + self.emission) };
        Grant { remaining: room, reset_after: ceil(debt - now), delay: ceil(delay) }
    }

    fn expires(self, state: State) -> Nanos {
        unless_after(ceil(state).as_u64(), LAST_INSTANT)
    }

    /// Only the charge of a request that found the bucket empty and that nobody has queued behind since. A later one has been told when to
    /// leave: a debt less by the place before it would let two leave at once.
    fn refund(self, state: State, cost: u32, charged_at: Nanos, _: Nanos) -> Option<State> {
        let before = instant(charged_at);
        let alone = state == before + u128::from(cost) * self.emission;
        (alone && cost > 0).then_some(before)
    }
}

/// T / N, rounded up, with fractional bits. At least one nanosecond: [`crate::Quota`] refuses faster.
fn emission(limit: u32, period: Nanos) -> u128 {
    instant(period).div_ceil(u128::from(limit))
}

/// By how much so many intervals are too long, and one for the nanosecond that answers are rounded up to.
fn late(units: u128) -> Nanos {
    Nanos::new((units >> FRACTION) as u64 + 1)
}

fn instant(now: Nanos) -> u128 {
    u128::from(now.as_u64().min(LAST_INSTANT)) << FRACTION
}

const fn ceil(span: u128) -> Nanos {
    Nanos::new(((span + FRACTION_MASK) >> FRACTION) as u64)
}

/// `span / emission`; nearly always both fit a word, and a division of words is several times faster.
fn quotient(span: u128, emission: u128) -> u32 {
    let units = match (u64::try_from(span), u64::try_from(emission)) {
        (Ok(span), Ok(emission)) => span / emission,
        _ => u64::try_from(span / emission).unwrap_or(u64::MAX),
    };
    u32::try_from(units).unwrap_or(u32::MAX)
}

/// Fractional bits of an instant: 62 + 24 of the 96 bits of a state, and E and a burst together fit a word.
const FRACTION: u32 = 24;
const FRACTION_MASK: u128 = (1 << FRACTION) - 1;
