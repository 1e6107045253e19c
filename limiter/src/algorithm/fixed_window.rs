//! Fixed window: at most N units in a window of T that opens with the client's first admitted request.
//!
//! State: the window's opening (64 bits) and the units used (32 bits).
//!
//! **Bound: 2N − 1 in any window of T.** Windows of one client open at least T apart, so a stretch `[s, s + T)` meets at most two. If it
//! meets two, the first opened before `s`, so the unit that opened it lies outside: (N − 1) + N. The bound is reached: one at 0, N − 1 just
//! before T, N at T.

use super::{Grant, LAST_INSTANT, Rule, State, Step, unless_after};
use crate::Nanos;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FixedWindow {
    limit: u32,
    period: u64,
}

impl FixedWindow {
    pub(crate) const fn new(limit: u32, period: Nanos) -> Self {
        Self { limit, period: period.as_u64() }
    }

    /// Opening and units used of the window that holds `now`; `now` before the opening counts as within.
    fn window(self, state: State, now: u64) -> (u64, u32) {
        let (opened, used) = ((state >> 32) as u64, state as u32);
        if used == 0 || now >= opened + self.period { (now, 0) } else { (opened, used) }
    }
}

impl Rule for FixedWindow {
    fn pack(self) -> u128 {
        (u128::from(self.period) << 32) | u128::from(self.limit)
    }

    #[inline(always)]
    fn unpack(word: u128) -> Self {
        Self { limit: word as u32, period: (word >> 32) as u64 }
    }

    #[inline(always)]
    fn step(self, state: State, now: Nanos, cost: u32) -> Step {
        if cost > self.limit {
            return Step::Never;
        }
        let now = now.as_u64().min(LAST_INSTANT);
        let (opened, used) = self.window(state, now);
        // A new quota may be below what is used already.
        if cost > self.limit.saturating_sub(used) {
            return Step::Deny { retry_after: Nanos::new(opened + self.period - now) };
        }
        Step::Allow(if cost == 0 { state } else { (u128::from(opened) << 32) | u128::from(used + cost) })
    }

    #[inline(always)]
    fn grant(self, state: State, now: Nanos, _: u32) -> Grant {
        let now = now.as_u64().min(LAST_INSTANT);
        let (opened, used) = self.window(state, now);
        let reset_after = if used == 0 { 0 } else { opened + self.period - now };
        Grant { remaining: self.limit.saturating_sub(used), reset_after: Nanos::new(reset_after), delay: Nanos::ZERO }
    }

    fn expires(self, state: State) -> Nanos {
        if state as u32 == 0 { Nanos::ZERO } else { unless_after((state >> 32) as u64 + self.period, LAST_INSTANT) }
    }

    /// Only into the window that was charged. The bound rests on the unit that opened the window: once time has passed, one unit stays
    /// charged in its place as long as others are counted.
    fn refund(self, state: State, cost: u32, charged_at: Nanos, now: Nanos) -> Option<State> {
        let (opened, used) = self.window(state, now.as_u64().min(LAST_INSTANT));
        if used == 0 || cost == 0 || charged_at.as_u64() < opened {
            return None;
        }
        let left = used.saturating_sub(cost);
        let opening = left > 0 && charged_at.as_u64() == opened && now.as_u64() > opened;
        Some((u128::from(opened) << 32) | u128::from(left + u32::from(opening)))
    }
}
