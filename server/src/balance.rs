//! Who has how many connections, and the way from one core to another.
//!
//! `SO_REUSEPORT` deals connections by a hash. With thousands that is even; with sixteen on two cores one core often has ten, works at its
//! limit and leaves the other half idle. So a core that accepts a connection and has clearly more than the least loaded one passes
//! it on: into that core's inbox, and a ring at its bell. It happens once, when the connection is accepted; requests never cross cores.
//!
//! **No connection is lost to a drain.** A core leaves when it has seen the drain and its load is zero. A giver counts the connection to the
//! receiver *first*, then looks at the phase once more, and only then puts it into the inbox:
//!
//! ```text
//!   giver:     load[receiver] += 1 ─▶ phase still serving? ─▶ inbox, bell     (no: take the count back, keep the connection)
//!   receiver:  phase draining? ─▶ load[me] == 0? ─▶ leave
//! ```
//!
//! All four are sequentially consistent. If the giver saw *serving*, its count precedes the change of phase, which precedes the
//! receiver's look at its load; so the receiver sees the count and waits for the inbox.

use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam::queue::ArrayQueue;
use crossbeam::utils::CachePadded;

use crate::socket::Arrival;

/// The loads and inboxes of all cores. Touched when a connection comes or goes, never per request.
#[derive(Debug)]
pub(crate) struct Balance {
    cores: Vec<CachePadded<Share>>,
}

#[derive(Debug)]
struct Share {
    load: AtomicUsize,
    inbox: ArrayQueue<Arrival>,
}

impl Balance {
    pub fn new(cores: usize) -> Balance {
        let share = || CachePadded::new(Share { load: AtomicUsize::new(0), inbox: ArrayQueue::new(INBOX) });
        Balance { cores: (0..cores).map(|_| share()).collect() }
    }

    /// Counts a connection of `core` in.
    pub fn opened(&self, core: usize) {
        self.cores[core].load.fetch_add(1, Ordering::SeqCst);
    }

    /// Counts a connection of `core` out.
    pub fn closed(&self, core: usize) {
        self.cores[core].load.fetch_sub(1, Ordering::SeqCst);
    }

    /// Connections of `core`, those in its inbox included.
    pub fn load(&self, core: usize) -> usize {
        self.cores[core].load.load(Ordering::SeqCst)
    }

    /// Connections of all cores.
    pub fn total(&self) -> usize {
        (0..self.cores.len()).map(|core| self.load(core)).sum()
    }

    /// The core that a connection accepted by `core` should go to, if clearly less loaded.
    pub fn better_than(&self, core: usize) -> Option<usize> {
        let mine = self.load(core);
        let least = (0..self.cores.len()).min_by_key(|&other| self.load(other))?;
        let clearly = CLEARLY_MORE.max(mine / 8);
        (mine >= self.load(least) + clearly).then_some(least)
    }

    /// Puts `arrival` into the inbox of `core`, unless `serving` says that it is too late or the inbox is full: then it comes back.
    pub fn hand_over(&self, core: usize, arrival: Arrival, serving: impl FnOnce() -> bool) -> Result<(), Arrival> {
        self.opened(core);
        let handed = if serving() { self.cores[core].inbox.push(arrival) } else { Err(arrival) };
        handed.inspect_err(|_| self.closed(core))
    }

    /// The next connection handed to `core`. It is counted already.
    pub fn next(&self, core: usize) -> Option<Arrival> {
        self.cores[core].inbox.pop()
    }
}

/// With one more, a newcomer could stay as well as go.
const CLEARLY_MORE: usize = 2;
/// Connections on their way to a core. Beyond that it is busy enough.
const INBOX: usize = 256;

#[cfg(test)]
mod tests {
    use super::{Balance, INBOX};
    use crate::drain::Bell;
    use crate::socket::Arrival;
    use std::os::fd::AsFd;

    fn arrival() -> Arrival {
        let socket = Bell::new().expect("a descriptor").as_fd().try_clone_to_owned().expect("another");
        Arrival { socket, listener: 0 }
    }

    #[test]
    fn a_core_keeps_its_connections_until_it_has_clearly_more() {
        let balance = Balance::new(3);
        let mut moved = 0;
        for _ in 0..30 {
            // All connections come to core 0, as an unlucky hash has it.
            match balance.better_than(0) {
                Some(other) => {
                    balance.opened(other);
                    moved += 1;
                }
                None => balance.opened(0),
            }
        }
        let loads: Vec<_> = (0..3).map(|core| balance.load(core)).collect();
        assert!(loads.iter().all(|load| (9..=12).contains(load)), "{loads:?}");
        assert_eq!(moved, loads[1] + loads[2]);
        assert_eq!(balance.total(), 30);
    }

    #[test]
    fn among_many_connections_a_small_difference_is_left_alone() {
        let balance = Balance::new(2);
        (0..1000).for_each(|_| balance.opened(0));
        (0..900).for_each(|_| balance.opened(1));
        assert_eq!(balance.better_than(0), None);
        (0..100).for_each(|_| balance.closed(1));
        assert_eq!(balance.better_than(0), Some(1));
    }

    #[test]
    fn what_cannot_be_handed_over_comes_back_and_is_not_counted() {
        let balance = Balance::new(2);
        balance.hand_over(1, arrival(), || false).expect_err("a drain has begun");
        assert_eq!(balance.load(1), 0);
        for _ in 0..INBOX {
            balance.hand_over(1, arrival(), || true).expect("there is room");
        }
        balance.hand_over(1, arrival(), || true).expect_err("the inbox is full");
        assert_eq!(balance.load(1), INBOX);
        assert_eq!(std::iter::from_fn(|| balance.next(1)).count(), INBOX);
    }

    #[test]
    fn a_core_that_has_seen_the_drain_and_no_load_gets_nothing_more() {
        use std::sync::atomic::{AtomicBool, Ordering};
        for _ in 0..2_000 {
            let (balance, draining) = (&Balance::new(2), &AtomicBool::new(false));
            std::thread::scope(|scope| {
                let receiver = scope.spawn(move || {
                    draining.store(true, Ordering::SeqCst);
                    let mut received = 0;
                    while balance.load(1) > 0 {
                        if balance.next(1).is_some() {
                            received += 1;
                            balance.closed(1);
                        }
                        std::hint::spin_loop();
                    }
                    received
                });
                let handed = balance.hand_over(1, arrival(), || !draining.load(Ordering::SeqCst)).is_ok();
                assert_eq!(
                    receiver.join().expect("receiver"),
                    usize::from(handed),
                    "handed over to a core that has left"
                );
            });
        }
    }
}
