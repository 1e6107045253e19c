//! Threads that ask a gate for their clients in turn, and the check that every answer was the one meant.

use std::fmt;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use tollgate_benches::affinity;
use tollgate_benches::clock::Stopwatch;
use tollgate_limiter::Nanos;

use crate::gate::{CHUNK, Gate};

pub const BURST: u32 = 5;
pub const PERIOD: Nanos = Nanos::from_secs(5);
/// A client comes round this often on the allow branch: within the quota under a sliding window and under GCRA, and before
/// its slot expires.
const VISIT_EVERY: Nanos = Nanos::from_millis(1250);
/// Away from the limiter's epoch, where times before it would have to be thought about.
const START: Nanos = Nanos::from_secs(1000);
/// Decisions by which [`Lanes::prepare`] sees that the branch is the one meant.
const CHECKED: u64 = 10_000;
/// A table with room for n clients displaces fewer than one in 100 000 of them, and those are denied for a while.
const OTHERS_PER_MILLION: u64 = 50;

/// What every decision of a run must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    Allow,
    Deny,
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Branch::Allow => "allow",
            Branch::Deny => "deny",
        })
    }
}

/// One thread's clients, and how far it has come: it goes on there in the next run, so that no client is asked for twice
/// in a row and time never goes back.
pub struct Lane {
    ids: Vec<String>,
    branch: Branch,
    step: u64,
    next: usize,
    now: u64,
}

impl Lane {
    pub fn new(ids: Vec<String>, branch: Branch) -> Lane {
        Lane::with_visits_every(ids, branch, VISIT_EVERY)
    }

    pub fn with_visits_every(ids: Vec<String>, branch: Branch, interval: Nanos) -> Lane {
        let step = match branch {
            Branch::Allow => interval.as_u64() / ids.len() as u64,
            Branch::Deny => 0,
        };
        Lane { ids, branch, step, next: 0, now: START.as_u64() }
    }

    /// Gives each client a slot; on the deny branch, uses its quota up.
    fn fill(&mut self, gate: &impl Gate) {
        match self.branch {
            Branch::Allow => drop(self.run(gate, self.ids.len() as u64)),
            Branch::Deny => {
                for id in &self.ids {
                    let mut asked = 0;
                    while gate.allowed(std::slice::from_ref(id), self.now, 0) == 1 {
                        asked += 1;
                        assert!(asked <= 2 * BURST, "{asked} requests of one client at one instant were allowed");
                    }
                }
            }
        }
    }

    /// Makes `decisions` decisions; returns how many allowed.
    fn run(&mut self, gate: &impl Gate, decisions: u64) -> u64 {
        let (mut allowed, mut left) = (0, decisions as usize);
        while left > 0 {
            let end = self.ids.len().min(self.next + CHUNK.min(left));
            let chunk = &self.ids[self.next..end];
            allowed += gate.allowed(chunk, self.now, self.step);
            self.now += self.step * chunk.len() as u64;
            left -= chunk.len();
            self.next = if end == self.ids.len() { 0 } else { end };
        }
        allowed
    }

    fn check(&self, decisions: u64, allowed: u64) {
        let others = match self.branch {
            Branch::Allow => decisions - allowed,
            Branch::Deny => allowed,
        };
        let tolerated = decisions * OTHERS_PER_MILLION / 1_000_000;
        assert!(others <= tolerated, "{others} of {decisions} decisions were not {}", self.branch);
    }
}

/// One lane for each thread.
pub struct Lanes(Vec<Lane>);

impl Lanes {
    pub fn new(lanes: Vec<Lane>) -> Lanes {
        Lanes(lanes)
    }

    /// Fills the gate, and sees that from here on it takes the branch.
    pub fn prepare(&mut self, gate: &impl Gate) {
        for lane in &mut self.0 {
            lane.fill(gate);
            let allowed = lane.run(gate, CHECKED);
            lane.check(CHECKED, allowed);
        }
    }

    /// The time in which every lane makes `decisions` decisions, each on a CPU of its own.
    pub fn run(&mut self, gate: &impl Gate, decisions: u64) -> Duration {
        let cpus = affinity::allowed_cpus().expect("this thread's CPUs");
        let start = Barrier::new(self.0.len());
        let start = &start;
        thread::scope(|scope| {
            let threads: Vec<_> = self
                .0
                .iter_mut()
                .zip(cpus)
                .map(|(lane, cpu)| {
                    scope.spawn(move || {
                        affinity::pin(&[cpu]).expect("a CPU that this process may use");
                        start.wait();
                        let watch = Stopwatch::start();
                        let allowed = lane.run(gate, decisions);
                        let elapsed = watch.elapsed();
                        lane.check(decisions, allowed);
                        elapsed
                    })
                })
                .collect();
            let elapsed = threads.into_iter().map(|thread| thread.join().expect("the branch that was meant"));
            elapsed.max().unwrap_or_default()
        })
    }
}
