//! Input: from the kernel's completions to the connection's task, and back pressure.

use io_uring::cqueue;

use super::super::buffers::{Filled, GROUP};
use super::super::slots::{News, State};
use super::super::token::{Op, Token};
use super::Driver;

impl Driver {
    /// Takes the oldest unread buffer of a connection.
    #[inline]
    pub fn pop_input(&mut self, index: u32) -> Option<Filled> {
        self.buffers.pop(&mut self.slots[index].inbox)
    }

    #[inline]
    pub fn give_back(&mut self, filled: &Filled) {
        self.buffers.give_back(filled.id());
    }

    /// Stops or resumes receiving.
    pub fn hold(&mut self, index: u32, hold: bool) {
        let slot = &mut self.slots[index];
        if hold {
            slot.state.set(State::HELD);
            self.stop_receiving(index);
        } else {
            slot.state.clear(State::HELD);
            self.to_receive.push(index);
        }
    }

    /// Ends a receive that is with the kernel, if it has not been asked to end already.
    pub(super) fn stop_receiving(&mut self, index: u32) {
        let [receive, report] = [Op::Receive, Op::Cancel].map(|op| self.slots.token(op, index));
        let slot = &mut self.slots[index];
        if slot.state.has(State::RECEIVING) && !slot.state.has(State::CANCELLING) {
            slot.state.set(State::CANCELLING);
            self.uring.cancel(receive, report);
        }
    }

    /// The kernel was just working on what should have been cancelled and could not find it: again, if it is still to end.
    #[cold]
    pub(super) fn not_cancelled(&mut self, token: Token) {
        let index = token.slot();
        let Some(slot) = self.slots.of(token) else { return };
        slot.state.clear(State::CANCELLING);
        if slot.state.has(State::HELD) || slot.state.has(State::CLOSED) {
            self.stop_receiving(index);
        }
        self.stop_resending(index);
    }

    #[inline]
    pub(super) fn received(&mut self, token: Token, completion: &cqueue::Entry) {
        let (result, flags) = (completion.result(), completion.flags());
        let buffer = cqueue::buffer_select(flags);
        let Some(slot) = self.slots.of(token) else {
            if let Some(id) = buffer {
                self.buffers.give_back(id);
            }
            return;
        };
        if let Some(id) = buffer {
            if result > 0 && !slot.state.has(State::CLOSING) {
                self.buffers.append(&mut slot.inbox, id, result as u32);
                slot.wake();
            } else {
                self.buffers.give_back(id);
            }
        }
        if !cqueue::more(flags) {
            self.receive_ended(token.slot(), result);
        }
    }

    #[cold]
    pub(super) fn receive_ended(&mut self, index: u32, result: i32) {
        let slot = &mut self.slots[index];
        slot.state.clear(State::RECEIVING);
        slot.state.clear(State::CANCELLING);
        match -result {
            0 => {
                slot.state.set(State::ENDED);
                slot.news.set(News::END);
                slot.wake();
            }
            // Out of buffers: by the next turn the tasks have given theirs back. Cancelled: held, or closing.
            libc::ENOBUFS | libc::ECANCELED => {}
            // Bytes came and the kernel just wants to be asked again.
            error if error < 0 => {}
            _ => {
                slot.state.set(State::ENDED);
                slot.news.set(News::FAILED);
                slot.wake();
            }
        }
        if slot.state.has(State::CLOSING) {
            self.free_if_done(index);
        } else {
            self.to_receive.push(index);
        }
    }

    /// Asks for input where it is wanted and not asked for.
    pub(super) fn ask_for_input(&mut self) {
        while let Some(index) = self.to_receive.pop() {
            let token = self.slots.token(Op::Receive, index);
            let slot = &mut self.slots[index];
            let unwanted = [State::RECEIVING, State::HELD, State::ENDED, State::CLOSING];
            if slot.state.has(State::USED) && !unwanted.iter().any(|&state| slot.state.has(state)) {
                slot.state.set(State::RECEIVING);
                self.uring.receive(slot.fd, GROUP, token);
            }
        }
    }
}
