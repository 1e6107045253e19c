//! Connections come and go: admission, the way out, and the drain.

use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};

use io_uring::cqueue;

use super::super::buffers::SMALL;
use super::super::slots::{News, State};
use super::super::token::Op;
use super::{Driver, Newborn};
use crate::drain::Phase;
use crate::socket::Arrival;

impl Driver {
    /// Takes in a connection of one of this core's own listeners.
    pub fn admit(&mut self, arrival: Arrival) {
        self.control.balance().opened(self.core);
        self.adopt(arrival);
    }

    /// Passes a connection on to a core that has clearly fewer, or takes it in.
    fn admit_or_hand_over(&mut self, arrival: Arrival) {
        let (balance, control) = (self.control.balance(), &self.control);
        let Some(core) = balance.better_than(self.core) else { return self.admit(arrival) };
        match balance.hand_over(core, arrival, || control.phase() == Phase::Serving) {
            Ok(()) => control.bell(core).ring(),
            Err(arrival) => self.admit(arrival),
        }
    }

    /// Takes in what other cores have passed on. They are counted already.
    pub fn take_over(&mut self) {
        while let Some(arrival) = self.control.balance().next(self.core) {
            self.adopt(arrival);
        }
    }

    fn adopt(&mut self, arrival: Arrival) {
        let fd = arrival.socket.into_raw_fd();
        let index = self.slots.open(fd);
        self.slots[index].state.set(State::RECEIVING);
        if self.phase >= Phase::Draining {
            self.slots[index].news.set(News::DRAINING);
        }
        self.uring.receive(fd, SMALL, self.slots.token(Op::Receive, index));
        self.newborn.push(Newborn { slot: index, listener: arrival.listener });
    }

    pub(super) fn accepted(&mut self, listener: usize, completion: &cqueue::Entry) {
        if completion.result() >= 0 {
            // SAFETY: the kernel just made this descriptor for us; nobody else knows it.
            let socket = unsafe { OwnedFd::from_raw_fd(completion.result()) };
            let arrival = Arrival { socket, listener };
            if self.phase == Phase::Serving && self.acceptor.must_wait(&self.control) {
                self.acceptor.put_in_waiting_room(arrival, &mut self.uring);
            } else {
                self.admit_or_hand_over(arrival);
            }
        }
        if !cqueue::more(completion.flags()) {
            self.acceptor.ended(listener, completion.result(), &mut self.uring, &self.control);
            if self.acceptor.is_at_last(listener) {
                self.accept_the_last(listener);
            }
        }
    }

    pub(super) fn accept_the_last(&mut self, listener: usize) {
        for arrival in self.acceptor.accept_the_last(listener, &mut self.uring) {
            self.admit(arrival);
        }
    }

    /// A connection has left: the next one in the waiting room may come in.
    pub(super) fn make_room(&mut self) {
        if !self.acceptor.is_full(&self.control) {
            if let Some(arrival) = self.acceptor.leave_waiting_room() {
                self.admit(arrival);
            }
            self.acceptor.room_again(&mut self.uring, &self.control);
        }
    }

    /// While newcomers wait, room may also be made on another core, which does not say so.
    pub(super) fn look_for_room(&mut self, listener: usize) {
        while !self.acceptor.is_full(&self.control)
            && let Some(arrival) = self.acceptor.leave_waiting_room()
        {
            self.admit(arrival);
        }
        self.acceptor.timer_fired(listener, &mut self.uring, &self.control);
    }

    /// The task is gone: send what is left, then close; with `abort`, close.
    pub fn close(&mut self, index: u32, abort: bool) {
        while let Some(filled) = self.pop_input(index) {
            self.give_back(filled);
        }
        let slot = &mut self.slots[index];
        slot.waker = None;
        slot.state.set(State::CLOSING);
        if slot.is_sending() && !abort {
            self.hurry |= slot.state.has(State::QUEUED);
            self.set_deadline(index, self.now.saturating_add(self.write_timeout));
        } else {
            self.shut(index);
        }
    }

    /// Closes the descriptor of a connection whose task is gone.
    pub(super) fn shut(&mut self, index: u32) {
        let timer = self.slots.token(Op::Timer, index);
        let slot = &mut self.slots[index];
        if !slot.state.has(State::CLOSED) {
            slot.state.set(State::CLOSED);
            // The cancellations go first: an operation holds the socket open, and the peer would wait for our FIN.
            self.stop_connecting(index);
            self.stop_receiving(index);
            self.stop_watching(index);
            self.stop_resending(index);
            let slot = &self.slots[index];
            if slot.state.has(State::TIMED) {
                self.uring.remove_timer(timer);
            }
            self.uring.close(slot.fd);
        }
        self.free_if_done(index);
    }

    pub(super) fn free_if_done(&mut self, index: u32) {
        let slot = &self.slots[index];
        let busy = slot.state.has(State::RECEIVING) || slot.state.has(State::CONNECTING) || slot.is_sending();
        if slot.state.has(State::CLOSED) && !busy {
            let outbound = slot.state.has(State::OUTBOUND);
            self.slots.free(index);
            if !outbound {
                self.control.balance().closed(self.core);
                self.make_room();
            }
        }
    }

    /// Tells every connection that the server is going down, and starts to close the listeners.
    pub fn drain(&mut self) {
        self.phase = Phase::Draining;
        self.woke = true;
        for (_, slot) in self.slots.used() {
            slot.news.set(News::DRAINING);
            slot.wake();
        }
        while let Some(arrival) = self.acceptor.leave_waiting_room() {
            self.admit(arrival);
        }
        self.acceptor.drain(&mut self.uring);
    }

    /// Whether a drain has come to its end.
    pub fn is_drained(&self) -> bool {
        self.phase >= Phase::Draining && self.acceptor.is_closed() && self.control.balance().load(self.core) == 0
    }
}
