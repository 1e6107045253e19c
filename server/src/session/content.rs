//! Content: passed over, or kept until it is complete.

use tollgate_limiter::Nanos;

use super::paused::No;
use super::{Session, Stage};
use crate::{
    http::{CloseReason, body::Body, chunked::Passed, response::Persistence, scan::HeadScan},
    service::{Judged, Service},
    session::Next,
};

/// What follows when the content has arrived.
#[derive(Clone, Copy, Debug)]
pub(super) enum After {
    /// The answer went out before.
    NextRequest,
    /// The answer goes out now.
    Answer(Held),
    /// The content was kept; it asks for decisions.
    Decide(Persistence),
}

/// An answer to an allowed request that cannot go out yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub judged: Judged,
    /// Not before this instant.
    pub release: Nanos,
    pub persistence: Persistence,
    pub head_only: bool,
}

/// What hardly any session has to remember; boxed, so that the others are small.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Content that is needed, as far as it has arrived.
    pub content: Vec<u8>,
    /// What is said later.
    pub no: Option<No>,
}

impl Session {
    /// From now on content is kept: what decisions are asked for stands in it.
    #[cold]
    pub(super) fn keep_content(&mut self, body: Option<Body>, persistence: Persistence, continue_due: bool) {
        // A request without content asks for nothing, which is for the service to say.
        let body = body.unwrap_or(Body::Length(0));
        self.stage = Stage::Content { body, after: After::Decide(persistence), continue_due };
    }

    /// Takes content and does what is due after it.
    #[inline(never)]
    pub(super) fn on_content(
        &mut self,
        rest: &[u8],
        consumed: &mut usize,
        now: Nanos,
        service: &Service,
        out: &mut Vec<u8>,
    ) -> Option<Next> {
        let Stage::Content { body, after, continue_due } = &mut self.stage else {
            return None;
        };
        let after = *after;
        let passed = match after {
            After::Decide(_) => {
                let content = &mut self.kept.get_or_insert_default().content;
                body.advance_with(rest, |data| content.extend_from_slice(data))
            }
            After::NextRequest | After::Answer(_) => body.advance(rest),
        };
        match passed {
            Ok(Passed::All) => {
                *consumed += rest.len();
                if std::mem::take(continue_due) {
                    out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                }
                Some(Next::Read)
            }
            Ok(Passed::Ended(length)) => {
                *consumed += length;
                match after {
                    After::NextRequest => self.stage = Stage::Head(HeadScan::default()),
                    After::Answer(held) => self.stage = Stage::Held(held),
                    After::Decide(persistence) => {
                        return self.decide(persistence, &rest[length..], now, service, out);
                    }
                }
                None
            }
            Err(reject) => {
                match after {
                    After::NextRequest => {}
                    After::Answer(held) => service.reject(out, reject, held.head_only),
                    After::Decide(_) => service.reject(out, reject, false),
                }
                self.kept = None;
                Some(self.close(CloseReason::Rejected(reject)))
            }
        }
    }

    /// Answers what was asked for in the content that was kept.
    fn decide(
        &mut self,
        persistence: Persistence,
        rest: &[u8],
        now: Nanos,
        service: &Service,
        out: &mut Vec<u8>,
    ) -> Option<Next> {
        let persistence = self.unless_drained(persistence, None, rest, service);
        let Kept { content, .. } = *self.kept.take().unwrap_or_default();
        service.decide_batch(&content, now, out, persistence);
        self.after_answer(persistence, None, rest)
    }
}
