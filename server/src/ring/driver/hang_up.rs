//! The end of a connection that is not read.
//!
//! A receive tells of the end behind all that came before it; a connection that is held has no receive. So the kernel is asked for the end alone.
//! The question is asked once, at the first hold that wants to know, and stays: who is held once is held again, and taking it back would cost
//! two more operations each time. An answer that comes while the connection is read is old news, and the next hold asks again.

use super::super::slots::{News, State};
use super::super::token::{Op, Token};
use super::Driver;

impl Driver {
    /// Asks for the end of a connection that is held.
    pub fn watch(&mut self, index: u32) {
        let token = self.slots.token(Op::HangUp, index);
        let slot = &mut self.slots[index];
        if !slot.state.has(State::WATCHED) && !slot.state.has(State::ENDED) {
            slot.state.set(State::WATCHED);
            self.uring.watch_for_end(slot.fd, token);
        }
    }

    #[cold]
    pub(super) fn hung_up(&mut self, token: Token, result: i32) {
        let Some(slot) = self.slots.of(token) else { return };
        slot.state.clear(State::WATCHED);
        if result <= 0 || !slot.state.has(State::HELD) || slot.state.has(State::CLOSING) {
            return;
        }
        if result & i32::from(libc::POLLERR | libc::POLLHUP) == 0 {
            slot.news.set(News::HUNG_UP);
        } else {
            slot.state.set(State::ENDED);
            slot.news.set(News::FAILED);
        }
        slot.wake();
    }

    /// Takes the question back for a connection that is being closed: it would hold the socket open.
    pub(super) fn stop_watching(&mut self, index: u32) {
        if self.slots[index].state.has(State::WATCHED) {
            self.uring.cancel(self.slots.token(Op::HangUp, index), Token::core(Op::Ignored));
        }
    }
}
