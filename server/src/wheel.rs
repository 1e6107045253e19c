//! Coarse deadlines for all connections of one core, at no cost per request.
//!
//! Time is cut into ticks of 2^26 ns (67 ms) and a ring of buckets holds, per tick, the connections to look at then.
//! Moving a deadline *later*, which every answered request does, is one store: the entry stays in its old bucket, and when
//! that bucket comes up the connection is found not to be due and is put into the right one. Only moving a deadline
//! *earlier* than its entry adds an entry. A timer per connection in the kernel or in the executor would cost a system call
//! or a tree update per request instead.
//!
//! Entries that were overtaken by an earlier one are ignored when they come up; a connection can add at most one entry per
//! fired entry, and no entry outlives the wheel's turn of 69 s, so what a peer can make us hold is bounded by its deadlines.

use tollgate_limiter::Nanos;

/// A point in coarse time. A deadline's tick never lies before the deadline, so nothing expires early, and at most
/// two ticks after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tick(u32);

impl Tick {
    /// Later than every deadline.
    pub const NEVER: Tick = Tick(u32::MAX);

    /// The tick that `now` lies in.
    #[inline]
    pub fn at(now: Nanos) -> Tick {
        Tick((now.as_u64() >> TICK_BITS).min(u64::from(u32::MAX - 1)) as u32)
    }

    /// The first tick that begins at or after `deadline`.
    #[inline]
    pub fn after(deadline: Nanos) -> Tick {
        Tick(Tick::at(deadline).0.saturating_add(1).min(u32::MAX - 1))
    }

    /// How many ticks have passed since `earlier`.
    pub fn since(self, earlier: Tick) -> u32 {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment this tick begins.
    pub fn begins(self) -> Nanos {
        Nanos::new(u64::from(self.0) << TICK_BITS)
    }
}

/// One connection's deadline and the bucket its entry is in. Lives with the connection; 8 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    due: Tick,
    entry: Tick,
}

impl Default for Deadline {
    fn default() -> Deadline {
        Deadline { due: Tick::NEVER, entry: Tick::NEVER }
    }
}

impl Deadline {
    /// Moves it `ticks` later.
    pub fn put_off(&mut self, ticks: u32) {
        if self.due != Tick::NEVER {
            self.due = Tick(self.due.0.saturating_add(ticks).min(Tick::NEVER.0 - 1));
        }
    }
}

/// The buckets of one core. `id` is whatever finds the connection again and tells it from its successors.
#[derive(Debug)]
pub struct Wheel {
    buckets: Box<[Vec<u64>]>,
    /// The next tick whose bucket has not been looked at.
    next: Tick,
    entries: usize,
}

impl Wheel {
    /// An empty wheel whose time is `now`.
    pub fn new(now: Nanos) -> Wheel {
        Wheel { buckets: (0..BUCKETS).map(|_| Vec::new()).collect(), next: Tick::at(now), entries: 0 }
    }

    /// Moves a connection's deadline to `due`.
    #[inline]
    pub fn set(&mut self, deadline: &mut Deadline, due: Tick, id: u64) {
        deadline.due = due;
        if due < deadline.entry {
            deadline.entry = self.insert(due, id);
        }
    }

    /// Empties every bucket up to `now` into `found`; the caller asks [`Wheel::fired`] about each.
    pub fn advance(&mut self, now: Tick, found: &mut Vec<(Tick, u64)>) {
        while self.next <= now {
            let tick = self.next;
            self.next = Tick(tick.0 + 1);
            if self.entries == 0 {
                // Nothing to find in the buckets in between.
                self.next = Tick(now.0 + 1);
                return;
            }
            let bucket = &mut self.buckets[tick.0 as usize % BUCKETS];
            self.entries -= bucket.len();
            found.extend(bucket.drain(..).map(|id| (tick, id)));
            bucket.shrink_to(KEPT);
        }
    }

    /// Whether the connection whose entry came up at `tick` is past its deadline; if not, its entry moves on.
    /// The deadline is taken: it fires once.
    pub fn fired(&mut self, deadline: &mut Deadline, tick: Tick, id: u64) -> bool {
        if deadline.entry != tick {
            return false;
        }
        deadline.entry = Tick::NEVER;
        if deadline.due <= tick {
            deadline.due = Tick::NEVER;
            return true;
        }
        if deadline.due != Tick::NEVER {
            deadline.entry = self.insert(deadline.due, id);
        }
        false
    }

    /// Whether `now` has reached a tick that has not been looked at.
    #[inline]
    pub fn is_behind(&self, now: Tick) -> bool {
        self.next <= now
    }

    /// The next tick with anything in its bucket: how long a core without work may sleep.
    pub fn earliest(&self) -> Option<Tick> {
        if self.entries == 0 {
            return None;
        }
        (0..BUCKETS as u32)
            .map(|ahead| Tick(self.next.0 + ahead))
            .find(|tick| !self.buckets[tick.0 as usize % BUCKETS].is_empty())
    }

    fn insert(&mut self, due: Tick, id: u64) -> Tick {
        let furthest = Tick(self.next.0 + (BUCKETS as u32 - 1));
        let tick = due.clamp(self.next, furthest);
        self.buckets[tick.0 as usize % BUCKETS].push(id);
        self.entries += 1;
        tick
    }
}

