//! How far the core is behind, as its ring knows it.
//!
//! What the thread did from one batch to the next says so only if the ring didn't wait for the second one. So now and then, after a batch that brought something, an enter
//! doesn't wait: it hands in the answers, takes what has arrived meanwhile, and comes back. On a core that is behind, something always has.
//!
//! A turn that waited for nothing in vain says that the core is not behind at all. When there are too few buffers for all who have sent something,
//! some wait for several turns: so many as there are times more of them than buffers.
//!
//! A core that was behind goes on turning, although nobody comes, until the gatekeeper knows that it isn't any more: asleep it would never tell.

use std::rc::Rc;

use tollgate_limiter::Nanos;

use super::SMALL_BUFFERS;
use crate::clock::Clock;
use crate::overload::gatekeeper::Gatekeeper;

/// Tells the gatekeeper.
pub(super) struct Lookout {
    gatekeeper: Rc<Gatekeeper>,
    /// The turn that begins doesn't wait; the CPU time that the thread had used when it began.
    looks: Option<Nanos>,
    /// Connections that found no buffer in this turn.
    starved: u64,
}

impl Lookout {
    pub fn new(gatekeeper: Rc<Gatekeeper>) -> Lookout {
        Lookout { gatekeeper, looks: None, starved: 0 }
    }

    /// Whether the gatekeeper still has something to learn from turns that bring nothing.
    pub fn is_awake(&self) -> bool {
        self.gatekeeper.is_awake()
    }

    /// Whether the turn that begins is not to wait.
    pub fn looks(&self) -> bool {
        self.looks.is_some()
    }

    /// A connection has sent something, and there is no buffer for it in this turn.
    #[cold]
    pub fn starves(&mut self) {
        self.starved += 1;
    }

    /// A turn is over; whether it brought something.
    pub fn note(&mut self, completed: bool, now: Nanos, clock: Clock) {
        let starved = std::mem::take(&mut self.starved);
        match self.looks.take() {
            Some(before) => {
                let turns = 1 + starved / u64::from(SMALL_BUFFERS.count);
                let work = clock.cpu_time().saturating_sub(before);
                self.gatekeeper.note(Nanos::new(work.as_u64().saturating_mul(turns)), now);
            }
            None if !completed => self.gatekeeper.note(Nanos::ZERO, now),
            None => {}
        }
        // After a turn that brought nothing the core may go to sleep.
        self.looks = (completed && self.gatekeeper.is_due(now)).then(|| clock.cpu_time());
    }
}
