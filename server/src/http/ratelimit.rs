//! `RateLimit-Policy` and `RateLimit`, of draft-ietf-httpapi-ratelimit-headers-11.
//!
//! ```text
//! RateLimit-Policy: "default";q=10;w=1, "default-2";q=500;w=60        all quotas of the client
//! RateLimit: "default";r=4;t=1                                        the one that binds
//! ```
//!
//! A client's quotas are named `"default"`, `"default-2"`, `"default-3"` in the order of the configuration. `w` is left out when the period is
//! not a whole number of seconds, for the draft has no other unit. Quotas in shadow mode are not advertised, for they don't bind. Quotas of further
//! policies stand behind them under the name of their policy. The bound on ids per peer isn't one of requests: a
//! denial by it tells the policies alone.

use std::fmt;

use tollgate_limiter::{DeniedBy, Nanos, Quota};

use super::decimal;
use crate::policy::place;

/// The fields of the client seen last. Most clients share one list of quotas, so its policy is nearly always the right one already.
#[derive(Debug, Default)]
pub struct RateLimitFields {
    /// Which list of quotas the rest speaks of.
    address: usize,
    length: usize,
    /// The whole RateLimit-Policy line, and the name of the line that follows; empty when there is nothing to say.
    policy: Vec<u8>,
    resolutions: Vec<Nanos>,
    further: Vec<Advertised>,
}

/// A policy besides the first, by its name.
#[derive(Clone, Debug)]
pub struct Advertised {
    /// Of its first quota; the others have a number behind it.
    pub name: String,
    /// All of them.
    pub quotas: Vec<Quota>,
}

/// What a quota is called, wherever one is named: as its policy, and from the second quota on with a number behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaName<'a> {
    /// The policy that it is one of.
    pub policy: &'a str,
    /// Which of its quotas it is, from 0.
    pub index: u8,
}

impl QuotaName<'_> {
    /// Appends it.
    #[inline]
    pub fn append(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.policy.as_bytes());
        if self.index > 0 {
            out.push(b'-');
            decimal::push(out, u64::from(self.index) + 1);
        }
    }
}

impl fmt::Display for QuotaName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.policy)?;
        if self.index > 0 { write!(f, "-{}", self.index + 1) } else { Ok(()) }
    }
}

impl RateLimitFields {
    /// Appends the fields of an allowed request.
    ///
    /// A full token bucket holds more than its quota, and a client that read `r=19` beside `q=10;w=1` would have to take one of them for a
    /// mistake; so no more than the quota is announced, which is true as well.
    ///
    /// What the resolution of an algorithm adds to `reset_after` (for 5 per 5 s, a third of a millisecond) is no reason to announce a second more:
    /// `t` is a forecast, while `Retry-After` is a promise and is not treated like this.
    // Always: it is on the way of every request, and the quotas of further policies are enough for a compiler to make it a call.
    #[inline(always)]
    pub fn append_allowed(
        &mut self,
        out: &mut Vec<u8>,
        quotas: &[Quota],
        remaining: u32,
        reset_after: Nanos,
        index: u8,
    ) {
        if self.append_policy(out, quotas) {
            let Some(quota) = quotas.get(usize::from(index)) else {
                return self.append_further_allowed(out, remaining, reset_after, index);
            };
            let resolution = self.resolutions.get(usize::from(index)).copied().unwrap_or_default();
            let until = reset_after.saturating_sub(resolution).as_secs_ceil();
            self.append_standing(out, index, remaining.min(quota.limit()), Some(until));
        }
    }

    /// Appends the fields of a denied request, which may come back after so many seconds, if ever.
    #[inline]
    pub fn append_denied(&mut self, out: &mut Vec<u8>, quotas: &[Quota], by: DeniedBy, seconds: Option<u64>) {
        if self.append_policy(out, quotas) {
            self.append_standing(out, index_of(by), 0, seconds);
        }
    }

