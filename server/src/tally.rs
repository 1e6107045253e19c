//! How many requests were answered, and how: what a client's own count can be held against.

use std::fmt;
use std::ops::AddAssign;

use crate::overload::class::Class;

/// Requests that were judged. Each is one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Let through by the limiter, and answered or forwarded.
    pub allowed: u64,
    /// Over their client's quota.
    pub denied: u64,
    /// Let through by the limiter, and refused because the upstream had no room, or the core could not keep up.
    pub shed: Shed,
    /// Let through by the limiter, and refused because the upstream is sick: no breaker permitted the call.
    pub unavailable: u64,
    /// Looked at without being charged.
    pub peeked: u64,
    /// Malformed, or not for the limiter: no client id, another path or method.
    pub rejected: u64,
}

/// How many were shed of each class, the most important first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shed(pub [u64; Class::ALL.len()]);

impl Shed {
    /// All of them.
    pub const fn total(&self) -> u64 {
        let [critical_plus, critical, sheddable_plus, sheddable] = self.0;
        critical_plus + critical + sheddable_plus + sheddable
    }
}

impl Tally {
    /// All of them.
    pub const fn requests(&self) -> u64 {
        self.allowed + self.denied + self.shed.total() + self.unavailable + self.peeked + self.rejected
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.allowed += other.allowed;
        self.denied += other.denied;
        for (count, more) in self.shed.0.iter_mut().zip(other.shed.0) {
            *count += more;
        }
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
        if shed.total() > 0 {
            write!(f, ", {shed}")?;
        }
        for (count, what) in [(unavailable, "unavailable"), (peeked, "peeked")] {
            if *count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Shed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} shed", self.total())?;
        if self.0[Class::Critical.index()] == self.total() {
            // Without rules all requests are of this class: nobody wants to know.
            return Ok(());
        }
        let classes = Class::ALL.iter().zip(self.0).filter(|(_, count)| *count > 0);
        let classes: Vec<String> = classes.map(|(class, count)| format!("{count} {class}")).collect();
        write!(f, " ({})", classes.join(", "))
    }
}
