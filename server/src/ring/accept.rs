//! The listeners of one core: when to accept, when to wait. Each has an accept of its own with the kernel; the cap on connections and the room in
//! which newcomers wait for it are common.
//!
//! - **Connection cap.** At the cap nothing is accepted: newcomers wait in the kernel's queue, unharmed, until somebody leaves. Those the
//!   kernel had already handed over in the same batch wait as bare descriptors in the waiting room, at most one
//!   backlog of each listener.
//! - **A core that drowns** accepts nothing either, as if it were at the cap.
//! - **Draining.** The process has told the kernel to drop new handshakes (see [`crate::listener`]), so what is in the queue or about to
//!   enter it is all there will be. It is accepted for [`SETTLE`] more, then once more until the queue is empty; then the listener is
//!   closed. Only a handshake that takes longer than that is refused.
//! - **No descriptors** (`EMFILE`, `ENFILE`, no memory). Accepting again at once would spin; a timer asks again 100 ms later.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::SocketFlags;

use super::token::{Op, Token};
use super::uring::Uring;
use crate::drain::Control;
use crate::overload::gatekeeper::Gatekeeper;
use crate::socket::Arrival;

pub(super) struct Acceptor {
    listeners: Vec<Listener>,
    /// First come, first served, whichever listener they came to.
    waiting_room: VecDeque<Arrival>,
    gatekeeper: Option<Rc<Gatekeeper>>,
}

struct Listener {
    /// Until it is closed.
    socket: Option<OwnedFd>,
    state: Accepting,
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
    pub fn new(listeners: Vec<OwnedFd>, gatekeeper: Option<Rc<Gatekeeper>>) -> Acceptor {
        let listener = |socket| Listener { socket: Some(socket), state: Accepting::No, reported: false };
        let listeners = listeners.into_iter().map(listener).collect();
        Acceptor { listeners, waiting_room: VecDeque::new(), gatekeeper }
    }

    /// Accepts on all listeners from now on.
    pub fn start(&mut self, uring: &mut Uring) {
        for index in 0..self.listeners.len() {
            self.resume(index, uring);
        }
    }

    fn resume(&mut self, index: usize, uring: &mut Uring) {
        let listener = &mut self.listeners[index];
        if let (Accepting::No, Some(socket)) = (listener.state, &listener.socket) {
            uring.accept(socket, token(Op::Accept, index));
            listener.state = Accepting::Yes;
        }
    }

    /// Whether a connection just accepted has to wait for another to leave.
    pub fn must_wait(&self, control: &Control) -> bool {
        self.is_full(control) || !self.waiting_room.is_empty()
    }

    /// Whether nobody may come in.
    pub fn is_full(&self, control: &Control) -> bool {
        control.is_full() || self.gatekeeper.as_ref().is_some_and(|gatekeeper| gatekeeper.is_closed())
    }

    pub fn put_in_waiting_room(&mut self, arrival: Arrival, uring: &mut Uring) {
        let index = arrival.listener;
        self.waiting_room.push_back(arrival);
        let listener = &mut self.listeners[index];
        if listener.state == Accepting::Yes {
            listener.state = Accepting::Ending;
            cancel(index, uring);
        }
    }

    pub fn leave_waiting_room(&mut self) -> Option<Arrival> {
        self.waiting_room.pop_front()
    }

    /// The accept could not be cancelled, because the kernel was just working on it: again.
    pub fn not_cancelled(&mut self, index: usize, uring: &mut Uring) {
        if matches!(self.listeners[index].state, Accepting::Ending | Accepting::AtLast) {
            cancel(index, uring);
        }
    }

