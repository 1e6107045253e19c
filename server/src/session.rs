//! One connection's side of HTTP: bytes and `now` in, answers and the next step out.
//!
//! ```text
//!    Preamble (if a proxy says first who connected)
//!            │
//!            ┌────────────────────────── no content ──────────────────────────┐
//!            ▼                                                                │
//!          Head ──refused or denied: answered at once──► Content(Discard) ────┤
//!            │                                                                │
//!            ├──allowed, content follows───────────────► Content(then answer) │
//!            ├──many decisions asked for───────────────► Content(then decide) ┤
//!            │                                               │ all read       │
//!            └──allowed, but not yet (leaky bucket)──► Held ◄┘                │
//!            │                                           └──answered──────────┤
//!            ├──allowed: answered────────────────────────────────────────────►┤
//!            └──no, while the core can't keep up───► Paused ──answered───────►┘ (or its content is passed over first)
//!       any of them ──answered with `Connection: close`, or rejected──► Closed
//! ```
//!
//! A denial is an early answer: it goes out when the head has been read, and the content is passed over afterwards, so that the next request is found. A
//! request that is *allowed* is answered when its content is complete, because until then it may still turn out to be malformed or too
//! long, and one request gets one answer.
//!
//! A client that expects `100-continue` gets it only when it is allowed. When it isn't, it gets the final answer instead, and then nobody can
//! know whether the content will follow (RFC 9110 section 10.1.1 allows the client both), so the connection closes.
//!
//! Content is passed over, except where decisions are asked for in it: that of `/v1/decide` is kept until it is complete, within a bound of its own.
//!
//! The verdicts and the final answers depend on the bytes alone, not on how they were cut into reads. Only `100 Continue` does: it is for a
//! client whose content has not arrived.

mod content;
mod ending;
mod paused;
mod preamble;
mod turn;

use std::net::IpAddr;

use tollgate_limiter::{Decision, Nanos};

use crate::{
    http::{
        CloseReason, Progress, Reject, Request, body::Body, request::Expect, request_line::Method,
        response::Persistence, scan::HeadScan,
    },
    service::{Judged, Peer, Service, Verdict},
};
use content::{After, Held, Kept};
use ending::another_follows;
pub(crate) use ending::persistence;
use paused::No;
pub use turn::{Next, Turn, Waiting};

/// Answers of one call may fill the buffer so far: a peer that pipelines without reading costs no more than this.
pub const OUT_BYTES: usize = 32 * 1024;

/// The protocol state of one connection. Owns no buffer, unless it is being asked for many decisions.
#[derive(Debug)]
pub struct Session {
    stage: Stage,
    peer: Peer,
    draining: bool,
    begun: Begun,
    kept: Option<Box<Kept>>,
}

/// Whether bytes of a head have been seen and not consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    Nothing,
    /// Yes, and this is whether its method is HEAD: an answer to it, whatever it says, has no content.
    Head {
        head_only: bool,
    },
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// What a proxy says about the connection.
    Preamble,
    Head(HeadScan),
    Content {
        body: Body,
        after: After,
        /// The client waits for `100 Continue`.
        continue_due: bool,
    },
    Held(Held),
    /// An answer that says no is held back until then.
    Paused(Nanos),
    Closed(CloseReason),
}

impl Session {
    /// A session with a peer; its address is needed only if [`Service::needs_peer`].
    pub fn new(peer: Option<IpAddr>) -> Session {
        Session {
            stage: Stage::Head(HeadScan::default()),
            peer: peer.map_or(Peer::Unknown, Peer::Address),
            draining: false,
            begun: Begun::Nothing,
            kept: None,
        }
    }

    /// A session with a proxy that first says, by the PROXY protocol, who has connected to it.
    pub fn proxied(proxy: Option<IpAddr>) -> Session {
        Session { stage: Stage::Preamble, ..Session::new(proxy) }
    }

    /// Reads requests from the front of `input` and appends their answers to `out`. To be called again with the unconsumed rest and whatever
    /// has arrived since.
    pub fn on_bytes(&mut self, input: &[u8], now: Nanos, service: &Service, out: &mut Vec<u8>) -> Turn {
        let mut consumed = 0;
        let next = loop {
            if out.len() >= OUT_BYTES {
                break Next::Flush;
            }
            let rest = &input[consumed..];
            let step = match &mut self.stage {
                Stage::Preamble => self.on_preamble(rest, &mut consumed),
                Stage::Head(scan) => match Request::receive(scan, rest, service.limits(), service.client_field()) {
                    Progress::Request { request, consumed: head } => {
                        consumed += head;
                        self.on_request(&request, &input[consumed..], now, service, out)
                    }
                    Progress::NeedMore => Some(Next::Read),
                    Progress::Skip { consumed: skipped } => {
                        consumed += skipped;
                        None
                    }
                    Progress::Reject(reject) => {
                        service.reject(out, reject, is_head(rest));
                        Some(self.close(CloseReason::Rejected(reject)))
                    }
                },
                Stage::Content { .. } => self.on_content(rest, &mut consumed, now, service, out),
                Stage::Held(held) => {
                    let held = *held;
                    if now < held.release {
                        Some(Next::Wait(held.release.saturating_sub(now)))
                    } else {
                        self.answer(&held, rest, service, out)
                    }
                }
                Stage::Paused(until) => {
                    let until = *until;
                    self.on_paused(until, rest, now, service, out)
                }
                Stage::Closed(reason) => Some(Next::Linger(*reason)),
            };
            match step {
                Some(next) => break next,
                None if consumed == input.len() && matches!(self.stage, Stage::Head(_)) => break Next::Read,
                None => {}
            }
        };
        if matches!(next, Next::Close(_) | Next::Linger(_)) {
            consumed = input.len();
        }
        self.begun = match self.stage {
            Stage::Preamble | Stage::Head(_) if consumed < input.len() => {
                Begun::Head { head_only: is_head(&input[consumed..]) }
            }
            _ => Begun::Nothing,
        };
        Turn { consumed, next }
    }

