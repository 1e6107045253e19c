//! The answers of one connection, in the order of its requests, however they come in.

use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;

use super::MOST_REPLIES;
use super::exchange::{Exchange, State};
use crate::session::OUT_BYTES;

/// What is owed to the client, oldest first.
#[derive(Default)]
pub(super) struct Replies {
    queue: VecDeque<Reply>,
}

enum Reply {
    /// An answer of our own, complete.
    Ready { bytes: Vec<u8>, closes: bool },
    /// Somebody else's.
    Underway { exchange: Rc<Exchange>, work: Option<Work> },
}

type Work = Pin<Box<dyn Future<Output = ()>>>;

/// What follows the answers that were written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// More answers, or requests.
    More,
    /// The end: an answer said so.
    Close,
    /// The end, in the middle of an answer.
    Cut { reset: bool },
}

impl Replies {
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether one more request may be taken in.
    pub fn has_room(&self) -> bool {
        self.queue.len() < MOST_REPLIES
    }

    /// Whether somebody still works on an answer.
    pub fn are_awaited(&self) -> bool {
        self.queue.iter().any(|reply| matches!(reply, Reply::Underway { work: Some(_), .. }))
    }

    pub fn push_underway(&mut self, exchange: Rc<Exchange>, work: Work) {
        self.queue.push_back(Reply::Underway { exchange, work: Some(work) });
    }

    /// Adds an answer of our own, which `write` appends to what it is given, and says whether it is the last.
    pub fn push_ready(&mut self, write: impl FnOnce(&mut Vec<u8>) -> bool) {
        match self.queue.back_mut() {
            // A flood of denials is one reply.
            Some(Reply::Ready { bytes, closes }) if bytes.len() < OUT_BYTES => *closes |= write(bytes),
            _ => {
                let mut bytes = Vec::new();
                let closes = write(&mut bytes);
                self.queue.push_back(Reply::Ready { bytes, closes });
            }
        }
    }

    /// Ends the work on `exchange`, whose request turned out to be none. `write` writes what the client hears instead, unless it has heard
    /// something already; then the connection just ends.
    pub fn abandon(&mut self, exchange: &Rc<Exchange>, write: impl FnOnce(&mut Vec<u8>)) {
        let mut all = self.queue.iter_mut();
        let its = all.find(|reply| matches!(reply, Reply::Underway { exchange: its, .. } if Rc::ptr_eq(its, exchange)));
        match its {
            Some(reply) if exchange.state.get() == State::Awaited => {
                let mut bytes = exchange.down.take();
                write(&mut bytes);
                *reply = Reply::Ready { bytes, closes: true };
            }
            Some(Reply::Underway { work: work @ Some(_), .. }) => {
                *work = None;
                exchange.set(State::Cut { reset: true });
            }
            // It was answered early.
            _ => self.push_ready(|_| true),
        }
    }

    /// Lets every exchange go on as far as it can, and says whether any has.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        for (place, reply) in self.queue.iter_mut().enumerate() {
            if let Reply::Underway { exchange, work } = reply {
                exchange.first.set(place == 0);
                if work.as_mut().is_some_and(|work| work.as_mut().poll(cx).is_ready()) {
                    *work = None;
                }
                moved |= exchange.moved.take();
            }
        }
        moved
    }

    /// Whether there is something to be written, or to be done.
    pub fn are_due(&self) -> bool {
        match self.queue.front() {
            None => false,
            Some(Reply::Ready { .. }) => true,
            Some(Reply::Underway { exchange, .. }) => exchange.is_over() || !exchange.down.borrow().is_empty(),
        }
    }

    /// Moves what is due to `out`.
    pub fn write(&mut self, out: &mut Vec<u8>) -> After {
        while out.len() < OUT_BYTES
            && let Some(reply) = self.queue.front_mut()
        {
            let after = match reply {
                Reply::Ready { bytes, closes } => {
                    append(out, bytes);
                    if *closes { After::Close } else { After::More }
                }
                Reply::Underway { exchange, .. } => {
                    append(out, &mut exchange.down.borrow_mut());
                    match exchange.state.get() {
                        State::Awaited | State::Begun => return After::More,
                        State::Done { closes: false } => After::More,
                        State::Done { closes: true } => After::Close,
                        State::Cut { reset } => After::Cut { reset },
                    }
                }
            };
            self.queue.pop_front();
            if after != After::More {
                return after;
            }
        }
        After::More
    }
}

fn append(out: &mut Vec<u8>, bytes: &mut Vec<u8>) {
    if out.is_empty() {
        std::mem::swap(out, bytes);
    } else {
        out.append(bytes);
    }
}
