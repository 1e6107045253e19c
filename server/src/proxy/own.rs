//! Answers of our own, to requests that go no further.

use crate::http::response::{Persistence, Plain};
use crate::http::upstream::onward::NotForwarded;
use crate::service::{Refusal, Service, Verdict};

/// An answer of our own.
pub(super) struct Own {
    pub why: Why,
    pub persistence: Persistence,
    pub head_only: bool,
}

/// Why a request goes no further.
pub(super) enum Why {
    /// Denied, or refused.
    Judged(Verdict),
    NotForwarded(NotForwarded),
}

impl Own {
    /// Appends it, and says whether it is the connection's last.
    pub fn write(&self, service: &Service, out: &mut Vec<u8>) -> bool {
        let (persistence, head_only) = (self.persistence, self.head_only);
        let not_implemented = |out: &mut Vec<u8>, body| {
            let answer = Plain { status: "501 Not Implemented", kind: "text/plain", fields: "", body };
            service.answers().plain(out, answer, persistence, head_only);
        };
        match self.why {
            Why::Judged(Verdict::Decided(judged)) => service.render_decided(out, judged, persistence, head_only),
            Why::Judged(Verdict::Shed(teller)) => service.render_shed(out, teller, persistence, head_only),
            Why::Judged(Verdict::Refused(Refusal::Method)) => not_implemented(out, "CONNECT is not forwarded\n"),
            // Only for those who ask for decisions, which are not asked for here.
            Why::Judged(Verdict::Read { .. }) => not_implemented(out, "decisions are not given here\n"),
            Why::Judged(Verdict::Refused(refusal)) => service.render_refused(out, refusal, persistence, head_only),
            Why::NotForwarded(NotForwarded::Upgrade) => {
                not_implemented(out, "upgrades are not forwarded, such as the one to WebSocket\n");
            }
            Why::NotForwarded(NotForwarded::ConnectionOptions) => {
                not_implemented(out, "the Connection header field has too many options: send at most 16\n");
            }
        }
        matches!(persistence, Persistence::Close(_))
    }
}
