//! Those who wait for a slot: a queue for each class, and who is next.
//!
//! - **The most important class first**, and one turn in 32 for a lower one that waits, the lower ones in rotation: so none starves.
//! - Within a class, **first come, first served**, until [`Codel`] finds the class overloaded. Then the **newest first**: when not all can be served in
//!   time, it is better to serve some at once than all too late. The oldest are shed when they have waited for too long.
//! - Whoever joins an overloaded class waits for the target delay at most, instead of the queue's timeout.
//! - One who finds the queue **full** takes the place of the oldest of the lowest class, if that class is lower.

use std::collections::VecDeque;
use std::mem;

use tollgate_limiter::Nanos;

use super::class::Class;
use super::codel::{Codel, Delays};

/// The queues of one core for one upstream.
#[derive(Debug)]
pub struct Queues<T> {
    lines: [Line<T>; Class::ALL.len()],
    waiting: usize,
    most: usize,
    timeout: Nanos,
    /// `None`: nothing is shed but for the timeout and the length.
    delays: Option<Delays>,
    tickets: u64,
    /// Turns for which several classes waited.
    contended: u32,
    /// The lower class that had a turn last.
    low: usize,
}

/// One class's.
#[derive(Debug)]
struct Line<T> {
    /// In the order of their tickets.
    waiting: VecDeque<Waiting<T>>,
    codel: Option<Codel>,
}

#[derive(Debug)]
struct Waiting<T> {
    number: u64,
    since: Nanos,
    item: T,
}

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    class: Class,
    number: u64,
}

/// What came of joining.
#[derive(Debug)]
pub struct Joined<T> {
    /// Its place.
    pub ticket: Ticket,
    /// For how long.
    pub until: Nanos,
    /// Who had to go for it.
    pub evicted: Option<T>,
}

/// There is no place, nor anybody less important to make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Why somebody leaves the queue without a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// It has waited for as long as it may.
    TooLate,
    /// It isn't interested any more.
    Gone,
}

impl<T> Queues<T> {
    /// Empty queues for `most` in all, each for `timeout` at most.
    pub fn new(most: usize, timeout: Nanos, delays: Option<Delays>) -> Queues<T> {
        let line = |_| Line { waiting: VecDeque::new(), codel: delays.map(Codel::new) };
        let lines = Class::ALL.map(line);
        Queues { lines, waiting: 0, most, timeout, delays, tickets: 0, contended: 0, low: 0 }
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting
    }

    /// Whether any class is overloaded.
    pub fn are_overloaded(&mut self, now: Nanos) -> bool {
        self.lines.iter_mut().any(|line| line.is_overloaded(now))
    }

    /// Somebody needn't wait, and so would nobody of any class.
    pub fn pass(&mut self, now: Nanos) {
        self.lines.iter_mut().for_each(|line| line.note_free(now));
    }

    /// Takes `item` in.
    pub fn join(&mut self, class: Class, item: T, now: Nanos) -> Result<Joined<T>, Full> {
        let evicted = if self.waiting < self.most { None } else { Some(self.evict_for(class, now)?) };
        let line = &mut self.lines[class.index()];
        let patience = match self.delays {
            Some(delays) if line.is_overloaded(now) => delays.target.min(self.timeout),
            _ => self.timeout,
        };
        self.tickets += 1;
        self.waiting += 1;
        line.waiting.push_back(Waiting { number: self.tickets, since: now, item });
        let ticket = Ticket { class, number: self.tickets };
        Ok(Joined { ticket, until: now.saturating_add(patience), evicted })
    }

    /// Whose turn it is. Those who have waited for too long are handed to `shed`.
    pub fn next(&mut self, now: Nanos, mut shed: impl FnMut(T)) -> Option<T> {
        loop {
            let line = &mut self.lines[whose_turn(&self.lines, &mut self.contended, &mut self.low)?];
            self.waiting -= 1;
            if line.oldest_is_too_old(now) {
                shed(line.leave(0, now)?);
            } else {
                let newest = line.waiting.len() - 1;
                let nth = if line.is_overloaded(now) { newest } else { 0 };
                let item = line.leave(nth, now);
                if line.waiting.is_empty() {
                    line.note_free(now);
                }
                return item;
            }
        }
    }

