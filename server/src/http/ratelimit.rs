//! `RateLimit-Policy` and `RateLimit`, of draft-ietf-httpapi-ratelimit-headers-11.
//!
//! ```text
//! RateLimit-Policy: "default";q=10;w=1, "default-2";q=500;w=60        all quotas of the client
//! RateLimit: "default";r=4;t=1                                        the one that binds
//! ```
//!
//! A client's quotas are named `"default"`, `"default-2"`, `"default-3"` in the order of the configuration. `w` is left out when the period is
//! not a whole number of seconds, for the draft has no other unit. Quotas in shadow mode are not advertised, for they don't bind.

use tollgate_limiter::{DeniedBy, Nanos, Quota};

use super::decimal;

/// The fields of the client seen last. Most clients share one list of quotas, so its policy is nearly always the right one already.
#[derive(Debug, Default)]
pub struct RateLimitFields {
    /// Which list of quotas the rest speaks of.
    address: usize,
    length: usize,
    /// The whole RateLimit-Policy line, and the name of the line that follows; empty when there is nothing to say.
    policy: Vec<u8>,
    resolutions: Vec<Nanos>,
}

impl RateLimitFields {
    /// Appends the fields of an allowed request.
    ///
    /// A full token bucket holds more than its quota, and a client that read `r=19` beside `q=10;w=1` would have to take one of them for a
    /// mistake; so no more than the quota is announced, which is true as well.
    ///
    /// What the resolution of an algorithm adds to `reset_after` (for 5 per 5 s, a third of a millisecond) is no reason to announce a second more:
    /// `t` is a forecast, while `Retry-After` is a promise and is not treated like this.
    #[inline]
    pub fn append_allowed(
        &mut self,
        out: &mut Vec<u8>,
        quotas: &[Quota],
        remaining: u32,
        reset_after: Nanos,
        index: u8,
    ) {
        if self.append_policy(out, quotas) {
            let resolution = self.resolutions.get(usize::from(index)).copied().unwrap_or_default();
            let until = reset_after.saturating_sub(resolution).as_secs_ceil();
            let quota = quotas.get(usize::from(index)).map_or(u32::MAX, Quota::limit);
            append_standing(out, index, remaining.min(quota), until);
        }
    }

    /// Appends the fields of a denied request, which may come back after so many seconds.
    #[inline]
    pub fn append_denied(&mut self, out: &mut Vec<u8>, quotas: &[Quota], by: DeniedBy, seconds: u64) {
        if self.append_policy(out, quotas) {
            append_standing(out, index_of(by), 0, seconds);
        }
    }

    /// Whether there was something to append. A list of quotas is known again by its address, so none may be moved or changed.
    #[inline]
    fn append_policy(&mut self, out: &mut Vec<u8>, quotas: &[Quota]) -> bool {
        if self.address != quotas.as_ptr().addr() || self.length != quotas.len() {
            self.render_policy(quotas);
        }
        out.extend_from_slice(&self.policy);
        !self.policy.is_empty()
    }

    #[cold]
    fn render_policy(&mut self, quotas: &[Quota]) {
        self.address = quotas.as_ptr().addr();
        self.length = quotas.len();
        self.resolutions.clear();
        self.resolutions.extend(quotas.iter().map(Quota::resolution));
        let text = &mut self.policy;
        text.clear();
        for (index, quota) in quotas.iter().enumerate().filter(|(_, quota)| !quota.is_shadow()) {
            let before: &[u8] = if text.is_empty() { b"RateLimit-Policy: " } else { b", " };
            text.extend_from_slice(before);
            append_name(text, index as u8);
            text.extend_from_slice(b";q=");
            decimal::push(text, u64::from(quota.limit()));
            let period = quota.period().as_u64();
            if period.is_multiple_of(NANOS_PER_SECOND) {
                text.extend_from_slice(b";w=");
                decimal::push(text, period / NANOS_PER_SECOND);
            }
        }
        if !text.is_empty() {
            text.extend_from_slice(b"\r\nRateLimit: ");
        }
    }
}

#[inline]
fn append_standing(out: &mut Vec<u8>, index: u8, left: u32, until: u64) {
    append_name(out, index);
    out.extend_from_slice(b";r=");
    decimal::push(out, u64::from(left));
    out.extend_from_slice(b";t=");
    decimal::push(out, until);
    out.extend_from_slice(b"\r\n");
}

/// The name of the quota at `index`.
#[inline]
fn append_name(out: &mut Vec<u8>, index: u8) {
    if index == 0 {
        out.extend_from_slice(b"\"default\"");
    } else {
        out.extend_from_slice(b"\"default-");
        decimal::push(out, u64::from(index) + 1);
        out.push(b'"');
    }
}

/// The quota that a denial speaks of. A ban and the deny list belong to none: they are reported under the first.
fn index_of(by: DeniedBy) -> u8 {
    match by {
        DeniedBy::Quota(index) | DeniedBy::Debt(index) | DeniedBy::Full(index) | DeniedBy::Cost(index) => index,
        DeniedBy::Ban | DeniedBy::List => 0,
    }
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;
