//! When a connection ends: by agreement, or because the peer gave up.

use tollgate_limiter::Nanos;

use super::{Begun, Next, Session, Stage, content::After};
use crate::{
    http::{
        CloseReason, Reject, Request,
        body::Body,
        chunked::Passed,
        response::Persistence,
        scan::{HeadScan, Scanned},
    },
    service::Service,
};

/// Whether a connection outlives this request (RFC 9112 section 9.3).
pub(crate) fn persistence(request: &Request<'_>) -> Persistence {
    if request.connection.close {
        Persistence::Close(CloseReason::PeerAsked)
    } else if !request.http10 {
        Persistence::Keep
    } else if request.connection.keep_alive {
        Persistence::KeepExplicitly
    } else {
        Persistence::Close(CloseReason::Http10)
    }
}

/// Whether `rest` holds, after the rest of `body`, something else that will be answered.
#[cold]
pub(super) fn another_follows(body: Option<Body>, rest: &[u8], service: &Service) -> bool {
    let mut rest = match body.map(|mut body| body.advance(rest)) {
        None => rest,
        Some(Ok(Passed::Ended(length))) => &rest[length..],
        Some(Ok(Passed::All) | Err(_)) => return false,
    };
    let mut scan = HeadScan::default();
    loop {
        match scan.advance(rest, service.limits()) {
            Scanned::Skip(length) => rest = &rest[length..],
            Scanned::NeedMore => return false,
            Scanned::Head(_) | Scanned::Reject(_) => return true,
        }
    }
}

impl Session {
    /// Ends a connection whose peer will not complete what it began, with an answer if one is owed.
    pub(super) fn give_up(&mut self, reject: Reject, idle: CloseReason, service: &Service, out: &mut Vec<u8>) -> Next {
        let (owed, reason) = match (self.stage, self.begun) {
            (Stage::Preamble, _) | (Stage::Head(_), Begun::Nothing) => (None, idle),
            (Stage::Head(_), Begun::Head { head_only }) => (Some(head_only), CloseReason::Rejected(reject)),
            (Stage::Content { after, .. }, _) => match after {
                After::Answer(held) => (Some(held.head_only), CloseReason::Rejected(reject)),
                After::Decide(_) => (Some(false), CloseReason::Rejected(reject)),
                After::NextRequest => (None, CloseReason::Rejected(reject)),
            },
            (Stage::Held(_) | Stage::Paused(_), _) => return Next::Wait(Nanos::ZERO),
            (Stage::Closed(reason), _) => (None, reason),
        };
        if let Some(head_only) = owed {
            service.reject(out, reject, head_only);
        }
        self.stage = Stage::Closed(reason);
        Next::Close(reason)
    }
}
