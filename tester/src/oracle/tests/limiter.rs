//! Limiters in as few lines as possible, right ones and wrong ones.

use std::collections::HashMap;

use super::super::{Algorithm, Promise};

/// What is wrong with a limiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// Allows one more than it promised.
    OneMore,
    /// Each of two cores has a quota of its own.
    PerCore,
    /// Its units come back after 0.8 T.
    Early,
    /// Loses what it knows of a client after so many decisions.
    Forgets(u32),
    /// Denies the last unit.
    OneLess,
    /// Whom it denied once, it always denies.
    Grudge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Allow { delay: u64 },
    Deny,
}

#[derive(Clone, Debug, Default)]
struct State {
    /// When each unit was used.
    log: Vec<u64>,
    opened: Option<u64>,
    in_window: u64,
    /// When a bucket is empty again.
    empty: u64,
    decisions: u32,
    grudge: bool,
    now: u64,
}

pub(super) struct Limiter {
    promise: Promise,
    fault: Fault,
    states: HashMap<(u32, u32), State>,
}

impl Limiter {
    pub(super) fn new(promise: Promise, fault: Fault) -> Self {
        Self { promise, fault, states: HashMap::new() }
    }

    fn quota(&self) -> Quota {
        let (promise, fault) = (self.promise, self.fault);
        let one = |n: u32| match fault {
            Fault::OneMore => u64::from(n) + 1,
            Fault::OneLess => u64::from(n) - 1,
            _ => u64::from(n),
        };
        let (limit, burst) = match promise.algorithm() {
            Algorithm::TokenBucket { burst } | Algorithm::LeakyBucket { burst, .. } => {
                (u64::from(promise.limit()), one(burst.get()))
            }
            _ => (one(promise.limit()), 0),
        };
        let period = promise.period().as_u64();
        let period = if fault == Fault::Early { period / 5 * 4 } else { period };
        Quota { algorithm: promise.algorithm(), limit, burst, period, interval: period.div_ceil(limit.max(1)) }
    }

    /// Decides at `now`, which may be before that of an earlier decision; a unit comes back `late` by so much.
    pub(super) fn decide(&mut self, id: u32, core: u32, now: u64, late: u64) -> Answer {
        let core = if self.fault == Fault::PerCore { core % 2 } else { 0 };
        let promise = self.promise;
        let quota = self.quota();
        let state = self.states.entry((id, core)).or_default();
        state.decisions += 1;
        if matches!(self.fault, Fault::Forgets(after) if state.decisions.is_multiple_of(after)) {
            *state = State { decisions: state.decisions, ..State::default() };
        }
        state.now = state.now.max(now);
        let answer = state.step(quota, late);
        if promise.charges_denied() && answer == Answer::Deny {
            state.charge(quota);
        }
        if self.fault == Fault::Grudge && (answer == Answer::Deny || state.grudge) {
            state.grudge = true;
            return Answer::Deny;
        }
        answer
    }
}

/// What the limiter goes by.
#[derive(Clone, Copy, Debug)]
struct Quota {
    algorithm: Algorithm,
    /// N, and B of a bucket.
    limit: u64,
    burst: u64,
    period: u64,
    interval: u64,
}

impl State {
    fn step(&mut self, quota: Quota, late: u64) -> Answer {
        let now = self.now;
        let empty = if self.empty > 0 { self.empty + late } else { 0 };
        // What must be paid off before a bucket takes one more.
        let wait = empty.saturating_sub(now).saturating_sub((quota.burst.max(1) - 1) * quota.interval);
        let (has_room, delay) = match quota.algorithm {
            Algorithm::SlidingWindow => {
                self.log.retain(|used| used + quota.period + late > now);
                ((self.log.len() as u64) < quota.limit, 0)
            }
            Algorithm::FixedWindow => {
                if self.opened.is_none_or(|opened| opened + quota.period + late <= now) {
                    (self.opened, self.in_window) = (None, 0);
                }
                (self.in_window < quota.limit, 0)
            }
            Algorithm::TokenBucket { .. } => (quota.burst > 0 && wait == 0, 0),
            Algorithm::LeakyBucket { max_delay, .. } => (quota.burst > 0 && wait <= max_delay.as_u64(), wait),
        };
        if has_room {
            self.charge(quota);
        }
        if has_room { Answer::Allow { delay } } else { Answer::Deny }
    }

    fn charge(&mut self, quota: Quota) {
        let now = self.now;
        self.log.push(now);
        self.opened.get_or_insert(now);
        self.in_window += 1;
        self.empty = self.empty.max(now) + quota.interval;
    }
}