    /// Further policies whose quotas hold for everybody.
    pub fn advertise(&mut self, further: Vec<Advertised>) {
        *self = RateLimitFields { further, ..RateLimitFields::default() };
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
    #[inline(never)]
    fn append_further_allowed(&self, out: &mut Vec<u8>, remaining: u32, reset_after: Nanos, index: u8) {
        let (limit, resolution) =
            self.further(index).map_or((u32::MAX, Nanos::ZERO), |(_, quota)| (quota.limit(), quota.resolution()));
        let until = reset_after.saturating_sub(resolution).as_secs_ceil();
        self.append_standing(out, index, remaining.min(limit), Some(until));
    }

    /// The quota of a further policy that has this number, and that policy.
    fn further(&self, index: u8) -> Option<(&Advertised, &Quota)> {
        let (policy, quota) = place::taken_apart(index);
        let advertised = self.further.get(policy.checked_sub(1)?)?;
        Some((advertised, advertised.quotas.get(quota)?))
    }

    #[cold]
    fn render_policy(&mut self, quotas: &[Quota]) {
        self.address = quotas.as_ptr().addr();
        self.length = quotas.len();
        self.resolutions.clear();
        self.resolutions.extend(quotas.iter().map(Quota::resolution));
        let text = &mut self.policy;
        text.clear();
        let first = quotas.iter().map(|quota| (FIRST, quota)).zip(0..);
        let further =
            self.further.iter().flat_map(|policy| policy.quotas.iter().map(|quota| (&*policy.name, quota)).zip(0..));
        for ((name, quota), index) in first.chain(further).filter(|((_, quota), _)| !quota.is_shadow()) {
            let before: &[u8] = if text.is_empty() { b"RateLimit-Policy: " } else { b", " };
            text.extend_from_slice(before);
            append_name(text, name, index);
            text.extend_from_slice(b";q=");
            decimal::push(text, u64::from(quota.limit()));
            let period = quota.period().as_u64();
            if period.is_multiple_of(NANOS_PER_SECOND) {
                text.extend_from_slice(b";w=");
                decimal::push(text, period / NANOS_PER_SECOND);
            }
        }
        if !text.is_empty() {
            text.extend_from_slice(b"\r\n");
            text.extend_from_slice(STANDING);
        }
    }

    #[inline]
    fn append_standing(&self, out: &mut Vec<u8>, index: u8, left: u32, until: Option<u64>) {
        if index == 0 {
            out.extend_from_slice(b"\"default\"");
        } else if !self.append_other_name(out, index) {
            return;
        }
        out.extend_from_slice(b";r=");
        decimal::push(out, u64::from(left));
        if let Some(until) = until {
            out.extend_from_slice(b";t=");
            decimal::push(out, until);
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Whether a quota of this number has a name. If it has none, only the policies are told.
    #[inline(never)]
    fn append_other_name(&self, out: &mut Vec<u8>, index: u8) -> bool {
        if index < place::QUOTAS {
            append_name(out, FIRST, index);
        } else if let Some((policy, _)) = self.further(index) {
            append_name(out, &policy.name, place::taken_apart(index).1 as u8);
        } else {
            out.truncate(out.len() - STANDING.len());
            return false;
        }
        true
    }
}

/// The name of the quota at `index` of a policy, in quotes.
#[inline]
fn append_name(out: &mut Vec<u8>, policy: &str, index: u8) {
    out.push(b'"');
    QuotaName { policy, index }.append(out);
    out.push(b'"');
}

/// The quota that a denial speaks of. A ban belongs to none: it is reported under the first. Who is on the deny list has none.
fn index_of(by: DeniedBy) -> u8 {
    match by {
        DeniedBy::Quota(index) | DeniedBy::Debt(index) | DeniedBy::Full(index) | DeniedBy::Cost(index) => index,
        DeniedBy::Ban => 0,
        DeniedBy::List => place::NONE,
    }
}

/// What follows the policies.
const STANDING: &[u8] = b"RateLimit: ";
/// What the first policy is called.
pub const FIRST: &str = "default";
const NANOS_PER_SECOND: u64 = 1_000_000_000;
