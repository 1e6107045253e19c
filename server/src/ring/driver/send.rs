//! Output: silently if it fits, patiently if not.
//!
//! The usual answer fits into the socket's buffer, so an output is first sent with `MSG_DONTWAIT` and without a
//! completion: if the kernel has nothing to say, it is done when the enter returns, and its memory goes back to the pool. With one
//! connection this also keeps the enter waiting for the *next request* instead of returning with the news that the answer is gone.
//! What does not fit is sent again, waiting for room, and from then on the peer counts as blocked.

use std::os::fd::BorrowedFd;

use super::super::slots::{News, State, Unsent};
use super::super::token::{Op, Token};
use super::Driver;
use crate::listener;

/// An output the kernel gets with the next enter.
pub(super) struct Flight {
    slot: u32,
    output: Vec<u8>,
}

impl Driver {
    #[inline]
    pub fn output(&mut self) -> Vec<u8> {
        self.pool.pop().unwrap_or_else(|| Vec::with_capacity(OUTPUT_START))
    }

    /// Queues `output` for the next enter.
    #[inline]
    pub fn send(&mut self, index: u32, output: Vec<u8>) {
        let token = self.slots.token(Op::Send, index);
        let slot = &mut self.slots[index];
        debug_assert!(
            !slot.is_sending(),
            "outputs of one connection go one at a time, or they could overtake each other"
        );
        if output.is_empty() || slot.news.has(News::FAILED) {
            self.rest(output);
            return;
        }
        slot.state.set(State::QUEUED);
        // SAFETY: `flights` keeps the output, whose bytes don't move with it, until `land_flights` has seen that the kernel
        // took every submission.
        unsafe { self.uring.send_now(slot.fd, output.as_ptr(), output.len(), token) };
        self.flights.push(Flight { slot: index, output });
    }

    /// Whether output of this connection is on its way; if so, its task hears when it is gone.
    #[inline]
    pub fn is_sending(&mut self, index: u32) -> bool {
        let slot = &mut self.slots[index];
        let sending = slot.is_sending();
        if sending {
            slot.state.set(State::WANTS_SENT);
            self.hurry |= slot.state.has(State::QUEUED);
        }
        sending
    }

    /// A first attempt that did not send everything.
    #[cold]
    pub(super) fn fell_short(&mut self, token: Token, result: i32) {
        let Some(slot) = self.slots.of(token) else { return };
        let Some(flight) = self.flights.iter_mut().find(|flight| flight.slot == token.slot()) else { return };
        let output = std::mem::take(&mut flight.output);
        let sent = result.max(0) as usize;
        if result < 0 && result != -libc::EAGAIN {
            slot.news.set(News::FAILED);
        } else if sent < output.len() && !slot.state.has(State::CLOSED) {
            // Once it is closed, its number may be another connection's.
            slot.unsent = Some(Box::new(Unsent { output, sent }));
            slot.news.set(News::BLOCKED);
            self.set_room(token.slot(), true);
            self.resend(token.slot());
        }
        self.slots[token.slot()].wake();
    }

    pub(super) fn resend(&mut self, index: u32) {
        let token = self.slots.token(Op::Resend, index);
        let slot = &mut self.slots[index];
        if let Some(unsent) = &slot.unsent {
            let rest = &unsent.output[unsent.sent..];
            // SAFETY: `unsent` keeps the output until `resent` has seen the completion; a driver dropped before that leaks it.
            unsafe { self.uring.send_all(slot.fd, rest.as_ptr(), rest.len(), token) };
        }
    }

    /// Ends the resend of a connection that has been closed.
    pub(super) fn stop_resending(&mut self, index: u32) {
        let [resend, report] = [Op::Resend, Op::Cancel].map(|op| self.slots.token(op, index));
        let slot = &self.slots[index];
        if slot.unsent.is_some() && slot.state.has(State::CLOSED) {
            self.uring.cancel(resend, report);
        }
    }

    #[cold]
    pub(super) fn resent(&mut self, token: Token, result: i32) {
        let index = token.slot();
        let Some(slot) = self.slots.of(token) else { return };
        let Some(mut unsent) = slot.unsent.take() else { return };
        if result <= 0 {
            slot.news.set(News::FAILED);
        } else {
            unsent.sent += result as usize;
            if unsent.sent < unsent.output.len() && !slot.state.has(State::CLOSED) {
                slot.unsent = Some(unsent);
                return self.resend(index);
            }
        }
        self.set_room(index, false);
        self.rest(unsent.output);
        self.sent(index);
    }

