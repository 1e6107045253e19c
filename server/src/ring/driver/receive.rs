//! Input: from the kernel's completions to the connection's task, and back pressure.
//!
//! **Fairness.** One multishot receive takes up to 32 buffers in a turn, which is right for a peer that sends a request now and then and
//! wrong for one that sends without a pause: thirty of those would take every buffer there is, and keep what they sent in memory while
//! their answers wait. So a connection that had to be held, or found no buffer, is *rationed*: it gets one buffer a turn, until what it
//! sends no longer fills one. And whoever asks first is served first.
//!
//! Content that is only passed on is rationed too, from its first full buffer, but in large buffers: its price is that of the turns, not of the
//! bytes, and in small ones a download cost more than three times the CPU.

use io_uring::cqueue;

use super::super::buffers::{Filled, LARGE, SMALL};
use super::super::slots::{News, State};
use super::super::token::{Op, Token};
use super::{Driver, SMALL_BUFFERS};
use crate::wheel::Tick;

impl Driver {
    /// Takes the oldest unread buffer of a connection.
    #[inline]
    pub fn pop_input(&mut self, index: u32) -> Option<Filled> {
        self.buffers.pop(&mut self.slots[index].inbox)
    }

    #[inline]
    pub fn give_back(&mut self, filled: Filled) {
        self.buffers.give_back(filled);
    }

    /// Stops or resumes receiving.
    pub fn hold(&mut self, index: u32, hold: bool) {
        let slot = &mut self.slots[index];
        if hold {
            slot.state.set(State::HELD);
            slot.state.set(State::RATIONED);
            slot.starved = None;
            self.stop_receiving(index);
        } else {
            slot.state.clear(State::HELD);
            // The receive will say it.
            slot.news.clear(News::HUNG_UP);
            self.to_receive.push(index);
        }
    }

    /// What comes from now on is content, or isn't any more.
    pub fn content(&mut self, index: u32, content: bool) {
        let state = &mut self.slots[index].state;
        if content { state.set(State::CONTENT) } else { state.clear(State::CONTENT) }
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
        // SAFETY: this completion hands the buffer over, and it is looked at once.
        let filled = cqueue::buffer_select(flags).map(|id| unsafe { self.buffers.received(id, result.max(0) as u32) });
        let Some(slot) = self.slots.of(token) else {
            if let Some(filled) = filled {
                self.buffers.give_back(filled);
            }
            return;
        };
        if let Some(filled) = filled {
            if result > 0 && !slot.state.has(State::CLOSING) {
                self.buffers.append(&mut slot.inbox, filled);
                slot.wake();
                if slot.state.has(State::RATIONED) {
                    slot.excuse(Tick::at(self.now));
                    slot.starved = None;
                    if (result as usize) < SMALL_BUFFERS.size {
                        slot.state.clear(State::RATIONED);
                    }
                } else if slot.state.has(State::CONTENT) && result as usize == SMALL_BUFFERS.size {
                    slot.state.set(State::RATIONED);
                    self.stop_receiving(token.slot());
                }
            } else {
                self.buffers.give_back(filled);
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
            // By the next turn the tasks have given their buffers back.
            libc::ENOBUFS => {
                slot.state.set(State::RATIONED);
                slot.starved.get_or_insert(Tick::at(self.now));
                if let Some(lookout) = &mut self.lookout {
                    lookout.starves();
                }
            }
            // Held, or closing.
            libc::ECANCELED => {}
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

    /// Asks for input where it is wanted and not asked for, in the order of asking: when there are too few buffers for all, those that
    /// got none stand before those that have just had theirs.
    pub(super) fn ask_for_input(&mut self) {
        let Driver { to_receive, slots, uring, .. } = self;
        for index in to_receive.drain(..) {
            let token = slots.token(Op::Receive, index);
            let slot = &mut slots[index];
            if slot.wants_input() && !slot.state.has(State::RECEIVING) {
                slot.state.set(State::RECEIVING);
                match (slot.state.has(State::RATIONED), slot.state.has(State::CONTENT)) {
                    (false, _) => uring.receive(slot.fd, SMALL, token),
                    (true, false) => uring.receive_once(slot.fd, SMALL, token),
                    (true, true) => uring.receive_once(slot.fd, LARGE, token),
                }
            }
        }
    }
}
