//! How many requests were answered, and how: what a client's own count can be held against.

use std::fmt;
use std::ops::AddAssign;

/// Requests that were judged. Each is one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Let through by the limiter, and answered or forwarded.
    pub allowed: u64,
    /// Over their client's quota.
    pub denied: u64,
    /// Let through by the limiter, and refused because the upstream had no room.
    pub shed: u64,
    /// Let through by the limiter, and refused because the upstream is sick: no breaker permitted the call.
    pub unavailable: u64,
    /// Looked at without being charged.
    pub peeked: u64,
    /// Malformed, or not for the limiter: no client id, another path or method.
    pub rejected: u64,
}

impl Tally {
    /// All of them.
    pub const fn requests(&self) -> u64 {
        self.allowed + self.denied + self.shed + self.unavailable + self.peeked + self.rejected
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.allowed += other.allowed;
        self.denied += other.denied;
        self.shed += other.shed;
        self.unavailable += other.unavailable;
        self.peeked += other.peeked;
        self.rejected += other.rejected;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { allowed, denied, shed, unavailable, peeked, rejected } = self;
        write!(f, "{} requests: {allowed} allowed, {denied} denied, {rejected} rejected", self.requests())?;
        // None of these can happen to a gate that only answers.
        for (count, what) in [(shed, "shed"), (unavailable, "unavailable"), (peeked, "peeked")] {
            if *count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}
