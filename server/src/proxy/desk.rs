//! Everything of a proxied connection but its socket: what was taken in, what is under way, and what goes out.

use std::net::IpAddr;
use std::rc::Rc;

use tollgate_limiter::Nanos;

use super::Gate;
use super::exchange::{Line, run};
use super::intake::{Intake, Owes, Spoilt, Step};
use super::replies::{After, Replies};
use crate::http::response::Persistence;
use crate::http::{CloseReason, Reject};
use crate::socket::Socket;

/// The desk of one connection.
pub(super) struct Desk<S: Socket> {
    gate: Rc<Gate<S>>,
    dialer: S::Dialer,
    intake: Intake,
    pub replies: Replies,
    line: Rc<Line>,
    /// Input that could not be worked on yet.
    rest: Vec<u8>,
    /// Why not: there is no room, rather than too little input.
    full: bool,
}

impl<S: Socket + 'static> Desk<S> {
    /// For a client at `address`.
    pub fn new(gate: Rc<Gate<S>>, socket: &S, address: Option<IpAddr>) -> Desk<S> {
        Desk {
            gate,
            dialer: socket.dialer(),
            intake: Intake::new(address),
            replies: Replies::default(),
            line: Rc::default(),
            rest: Vec::new(),
            full: false,
        }
    }

    /// Takes in what has arrived.
    pub fn receive(&mut self, bytes: &[u8], now: Nanos) {
        if self.rest.is_empty() {
            let consumed = self.take_in(bytes, now);
            self.rest.extend_from_slice(&bytes[consumed..]);
        } else {
            self.rest.extend_from_slice(bytes);
            self.look_again(now);
        }
    }

    /// Takes in what was left, as there may be room now. Says whether anything came of it.
    pub fn look_again(&mut self, now: Nanos) -> bool {
        if self.rest.is_empty() {
            return false;
        }
        let mut rest = std::mem::take(&mut self.rest);
        let consumed = self.take_in(&rest, now);
        if consumed < rest.len() {
            rest.drain(..consumed);
            self.rest = rest;
        }
        consumed > 0
    }

    /// Whether input is to be left with the kernel.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// What the client owes us.
    pub fn owes(&self) -> Owes {
        if self.full { Owes::Nothing } else { self.intake.owes() }
    }

    /// Whether what comes next is content.
    pub fn takes_content(&self) -> bool {
        self.intake.owes() == Owes::Content
    }

    /// Complete heads so far.
    pub fn heads(&self) -> u64 {
        self.intake.heads()
    }

    /// When an exchange wants to be polled, whatever happens; asked for anew in every poll.
    pub fn alarm(&self) -> Option<Nanos> {
        self.line.alarm.take()
    }

    /// The server goes down: the last answer says so.
    pub fn drain(&mut self) {
        self.line.draining.set(true);
    }

    pub fn is_draining(&self) -> bool {
        self.line.draining.get()
    }

    /// Moves what is due to `out`.
    pub fn write(&mut self, out: &mut Vec<u8>) -> After {
        let after = self.replies.write(out);
        if after != After::More {
            self.intake.close();
        }
        after
    }

    /// The client will not complete what it began: it hears why, if it is owed an answer.
    pub fn give_up(&mut self, reject: Reject) {
        self.rest = Vec::new();
        self.full = false;
        if let Some(spoilt) = self.intake.close() {
            self.reject(reject, spoilt);
        }
    }

    fn take_in(&mut self, input: &[u8], now: Nanos) -> usize {
        let mut consumed = 0;
        loop {
            let rest = &input[consumed..];
            if self.line.sealed.get() && self.intake.owes() != Owes::Content {
                return input.len();
            }
            self.full = !rest.is_empty() && !self.replies.has_room() && self.intake.owes() != Owes::Content;
            if self.full {
                return consumed;
            }
            let service = self.gate.site.service();
            let upstream = &self.gate.upstream;
            let (length, step) = self.intake.step(rest, now, service, &upstream.host, &upstream.priorities);
            consumed += length;
            let more = consumed < input.len();
            self.line.more.set(more);
            match step {
                Step::Go => {}
                Step::NeedMore => return consumed,
                Step::Full => {
                    self.full = true;
                    return consumed;
                }
                Step::Forward(job, exchange) => {
                    self.line.newest.set(job.number);
                    let gate = Rc::clone(&self.gate);
                    let work = run(gate, self.dialer.clone(), job, Rc::clone(&exchange), Rc::clone(&self.line));
                    self.replies.push_underway(exchange, Box::pin(work));
                }
                Step::Answer(mut own) => {
                    if self.line.draining.get() && !more && !matches!(own.persistence, Persistence::Close(_)) {
                        own.persistence = Persistence::Close(CloseReason::Draining);
                    }
                    self.replies.push_ready(|out| own.write(service, out));
                }
                Step::Reject(reject, spoilt) => self.reject(reject, spoilt),
            }
        }
    }

    fn reject(&mut self, reject: Reject, spoilt: Spoilt) {
        let service = self.gate.site.service();
        match spoilt {
            Spoilt::Head { head_only } => self.replies.push_ready(|out| {
                service.reject(out, reject, head_only);
                true
            }),
            Spoilt::Content { exchange, head_only } => {
                self.replies.abandon(&exchange, |out| service.reject(out, reject, head_only));
            }
            Spoilt::Rest => self.replies.push_ready(|_| true),
        }
    }
}
