//! One connection, from its first byte to its last: the task that carries bytes between a socket and a [`Session`].
//!
//! ```text
//!   wait for input ──▶ exchange ──Read──▶ wait for input ...
//!                         │ Flush: until the output is gone     (a peer that pipelines a lot)
//!                         │ Wait: until the answer is due       (leaky bucket)
//!                         ▼ Close, Linger: say that we are done, pass over what still comes, then close
//! ```
//!
//! **Back pressure.** A peer that does not take its answers is not read: the moment an output does not fit into the socket, input is
//! left with the kernel, and what had already arrived is kept in `rest` (at most one batch of it). The peer then has the write
//! timeout to make room for the whole output.
//!
//! **Memory.** An idle connection owns no buffer: input is read where the engine received it, output buffers belong to the engine, and
//! `rest` is given back as soon as no request is half-read.
//!
//! **A panic** while working on a request ends its connection and nothing else: the session it happened in is dropped, and the limiter's
//! state changes in single atomic steps.

mod site;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use tollgate_limiter::Nanos;

use crate::closing::linger;
use crate::http::CloseReason;
use crate::session::{Next, Session, Waiting};
use crate::socket::{Event, Socket};
pub(crate) use site::Site;
pub use site::Timeouts;

/// Serves one connection until it ends.
pub(crate) async fn serve<S: Socket>(socket: S, site: Rc<Site>) {
    let peer = if site.service.needs_peer() { socket.peer() } else { None };
    let session = if !site.service.is_proxied() {
        Session::new(peer)
    } else if site.may_introduce(socket.now(), peer) {
        Session::proxied(peer)
    } else {
        return;
    };
    let mut connection = Connection {
        socket,
        session,
        site,
        rest: Vec::new(),
        unseen: false,
        ended: false,
        blocked: false,
        draining: false,
        held: false,
        owed: Waiting::NextRequest,
    };
    if connection.run().await.is_err() {
        connection.socket.abort();
    }
}

struct Connection<S> {
    socket: S,
    session: Session,
    site: Rc<Site>,
    /// Input that is not consumed yet: the beginning of a request.
    rest: Vec<u8>,
    /// The session is to be asked although nothing new has arrived: it has not seen all of `rest`, or holds an answer back.
    unseen: bool,
    /// The peer will send nothing more.
    ended: bool,
    /// The peer is not taking its answers; the deadline is the write timeout.
    blocked: bool,
    draining: bool,
    /// Input is left with the kernel.
    held: bool,
    /// What the deadline is for, unless `blocked`.
    owed: Waiting,
}

/// The connection is of no use any more: reset, or its peer does not read.
struct Lost;

impl<S: Socket> Connection<S> {
    async fn run(&mut self) -> Result<(), Lost> {
        self.set_deadline(self.site.idle);
        loop {
            let mut next = match self.wait_for_input().await? {
                Wake::Input => self.exchange()?,
                Wake::TooLate => return self.give_up().await,
            };
            loop {
                next = match next {
                    Next::Read => {
                        // Only now: until everything that is here has been answered, more would only pile up.
                        self.hold(false);
                        break;
                    }
                    Next::Flush => {
                        self.hold(true);
                        self.flush().await?;
                        self.unseen = true;
                        self.exchange()?
                    }
                    Next::Wait(span) => {
                        self.sleep(span).await?;
                        self.unseen = true;
                        self.exchange()?
                    }
                    Next::Close(CloseReason::NotProxied(why)) => {
                        self.site.complain(self.socket.now(), self.socket.peer(), why.explain());
                        return Ok(());
                    }
                    Next::Close(_) if self.ended => return Ok(()),
                    // Also where the peer should have nothing more to say: if it does say more, a plain close would destroy the answer
                    // (RFC 9112 section 9.6).
                    Next::Close(_) | Next::Linger(_) => return self.linger().await,
                }
            }
        }
    }

    #[inline]
    async fn wait_for_input(&mut self) -> Result<Wake, Lost> {
        loop {
            match self.socket.event().await {
                Event::Input if !self.socket.sending() => return Ok(Wake::Input),
                Event::Expired if !self.blocked => return Ok(Wake::TooLate),
                event => self.heed(event)?,
            }
            if !self.socket.sending() {
                if self.unseen || self.ended {
                    return Ok(Wake::Input);
                }
                self.hold(false);
            }
        }
    }

    /// Gives the session all the input there is and sends what it answers.
    #[inline]
    fn exchange(&mut self) -> Result<Next, Lost> {
        let mut output = self.socket.output();
        let next = catch_unwind(AssertUnwindSafe(|| self.answer(&mut output))).map_err(|_| {
            tracing::error!("a connection was closed because of a panic, which is a bug");
            Lost
        })?;
        let answered = !output.is_empty();
        self.socket.send(output);
        if next == Next::Read {
            self.note_what_is_owed(answered);
        } else {
            self.keep_input();
        }
        Ok(next)
    }

