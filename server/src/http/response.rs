//! Answers, appended to the buffer of the batch.
//!
//! The two answers that are given by the million, *allowed* and *limited*, are templates in which only the date is patched, once a second; the
//! numbers that differ between requests come last and are appended as digits. Nothing is formatted and nothing is allocated per request. All
//! other answers are put together from constant parts.
//!
//! The RateLimit fields are those of draft-ietf-httpapi-ratelimit-headers-11. A client's quotas are named `"default"`, `"default-2"`,
//! `"default-3"` in the order of the configuration; `w` is left out when the period is not a whole number of seconds, for the draft has no
//! other unit; quotas in shadow mode are not advertised, for they don't bind. `RateLimit` speaks of one quota, the one that binds.

use std::{
    cell::{Cell, RefCell},
    fmt,
    str::FromStr,
};

use tollgate_limiter::{Decision, DeniedBy, Nanos, Quota};

use super::{
    CloseReason, Reject,
    date::{self, imf_fixdate},
    decimal,
};

/// The status of a denial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LimitedStatus {
    /// 503, the default.
    #[default]
    ServiceUnavailable,
    /// 429 (RFC 6585 section 4).
    TooManyRequests,
}

/// A status that is neither 429 nor 503.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitedStatusError(String);

impl fmt::Display for LimitedStatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a denial is answered with 429 or 503, not with {:?}", self.0)
    }
}

impl std::error::Error for LimitedStatusError {}

impl FromStr for LimitedStatus {
    type Err = LimitedStatusError;

    fn from_str(text: &str) -> Result<LimitedStatus, LimitedStatusError> {
        match text {
            "503" => Ok(LimitedStatus::ServiceUnavailable),
            "429" => Ok(LimitedStatus::TooManyRequests),
            other => Err(LimitedStatusError(other.to_owned())),
        }
    }
}

impl fmt::Display for LimitedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LimitedStatus::ServiceUnavailable => "503",
            LimitedStatus::TooManyRequests => "429",
        })
    }
}

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
    fn field(self) -> &'static [u8] {
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
    /// Further field lines, each with its CRLF.
    pub fields: &'static str,
    /// What to say.
    pub body: &'a str,
}

/// Renders all answers of one core.
#[derive(Debug)]
pub struct Answers {
    ratelimit_headers: bool,
    date: Cell<[u8; date::LENGTH]>,
    allowed: RefCell<Template>,
    limited: RefCell<Template>,
    policy: RefCell<Policy>,
}

impl Answers {
    /// Until [`Answers::set_unix_time`] is called, `Date` says 1970.
    pub fn new(limited: LimitedStatus, ratelimit_headers: bool) -> Answers {
        let limited = match limited {
            LimitedStatus::ServiceUnavailable => "503 Service Unavailable",
            LimitedStatus::TooManyRequests => "429 Too Many Requests",
        };
        Answers {
            ratelimit_headers,
            date: Cell::new(imf_fixdate(0)),
            allowed: RefCell::new(Template::new("200 OK", "Content-Type: text/plain\r\nContent-Length: 2\r\n")),
            limited: RefCell::new(Template::new(limited, "Content-Length: 0\r\nRetry-After: ")),
            policy: RefCell::new(Policy::default()),
        }
    }

    /// What `Date` is to say from now on.
    pub fn set_unix_time(&self, seconds: u64) {
        let date = imf_fixdate(seconds);
        self.date.set(date);
        self.allowed.borrow_mut().set_date(date);
        self.limited.borrow_mut().set_date(date);
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
        let (left, until, index) = match decision {
            Decision::Allow { remaining, reset_after, quota_index, .. } => {
                out.extend_from_slice(&self.allowed.borrow().text);
                (remaining, reset_seconds(reset_after, quotas, quota_index), quota_index)
            }
            Decision::Deny { retry_after, by } => {
                let wait = delta_seconds(retry_after);
                out.extend_from_slice(&self.limited.borrow().text);
                decimal::push(out, wait);
                out.extend_from_slice(b"\r\n");
                (0, wait, by_index(by))
            }
        };
        out.extend_from_slice(persistence.field());
        if self.ratelimit_headers && !quotas.is_empty() {
            self.ratelimit_fields(out, quotas, left, until, index);
        }
        let body: &[u8] = match decision {
            Decision::Allow { .. } if !head_only => b"\r\nOK",
            _ => b"\r\n",
        };
        out.extend_from_slice(body);
    }

