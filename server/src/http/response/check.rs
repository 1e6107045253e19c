//! Decisions told to a proxy. Whatever it copies to its own answer is there in each of them, or it would copy nothing.

use tollgate_limiter::{Decision, DeniedBy, Quota};

use super::{Answers, Persistence, RETRY_AFTER, append_delta, delta_seconds};
use crate::{http::ratelimit::QuotaName, policy::place};

impl Answers {
    /// Appends a decision with the status that its reader understands. `quotas` as in [`Answers::decided`]; `by_quota` is the one that denied, if any did.
    #[inline(never)]
    pub fn check(
        &self,
        out: &mut Vec<u8>,
        status: &'static str,
        decision: Decision,
        by_quota: Option<QuotaName<'_>>,
        quotas: &[Quota],
        persistence: Persistence,
    ) {
        let told: &[u8] = if decision.is_allow() { b"allow" } else { b"deny" };
        for part in [
            b"HTTP/1.1 ",
            status.as_bytes(),
            b"\r\nDate: ",
            &self.date.get(),
            b"\r\nContent-Length: 0\r\nCache-Control: no-store\r\nX-Tollgate-Decision: ",
            told,
            b"\r\nX-Tollgate-Reason: ",
            reason(decision).as_bytes(),
            b"\r\nX-Tollgate-Policy: ",
        ] {
            out.extend_from_slice(part);
        }
        match by_quota {
            Some(name) => name.append(out),
            None => out.extend_from_slice(b"none"),
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(persistence.field());
        match decision {
            Decision::Allow { remaining, reset_after, quota_index, .. } => {
                if let Some(fields) = &self.ratelimit {
                    fields.borrow_mut().append_allowed(out, quotas, remaining, reset_after, quota_index);
                }
            }
            Decision::Deny { retry_after, by } => {
                let seconds = delta_seconds(retry_after);
                if let Some(seconds) = seconds {
                    out.extend_from_slice(RETRY_AFTER.as_bytes());
                    append_delta(out, seconds);
                }
                if let Some(fields) = &self.ratelimit {
                    fields.borrow_mut().append_denied(out, quotas, by, seconds);
                }
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// One word for why, as it stands in `X-Tollgate-Reason`.
pub fn reason(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow { .. } => "none",
        Decision::Deny { by, .. } => match by {
            DeniedBy::Quota(place::IDS_PER_PEER) => "ids",
            DeniedBy::Quota(_) => "quota",
            DeniedBy::Debt(_) => "debt",
            DeniedBy::Full(_) => "full",
            DeniedBy::Cost(_) => "cost",
            DeniedBy::Ban => "ban",
            DeniedBy::List => "list",
        },
    }
}