    /// The peer will send nothing more, and [`Session::on_bytes`] has been given everything it sent and said [`Next::Read`].
    pub fn on_eof(&mut self, now: Nanos, service: &Service, out: &mut Vec<u8>) -> Next {
        if let Stage::Held(held) = self.stage {
            return Next::Wait(held.release.saturating_sub(now));
        }
        if let Stage::Paused(until) = self.stage {
            return Next::Wait(until.saturating_sub(now));
        }
        self.give_up(Reject::Incomplete, CloseReason::PeerDone, service, out)
    }

    /// The peer took too long: 408 when a request has begun and is not answered, nothing when the connection was idle.
    pub fn on_head_timeout(&mut self, service: &Service, out: &mut Vec<u8>) -> Next {
        self.give_up(Reject::Timeout, CloseReason::Idle, service, out)
    }

    /// What the peer owes.
    pub fn waiting(&self) -> Waiting {
        match self.stage {
            Stage::Content { .. } => Waiting::Body,
            Stage::Preamble | Stage::Head(_) if self.begun != Begun::Nothing => Waiting::Head,
            Stage::Preamble | Stage::Head(_) | Stage::Held(_) | Stage::Paused(_) | Stage::Closed(_) => {
                Waiting::NextRequest
            }
        }
    }

    /// The server wants to end this connection: the answer to the last request that has arrived carries `Connection: close`.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Judges a request, `rest` being what has arrived after its head. `None`: go on with the next stage.
    #[inline]
    fn on_request(
        &mut self,
        request: &Request<'_>,
        rest: &[u8],
        now: Nanos,
        service: &Service,
        out: &mut Vec<u8>,
    ) -> Option<Next> {
        let body = Body::new(request.framing, service.limits().body_bytes);
        let waits_for_continue = body.is_some() && request.expect != Expect::Nothing && !request.http10;
        let persistence = persistence(request);
        let head_only = request.method == Method::Head;
        match service.judge(request, &mut self.peer, now) {
            Verdict::Decided(judged @ Judged { decision: Decision::Allow { delay, .. }, .. }) => {
                let held = Held { judged, release: now.saturating_add(delay), persistence, head_only };
                match body {
                    None if delay == Nanos::ZERO => return self.answer(&held, rest, service, out),
                    None => self.stage = Stage::Held(held),
                    Some(body) => {
                        self.stage =
                            Stage::Content { body, after: After::Answer(held), continue_due: waits_for_continue }
                    }
                }
                None
            }
            Verdict::Read { most_bytes } => {
                let body = body.map(|body| body.at_most(most_bytes));
                self.keep_content(body, persistence, waits_for_continue);
                None
            }
            verdict => {
                let no = No { verdict, body, waits_for_continue, persistence, head_only };
                // In a drain nobody is to ask again, and whatever waits makes it longer.
                if service.holds_back() && !self.draining {
                    return self.hold_back(no, rest, now, service, out);
                }
                self.say_no(no, rest, service, out)
            }
        }
    }

    /// Answers an allowed request whose content has been read.
    #[inline]
    fn answer(&mut self, held: &Held, rest: &[u8], service: &Service, out: &mut Vec<u8>) -> Option<Next> {
        let persistence = self.unless_drained(held.persistence, None, rest, service);
        service.render_decided(out, held.judged, persistence, held.head_only);
        self.after_answer(persistence, None, rest)
    }

    /// The next stage after an answer that said `persistence`, with `body` still to be passed over.
    #[inline]
    fn after_answer(&mut self, persistence: Persistence, body: Option<Body>, rest: &[u8]) -> Option<Next> {
        match (persistence, body) {
            (Persistence::Close(reason), None) if rest.is_empty() => {
                self.stage = Stage::Closed(reason);
                Some(Next::Close(reason))
            }
            (Persistence::Close(reason), _) => Some(self.close(reason)),
            (_, None) => {
                self.stage = Stage::Head(HeadScan::default());
                None
            }
            (_, Some(body)) => {
                self.stage = Stage::Content { body, after: After::NextRequest, continue_due: false };
                None
            }
        }
    }

    /// `persistence`, or the end of the connection when it is draining and no complete request follows in what has arrived: none that was
    /// read goes unanswered.
    #[inline]
    fn unless_drained(
        &self,
        persistence: Persistence,
        body: Option<Body>,
        rest: &[u8],
        service: &Service,
    ) -> Persistence {
        if self.draining && !matches!(persistence, Persistence::Close(_)) && !another_follows(body, rest, service) {
            Persistence::Close(CloseReason::Draining)
        } else {
            persistence
        }
    }

    /// Closes while the peer may still be sending.
    fn close(&mut self, reason: CloseReason) -> Next {
        self.stage = Stage::Closed(reason);
        Next::Linger(reason)
    }
}

fn is_head(request: &[u8]) -> bool {
    request.starts_with(b"HEAD ")
}

#[cfg(test)]
mod tests;
