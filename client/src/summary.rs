//! What a run was: all that the reports, the gates and the verdict are made from.

use std::ops::AddAssign;

use crate::{Nanos, Outcome, Record};

/// A finished run.
#[derive(Clone, Debug)]
pub struct Summary {
    /// What was planned, for whoever wants to repeat it.
    pub header: Header,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// From the start to when the last request was sent or the plan ended: what rates are relative to.
    pub duration: Nanos,
    /// Requests per second that the schedule asked for, on average over the duration; none in a closed loop.
    pub offered_rate: Option<f64>,
    /// Everything that was measured.
    pub total: Record,
    /// What each simulated client got; empty if they were too many to count.
    pub clients: Vec<Served>,
    /// How the generator itself fared.
    pub health: Health,
}

/// The plan in words.
#[derive(Clone, Debug)]
pub struct Header {
    /// Where the requests went.
    pub url: String,
    /// The options that made the plan, as they would be typed: name and value.
    pub options: Vec<(String, String)>,
    /// The command that makes the same requests again.
    pub command: String,
    /// The seed.
    pub seed: u64,
    /// See [`crate::plan::Plan::hash`].
    pub plan_hash: u64,
    /// Requests in flight on one connection, at most.
    pub pipeline: u32,
    /// Connections.
    pub connections: u32,
}

/// What one simulated client got. A client's id is its place in the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Requests that were allowed.
    pub allowed: u32,
    /// Requests that were denied.
    pub denied: u32,
}

impl Served {
    /// One request that ended like this.
    pub(crate) fn one(outcome: Outcome) -> Self {
        Self { allowed: u32::from(outcome == Outcome::Allowed), denied: u32::from(outcome == Outcome::Denied) }
    }
}

impl AddAssign for Served {
    fn add_assign(&mut self, other: Self) {
        self.allowed = self.allowed.saturating_add(other.allowed);
        self.denied = self.denied.saturating_add(other.denied);
    }
}

/// How the generator itself fared: what the verdict is drawn from.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// One for each thread.
    pub threads: Vec<ThreadHealth>,
    /// CPU time of the whole process, user and system, during the run.
    pub cpu: Nanos,
    /// CPUs that were busy with something else just before the start.
    pub load_at_start: f64,
    /// Requests that were due and had no connection free to send them on, at the worst moment.
    pub longest_backlog: u64,
}

/// One thread of the engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThreadHealth {
    /// The part of the time that it was at work rather than waiting, 0 to 1.
    pub utilisation: f64,
    /// Its CPU time.
    pub cpu: Nanos,
    /// How often the kernel took the CPU away from it.
    pub involuntary_switches: u64,
    /// How long it was ready to run and something else had the CPU.
    pub waited: Nanos,
}
