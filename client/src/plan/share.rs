//! One worker's part of a plan.
//!
//! Every worker walks through all n by itself and keeps those that are its own, so workers share nothing, and the union of their parts is the same
//! plan for any number of them:
//!
//! ```text
//!   n         0   1   2   3   4   5   6   …        id    3   1   1   2   0   3   2
//!   spray     w0  w1  w0  w1  w0  w1  w0           sticky w1  w1  w1  w0  w0  w1  w0       (two workers)
//! ```
//!
//! With think time a worker walks only its own clients (c ≡ w), under either affinity: a client is one line of draws, and following it on all
//! workers would cost the memory of all clients on each. Rejected: a queue from one planner to all workers, which is a shared counter by another name.

use super::random::Stream;
use super::schedule::{Arrivals, Schedule};
use super::think::Thinkers;
use super::{Affinity, Due, Plan, Planned};

/// An iterator of sorts over one worker's requests, in the order in which they are due.
#[derive(Clone, Debug)]
pub struct Share<'a> {
    walk: Walk<'a>,
    /// Always one ahead, so that [`Share::due`] is a look and not a search.
    next: Option<Planned>,
}

#[derive(Clone, Debug)]
enum Walk<'a> {
    Along(Along<'a>),
    Thinkers(Thinkers),
    /// No request will ever be this worker's.
    Idle,
}

/// A walk along n.
#[derive(Clone, Debug)]
struct Along<'a> {
    plan: &'a Plan,
    /// `None` in a closed loop.
    arrivals: Option<Arrivals<'a>>,
    /// The next n to look at, and how far to go after it.
    n: u64,
    stride: u64,
    /// Ids to keep: those ≡ .0 (mod .1).
    ids: Option<(u32, u32)>,
}

impl<'a> Share<'a> {
    pub(super) fn new(plan: &'a Plan, worker: u32, workers: u32) -> Share<'a> {
        assert!(worker < workers, "worker {worker} of {workers}");
        let mut share = Share { walk: Walk::new(plan, worker, workers), next: None };
        share.next = share.walk.next();
        share
    }

    /// When this worker's next request is due.
    #[inline]
    pub fn due(&self) -> Due {
        match self.next {
            Some(Planned { due: Some(at), .. }) => Due::At(at),
            Some(Planned { due: None, .. }) => Due::Now,
            None => Due::Never,
        }
    }

    /// Takes this worker's next request.
    ///
    /// # Panics
    /// If there is none: [`Share::due`] said [`Due::Never`].
    #[inline]
    pub fn take(&mut self) -> Planned {
        let taken = self.next.expect("nothing is taken from a share that is never due");
        self.next = self.walk.next();
        taken
    }
}

impl<'a> Walk<'a> {
    fn new(plan: &'a Plan, worker: u32, workers: u32) -> Walk<'a> {
        let arrivals = match plan.schedule() {
            Schedule::Think(think) => {
                return Walk::Thinkers(Thinkers::new(
                    *think,
                    plan.seed(),
                    plan.turns(),
                    plan.stop(),
                    (worker, workers),
                ));
            }
            Schedule::Open { rate, arrival } => Some(Arrivals::new(rate, *arrival, plan.stop(), plan.seed())),
            Schedule::Closed => None,
        };
        match plan.affinity() {
            Affinity::Spray => {
                Walk::Along(Along { plan, arrivals, n: worker.into(), stride: workers.into(), ids: None })
            }
            Affinity::Sticky if workers == 1 => Walk::Along(Along { plan, arrivals, n: 0, stride: 1, ids: None }),
            Affinity::Sticky if plan.picker.reaches(worker, workers) => {
                Walk::Along(Along { plan, arrivals, n: 0, stride: 1, ids: Some((worker, workers)) })
            }
            Affinity::Sticky => Walk::Idle,
        }
    }

    #[inline]
    fn next(&mut self) -> Option<Planned> {
        match self {
            Walk::Along(along) => along.next(),
            Walk::Thinkers(thinkers) => {
                let (n, id, due) = thinkers.next()?;
                Some(Planned { n, id, due: Some(due) })
            }
            Walk::Idle => None,
        }
    }
}

impl Along<'_> {
    #[inline]
    fn next(&mut self) -> Option<Planned> {
        loop {
            let n = self.n;
            if n >= self.plan.requests() {
                return None;
            }
            // Before the pick: past the end there may be no id to find.
            let due = match &mut self.arrivals {
                Some(arrivals) => Some(arrivals.due(n)?),
                None => None,
            };
            let id = self.plan.picker.pick(self.plan.picks, n);
            self.n = n + self.stride;
            if self.ids.is_none_or(|(worker, workers)| id % workers == worker) {
                return Some(Planned { n, id, due });
            }
        }
    }
}

/// The stream that picks clients, under a seed.
pub(super) const fn picks(seed: u64) -> Stream {
    Stream::new(seed, Stream::PICK)
}
