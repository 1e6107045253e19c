//! The listener of one core: when to accept, when to wait.
//!
//! - **Connection cap.** At the cap nothing is accepted: newcomers wait in the kernel's queue, unharmed, until somebody leaves. Those the
//!   kernel had already handed over in the same batch wait as bare descriptors in the waiting room, at most one backlog of them.
//! - **Draining.** The process has told the kernel to drop new handshakes (see [`crate::listener`]), so what is in the queue or about to
//!   enter it is all there will be. It is accepted for [`SETTLE`] more, then once more until the queue is empty; then the listener is
//!   closed. Only a handshake that takes longer than that is refused.
//! - **No descriptors** (`EMFILE`, `ENFILE`, no memory). Accepting again at once would spin; a timer asks again 100 ms later.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::SocketFlags;

use super::token::{Op, Token};
use super::uring::Uring;
use crate::drain::Control;

pub(super) struct Acceptor {
    listener: Option<OwnedFd>,
    state: Accepting,
    waiting_room: VecDeque<OwnedFd>,
    /// Whether the current shortage has been reported.
    reported: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accepting {
    /// Not asked for.
    No,
    /// With the kernel.
    Yes,
    /// Asked to end.
    Ending,
    /// Until the timer.
    Later,
    /// Draining, and asked to end, for the last look at the queue.
    AtLast,
}

impl Acceptor {
    pub fn new(listener: OwnedFd) -> Acceptor {
        Acceptor { listener: Some(listener), state: Accepting::No, waiting_room: VecDeque::new(), reported: false }
    }

    /// Accepts from now on.
    pub fn resume(&mut self, uring: &mut Uring) {
        if let (Accepting::No, Some(listener)) = (self.state, &self.listener) {
            uring.accept(listener);
            self.state = Accepting::Yes;
        }
    }

    /// Whether a connection just accepted has to wait for another to leave.
    pub fn must_wait(&self, control: &Control) -> bool {
        control.is_full() || !self.waiting_room.is_empty()
    }

    pub fn put_in_waiting_room(&mut self, socket: OwnedFd, uring: &mut Uring) {
        self.waiting_room.push_back(socket);
        if self.state == Accepting::Yes {
            self.state = Accepting::Ending;
            cancel(uring);
        }
    }

    pub fn leave_waiting_room(&mut self) -> Option<OwnedFd> {
        self.waiting_room.pop_front()
    }

    /// The accept could not be cancelled, because the kernel was just working on it: again.
    pub fn not_cancelled(&mut self, uring: &mut Uring) {
        if matches!(self.state, Accepting::Ending | Accepting::AtLast) {
            cancel(uring);
        }
    }

    /// The kernel has stopped accepting, because of `result`.
    pub fn ended(&mut self, result: i32, uring: &mut Uring, control: &Control) {
        if self.state == Accepting::AtLast {
            return;
        }
        self.state = Accepting::No;
        match -result {
            libc::ECANCELED => self.retry_later(uring),
            // The peer gave up before we came to it, or the kernel just wants to be asked again.
            error if error <= 0 => self.resume_or_retry(uring, control),
            libc::ECONNABORTED | libc::EINTR => self.resume_or_retry(uring, control),
            error => {
                if !self.reported {
                    self.reported = true;
                    let error = std::io::Error::from_raw_os_error(error);
                    tracing::warn!(%error, "cannot accept connections for now; trying again every 100 ms (raise `ulimit -n`?)");
                }
                self.retry_later(uring);
                return;
            }
        }
        self.reported = false;
    }

    /// There may be room: accept again, unless somebody is still waiting.
    pub fn room_again(&mut self, uring: &mut Uring, control: &Control) {
        if self.state == Accepting::No && !self.must_wait(control) {
            self.resume(uring);
        }
    }

    pub fn timer_fired(&mut self, uring: &mut Uring, control: &Control) {
        if self.state == Accepting::Later {
            self.state = Accepting::No;
            self.resume_or_retry(uring, control);
        }
    }

    fn resume_or_retry(&mut self, uring: &mut Uring, control: &Control) {
        if self.must_wait(control) { self.retry_later(uring) } else { self.resume(uring) }
    }

    /// Starts to close the listener; meanwhile it goes on accepting.
    pub fn drain(&mut self, uring: &mut Uring) {
        if self.state != Accepting::Yes && self.state != Accepting::Ending {
            self.state = Accepting::No;
            self.resume(uring);
        }
        uring.timer(SETTLE, Token::core(Op::DrainTimer));
    }

    /// Whether the kernel has stopped accepting so that the queue can be emptied by hand.
    pub fn is_at_last(&self) -> bool {
        self.state == Accepting::AtLast && self.listener.is_some()
    }

    pub fn is_closed(&self) -> bool {
        self.listener.is_none() && self.waiting_room.is_empty()
    }

    /// Empties the queue and closes the listener. Called again once the kernel has stopped accepting by itself.
    pub fn accept_the_last(&mut self, uring: &mut Uring) -> Vec<OwnedFd> {
        let mut last = Vec::new();
        if matches!(self.state, Accepting::Yes | Accepting::Ending) {
            cancel(uring);
            self.state = Accepting::AtLast;
            return last;
        }
        let Some(listener) = &self.listener else { return last };
        let blocking = rustix::io::ioctl_fionbio(listener, true);
        while blocking.is_ok() {
            match rustix::net::accept_with(listener, SocketFlags::CLOEXEC) {
                Ok(socket) => {
                    // The listener's flag is not inherited on Linux, so this one blocks as the others do.
                    last.push(socket);
                }
                Err(Errno::CONNABORTED | Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => {
                    // Out of descriptors: as connections close, there will be some.
                    uring.timer(RETRY, Token::core(Op::DrainTimer));
                    return last;
                }
            }
        }
        self.listener = None;
        last
    }

    fn retry_later(&mut self, uring: &mut Uring) {
        self.state = Accepting::Later;
        uring.timer(RETRY, Token::core(Op::AcceptTimer));
    }
}

fn cancel(uring: &mut Uring) {
    uring.cancel(Token::core(Op::Accept), Token::core(Op::AcceptCancel));
}

/// Long enough not to burn a core while descriptors are short, short enough to recover within the second.
const RETRY: Duration = Duration::from_millis(100);
/// How long a handshake that had begun when the drain did may take: several round trips on a local network.
const SETTLE: Duration = Duration::from_millis(50);
