//! One connection's side of HTTP: bytes and `now` in, answers and the next step out.
//!
//! ```text
//!            ┌────────────────────────── no content ──────────────────────────┐
//!            ▼                                                                │
//!          Head ──refused or denied: answered at once──► Content(Discard) ────┤
//!            │                                                                │
//!            ├──allowed, content follows───────────────► Content(then answer) │
//!            │                                               │ all read       │
//!            └──allowed, but not yet (leaky bucket)──► Held ◄┘                │
//!            │                                           └──answered──────────┤
//!            └──allowed: answered────────────────────────────────────────────►┘
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
//! The verdicts and the final answers depend on the bytes alone, not on how they were cut into reads. Only `100 Continue` does: it is for a
//! client whose content has not arrived.

mod ending;
mod turn;

use std::net::IpAddr;

use tollgate_limiter::{Decision, Key, Nanos};

use crate::{
    http::{
        CloseReason, Progress, Reject, Request, body::Body, chunked::Passed, request::Expect, request_line::Method,
        response::Persistence, scan::HeadScan,
    },
    service::{Peer, Service, Verdict},
};
use ending::another_follows;
pub(crate) use ending::persistence;
pub use turn::{Next, Turn, Waiting};

/// Answers of one call may fill the buffer so far: a peer that pipelines without reading costs no more than this.
pub const OUT_BYTES: usize = 32 * 1024;

/// The protocol state of one connection. Owns no buffer.
#[derive(Debug)]
pub struct Session {
    stage: Stage,
    peer: Peer,
    draining: bool,
    begun: Begun,
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
    Head(HeadScan),
    Content {
        body: Body,
        after: After,
        /// The client waits for `100 Continue`.
        continue_due: bool,
    },
    Held(Held),
    Closed(CloseReason),
}

/// What follows when the content has been passed over.
#[derive(Clone, Copy, Debug)]
enum After {
    /// The answer went out before.
    NextRequest,
    /// The answer goes out now.
    Answer(Held),
}

/// An answer to an allowed request that cannot go out yet.
#[derive(Clone, Copy, Debug)]
struct Held {
    key: Key,
    decision: Decision,
    /// Not before this instant.
    release: Nanos,
    persistence: Persistence,
    head_only: bool,
}

impl Session {
    /// A session with a peer; its address is needed only if [`Service::needs_peer`].
    pub fn new(peer: Option<IpAddr>) -> Session {
        Session {
            stage: Stage::Head(HeadScan::default()),
            peer: peer.map_or(Peer::Unknown, Peer::Address),
            draining: false,
            begun: Begun::Nothing,
        }
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
                Stage::Content { .. } => self.on_content(rest, &mut consumed, service, out),
                Stage::Held(held) => {
                    let held = *held;
                    if now < held.release {
                        Some(Next::Wait(held.release.saturating_sub(now)))
                    } else {
                        self.answer(&held, rest, service, out)
                    }
                }
                Stage::Closed(reason) => Some(Next::Linger(*reason)),
            };
            if let Some(next) = step {
                break next;
            }
        };
        if matches!(next, Next::Close(_) | Next::Linger(_)) {
            consumed = input.len();
        }
        self.begun = match self.stage {
            Stage::Head(_) if consumed < input.len() => Begun::Head { head_only: is_head(&input[consumed..]) },
            _ => Begun::Nothing,
        };
        Turn { consumed, next }
    }

    /// The peer will send nothing more, and [`Session::on_bytes`] has been given everything it sent and said [`Next::Read`].
    pub fn on_eof(&mut self, now: Nanos, service: &Service, out: &mut Vec<u8>) -> Next {
        if let Stage::Held(held) = self.stage {
            return Next::Wait(held.release.saturating_sub(now));
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
            Stage::Head(_) if self.begun != Begun::Nothing => Waiting::Head,
            Stage::Head(_) | Stage::Held(_) | Stage::Closed(_) => Waiting::NextRequest,
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
            Verdict::Decided(key, decision @ Decision::Allow { delay, .. }) => {
                let held = Held { key, decision, release: now.saturating_add(delay), persistence, head_only };
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
            verdict => {
                let persistence = match persistence {
                    Persistence::Keep if waits_for_continue => Persistence::Close(CloseReason::ContentUnwanted),
                    other => self.unless_drained(other, body, rest, service),
                };
                match verdict {
                    Verdict::Decided(key, decision) => {
                        service.render_decided(out, key, decision, persistence, head_only);
                    }
                    Verdict::Refused(refusal) => service.render_refused(out, refusal, persistence, head_only),
                }
                self.after_answer(persistence, body, rest)
            }
        }
    }

    /// Passes over content and does what is due after it.
    fn on_content(&mut self, rest: &[u8], consumed: &mut usize, service: &Service, out: &mut Vec<u8>) -> Option<Next> {
        let Stage::Content { body, after, continue_due } = &mut self.stage else {
            return None;
        };
        match (body.advance(rest), *after) {
            (Ok(Passed::All), _) => {
                *consumed += rest.len();
                if std::mem::take(continue_due) {
                    out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                }
                Some(Next::Read)
            }
            (Ok(Passed::Ended(length)), after) => {
                *consumed += length;
                self.stage = match after {
                    After::Answer(held) => Stage::Held(held),
                    After::NextRequest => Stage::Head(HeadScan::default()),
                };
                None
            }
            (Err(reject), after) => {
                if let After::Answer(held) = after {
                    service.reject(out, reject, held.head_only);
                }
                Some(self.close(CloseReason::Rejected(reject)))
            }
        }
    }

    /// Answers an allowed request whose content has been read.
    #[inline]
    fn answer(&mut self, held: &Held, rest: &[u8], service: &Service, out: &mut Vec<u8>) -> Option<Next> {
        let persistence = self.unless_drained(held.persistence, None, rest, service);
        service.render_decided(out, held.key, held.decision, persistence, held.head_only);
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

    /// Ends a connection whose peer will not complete what it began, with an answer if one is owed.
    fn give_up(&mut self, reject: Reject, idle: CloseReason, service: &Service, out: &mut Vec<u8>) -> Next {
        let (owed, reason) = match (self.stage, self.begun) {
            (Stage::Head(_), Begun::Nothing) => (None, idle),
            (Stage::Head(_), Begun::Head { head_only }) => (Some(head_only), CloseReason::Rejected(reject)),
            (Stage::Content { after, .. }, _) => match after {
                After::Answer(held) => (Some(held.head_only), CloseReason::Rejected(reject)),
                After::NextRequest => (None, CloseReason::Rejected(reject)),
            },
            (Stage::Held(_), _) => return Next::Wait(Nanos::ZERO),
            (Stage::Closed(reason), _) => (None, reason),
        };
        if let Some(head_only) = owed {
            service.reject(out, reject, head_only);
        }
        self.stage = Stage::Closed(reason);
        Next::Close(reason)
    }
}

fn is_head(request: &[u8]) -> bool {
    request.starts_with(b"HEAD ")
}

#[cfg(test)]
mod tests;
