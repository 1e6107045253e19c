//! The phases of the process and the bells that announce them.
//!
//! ```text
//!   serving ──SIGTERM/SIGINT──▶ draining ──second signal, or the drain timeout──▶ stopping
//! ```
//!
//! A phase is one atomic that every core looks at when its bell rings; a bell wakes the core, whichever way it waits. Phases
//! only ever move forward, so a core that misses one and sees the next has missed nothing.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::event::{EventfdFlags, eventfd};

use crate::balance::Balance;
use crate::watch::Pulse;

/// What the process is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// Accepting and answering.
    Serving = 0,
    /// Answering what has arrived, accepting what is queued, nothing more.
    Draining = 1,
    /// Leaving now.
    Stopping = 2,
}

/// What the cores of one process share: the phase, the bells, the pulses, and the connections.
#[derive(Debug)]
pub struct Control {
    phase: AtomicU8,
    bells: Vec<Bell>,
    pulses: Vec<Pulse>,
    balance: Balance,
    max_connections: usize,
}

impl Control {
    /// For `cores` cores and at most `max_connections` connections.
    pub fn new(cores: usize, max_connections: usize) -> io::Result<Control> {
        Ok(Control {
            phase: AtomicU8::new(Phase::Serving as u8),
            bells: (0..cores).map(|_| Bell::new()).collect::<io::Result<_>>()?,
            pulses: (0..cores).map(|_| Pulse::default()).collect(),
            balance: Balance::new(cores),
            max_connections,
        })
    }

    /// The current phase.
    pub fn phase(&self) -> Phase {
        // Sequentially consistent because `balance` needs it, and asked for only when a bell rings or a connection moves.
        match self.phase.load(Ordering::SeqCst) {
            0 => Phase::Serving,
            1 => Phase::Draining,
            _ => Phase::Stopping,
        }
    }

    /// Moves on to `phase`, unless it is already reached, and rings every bell.
    pub fn advance(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::SeqCst);
        self.ring_all();
    }

    /// Rings every bell: each core looks at what the others may have left for it.
    pub fn ring_all(&self) {
        for bell in &self.bells {
            bell.ring();
        }
    }

    /// The bell of core number `core`.
    pub fn bell(&self, core: usize) -> &Bell {
        &self.bells[core]
    }

    /// The pulse of core number `core`.
    pub fn pulse(&self, core: usize) -> &Pulse {
        &self.pulses[core]
    }

    /// The loads and inboxes of the cores.
    pub fn balance(&self) -> &Balance {
        &self.balance
    }

    /// Connections open now, over all cores.
    pub fn open(&self) -> usize {
        self.balance.total()
    }

    /// Whether the connection cap is reached.
    pub fn is_full(&self) -> bool {
        self.open() >= self.max_connections
    }
}

/// Wakes one core, whichever way it waits: two eventfds, one that its ring watches and one that it sleeps on.
///
/// One would do if a ring always passed on what it saw to the eventfd that is registered with it. A write to an eventfd is the exception: inside
/// it the kernel doesn't signal another one but puts that off, and on Linux 6.18 the signal was seen not to come. A core that slept then slept on,
/// also through all that came from the network after that, because only the first event of a batch is announced.
#[derive(Debug)]
pub struct Bell {
    watched: OwnedFd,
    pillow: OwnedFd,
}

impl Bell {
    /// A bell that has not rung.
    pub fn new() -> io::Result<Bell> {
        let watched = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        // A read of this one has to wait for a signal.
        let pillow = eventfd(0, EventfdFlags::CLOEXEC)?;
        Ok(Bell { watched, pillow })
    }

    /// Wakes the core. What its ring watches is never read: it is the edge that wakes, and the counter can't overflow within the age of the
    /// universe.
    pub fn ring(&self) {
        // In this order: when the sleeper looks at its ring, what woke it is there. The only error is a full counter, and then the bell has rung.
        for eventfd in [&self.watched, &self.pillow] {
            let _ = rustix::io::write(eventfd, &1u64.to_ne_bytes());
        }
    }

    /// What a core sleeps on; the ring signals it too, when it has something.
    pub fn pillow(&self) -> &OwnedFd {
        &self.pillow
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watched.as_fd()
    }
}
