//! How a plan is carried out: nothing here changes what is sent, or when it is due.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;

use crate::{Nanos, Outcome};

/// How a plan is carried out.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Where to connect.
    pub target: SocketAddr,
    /// Local addresses to connect from, in turn; the kernel's choice if there are none. Each has some 28 000 ports of its own.
    pub sources: Vec<IpAddr>,
    /// Connections, over all threads.
    pub connections: NonZeroU32,
    /// Threads, one loop each. A thread without a connection would have nothing to do: there are never more than connections.
    pub threads: NonZeroU32,
    /// Requests in flight on one connection, at most.
    pub pipeline: NonZeroU32,
    /// Requests after which a connection is closed and another opened.
    pub requests_per_connection: Option<NonZeroU32>,
    /// New connections per second, over all threads.
    pub connection_rate: Option<NonZeroU32>,
    /// How a connection is closed.
    pub close: Close,
    /// A request without a whole answer so long after it was sent has timed out.
    pub timeout: Nanos,
    /// A request so far behind its schedule is shed.
    pub deadline: Option<Nanos>,
    /// How long answers in flight are awaited when the run is stopped.
    pub drain: Nanos,
    /// How a thread waits for the next thing to do.
    pub wait: Wait,
    /// Whether each thread keeps to a CPU of its own.
    pub pin: bool,
    /// Which statuses count as what.
    pub classes: Classes,
    /// How often an [`crate::Interval`] is published.
    pub interval: Nanos,
}

impl EngineSettings {
    /// 64 connections on one thread, one request at a time on each: the start for settings of one's own.
    pub fn to(target: SocketAddr) -> Self {
        Self {
            target,
            sources: Vec::new(),
            connections: const { NonZeroU32::new(64).unwrap() },
            threads: NonZeroU32::MIN,
            pipeline: NonZeroU32::MIN,
            requests_per_connection: None,
            connection_rate: None,
            close: Close::default(),
            timeout: Nanos::from_secs(2),
            deadline: None,
            drain: Nanos::from_secs(2),
            wait: Wait::default(),
            pin: false,
            classes: Classes::default(),
            interval: Nanos::from_secs(1),
        }
    }

    /// Threads that have a connection.
    pub(super) fn workers(&self) -> u32 {
        self.threads.min(self.connections).get()
    }
}

/// How a connection is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Close {
    /// By FIN, as a browser does.
    #[default]
    Orderly,
    /// By RST, which leaves no TIME-WAIT behind. A server sees resets then.
    Reset,
}

/// How a thread waits for the next thing to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// Never sleeps: sends on time to the microsecond, and takes a whole CPU.
    Spin,
    /// Sleeps until shortly before the next request is due, then spins.
    #[default]
    Hybrid,
    /// Sleeps until the next request is due: as late as the kernel wakes it.
    Sleep,
}

/// Which statuses count as allowed and which as denied; all others are *other*. Denied goes first.
#[derive(Clone, Debug)]
pub struct Classes {
    /// Ranges of statuses, both ends included.
    pub allowed: Vec<(u16, u16)>,
    /// See `allowed`.
    pub denied: Vec<(u16, u16)>,
}

impl Default for Classes {
    fn default() -> Self {
        Self { allowed: vec![(200, 299)], denied: vec![(429, 429), (503, 503)] }
    }
}

impl Classes {
    /// What an answer with this status is.
    pub fn outcome(&self, status: u16) -> Outcome {
        let within = |ranges: &[(u16, u16)]| ranges.iter().any(|(from, to)| (*from..=*to).contains(&status));
        if within(&self.denied) {
            Outcome::Denied
        } else if within(&self.allowed) {
            Outcome::Allowed
        } else {
            Outcome::Other
        }
    }
}
