//! Token and leaky bucket: two levels of each client's bucket, one that it had at least and one that it had at most.
//!
//! At least, for proofs of too many: the set of admissions that proves most. Of a set of c admissions, decided in at most L, more than
//! B + N·L/T are too many, whichever admissions are left out. So one number is enough to look back by: of all sets until now, the one for
//! which c + N·start/T is largest stays ahead of the others whatever comes.
//!
//! At most, for wrongful denials: each admission is taken to have been decided as late as it can have been, when it was done. The rest
//! is the bucket itself, as GCRA has it: `used` is when all that was charged will have been paid off.

use std::hint::black_box;
use std::num::NonZeroU32;

use tollgate_client::Nanos;

use super::span::Span;
use super::table::Table;
use super::witness::Broken;
use super::{History, Promise};

/// See the module: 32 bytes a client, whatever it does.
#[derive(Clone, Copy, Debug)]
struct Levels {
    /// The set: when the first of it was sent and the last was done, and how many they are.
    start: u64,
    done: u64,
    count: u32,
    maybes: u16,
    used: u64,
}

const _: () = assert!(size_of::<Levels>() == 32);

/// See the module.
#[derive(Debug)]
pub(super) struct Bucket {
    levels: Table<Levels>,
    limit: u64,
    burst: u64,
    /// T by our clock, at the shortest.
    period: u64,
    tick: u64,
    /// T/N by our clock, at the longest.
    interval: u64,
    /// How much may be charged ahead of its time before somebody is denied, at the least.
    depth: u64,
    slack: u64,
    /// The least that was left of the bound, in 1/T units.
    closest: Option<u128>,
}

impl Bucket {
    pub(super) fn new(promise: &Promise, history: History, burst: NonZeroU32, max_delay: Nanos) -> Self {
        let (limit, burst) = (u64::from(promise.limit()), u64::from(burst.get()));
        let interval = promise.longest().div_ceil(limit);
        let depth = |interval: u64, delay: u64| interval.saturating_mul(burst).saturating_add(delay);
        let used = match history {
            History::Unused => 0,
            History::Unknown => depth(interval, max_delay.as_u64()),
        };
        Self {
            levels: Table::new(Levels { start: 0, done: 0, count: 0, maybes: 0, used }),
            limit,
            burst,
            period: promise.shortest(),
            tick: promise.tick(),
            interval,
            depth: depth(promise.shortest() / limit, promise.shortest_wait(max_delay)),
            slack: promise.slack(),
            closest: None,
        }
    }

    pub(super) fn judge(&mut self, id: u32, span: Span) -> Option<Broken> {
        let before = *self.levels.of(id);
        let levels = self.with(before, span)?;
        let Some(left) = self.left(&levels) else {
            // The set stays as it was, so that each admission that was too many is told once.
            let (from, to) = (Nanos::new(levels.start), Nanos::new(levels.done));
            let most = (self.most(&levels) / u128::from(self.period)) as u64;
            return Some(Broken::Level { count: levels.count, from, to, most });
        };
        *self.levels.of(id) = levels;
        self.closest = Some(self.closest.map_or(left, |closest| closest.min(left)));
        None
    }

    pub(super) fn add(&mut self, id: u32, span: Span) -> bool {
        self.charge(id, span);
        let levels = *self.levels.of(id);
        self.left(&levels).is_some_and(|left| left < u128::from(self.period))
    }

    pub(super) fn charge(&mut self, id: u32, span: Span) {
        let interval = self.interval;
        let levels = self.levels.of(id);
        levels.used = levels.used.max(span.done).saturating_add(interval);
    }

    /// The set that proves most with this admission; `None` if it proves more without.
    fn with(&self, set: Levels, span: Span) -> Option<Levels> {
        let units = |count: u32| u128::from(count) * u128::from(self.period);
        let lead = |from: u64, to: u64| u128::from(to - from) * u128::from(self.limit);
        let joined = Levels { done: set.done.max(span.done), count: set.count.saturating_add(1), ..set };
        if span.sent < set.start {
            return (units(1) > lead(span.sent, set.start)).then_some(Levels { start: span.sent, ..joined });
        }
        let joins = set.count > 0 && units(set.count) >= lead(set.start, span.sent);
        Some(if joins { joined } else { Levels { start: span.sent, done: span.done, count: 1, ..set } })
    }

    /// What a bucket lets pass in the time of a set, in 1/T units; and what the set leaves of that, if it isn't more.
    fn most(&self, set: &Levels) -> u128 {
        let length = (set.done - set.start).saturating_add(self.tick);
        u128::from(self.burst) * u128::from(self.period) + u128::from(length) * u128::from(self.limit)
    }

    fn left(&self, set: &Levels) -> Option<u128> {
        self.most(set).checked_sub(u128::from(set.count) * u128::from(self.period))
    }

    /// How many more admissions there must have been for this denial to be right.
    pub(super) fn room(&mut self, id: u32, span: Span) -> u32 {
        let levels = self.levels.of(id);
        if levels.maybes == u16::MAX {
            return 0;
        }
        let ends = span.sent.saturating_add(self.depth);
        // Whatever else was admitted before was admitted by the time of the denial, and comes back no later than the lag allows.
        let at_least = span.sent.saturating_add(self.slack - self.tick);
        let used = levels.used.saturating_add(self.slack).max(at_least);
        let units = ends.saturating_sub(used) / self.interval;
        u32::try_from(units).unwrap_or(u32::MAX).saturating_sub(levels.maybes.into())
    }

    pub(super) fn maybe(&mut self, id: u32) {
        let levels = self.levels.of(id);
        levels.maybes = levels.maybes.saturating_add(1);
    }

    /// How much less time the most crowded admissions might have taken, without proof of anything.
    pub(super) fn closest(&self) -> Option<Nanos> {
        // A 1/T unit runs out in 1/N ns.
        Some(Nanos::new((self.closest? / u128::from(self.limit)) as u64))
    }

    pub(super) fn fetch(&self, ids: impl Iterator<Item = u32>) {
        ids.for_each(|id| _ = black_box(self.levels.peek(id).map(|levels| levels.start)));
    }

    pub(super) fn memory(&self) -> usize {
        self.levels.memory()
    }
}
