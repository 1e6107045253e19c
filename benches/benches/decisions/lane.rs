//! Threads that ask a gate for their clients in turn, and the check that every answer was the one meant.

use std::fmt;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use tollgate_benches::affinity;
use tollgate_benches::clock::{CpuStopwatch, Stopwatch};
use tollgate_limiter::Nanos;

use crate::gate::{CHUNK, Gate};

pub const BURST: u32 = 5;
pub const PERIOD: Nanos = Nanos::from_secs(5);
/// A client comes round this often on the allow branch: within the quota under a sliding window and under GCRA, and before
/// its slot expires.
const VISIT_EVERY: Nanos = Nanos::from_millis(1250);
/// When a client comes round so late, its slot is free for anybody; one in eight is live at a time.
const FORGOTTEN_AFTER: Nanos = Nanos::from_secs(40);
/// More than any algorithm here lets through at one instant.
const ENOUGH_TO_BE_DENIED: u32 = 2 * BURST;
/// A prime above any number of clients, so that its multiples visit each client once.
const SHUFFLE: u64 = 2_654_435_761;
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
    /// Allowed, and never seen before.
    AllowNew,
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Branch::Allow => "allow",
            Branch::Deny => "deny",
            Branch::AllowNew => "allow, every client new",
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
        let interval = match branch {
            Branch::Allow => VISIT_EVERY,
            Branch::Deny => Nanos::ZERO,
            Branch::AllowNew => FORGOTTEN_AFTER,
        };
        let step = interval.as_u64() / ids.len() as u64;
        Lane { ids, branch, step, next: 0, now: START.as_u64() }
    }

    /// Gives each client a slot; on the deny branch, uses its quota up.
    ///
    /// Not in the order of the visits: a map that allocates for each client would have them side by side in memory, in just
    /// the order in which the runs ask for them, and be measured with the help of the prefetcher.
    fn fill(&mut self, gate: &impl Gate) {
        let at_once = match self.branch {
            Branch::Allow => 1,
            Branch::Deny => ENOUGH_TO_BE_DENIED,
            // Their slots are those of clients long gone: one round of the usual kind.
            Branch::AllowNew => {
                self.run(gate, self.ids.len() as u64);
                return;
            }
        };
        let count = self.ids.len() as u64;
        for n in 0..count {
            let id = std::slice::from_ref(&self.ids[(n * SHUFFLE % count) as usize]);
            for _ in 0..at_once {
                gate.allowed(id, self.now, 0);
            }
        }
        self.now += self.step * count;
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
            Branch::Allow | Branch::AllowNew => decisions - allowed,
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

    /// The time in which every lane makes `decisions` decisions, each on a CPU of its own. For one lane it is CPU time, the
    /// same on a quiet machine; for more it is the time that passes, because waiting for each other counts.
    pub fn run(&mut self, gate: &impl Gate, decisions: u64) -> Duration {
        let alone = self.0.len() == 1;
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
                        let (watch, cpu_watch) = (Stopwatch::start(), CpuStopwatch::start());
                        let allowed = lane.run(gate, decisions);
                        let elapsed = if alone { cpu_watch.elapsed() } else { watch.elapsed() };
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