    /// Gives up a place, unless it had a turn already.
    pub fn leave(&mut self, ticket: Ticket, why: Leave, now: Nanos) -> Option<T> {
        let line = &mut self.lines[ticket.class.index()];
        let nth = line.waiting.binary_search_by_key(&ticket.number, |waiting| waiting.number).ok()?;
        self.waiting -= 1;
        match why {
            Leave::TooLate => line.leave(nth, now),
            Leave::Gone => line.waiting.remove(nth).map(|waiting| waiting.item),
        }
    }

    /// Sends everybody away.
    pub fn flush(&mut self, mut sent_away: impl FnMut(T)) {
        self.waiting = 0;
        for line in &mut self.lines {
            for waiting in mem::take(&mut line.waiting) {
                sent_away(waiting.item);
            }
        }
    }

    fn evict_for(&mut self, class: Class, now: Nanos) -> Result<T, Full> {
        let lower = &mut self.lines[class.index() + 1..];
        let line = lower.iter_mut().rev().find(|line| !line.waiting.is_empty()).ok_or(Full)?;
        self.waiting -= 1;
        line.leave(0, now).ok_or(Full)
    }
}

impl<T> Line<T> {
    fn is_overloaded(&mut self, now: Nanos) -> bool {
        let stands = !self.waiting.is_empty();
        self.codel.as_mut().is_some_and(|codel| codel.is_overloaded(stands, now))
    }

    fn oldest_is_too_old(&mut self, now: Nanos) -> bool {
        match (&mut self.codel, self.waiting.front()) {
            (Some(codel), Some(oldest)) => codel.sheds(now.saturating_sub(oldest.since), now),
            _ => false,
        }
    }

    /// One of them leaves, and the time it took tells something.
    fn leave(&mut self, nth: usize, now: Nanos) -> Option<T> {
        let waiting = self.waiting.remove(nth)?;
        if let Some(codel) = &mut self.codel {
            codel.on_left(now.saturating_sub(waiting.since), now);
        }
        Some(waiting.item)
    }

    fn note_free(&mut self, now: Nanos) {
        if let Some(codel) = &mut self.codel {
            codel.on_free(now);
        }
    }
}

/// The line whose turn it is: the first that isn't empty, but now and then one of those behind.
fn whose_turn<T>(lines: &[Line<T>; Class::ALL.len()], contended: &mut u32, low: &mut usize) -> Option<usize> {
    let count = lines.len();
    let waits = |&nth: &usize| !lines[nth].waiting.is_empty();
    let first = (0..count).find(waits)?;
    let Some(lower) = (1..=count).map(|step| (*low + step) % count).filter(|&nth| nth > first).find(waits) else {
        return Some(first);
    };
    *contended = (*contended + 1) % LOW_TURN_ONE_IN;
    if *contended > 0 {
        return Some(first);
    }
    *low = lower;
    Some(lower)
}