    #[inline]
    fn answer(&mut self, output: &mut Vec<u8>) -> Next {
        let now = self.socket.now();
        let Connection { socket, session, site, rest, .. } = self;
        let mut next = Next::Read;
        if self.unseen || !rest.is_empty() {
            self.unseen = false;
            next = advance(session, site, rest, now, output);
        }
        while next == Next::Read {
            let turn = socket.read(|bytes| {
                if !rest.is_empty() {
                    rest.extend_from_slice(bytes);
                    return advance(session, site, rest, now, output);
                }
                let turn = session.on_bytes(bytes, now, &site.service, output);
                if turn.consumed < bytes.len() {
                    rest.extend_from_slice(&bytes[turn.consumed..]);
                }
                turn.next
            });
            match turn {
                Some(turn) => next = turn,
                None => break,
            }
        }
        if next == Next::Read && self.ended {
            next = session.on_eof(now, &site.service, output);
        }
        next
    }

    /// Sets the deadline for what the peer owes now. A deadline that runs is left alone: bytes that trickle in don't move it.
    #[inline]
    fn note_what_is_owed(&mut self, answered: bool) {
        let owed = self.session.waiting();
        let span = match owed {
            Waiting::NextRequest => self.site.idle,
            _ if owed == self.owed && !answered => return,
            Waiting::Head => self.site.head,
            Waiting::Body => self.site.body,
        };
        self.owed = owed;
        self.set_deadline(span);
    }

    #[inline]
    fn set_deadline(&mut self, span: Nanos) {
        let at = self.socket.now().saturating_add(span);
        self.socket.deadline(at);
    }

    /// Leaves further input with the kernel, or takes it again.
    #[inline]
    fn hold(&mut self, hold: bool) {
        if self.held != hold {
            self.held = hold;
            self.socket.hold(hold);
        }
    }

    /// What matters in every wait.
    #[cold]
    fn heed(&mut self, event: Event) -> Result<(), Lost> {
        match event {
            Event::Input => {
                self.keep_input();
                if self.socket.sending() || self.rest.len() > KEPT_WHILE_WAITING {
                    self.hold(true);
                }
            }
            Event::End => self.ended = true,
            Event::Blocked => {
                if self.socket.sending() {
                    self.blocked = true;
                    self.hold(true);
                    self.set_deadline(self.site.write);
                }
            }
            Event::Sent => {
                if std::mem::take(&mut self.blocked) {
                    self.set_deadline(match self.owed {
                        Waiting::NextRequest => self.site.idle,
                        Waiting::Head => self.site.head,
                        Waiting::Body => self.site.body,
                    });
                }
            }
            Event::Draining => {
                self.draining = true;
                self.session.drain();
                if !self.blocked && self.session.waiting() == Waiting::NextRequest {
                    self.set_deadline(LAST_CHANCE);
                }
            }
            Event::Expired if self.blocked => return Err(Lost),
            Event::Failed => return Err(Lost),
            // The peer owes us something and we are busy with our own output; said again when we wait for the peer.
            Event::Expired => self.set_deadline(Nanos::ZERO),
            Event::Woken | Event::Connected | Event::HungUp => {}
        }
        Ok(())
    }

    /// Moves input that cannot be worked on yet out of the engine's buffers, which are everybody's.
    fn keep_input(&mut self) {
        let Connection { socket, rest, unseen, .. } = self;
        while socket.read(|bytes| rest.extend_from_slice(bytes)).is_some() {
            *unseen = true;
        }
    }

    /// Waits until the output is gone.
    async fn flush(&mut self) -> Result<(), Lost> {
        while self.socket.sending() {
            let event = self.socket.event().await;
            self.heed(event)?;
        }
        Ok(())
    }

    /// Waits for an answer to become due, and for the output before it to be gone.
    async fn sleep(&mut self, span: Nanos) -> Result<(), Lost> {
        let until = self.socket.now().saturating_add(span);
        self.socket.sleep_until(until);
        loop {
            match self.socket.event().await {
                Event::Woken => break,
                event => self.heed(event)?,
            }
        }
        self.flush().await
    }

    /// The peer let its deadline pass: 408 if it had begun a request, silence if not.
    async fn give_up(&mut self) -> Result<(), Lost> {
        if self.draining && self.session.waiting() == Waiting::NextRequest {
            return self.linger().await;
        }
        self.flush().await?;
        let mut output = self.socket.output();
        self.session.on_head_timeout(&self.site.service, &mut output);
        let answered = !output.is_empty();
        self.socket.send(output);
        if answered { self.linger().await } else { Ok(()) }
    }

    /// Closes so that the last answer arrives: a close with input unread, or still to come, makes the kernel reset the connection, and a
    /// reset destroys what the peer has not read yet.
    async fn linger(&mut self) -> Result<(), Lost> {
        self.flush().await?;
        self.rest = Vec::new();
        if !self.ended {
            linger(&mut self.socket, self.site.linger).await;
        }
        Ok(())
    }
}

/// Why a wait for input ended.
enum Wake {
    Input,
    TooLate,
}

/// Shows `rest` to the session and removes what it consumed.
fn advance(session: &mut Session, site: &Site, rest: &mut Vec<u8>, now: Nanos, output: &mut Vec<u8>) -> Next {
    let turn = session.on_bytes(rest, now, &site.service, output);
    if turn.consumed == rest.len() {
        *rest = Vec::new();
    } else {
        rest.drain(..turn.consumed);
    }
    turn.next
}

/// Input that may pile up while an answer is not due yet; beyond it the peer has to wait.
const KEPT_WHILE_WAITING: usize = 16 << 10;
/// How long an idle connection may still bring a request after the drain began. A request that was on its way then is answered.
pub(crate) const LAST_CHANCE: Nanos = Nanos::from_millis(200);

#[cfg(test)]
mod tests;
