//! When a connection ends, as far as it ends by agreement.

use crate::{
    http::{
        CloseReason, Request,
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