/// One turn in so many is for a lower class.
pub(super) const LOW_TURN_ONE_IN: u32 = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use Class::{Critical, CriticalPlus, Sheddable, SheddablePlus};

    const DELAYS: Delays = Delays { target: ms(5), interval: ms(100) };

    const fn ms(n: u64) -> Nanos {
        Nanos::from_millis(n)
    }

    fn queues(most: usize) -> Queues<u64> {
        Queues::new(most, ms(100), Some(DELAYS))
    }

    fn join(queues: &mut Queues<u64>, class: Class, item: u64, now: u64) -> Result<Joined<u64>, Full> {
        queues.join(class, item, ms(now))
    }

    fn served(queues: &mut Queues<u64>, now: u64) -> Option<u64> {
        queues.next(ms(now), |shed| panic!("{shed} is shed"))
    }

    /// Queues in which class `critical` is overloaded at 1.1 s; 1 waits since 1 s, 2 since 1.09 s.
    fn overloaded() -> Queues<u64> {
        let mut queues = queues(100);
        for (item, now) in [(0, 900), (1, 1_000), (2, 1_090)] {
            join(&mut queues, Critical, item, now).expect("room");
        }
        assert_eq!(served(&mut queues, 1_020), Some(0));
        assert!(queues.are_overloaded(ms(1_100)));
        queues
    }

    #[test]
    fn important_classes_go_first_and_within_one_who_came_first() {
        let mut queues = queues(10);
        for (item, class) in [Sheddable, Critical, SheddablePlus, CriticalPlus, Critical].into_iter().enumerate() {
            join(&mut queues, class, item as u64, 1_000).expect("room");
        }
        let order: Vec<u64> = std::iter::from_fn(|| served(&mut queues, 1_001)).collect();
        assert_eq!(order, [3, 1, 4, 2, 0]);
    }

    #[test]
    fn one_turn_in_thirty_two_is_for_a_lower_class_and_they_take_turns() {
        let mut queues = queues(10_000);
        for item in 0..1_000 {
            for class in Class::ALL {
                join(&mut queues, class, class.index() as u64 * 1_000 + item, 1_000).expect("room");
            }
        }
        let turns: Vec<u64> = (0..320).filter_map(|_| served(&mut queues, 1_000)).map(|item| item / 1_000).collect();
        let of = |class: u64| turns.iter().filter(|turn| **turn == class).count();
        assert_eq!([of(0), of(1), of(2), of(3)], [310, 4, 3, 3]);
        assert_eq!((turns[31], turns[63], turns[95]), (1, 2, 3));
    }

    #[test]
    fn who_finds_it_full_takes_the_place_of_the_oldest_of_the_lowest_class_below() {
        let mut queues = queues(3);
        for (item, class) in [SheddablePlus, Sheddable, Sheddable].into_iter().enumerate() {
            join(&mut queues, class, item as u64, 1_000).expect("room");
        }
        assert_eq!(join(&mut queues, Sheddable, 9, 1_001).err(), Some(Full));
        let evicted = [1, 2, 0].map(|_| join(&mut queues, CriticalPlus, 9, 1_001).expect("room").evicted);
        assert_eq!(evicted, [Some(1), Some(2), Some(0)]);
        assert_eq!(join(&mut queues, CriticalPlus, 9, 1_002).err(), Some(Full));
        assert_eq!(queues.len(), 3);
    }

    #[test]
    fn an_overloaded_class_is_served_newest_first_and_its_oldest_are_shed() {
        let mut queues = overloaded();
        let joined = join(&mut queues, Critical, 3, 1_101).expect("room");
        assert_eq!(joined.until, ms(1_106), "who joins now doesn't wait for long");
        let mut shed = Vec::new();
        assert_eq!(queues.next(ms(1_102), |item| shed.push(item)), Some(3), "nobody is shed by an interval's first");
        assert_eq!(queues.next(ms(1_103), |item| shed.push(item)), None);
        assert_eq!(shed, [1, 2]);
        assert!(queues.is_empty());
    }

    #[test]
    fn other_classes_are_not_overloaded_with_it() {
        let mut queues = overloaded();
        let until = |queues: &mut Queues<u64>, class| join(queues, class, 9, 1_101).expect("room").until;
        assert_eq!((until(&mut queues, CriticalPlus), until(&mut queues, Sheddable)), (ms(1_201), ms(1_201)));
        assert_eq!(until(&mut queues, Critical), ms(1_106));
    }

    #[test]
    fn without_delays_the_order_and_the_timeout_stay() {
        let mut queues = Queues::new(10, ms(100), None);
        for item in 0..3 {
            assert_eq!(join(&mut queues, Critical, item, 1_000).expect("room").until, ms(1_100));
        }
        assert_eq!([1_000, 5_000, 9_000].map(|now| served(&mut queues, now)), [Some(0), Some(1), Some(2)]);
        assert!(!queues.are_overloaded(ms(9_000)));
    }

    #[test]
    fn who_leaves_is_passed_over_and_leaves_once() {
        let mut queues = queues(10);
        let tickets = [0, 1, 2].map(|item| join(&mut queues, Critical, item, 1_000).expect("room").ticket);
        assert_eq!(queues.leave(tickets[1], Leave::Gone, ms(1_001)), Some(1));
        assert_eq!(queues.leave(tickets[1], Leave::TooLate, ms(1_001)), None);
        assert_eq!((served(&mut queues, 1_002), queues.len()), (Some(0), 1));
        assert_eq!(queues.leave(tickets[0], Leave::Gone, ms(1_003)), None, "it had its turn");
    }

    #[test]
    fn a_flush_sends_everybody_away() {
        let mut queues = overloaded();
        let mut gone = Vec::new();
        queues.flush(|item| gone.push(item));
        assert_eq!((gone, queues.len()), (vec![1, 2], 0));
        assert!(!queues.are_overloaded(ms(1_300)));
    }
}
