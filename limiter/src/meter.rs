//! One quota at work: its rule, which may be swapped while it runs, and its table.

use crate::algorithm::{FixedWindow, Grant, LeakyBucket, Meter, Rule, SlidingWindow, State, Step, TokenBucket};
use crate::sync::{AtomicU128, Ordering};
use crate::table::{Change, NoSlot, Shard, Steps, Table};
use crate::{Algorithm, Decision, DeniedBy, Key, Nanos, Quota, SwapError, WhenFull};

/// What one quota says to one request.
pub(crate) type Verdict = Result<Grant, Denial>;

/// A denial by the quota with this index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Denial {
    pub(crate) retry_after: Nanos,
    reason: Reason,
}

#[derive(Clone, Copy, Debug)]
enum Reason {
    Quota,
    Debt,
    Full,
    Cost,
}

impl Denial {
    pub(crate) const fn by(self, index: u8) -> Decision {
        let by = match self.reason {
            Reason::Quota => DeniedBy::Quota(index),
            Reason::Debt => DeniedBy::Debt(index),
            Reason::Full => DeniedBy::Full(index),
            Reason::Cost => DeniedBy::Cost(index),
        };
        Decision::Deny { retry_after: self.retry_after, by }
    }
}

#[derive(Debug)]
pub(crate) struct MeterTable {
    algorithm: Algorithm,
    /// The packed rule. One load gives a decision the whole of the old rule or the whole of the new one.
    rule: AtomicU128,
    table: Table,
}

impl MeterTable {
    pub(crate) fn new(quota: &Quota, shards: Vec<Shard>, when_full: WhenFull) -> Self {
        Self {
            algorithm: quota.algorithm(),
            rule: AtomicU128::new(packed(quota)),
            table: Table::new(shards, when_full),
        }
    }

    /// The decision for a client under this quota alone: the way of nearly every request, so each algorithm has its own, all in one piece.
    #[inline]
    pub(crate) fn decide_alone(&self, key: Key, cost: u32, now: Nanos) -> Decision {
        match self.algorithm {
            Algorithm::SlidingWindow => self.alone::<SlidingWindow>(key, cost, now),
            Algorithm::FixedWindow => self.alone::<FixedWindow>(key, cost, now),
            Algorithm::TokenBucket => self.alone::<TokenBucket>(key, cost, now),
            Algorithm::LeakyBucket => self.alone::<LeakyBucket>(key, cost, now),
        }
    }

    pub(crate) fn decide(&self, key: Key, cost: u32, now: Nanos) -> Verdict {
        match self.algorithm {
            Algorithm::SlidingWindow => self.charge::<SlidingWindow>(cost).make(&self.table, key, now),
            Algorithm::FixedWindow => self.charge::<FixedWindow>(cost).make(&self.table, key, now),
            Algorithm::TokenBucket => self.charge::<TokenBucket>(cost).make(&self.table, key, now),
            Algorithm::LeakyBucket => self.charge::<LeakyBucket>(cost).make(&self.table, key, now),
        }
    }

    pub(crate) fn peek(&self, key: Key, cost: u32, now: Nanos) -> Verdict {
        match self.algorithm {
            Algorithm::SlidingWindow => self.charge::<SlidingWindow>(cost).if_made(&self.table, key, now),
            Algorithm::FixedWindow => self.charge::<FixedWindow>(cost).if_made(&self.table, key, now),
            Algorithm::TokenBucket => self.charge::<TokenBucket>(cost).if_made(&self.table, key, now),
            Algorithm::LeakyBucket => self.charge::<LeakyBucket>(cost).if_made(&self.table, key, now),
        }
    }

    pub(crate) fn refund(&self, key: Key, cost: u32, charged_at: Nanos, now: Nanos) {
        match self.algorithm {
            Algorithm::SlidingWindow => self.give_back::<SlidingWindow>(key, cost, charged_at, now),
            Algorithm::FixedWindow => self.give_back::<FixedWindow>(key, cost, charged_at, now),
            Algorithm::TokenBucket => self.give_back::<TokenBucket>(key, cost, charged_at, now),
            Algorithm::LeakyBucket => self.give_back::<LeakyBucket>(key, cost, charged_at, now),
        }
    }

    /// Takes over `quota` from the next decision on. What clients have used stays used.
    pub(crate) fn set(&self, quota: &Quota) -> Result<(), SwapError> {
        let new = match (self.algorithm, Meter::new(quota)) {
            (Algorithm::SlidingWindow, Meter::Sliding(_)) => {
                let old = SlidingWindow::unpack(self.rule.load(Ordering::Acquire));
                old.with_limit(quota.limit(), quota.period()).ok_or(SwapError::Incompatible)?.pack()
            }
            (Algorithm::FixedWindow, Meter::Fixed(rule)) => rule.pack(),
            (Algorithm::TokenBucket, Meter::Token(rule)) => rule.pack(),
            (Algorithm::LeakyBucket, Meter::Leaky(rule)) => rule.pack(),
            _ => return Err(SwapError::Incompatible),
        };
        self.rule.store(new, Ordering::Release);
        Ok(())
    }

