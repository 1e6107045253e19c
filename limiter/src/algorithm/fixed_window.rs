//! Fixed window: at most N units in a window of T that opens with the client's first admitted request.
//!
//! State: whether any unit was charged after the opening (1 bit), the opening (63), and the units used (32).
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

    /// The window that holds `now`, which may lag behind its opening, and when it closes.
    #[inline(always)]
    fn window(self, state: State, now: u64) -> (Window, u64) {
        let window = Window::of(state);
        let closes = self.closes(window);
        if now >= closes {
            return (Window { opened: now, used: 0, later: false }, now + self.period);
        }
        // All of it was given back: to a clock that lags, the window before it may have been full.
        (Window { used: if window.used == 0 { u32::MAX } else { window.used }, ..window }, closes)
    }

    const fn closes(self, window: Window) -> u64 {
        if window.used == 0 { window.opened } else { window.opened + self.period }
    }
}

/// A client's window. `opened` with nothing `used` is the window of a client that was never seen, or that got everything back.
#[derive(Clone, Copy, Debug)]
struct Window {
    opened: u64,
    used: u32,
    /// Some units were charged after the opening.
    later: bool,
}

impl Window {
    const fn of(state: State) -> Self {
        Self { opened: (state >> 32) as u64 & !LATER, used: state as u32, later: state >> 95 == 1 }
    }

    const fn state(self) -> State {
        let later = if self.later { LATER } else { 0 };
        ((self.opened | later) as u128) << 32 | self.used as u128
    }
}

/// Above any instant: the last is 2^62.
const LATER: u64 = 1 << 63;

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
        let (window, closes) = self.window(state, now);
        // A new quota may be below what is used already.
        if cost > self.limit.saturating_sub(window.used) {
            return Step::Deny { retry_after: Nanos::new(closes - now) };
        }
        if cost == 0 {
            return Step::Allow(state);
        }
        Step::Allow(Window { used: window.used + cost, later: window.later || now > window.opened, ..window }.state())
    }

    #[inline(always)]
    fn grant(self, state: State, now: Nanos, _: u32) -> Grant {
        let now = now.as_u64().min(LAST_INSTANT);
        let (Window { used, .. }, closes) = self.window(state, now);
        let reset_after = if used == 0 { 0 } else { closes - now };
        Grant { remaining: self.limit.saturating_sub(used), reset_after: Nanos::new(reset_after), delay: Nanos::ZERO }
    }

    fn expires(self, state: State) -> Nanos {
        unless_after(self.closes(Window::of(state)), LAST_INSTANT)
    }

    /// Only into the window that was charged. The bound rests on the unit that opened the window: one unit stays charged in its place as
    /// long as later ones are counted.
    fn refund(self, state: State, cost: u32, charged_at: Nanos, now: Nanos) -> Option<State> {
        let window = Window::of(state);
        let charged_before = charged_at.as_u64() < window.opened;
        if window.used == 0 || cost == 0 || charged_before || now.as_u64() >= self.closes(window) {
            return None;
        }
        let left = window.used.saturating_sub(cost);
        let opening = left > 0 && window.later && charged_at.as_u64() == window.opened;
        Some(Window { used: left + u32::from(opening), ..window }.state())
    }
}
