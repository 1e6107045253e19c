//! How many requests were answered, and how: what a client's own count can be held against.

use std::fmt;
use std::ops::AddAssign;

/// Requests that were judged. Each is one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Let through by the limiter.
    pub allowed: u64,
    /// Over their client's quota.
    pub denied: u64,
    /// Looked at without being charged.
    pub peeked: u64,
    /// Malformed, or not for the limiter: no client id, another path or method.
    pub rejected: u64,
}

impl Tally {
    /// All of them.
    pub const fn requests(&self) -> u64 {
        self.allowed + self.denied + self.peeked + self.rejected
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.allowed += other.allowed;
        self.denied += other.denied;
        self.peeked += other.peeked;
        self.rejected += other.rejected;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { allowed, denied, peeked, rejected } = self;
        write!(f, "{} requests: {allowed} allowed, {denied} denied, {rejected} rejected", self.requests())?;
        if *peeked > 0 { write!(f, ", {peeked} peeked") } else { Ok(()) }
    }
}