    pub(crate) fn touch(&self, key: Key) -> u128 {
        self.table.touch(key)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.table.bytes()
    }

    #[inline(never)]
    fn alone<R: Rule>(&self, key: Key, cost: u32, now: Nanos) -> Decision {
        let charge = self.charge::<R>(cost);
        match self.table.hit(key, now, &charge) {
            Some(Ok(passed)) => charge.grant(passed).decision(0, false),
            Some(Err(denial)) => denial.by(0),
            // Asked anew rather than handed on, so that nothing above has to be kept in memory for it.
            None => self.alone_anew(key, cost, now),
        }
    }

    #[cold]
    #[inline(never)]
    fn alone_anew(&self, key: Key, cost: u32, now: Nanos) -> Decision {
        match self.decide(key, cost, now) {
            Ok(grant) => grant.decision(0, false),
            Err(denial) => denial.by(0),
        }
    }

    #[inline(always)]
    fn charge<R: Rule>(&self, cost: u32) -> Charge<R> {
        Charge { rule: R::unpack(self.rule.load(Ordering::Acquire)), cost }
    }

    fn give_back<R: Rule>(&self, key: Key, cost: u32, charged_at: Nanos, now: Nanos) {
        let rule = R::unpack(self.rule.load(Ordering::Acquire));
        self.table.amend(key, |state| rule.refund(state, cost, charged_at, now));
    }
}

/// A request that passes: the state after it, and the instant that it is dated, which for a new client may be later than it said.
#[derive(Clone, Copy, Debug)]
struct Passed {
    state: State,
    at: Nanos,
}

/// A request of `cost` under `rule`.
struct Charge<R> {
    rule: R,
    cost: u32,
}

impl<R: Rule> Charge<R> {
    fn make(&self, table: &Table, key: Key, now: Nanos) -> Verdict {
        self.verdict(table.update(key, now, self), now)
    }

    fn if_made(&self, table: &Table, key: Key, now: Nanos) -> Verdict {
        self.verdict(table.look(key, now, self), now)
    }

    fn verdict(&self, answer: Result<Result<Passed, Denial>, NoSlot>, now: Nanos) -> Verdict {
        match answer {
            Ok(answer) => answer.map(|passed| self.grant(passed)),
            Err(no_slot) => self.without_slot(no_slot, now),
        }
    }

    #[inline(always)]
    fn grant(&self, Passed { state, at }: Passed) -> Grant {
        self.rule.grant(state, at, self.cost)
    }

    /// What needs no slot still has its own answer: no cost always passes, too high a cost never does.
    #[cold]
    fn without_slot(&self, no_slot: NoSlot, now: Nanos) -> Verdict {
        let (until, reason) = match no_slot {
            NoSlot::Debt(until) => (until, Reason::Debt),
            NoSlot::Full(until) => (until, Reason::Full),
        };
        let wait = until.saturating_sub(now);
        match self.step(0, now) {
            Change::Keep(Ok(passed)) => Ok(Grant { remaining: 0, reset_after: wait, ..self.grant(passed) }),
            Change::Keep(Err(never)) => Err(never),
            Change::Write(..) => Err(Denial { retry_after: wait, reason }),
        }
    }
}

impl<R: Rule> Steps for Charge<R> {
    type Answer = Result<Passed, Denial>;

    #[inline(always)]
    fn step(&self, state: State, now: Nanos) -> Change<Self::Answer> {
        match self.rule.step(state, now, self.cost) {
            Step::Allow(next) if next == state => Change::Keep(Ok(Passed { state, at: now })),
            Step::Allow(next) => Change::Write(Ok(Passed { state: next, at: now }), next),
            Step::Deny { retry_after } => Change::Keep(Err(Denial { retry_after, reason: Reason::Quota })),
            Step::Never => Change::Keep(Err(Denial { retry_after: Nanos::MAX, reason: Reason::Cost })),
        }
    }

    fn expires(&self, state: State) -> Nanos {
        self.rule.expires(state)
    }
}

fn packed(quota: &Quota) -> u128 {
    match Meter::new(quota) {
        Meter::Sliding(rule) => rule.pack(),
        Meter::Fixed(rule) => rule.pack(),
        Meter::Token(rule) => rule.pack(),
        Meter::Leaky(rule) => rule.pack(),
    }
}
