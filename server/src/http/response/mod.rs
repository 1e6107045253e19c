//! Answers, appended to the buffer of the batch.
//!
//! The two answers that are given by the million, *allowed* and *limited*, are templates in which only the date is patched, once a second; the
//! numbers that differ between requests come last and are appended as digits. Nothing is formatted and nothing is allocated per request. All
//! other answers are put together from constant parts.

mod check;

use std::cell::{Cell, RefCell};

use tollgate_limiter::{Decision, Nanos, Quota};

pub use super::limited::LimitedStatus;
use super::{
    CloseReason, Reject,
    date::{self, imf_fixdate},
    decimal,
    ratelimit::{Advertised, RateLimitFields},
};
pub use check::reason;

/// What becomes of the connection after an answer, and so what its Connection field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// HTTP/1.1 keeps by default: nothing to say.
    Keep,
    /// HTTP/1.0 keeps because it was asked to, and must be told.
    KeepExplicitly,
    /// It closes.
    Close(CloseReason),
}

impl Persistence {
    /// Its Connection field line, if it has one.
    pub fn field(self) -> &'static [u8] {
        match self {
            Persistence::Keep => b"",
            Persistence::KeepExplicitly => b"Connection: keep-alive\r\n",
            Persistence::Close(_) => b"Connection: close\r\n",
        }
    }
}

/// An answer that is not a decision.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'a> {
    /// Code and phrase.
    pub status: &'static str,
    /// What the body is.
    pub kind: &'static str,
    /// Further field lines, each with its CRLF.
    pub fields: &'a str,
    /// What to say.
    pub body: &'a str,
}

/// Renders all answers of one core.
#[derive(Debug)]
pub struct Answers {
    ratelimit: Option<RefCell<RateLimitFields>>,
    date: Cell<[u8; date::LENGTH]>,
    allowed: RefCell<Template>,
    limited: RefCell<Template>,
}

impl Answers {
    /// Until [`Answers::set_unix_time`] is called, `Date` says 1970.
    pub fn new(limited: LimitedStatus, ratelimit_headers: bool) -> Answers {
        Answers {
            ratelimit: ratelimit_headers.then(RefCell::default),
            date: Cell::new(imf_fixdate(0)),
            allowed: RefCell::new(Template::new("200 OK", "Content-Type: text/plain\r\nContent-Length: 2\r\n")),
            limited: RefCell::new(Template::new(limited.status(), &format!("Content-Length: 0\r\n{RETRY_AFTER}"))),
        }
    }

    /// Names the quotas of further policies in `RateLimit` fields.
    pub fn advertise(&mut self, further: Vec<Advertised>) {
        if let Some(fields) = &mut self.ratelimit {
            fields.get_mut().advertise(further);
        }
    }

    /// What `Date` is to say from now on.
    pub fn set_unix_time(&self, seconds: u64) {
        let date = imf_fixdate(seconds);
        self.date.set(date);
        self.allowed.borrow_mut().set_date(date);
        self.limited.borrow_mut().set_date(date);
    }

    /// What `Date` says now.
    pub fn date(&self) -> [u8; date::LENGTH] {
        self.date.get()
    }

    /// Appends the answer to a decision. `quotas` are those of the client; they must not move as long as this value lives, for they are known
    /// again by their address.
    #[inline]
    pub fn decided(
        &self,
        out: &mut Vec<u8>,
        decision: Decision,
        quotas: &[Quota],
        persistence: Persistence,
        head_only: bool,
    ) {
        match decision {
            Decision::Allow { remaining, reset_after, quota_index, .. } => {
                out.extend_from_slice(&self.allowed.borrow().text);
                out.extend_from_slice(persistence.field());
                if let Some(fields) = &self.ratelimit {
                    fields.borrow_mut().append_allowed(out, quotas, remaining, reset_after, quota_index);
                }
                out.extend_from_slice(if head_only { b"\r\n" } else { b"\r\nOK" });
            }
            Decision::Deny { retry_after, by } => {
                let seconds = delta_seconds(retry_after);
                out.extend_from_slice(&self.limited.borrow().text);
                match seconds {
                    Some(seconds) => append_delta(out, seconds),
                    None => out.truncate(out.len() - RETRY_AFTER.len()),
                }
                out.extend_from_slice(persistence.field());
                if let Some(fields) = &self.ratelimit {
                    fields.borrow_mut().append_denied(out, quotas, by, seconds);
                }
                out.extend_from_slice(b"\r\n");
            }
        }
    }

    /// Appends the fields of an allowed request that somebody else answers.
    pub fn allowed_fields(&self, out: &mut Vec<u8>, decision: Decision, quotas: &[Quota]) {
        if let (Some(fields), Decision::Allow { remaining, reset_after, quota_index, .. }) = (&self.ratelimit, decision)
        {
            fields.borrow_mut().append_allowed(out, quotas, remaining, reset_after, quota_index);
        }
    }

    /// Appends an answer that is not a decision.
    pub fn plain(&self, out: &mut Vec<u8>, answer: Plain<'_>, persistence: Persistence, head_only: bool) {
        for part in [
            b"HTTP/1.1 ",
            answer.status.as_bytes(),
            b"\r\nDate: ",
            &self.date.get(),
            b"\r\nContent-Type: ",
            answer.kind.as_bytes(),
            b"\r\nContent-Length: ",
        ] {
            out.extend_from_slice(part);
        }
        decimal::push(out, answer.body.len() as u64);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(answer.fields.as_bytes());
        out.extend_from_slice(persistence.field());
        out.extend_from_slice(b"\r\n");
        if !head_only {
            out.extend_from_slice(answer.body.as_bytes());
        }
    }

    /// Appends the answer to a request that was rejected; the connection closes.
    pub fn reject(&self, out: &mut Vec<u8>, reject: Reject, head_only: bool) {
        let answer = Plain { status: reject.status(), kind: "text/plain", fields: "", body: reject.explain() };
        let persistence = Persistence::Close(CloseReason::Rejected(reject));
        self.plain(out, answer, persistence, head_only);
    }
}

/// A head up to where answers begin to differ.
#[derive(Debug)]
struct Template {
    text: Vec<u8>,
    date_at: usize,
}

impl Template {
    fn new(status: &str, fields: &str) -> Template {
        let mut text = format!("HTTP/1.1 {status}\r\nDate: ").into_bytes();
        let date_at = text.len();
        text.extend_from_slice(&imf_fixdate(0));
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(fields.as_bytes());
        Template { text, date_at }
    }

    fn set_date(&mut self, date: [u8; date::LENGTH]) {
        self.text[self.date_at..self.date_at + date::LENGTH].copy_from_slice(&date);
    }
}

/// Whole seconds, never less than the truth and never 0: a client that is told 0 comes back at once. None for what will never pass: whatever number stood
/// there would be a promise.
fn delta_seconds(span: Nanos) -> Option<u64> {
    (span != Nanos::MAX).then(|| span.as_secs_ceil().clamp(1, LONGEST_SECONDS))
}

/// Appends the rest of a Retry-After line.
#[inline]
fn append_delta(out: &mut Vec<u8>, seconds: u64) {
    decimal::push(out, seconds);
    out.extend_from_slice(b"\r\n");
}

const RETRY_AFTER: &str = "Retry-After: ";

/// What RFC 9111 section 1.2.2 has recipients use for numbers too large for them: 68 years.
const LONGEST_SECONDS: u64 = 1 << 31;
