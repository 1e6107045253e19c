//! What each simulated client got, counted by each thread for itself and added up at the end.
//!
//! A client that keeps to one thread is counted there and nowhere else. Otherwise any thread may see any client, and each counts all of them:
//!
//! ```text
//!   clients           0   1   2   3   4   5   6   …
//!   sticky, think     w0  w1  w0  w1  w0  w1  w0          8 bytes a client, and 8 for the sum
//!   spray             w0 and w1 each                      8 bytes a client and thread, and 8 for the sum
//! ```
//!
//! With many threads the second takes more than a client is worth, and is left out; so is everything for more than 16 million clients. Rejected: one table for all threads, whose hot clients would be
//! a shared counter on the hot path.

use crate::Outcome;
use crate::plan::Plan;
use crate::summary::Served;

/// What one thread has seen of the clients that it may see.
#[derive(Debug)]
pub(super) struct Tally {
    served: Vec<Served>,
    /// It counts the clients `first`, `first + stride`, ...
    first: u32,
    stride: u32,
    /// Answers that `served` doesn't have yet. With a million clients each finds its counter out of the cache; counted side by side,
    /// the processor fetches many at once, where it would wait for one between any two answers.
    recent: Vec<(u32, Outcome)>,
}

impl Tally {
    pub(super) fn new(plan: &Plan, worker: u32, workers: u32) -> Self {
        let (first, stride) = if plan.keeps_ids_apart() { (worker, workers) } else { (0, 1) };
        let served = vec![
            Served::default();
            counted_ids(plan, workers).saturating_sub(first as usize).div_ceil(stride as usize)
        ];
        Self { served, first, stride, recent: Vec::with_capacity(BATCH) }
    }

    /// One more answer to this client.
    #[inline]
    pub(super) fn count(&mut self, id: u32, outcome: Outcome) {
        self.recent.push((id / self.stride, outcome));
        if self.recent.len() == BATCH {
            self.settle();
        }
    }

    fn settle(&mut self) {
        for (place, outcome) in self.recent.drain(..) {
            if let Some(served) = self.served.get_mut(place as usize) {
                *served += Served::one(outcome);
            }
        }
    }

    /// Adds what was seen to what others saw.
    pub(super) fn add_to(mut self, clients: &mut [Served]) {
        self.settle();
        let own = clients.iter_mut().skip(self.first as usize).step_by(self.stride as usize);
        own.zip(self.served).for_each(|(sum, served)| *sum += served);
    }
}

/// How many clients are counted one by one: all or none.
pub(super) fn counted_ids(plan: &Plan, workers: u32) -> usize {
    let copies = if plan.keeps_ids_apart() { 1 } else { u64::from(workers) };
    let bytes = size_of::<Served>() as u64 * plan.ids() * (copies + 1);
    let is_counted = plan.ids() <= MOST_COUNTED && bytes <= MOST_FOR_EACH * plan.ids().max(FEW);
    if is_counted { plan.ids() as usize } else { 0 }
}

/// Many times the misses that a core has under way at once, and small beside its first cache.
const BATCH: usize = 256;
/// Bytes for each client: as many as three threads take that each count all of them, and the sum.
const MOST_FOR_EACH: u64 = 32;
/// Fewer clients may take as much as so many: 16 MB.
const FEW: u64 = 500_000;
/// More than this take half a gigabyte, and nobody reads of them one by one.
const MOST_COUNTED: u64 = 16_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Affinity, Pick, PlanSettings, Schedule};

    fn plan(clients: u32, affinity: Affinity, schedule: Schedule) -> Plan {
        Plan::new(PlanSettings { clients, affinity, schedule, pick: Pick::Uniform, ..PlanSettings::default() }).unwrap()
    }

    #[test]
    fn a_client_takes_at_most_32_bytes_on_any_number_of_threads() {
        let think = || Schedule::Think("exp:1s".parse().unwrap());
        let cases = [
            (600_000, Affinity::Spray, Schedule::Closed, [true, true, false, false]),
            (600_000, Affinity::Sticky, Schedule::Closed, [true; 4]),
            (600_000, Affinity::Spray, think(), [true; 4]),
            (1_000, Affinity::Spray, Schedule::Closed, [true; 4]),
            (16_000_001, Affinity::Sticky, Schedule::Closed, [false; 4]),
        ];
        for (clients, affinity, schedule, counted) in cases {
            let plan = plan(clients, affinity, schedule);
            for (workers, counted) in [1, 3, 4, 1_000].into_iter().zip(counted) {
                let tables = (0..workers).map(|worker| Tally::new(&plan, worker, workers).served.len()).sum::<usize>();
                let bytes = 8 * (tables + counted_ids(&plan, workers)) as u64;
                assert!(bytes <= 32 * u64::from(clients).max(FEW), "{clients} on {workers}: {bytes}");
                assert_eq!(bytes > 0, counted, "{clients} {affinity} on {workers}");
            }
        }
    }

    #[test]
    fn every_client_is_counted_once_whoever_sees_it() {
        for affinity in [Affinity::Spray, Affinity::Sticky] {
            let plan = plan(10, affinity, Schedule::Closed);
            for workers in [1, 3, 12] {
                let mut clients = vec![Served::default(); counted_ids(&plan, workers)];
                for worker in 0..workers {
                    let mut tally = Tally::new(&plan, worker, workers);
                    let seen = (0..10).filter(|id| affinity == Affinity::Spray || id % workers == worker);
                    seen.for_each(|id| tally.count(id, Outcome::Denied));
                    tally.add_to(&mut clients);
                }
                let denied = if affinity == Affinity::Spray { workers } else { 1 };
                assert_eq!(clients, [Served { allowed: 0, denied }; 10], "{affinity}, {workers} threads");
            }
        }
    }
}
