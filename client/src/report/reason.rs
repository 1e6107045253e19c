//! What can speak against a run, what it makes of it, and what to do about it.

use std::fmt;

use super::number::{count, percent, time};
use super::verdict::{CONTRADICTION, deviation};
use crate::Nanos;

/// How far a run can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Validity {
    /// Nothing speaks against it.
    Valid,
    /// The numbers may tell of the client or its machine.
    Suspect,
    /// It isn't the run that was planned, or its numbers contradict each other.
    Invalid,
}

/// What speaks against a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// Requests or connections were lost or counted twice: a fault of this program.
    Unbalanced {
        /// Requests planned and not ended.
        requests: i64,
        /// Connections attempted and not ended, plus those established and not closed.
        connections: i64,
    },
    /// There was no whole answer.
    Unanswered {
        /// Requests that were planned.
        planned: u64,
    },
    /// Less was sent than the schedule asked for.
    Behind {
        /// Sent over offered.
        ratio: f64,
    },
    /// The client's machine had no local port or no descriptor left.
    Exhausted {
        /// Connections that found no port.
        ports: u64,
        /// Connections that found no descriptor.
        descriptors: u64,
    },
    /// Requests in flight, rate and service time contradict Little's law: one of them was measured wrongly.
    Contradictory {
        /// Requests in flight on average, as counted.
        counted: f64,
        /// As rate and mean service time would have it.
        expected: f64,
    },
    /// A thread was at work nearly all the time.
    Saturated {
        /// The busiest.
        thread: usize,
        /// The part of the time that it was at work.
        utilisation: f64,
    },
    /// Requests were sent so late that it shows in the latency.
    Late {
        /// This part of the requests, a hundredth or more.
        share: f64,
        /// So late at least.
        by: Nanos,
        /// Latency of all answers.
        latency_p50: Nanos,
        /// Requests that waited for a free connection at the worst moment.
        backlog: u64,
    },
    /// The kernel took the CPU away from a thread.
    Preempted {
        /// The one that went without it for longest.
        thread: usize,
        /// The part of the time that it was ready to run and didn't.
        share: f64,
        /// How often it lost the CPU.
        switches: u64,
    },
    /// Something else was running.
    BusyMachine {
        /// See [`crate::summary::Health::load_at_start`].
        load: f64,
    },
}

impl Reason {
    /// What it makes of the run.
    pub fn makes(&self) -> Validity {
        match self {
            Self::Unbalanced { .. } | Self::Unanswered { .. } | Self::Behind { .. } | Self::Exhausted { .. } => {
                Validity::Invalid
            }
            Self::Contradictory { counted, expected } if deviation(*counted, *expected) > CONTRADICTION => {
                Validity::Invalid
            }
            Self::Contradictory { .. }
            | Self::Saturated { .. }
            | Self::Late { .. }
            | Self::Preempted { .. }
            | Self::BusyMachine { .. } => Validity::Suspect,
        }
    }

    /// Its name in machine-readable reports.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unbalanced { .. } => "unbalanced",
            Self::Unanswered { .. } => "unanswered",
            Self::Behind { .. } => "behind",
            Self::Exhausted { .. } => "exhausted",
            Self::Contradictory { .. } => "contradictory",
            Self::Saturated { .. } => "saturated",
            Self::Late { .. } => "late",
            Self::Preempted { .. } => "preempted",
            Self::BusyMachine { .. } => "busy_machine",
        }
    }
}

impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Valid => "VALID",
            Self::Suspect => "SUSPECT",
            Self::Invalid => "INVALID",
        })
    }
}

/// What was seen, and what to do about it.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unbalanced { requests, connections } => write!(
                f,
                "the ledger does not balance by {requests} requests and {connections} connections: a fault of this program"
            ),
            Self::Unanswered { planned: 0 } => {
                f.write_str("nothing was asked: no request was due; take longer, or more of them")
            }
            Self::Unanswered { planned } => write!(f, "none of {} requests was answered", count(*planned)),
            Self::Behind { ratio } => write!(
                f,
                "only {} of the offered load was sent: lower --rate, or add --connections or --threads",
                percent(*ratio)
            ),
            Self::Exhausted { ports, descriptors: 0 } => {
                write!(f, "no local port for {} connections: add --sources, or keep connections longer", count(*ports))
            }
            Self::Exhausted { ports: 0, descriptors } => {
                write!(
                    f,
                    "no descriptor for {} connections: raise ulimit -n, or lower --connections",
                    count(*descriptors)
                )
            }
            Self::Exhausted { ports, descriptors } => write!(
                f,
                "no descriptor for {} connections and no local port for {}: raise ulimit -n, or lower --connections",
                count(*descriptors),
                count(*ports)
            ),
            Self::Contradictory { counted, expected } => write!(
                f,
                "{counted:.2} requests were in flight, but rate and service time make {expected:.2} (Little's law)"
            ),
            Self::Saturated { thread, utilisation } => write!(
                f,
                "thread {thread} was at work {} of the time: its limit may be what was measured; add --threads",
                percent(*utilisation)
            ),
            Self::Late { share, by, latency_p50, backlog: 0 } => write!(
                f,
                "{} were sent {} late or more, a median answer takes {}: free CPUs, try --wait spin, or lower --rate",
                percent(*share),
                time(*by),
                time(*latency_p50)
            ),
            Self::Late { share, by, backlog, .. } => write!(
                f,
                "{} were sent {} late or more, and {} waited for a free connection: add --connections",
                percent(*share),
                time(*by),
                count(*backlog)
            ),
            Self::Preempted { thread, share, switches } => write!(
                f,
                "thread {thread} waited for a CPU {} of the time ({} involuntary switches): give the client CPUs of its own",
                percent(*share),
                count(*switches)
            ),
            Self::BusyMachine { load } => {
                write!(f, "the machine was busy before the start (load {load:.2}): stop what else is running")
            }
        }
    }
}
