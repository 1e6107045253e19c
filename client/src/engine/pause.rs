//! Waits for sockets or for an instant, whichever comes first, finer than a millisecond.
//!
//! mio rounds a timeout up to whole milliseconds, which would make every request on a schedule half a millisecond late on average. So
//! this sleeps in `ppoll` on the poll's own descriptor, which counts in nanoseconds, and collects the events without waiting. A kernel
//! wakes a sleeper some 50 µs late all the same; who wants to be on time spins for the last stretch.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use mio::{Events, Poll};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::engine::settings::Wait;
use crate::{Clock, Nanos};

/// How one thread waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    wait: Wait,
}

impl Pause {
    pub(super) fn new(wait: Wait) -> Self {
        // A sleeper is otherwise woken up to 50 µs late on purpose, to be woken together with others. Not all kernels let us; then it is.
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
        Self { wait }
    }

    /// Collects events; waits for one until `next`, when a request is due, and at most until `latest`. Returns the time that went by in
    /// vain: asleep, or looking for events where there were none.
    pub(super) fn collect(
        self,
        poll_: &mut Poll,
        events: &mut Events,
        clock: Clock,
        next: Option<Nanos>,
        latest: Nanos,
    ) -> io::Result<Nanos> {
        let now = clock.now();
        let wake = match (self.wait, next) {
            (Wait::Spin, _) => now,
            (Wait::Hybrid, Some(due)) => (due - SPUN).min(latest),
            (Wait::Sleep, Some(due)) => due.min(latest),
            (Wait::Hybrid | Wait::Sleep, None) => latest,
        };
        if wake <= now {
            collect_now(poll_, events)?;
            return Ok(if events.is_empty() { clock.now() - now } else { Nanos::ZERO });
        }
        if next.is_none() {
            // Nothing to be on time for: one call less.
            ignoring_interrupts(poll_.poll(events, Some((wake - now).into())))?;
        } else {
            sleep(poll_.registry().as_fd(), wake - now)?;
            collect_now(poll_, events)?;
        }
        Ok(clock.now() - now)
    }
}

fn collect_now(poll: &mut Poll, events: &mut Events) -> io::Result<()> {
    ignoring_interrupts(poll.poll(events, Some(std::time::Duration::ZERO)))
}

fn sleep(descriptor: BorrowedFd<'_>, span: Nanos) -> io::Result<()> {
    let span =
        Timespec { tv_sec: (span.as_u64() / 1_000_000_000) as i64, tv_nsec: (span.as_u64() % 1_000_000_000) as i64 };
    match poll(&mut [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)], Some(&span)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn ignoring_interrupts(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        other => other,
    }
}

/// What a kernel needs to wake a sleeper, generously: a hybrid wait spins for this long before a request is due.
const SPUN: Nanos = Nanos::from_micros(100);