    fn set_room(&self, index: u32, blocked: bool) {
        let slot = &self.slots[index];
        if !slot.state.has(State::OUTBOUND) && !slot.state.has(State::CLOSED) {
            // SAFETY: the descriptor is open until the slot is closed.
            listener::set_room(unsafe { BorrowedFd::borrow_raw(slot.fd) }, blocked);
        }
    }

    /// Outputs that the kernel took without a word are sent. To be called when it has taken all of them.
    #[inline]
    pub(super) fn land_flights(&mut self) {
        if self.flights.is_empty() || self.uring.overflown() {
            return;
        }
        let mut flights = std::mem::take(&mut self.flights);
        for Flight { slot: index, output } in flights.drain(..) {
            self.rest(output);
            let slot = &mut self.slots[index];
            slot.state.clear(State::QUEUED);
            if slot.unsent.is_none() && (slot.state.has(State::WANTS_SENT) || slot.state.has(State::CLOSING)) {
                self.sent(index);
            }
        }
        self.flights = flights;
    }

    /// A connection has no output under way any more.
    pub(super) fn sent(&mut self, index: u32) {
        let slot = &mut self.slots[index];
        if slot.state.has(State::CLOSING) {
            self.shut(index);
        } else if slot.state.take(State::WANTS_SENT) {
            slot.news.set(News::SENT);
            slot.wake();
            self.woke = true;
        }
    }

    /// Puts an output buffer to rest.
    #[inline]
    pub(super) fn rest(&mut self, mut output: Vec<u8>) {
        if output.capacity() <= OUTPUT_KEPT && output.capacity() > 0 && self.pool.len() < POOL {
            output.clear();
            self.pool.push(output);
        }
    }
}

/// An output buffer's first size: an answer or two. When thousands of connections are answered in one turn, each has one.
const OUTPUT_START: usize = 512;
/// Larger output buffers are given back to the allocator: answers to some eighty requests at once fit.
const OUTPUT_KEPT: usize = 16 << 10;
/// Output buffers kept at rest.
const POOL: usize = 256;

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::sync::Arc;
    use std::time::Duration;

    use rustix::io::fcntl_dupfd_cloexec;

    use super::Driver;
    use crate::clock::Clock;
    use crate::drain::Control;
    use crate::socket::{Arrival, EngineSettings};

    #[test]
    fn what_an_aborted_connection_had_left_to_send_goes_to_nobody() {
        let mut driver = Driver::new(EngineSettings {
            listeners: Vec::new(),
            control: Arc::new(Control::new(1, 10).expect("a bell")),
            core: 0,
            clock: Clock::start(),
            write_timeout: Duration::from_secs(30),
            gatekeeper: None,
        })
        .expect("a ring");
        let (ours, _peer) = pair();
        // A number so high that no other test of this process takes it when it is free.
        let socket = fcntl_dupfd_cloexec(&ours, 900).expect("a number");
        let number = socket.as_raw_fd();
        drop(ours);
        driver.admit(Arrival { socket, listener: 0 });
        let index = driver.next_newborn().expect("it came").slot;
        // More than fits, so that the first attempt falls short; and in the same turn nobody wants it any more.
        driver.send(index, vec![b'x'; 64 << 20]);
        driver.close(index, true);
        driver.turn(TURN).expect("a turn");
        let (other, mut peer) = pair();
        let other = fcntl_dupfd_cloexec(&other, 900).expect("a number");
        assert_eq!(other.as_raw_fd(), number, "its number is given out again");
        driver.turn(TURN).expect("a turn");
        driver.turn(TURN).expect("a turn");
        peer.set_nonblocking(true).expect("a socket");
        let read = peer.read(&mut [0; 10]);
        assert_eq!(read.expect_err("nothing comes").kind(), ErrorKind::WouldBlock);
    }

    fn pair() -> (OwnedFd, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let peer = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        (listener.accept().expect("it has connected").0.into(), peer)
    }

    const TURN: Duration = Duration::from_millis(20);
}