/// 2^26 ns = 67 ms: fine enough for deadlines of seconds, found without a division.
const TICK_BITS: u32 = 26;
/// One turn takes 1024 × 67 ms = 69 s, so the 60 s keep-alive deadline fits; later deadlines are put in again.
const BUCKETS: usize = 1024;
/// What a bucket keeps of its memory after a burst has passed through it.
const KEPT: usize = 256;

#[cfg(test)]
mod tests {
    use super::{Deadline, Tick, Wheel};
    use tollgate_limiter::Nanos;

    /// Advances to `now` and returns the ids past their deadline, for connections whose id is their index.
    fn expired(wheel: &mut Wheel, deadlines: &mut [Deadline], now: Nanos) -> Vec<u64> {
        let mut found = Vec::new();
        wheel.advance(Tick::at(now), &mut found);
        found
            .into_iter()
            .filter(|&(tick, id)| wheel.fired(&mut deadlines[id as usize], tick, id))
            .map(|(_, id)| id)
            .collect()
    }

    fn seconds(s: u64) -> Nanos {
        Nanos::from_secs(s)
    }

    #[test]
    fn a_deadline_fires_once_never_early_and_within_two_ticks() {
        let mut wheel = Wheel::new(seconds(1));
        let mut deadlines = [Deadline::default()];
        let due = Nanos::from_millis(6_123);
        wheel.set(&mut deadlines[0], Tick::after(due), 0);
        let mut fired = Vec::new();
        for ms in 1_000..8_000 {
            for _ in expired(&mut wheel, &mut deadlines, Nanos::from_millis(ms)) {
                fired.push(ms);
            }
        }
        assert_eq!(fired.len(), 1, "{fired:?}");
        assert!((6_123..6_123 + 135).contains(&fired[0]), "{fired:?}");
    }

    #[test]
    fn moving_a_deadline_later_adds_no_entry_and_still_fires() {
        let mut wheel = Wheel::new(seconds(1));
        let mut deadlines = [Deadline::default()];
        for request in 0..10_000 {
            wheel.set(&mut deadlines[0], Tick::after(Nanos::from_millis(60_000 + request)), 0);
        }
        assert_eq!(wheel.entries, 1);
        wheel.set(&mut deadlines[0], Tick::after(seconds(90)), 0);
        assert!(expired(&mut wheel, &mut deadlines, seconds(89)).is_empty());
        assert_eq!(expired(&mut wheel, &mut deadlines, seconds(91)), [0]);
    }

    #[test]
    fn moving_a_deadline_earlier_overtakes_the_old_entry() {
        let mut wheel = Wheel::new(seconds(1));
        let mut deadlines = [Deadline::default()];
        wheel.set(&mut deadlines[0], Tick::after(seconds(60)), 0);
        wheel.set(&mut deadlines[0], Tick::after(seconds(6)), 0);
        assert_eq!(expired(&mut wheel, &mut deadlines, seconds(7)), [0]);
        assert!(expired(&mut wheel, &mut deadlines, seconds(100)).is_empty(), "the overtaken entry must not fire");
        assert_eq!(wheel.entries, 0);
    }

    #[test]
    fn a_deadline_that_is_put_off_fires_so_much_later() {
        let mut wheel = Wheel::new(seconds(1));
        let mut deadlines = [Deadline::default()];
        wheel.set(&mut deadlines[0], Tick::after(seconds(6)), 0);
        deadlines[0].put_off(Tick::at(seconds(5)).since(Tick::at(seconds(2))));
        assert!(expired(&mut wheel, &mut deadlines, Nanos::from_millis(8_900)).is_empty());
        assert_eq!(expired(&mut wheel, &mut deadlines, Nanos::from_millis(9_200)), [0]);
        deadlines[0].put_off(1);
        assert!(expired(&mut wheel, &mut deadlines, seconds(99)).is_empty(), "one that has fired stays so");
    }

    #[test]
    fn a_deadline_beyond_one_turn_is_put_in_again() {
        let mut wheel = Wheel::new(seconds(1));
        let mut deadlines = [Deadline::default()];
        wheel.set(&mut deadlines[0], Tick::after(seconds(600)), 0);
        for s in 2..600 {
            assert!(expired(&mut wheel, &mut deadlines, seconds(s)).is_empty());
        }
        assert_eq!(expired(&mut wheel, &mut deadlines, seconds(601)), [0]);
    }

    #[test]
    fn waking_after_a_long_sleep_fires_everything_that_is_due() {
        let mut wheel = Wheel::new(seconds(1));
        let mut deadlines = [Deadline::default(); 50];
        for id in 0..50 {
            wheel.set(&mut deadlines[id as usize], Tick::after(seconds(2 + id)), id);
        }
        let earliest = wheel.earliest().expect("entries are in");
        assert!(earliest.begins() >= seconds(2) && earliest.begins() < Nanos::from_millis(2_135));
        assert_eq!(expired(&mut wheel, &mut deadlines, seconds(10_000)).len(), 50);
        assert_eq!(wheel.earliest(), None);
    }
}