    /// The kernel has stopped accepting, because of `result`.
    pub fn ended(&mut self, index: usize, result: i32, uring: &mut Uring, control: &Control) {
        let listener = &mut self.listeners[index];
        if listener.state == Accepting::AtLast {
            return;
        }
        listener.state = Accepting::No;
        let reported = std::mem::take(&mut listener.reported);
        match -result {
            libc::ECANCELED => self.retry_later(index, uring),
            // The peer gave up before we came to it, or the kernel just wants to be asked again.
            error if error <= 0 => self.resume_or_retry(index, uring, control),
            libc::ECONNABORTED | libc::EINTR => self.resume_or_retry(index, uring, control),
            error => {
                listener.reported = true;
                if !reported {
                    let error = std::io::Error::from_raw_os_error(error);
                    tracing::warn!(%error, "cannot accept connections for now; trying again every 100 ms (raise `ulimit -n`?)");
                }
                self.retry_later(index, uring);
            }
        }
    }

    /// There may be room: accept again, unless somebody is still waiting.
    pub fn room_again(&mut self, uring: &mut Uring, control: &Control) {
        if !self.must_wait(control) {
            self.start(uring);
        }
    }

    pub fn timer_fired(&mut self, index: usize, uring: &mut Uring, control: &Control) {
        if self.listeners[index].state == Accepting::Later {
            self.listeners[index].state = Accepting::No;
            self.resume_or_retry(index, uring, control);
        }
    }

    fn resume_or_retry(&mut self, index: usize, uring: &mut Uring, control: &Control) {
        if self.must_wait(control) { self.retry_later(index, uring) } else { self.resume(index, uring) }
    }

    /// Starts to close the listeners; meanwhile they go on accepting.
    pub fn drain(&mut self, uring: &mut Uring) {
        for index in 0..self.listeners.len() {
            let listener = &mut self.listeners[index];
            if listener.state != Accepting::Yes && listener.state != Accepting::Ending {
                listener.state = Accepting::No;
                self.resume(index, uring);
            }
            uring.timer(SETTLE, token(Op::DrainTimer, index));
        }
    }

    /// Whether the kernel has stopped accepting so that the queue can be emptied by hand.
    pub fn is_at_last(&self, index: usize) -> bool {
        let listener = &self.listeners[index];
        listener.state == Accepting::AtLast && listener.socket.is_some()
    }

    /// Whether all listeners are, and nobody waits.
    pub fn is_closed(&self) -> bool {
        self.listeners.iter().all(|listener| listener.socket.is_none()) && self.waiting_room.is_empty()
    }

    /// Empties the queue and closes the listener. Called again once the kernel has stopped accepting by itself.
    pub fn accept_the_last(&mut self, index: usize, uring: &mut Uring) -> Vec<Arrival> {
        let mut last = Vec::new();
        let listener = &mut self.listeners[index];
        if matches!(listener.state, Accepting::Yes | Accepting::Ending) {
            listener.state = Accepting::AtLast;
            cancel(index, uring);
            return last;
        }
        let Some(socket) = &listener.socket else { return last };
        let blocking = rustix::io::ioctl_fionbio(socket, true);
        while blocking.is_ok() {
            match rustix::net::accept_with(socket, SocketFlags::CLOEXEC) {
                Ok(socket) => {
                    // The listener's flag is not inherited on Linux, so this one blocks as the others do.
                    last.push(Arrival { socket, listener: index });
                }
                Err(Errno::CONNABORTED | Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => {
                    // Out of descriptors: as connections close, there will be some.
                    uring.timer(RETRY, token(Op::DrainTimer, index));
                    return last;
                }
            }
        }
        listener.socket = None;
        last
    }

    fn retry_later(&mut self, index: usize, uring: &mut Uring) {
        self.listeners[index].state = Accepting::Later;
        uring.timer(RETRY, token(Op::AcceptTimer, index));
    }
}

/// An operation on one of the listeners: its index stands where that of a connection's slot would.
fn token(op: Op, index: usize) -> Token {
    Token::new(op, 0, index as u32)
}

fn cancel(index: usize, uring: &mut Uring) {
    uring.cancel(token(Op::Accept, index), token(Op::AcceptCancel, index));
}

/// Long enough not to burn a core while descriptors are short, short enough to recover within the second.
const RETRY: Duration = Duration::from_millis(100);
/// How long a handshake that had begun when the drain did may take: several round trips on a local network.
const SETTLE: Duration = Duration::from_millis(50);
