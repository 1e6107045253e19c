//! A client's bytes, taken apart: requests to be forwarded, requests that we answer ourselves, and content.

use std::net::IpAddr;
use std::rc::Rc;

use tollgate_limiter::{Decision, Nanos};

use super::BUFFER;
use super::exchange::{Exchange, Job};
use super::own::{Own, Why};
use crate::http::upstream::reader::Asked;
use crate::http::upstream::{Coding, Onward, Relay, Source, onward};
use crate::http::{
    CloseReason, Limits, Progress, Reject, Request, body::Body, chunked::Passed, framing::Framing, request::Expect,
    request_line::Method, response::Persistence, scan::HeadScan,
};
use crate::overload::class::{Rule, class_of};
use crate::service::{Judged, Peer, Service, Verdict};
use crate::session::persistence;

/// Where a client's bytes stand.
pub(super) struct Intake {
    stage: Stage,
    peer: Peer,
    address: Option<IpAddr>,
    /// Bytes of a head have come, and not all of it; whether its method is HEAD.
    begun: Option<bool>,
    /// Heads that were complete.
    heads: u64,
    /// Those of them that were forwarded.
    requests: u64,
}

enum Stage {
    Head(HeadScan),
    /// Content for the upstream.
    Content {
        relay: Relay,
        exchange: Rc<Exchange>,
        last: bool,
        head_only: bool,
    },
    /// Content of a request that was answered at once.
    Unwanted(Body),
    Closed,
}

/// What the client owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owes {
    NextRequest,
    Head,
    Content,
    Nothing,
}

/// What a step came to.
pub(super) enum Step {
    /// Nothing can be done with what is there.
    NeedMore,
    /// The upstream doesn't take more for now.
    Full,
    /// Look again.
    Go,
    Forward(Job, Rc<Exchange>),
    /// Answered here.
    Answer(Own),
    /// The bytes are no request, or not the rest of one.
    Reject(Reject, Spoilt),
}

/// What a client has spoilt.
pub(super) enum Spoilt {
    /// A head; whether its method was HEAD.
    Head { head_only: bool },
    /// The content of a request that is under way.
    Content { exchange: Rc<Exchange>, head_only: bool },
    /// The content of a request that has been answered.
    Rest,
}

impl Intake {
    pub fn new(address: Option<IpAddr>) -> Intake {
        let peer = address.map_or(Peer::Unknown, Peer::Address);
        Intake { stage: Stage::Head(HeadScan::default()), peer, address, begun: None, heads: 0, requests: 0 }
    }

    /// Takes the next step with `input`, and says how much of it is done with. `host` is for requests that name none.
    /// `priorities` put requests into classes.
    pub fn step(
        &mut self,
        input: &[u8],
        now: Nanos,
        service: &Service,
        host: &str,
        priorities: &[Rule],
    ) -> (usize, Step) {
        match &mut self.stage {
            Stage::Head(scan) => match Request::receive(scan, input, service.limits(), service.client_field()) {
                Progress::NeedMore => {
                    self.begun = (!input.is_empty()).then(|| is_head(input));
                    (0, Step::NeedMore)
                }
                Progress::Skip { consumed } => (consumed, Step::Go),
                Progress::Reject(reject) => {
                    self.stage = Stage::Closed;
                    (input.len(), Step::Reject(reject, Spoilt::Head { head_only: is_head(input) }))
                }
                Progress::Request { request, consumed } => {
                    self.begun = None;
                    self.heads += 1;
                    (consumed, self.on_request(&input[..consumed], &request, now, service, host, priorities))
                }
            },
            Stage::Content { .. } => self.on_content(input),
            Stage::Unwanted(body) => match body.advance(input) {
                Ok(Passed::All) => (input.len(), Step::NeedMore),
                Ok(Passed::Ended(length)) => {
                    self.stage = next_head(false);
                    (length, Step::Go)
                }
                Err(reject) => {
                    self.stage = Stage::Closed;
                    (input.len(), Step::Reject(reject, Spoilt::Rest))
                }
            },
            Stage::Closed => (input.len(), Step::NeedMore),
        }
    }

    /// What the client owes us.
    pub fn owes(&self) -> Owes {
        match self.stage {
            Stage::Head(_) if self.begun.is_some() => Owes::Head,
            Stage::Head(_) => Owes::NextRequest,
            Stage::Content { .. } | Stage::Unwanted(_) => Owes::Content,
            Stage::Closed => Owes::Nothing,
        }
    }

    /// Complete heads so far: with each of them, what is owed is owed anew.
    pub fn heads(&self) -> u64 {
        self.heads
    }