    /// Appends an answer that is not a decision.
    pub fn plain(&self, out: &mut Vec<u8>, answer: Plain<'_>, persistence: Persistence, head_only: bool) {
        for part in [
            b"HTTP/1.1 ",
            answer.status.as_bytes(),
            b"\r\nDate: ",
            &self.date.get(),
            b"\r\nContent-Type: text/plain\r\nContent-Length: ",
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
        let answer = Plain { status: reject.status(), fields: "", body: reject.explain() };
        let persistence = Persistence::Close(CloseReason::Rejected(reject));
        self.plain(out, answer, persistence, head_only);
    }

    #[inline]
    fn ratelimit_fields(&self, out: &mut Vec<u8>, quotas: &[Quota], left: u32, until: u64, index: u8) {
        let mut policy = self.policy.borrow_mut();
        if !policy.is_of(quotas) {
            policy.render(quotas);
        }
        if policy.text.is_empty() {
            return;
        }
        out.extend_from_slice(&policy.text);
        push_name(out, index);
        out.extend_from_slice(b";r=");
        decimal::push(out, u64::from(left));
        out.extend_from_slice(b";t=");
        decimal::push(out, until);
        out.extend_from_slice(b"\r\n");
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

/// The RateLimit-Policy line of the quotas rendered last, and the name of the line that follows. Most clients share one list of quotas, so it
/// is nearly always the right one.
#[derive(Debug, Default)]
struct Policy {
    address: usize,
    length: usize,
    text: Vec<u8>,
}

impl Policy {
    #[inline]
    fn is_of(&self, quotas: &[Quota]) -> bool {
        self.address == quotas.as_ptr().addr() && self.length == quotas.len()
    }

    #[cold]
    fn render(&mut self, quotas: &[Quota]) {
        self.address = quotas.as_ptr().addr();
        self.length = quotas.len();
        self.text.clear();
        for (index, quota) in quotas.iter().enumerate().filter(|(_, quota)| !quota.is_shadow()) {
            let before: &[u8] = if self.text.is_empty() { b"RateLimit-Policy: " } else { b", " };
            self.text.extend_from_slice(before);
            push_name(&mut self.text, index as u8);
            self.text.extend_from_slice(b";q=");
            decimal::push(&mut self.text, u64::from(quota.limit()));
            let period = quota.period().as_u64();
            if period.is_multiple_of(NANOS_PER_SECOND) {
                self.text.extend_from_slice(b";w=");
                decimal::push(&mut self.text, period / NANOS_PER_SECOND);
            }
        }
        if !self.text.is_empty() {
            self.text.extend_from_slice(b"\r\nRateLimit: ");
        }
    }
}

/// The name of the quota at `index`.
#[inline]
fn push_name(out: &mut Vec<u8>, index: u8) {
    if index == 0 {
        out.extend_from_slice(b"\"default\"");
    } else {
        out.extend_from_slice(b"\"default-");
        decimal::push(out, u64::from(index) + 1);
        out.push(b'"');
    }
}

/// The quota that a denial speaks of. A ban and the deny list belong to none: they are reported under the first.
fn by_index(by: DeniedBy) -> u8 {
    match by {
        DeniedBy::Quota(index) | DeniedBy::Debt(index) | DeniedBy::Full(index) | DeniedBy::Cost(index) => index,
        DeniedBy::Ban | DeniedBy::List => 0,
    }
}

/// Whole seconds until the quota is whole again. What the algorithm's resolution adds (for 5 per 5 s, a third of a millisecond) is no reason to
/// announce a second more: `t` is a forecast, while `Retry-After` is a promise and is not treated like this.
#[inline]
fn reset_seconds(reset_after: Nanos, quotas: &[Quota], index: u8) -> u64 {
    let resolution = quotas.get(usize::from(index)).map_or(Nanos::ZERO, Quota::resolution);
    reset_after.saturating_sub(resolution).as_secs_ceil()
}

/// Whole seconds, never less than the truth and never 0: a client that is told 0 comes back at once.
fn delta_seconds(span: Nanos) -> u64 {
    span.as_secs_ceil().clamp(1, FOREVER_SECONDS)
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// What RFC 9111 section 1.2.2 has recipients use for numbers too large for them: 68 years, "never" for all who read it.
const FOREVER_SECONDS: u64 = 1 << 31;
