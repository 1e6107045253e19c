//! Answers that say no: at once, or a moment later when the core can't keep up.

use tollgate_limiter::Nanos;

use super::content::Kept;
use super::{Session, Stage};
use crate::{
    http::{CloseReason, body::Body, response::Persistence},
    service::{Service, Verdict},
    session::Next,
};

/// An answer that doesn't wait for the request's content.
#[derive(Clone, Copy, Debug)]
pub(super) struct No {
    pub verdict: Verdict,
    pub body: Option<Body>,
    pub waits_for_continue: bool,
    pub persistence: Persistence,
    pub head_only: bool,
}

impl Session {
    /// Answers, `rest` being what has arrived after the head.
    #[inline(always)]
    pub(super) fn say_no(&mut self, no: No, rest: &[u8], service: &Service, out: &mut Vec<u8>) -> Option<Next> {
        let No { verdict, body, waits_for_continue, persistence, head_only } = no;
        let persistence = match persistence {
            Persistence::Keep if waits_for_continue => Persistence::Close(CloseReason::ContentUnwanted),
            other => self.unless_drained(other, body, rest, service),
        };
        match verdict {
            Verdict::Decided(judged) => service.render_decided(out, judged, persistence, head_only),
            Verdict::Shed(teller) => service.render_shed(out, teller, persistence, head_only),
            Verdict::Refused(refusal) => service.render_refused(out, refusal, persistence, head_only),
            Verdict::Read { .. } => {}
        }
        self.after_answer(persistence, body, rest)
    }

    /// Answers later.
    #[cold]
    pub(super) fn hold_back(
        &mut self,
        no: No,
        rest: &[u8],
        now: Nanos,
        service: &Service,
        out: &mut Vec<u8>,
    ) -> Option<Next> {
        let Some(until) = service.release(&no.verdict, now) else { return self.say_no(no, rest, service, out) };
        self.kept = Some(Box::new(Kept { no: Some(no), ..Kept::default() }));
        self.stage = Stage::Paused(until);
        None
    }

    /// Answers what was held back, if it is time.
    #[cold]
    pub(super) fn on_paused(
        &mut self,
        until: Nanos,
        rest: &[u8],
        now: Nanos,
        service: &Service,
        out: &mut Vec<u8>,
    ) -> Option<Next> {
        if now < until {
            return Some(Next::Wait(until.saturating_sub(now)));
        }
        let no = self.kept.take().and_then(|kept| kept.no).expect("a session that pauses knows what for");
        self.say_no(no, rest, service, out)
    }
}