    /// Nothing more is taken. Gives what the client had begun and will not complete.
    pub fn close(&mut self) -> Option<Spoilt> {
        match std::mem::replace(&mut self.stage, Stage::Closed) {
            Stage::Head(_) => self.begun.take().map(|head_only| Spoilt::Head { head_only }),
            Stage::Content { exchange, head_only, .. } => Some(Spoilt::Content { exchange, head_only }),
            Stage::Unwanted(_) => Some(Spoilt::Rest),
            Stage::Closed => None,
        }
    }

    fn on_request(
        &mut self,
        head: &[u8],
        request: &Request<'_>,
        now: Nanos,
        service: &Service,
        host: &str,
        priorities: &[Rule],
    ) -> Step {
        let (key, decision) = match service.judge_forwarded(request, &mut self.peer, now) {
            Verdict::Decided(Judged { key, decision: decision @ Decision::Allow { .. }, .. }) => (key, decision),
            verdict => return self.answer(Why::Judged(verdict), request, service.limits()),
        };
        let trusted = self.address.is_some_and(|address| service.trusts(address));
        let mut onward_head = Vec::with_capacity(head.len() + ADDED);
        if let Err(why) = onward(head, request, &Onward { peer: self.address, trusted, host }, &mut onward_head) {
            return self.answer(Why::NotForwarded(why), request, service.limits());
        }
        let exchange = Rc::<Exchange>::default();
        let persistence = persistence(request);
        let (last, head_only) = (matches!(persistence, Persistence::Close(_)), request.method == Method::Head);
        let most = service.limits().body_bytes;
        let relay = match request.framing {
            Framing::Empty => None,
            Framing::Length(length) => Some(Relay::new(Source::Length(length), Coding::Raw)),
            Framing::Chunked => Some(Relay::new(Source::Chunked { most }, Coding::Chunked)),
        };
        let has_content = relay.is_some();
        exchange.up_ended.set(!has_content);
        self.stage = match relay {
            Some(relay) => Stage::Content { relay, exchange: Rc::clone(&exchange), last, head_only },
            None => next_head(last),
        };
        self.requests += 1;
        let continues = has_content && request.expect == Expect::Continue && !request.http10;
        let job = Job {
            head: onward_head,
            asked: Asked { head_only, http10: request.http10, continues },
            repeatable: !has_content && is_idempotent(head),
            key,
            class: class_of(priorities, request),
            decision,
            persistence,
            number: self.requests,
        };
        Step::Forward(job, exchange)
    }

    /// Answers without the upstream; content is passed over.
    fn answer(&mut self, why: Why, request: &Request<'_>, limits: &Limits) -> Step {
        let body = Body::new(request.framing, limits.body_bytes);
        let unasked = body.is_some() && request.expect != Expect::Nothing && !request.http10;
        let persistence = match persistence(request) {
            Persistence::Keep if unasked => Persistence::Close(CloseReason::ContentUnwanted),
            other => other,
        };
        self.stage = match (body, persistence) {
            (_, Persistence::Close(_)) => Stage::Closed,
            (Some(body), _) => Stage::Unwanted(body),
            (None, _) => next_head(false),
        };
        Step::Answer(Own { why, persistence, head_only: request.method == Method::Head })
    }

    fn on_content(&mut self, input: &[u8]) -> (usize, Step) {
        let Stage::Content { relay, exchange, last, head_only } = &mut self.stage else {
            return (0, Step::NeedMore);
        };
        let mut up = exchange.up.borrow_mut();
        if exchange.is_over() {
            // It was answered before all of it had come: the rest is for nobody.
            up.clear();
        }
        let part = &input[..input.len().min(BUFFER.saturating_sub(up.len()))];
        if part.is_empty() {
            return (0, if input.is_empty() { Step::NeedMore } else { Step::Full });
        }
        match relay.pass(part, &mut up) {
            Ok(Passed::All) => (part.len(), Step::Go),
            Ok(Passed::Ended(length)) => {
                exchange.up_ended.set(true);
                drop(up);
                self.stage = next_head(*last);
                (length, Step::Go)
            }
            Err(reject) => {
                let spoilt = Spoilt::Content { exchange: Rc::clone(exchange), head_only: *head_only };
                drop(up);
                self.stage = Stage::Closed;
                (input.len(), Step::Reject(reject, spoilt))
            }
        }
    }
}

/// The stage after a request.
fn next_head(last: bool) -> Stage {
    if last { Stage::Closed } else { Stage::Head(HeadScan::default()) }
}

fn is_head(request: &[u8]) -> bool {
    request.starts_with(b"HEAD ")
}

/// RFC 9110 section 9.2.2.
fn is_idempotent(head: &[u8]) -> bool {
    let methods: [&[u8]; 6] = [b"GET ", b"HEAD ", b"PUT ", b"DELETE ", b"OPTIONS ", b"TRACE "];
    methods.iter().any(|method| head.starts_with(method))
}

/// What the gate adds to a head: where it came from, and the framing.
const ADDED: usize = 256;
