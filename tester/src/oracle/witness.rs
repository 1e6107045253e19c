//! The requests that prove a promise broken, and how.

use std::fmt;

use tollgate_client::{Exchange, Nanos, Outcome};

use super::check::Check;
use super::recent::Recent;
use super::{Promise, span::Packed};

/// A client's requests that prove a promise broken, whenever within [sent, done] each of them was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// The client.
    pub id: u32,
    /// What was promised.
    pub promise: Promise,
    /// What was broken.
    pub broken: Broken,
    /// The requests in the order of *sent*, at most the last 64. A denial stands alone: it is proven by requests that weren't there. For
    /// a bucket they are those that are among the last 32 768 of the run; for windows all, with names for those.
    pub requests: Vec<Request>,
}

/// What was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// `most` + 1 requests were admitted within less than a window.
    Window {
        /// At most so many may be admitted in any window of T.
        most: u32,
        /// In so short a time that many and one more were sent and answered.
        length: Nanos,
    },
    /// More than N requests were admitted in a fixed window that a first admission opened.
    Opened {
        /// N.
        limit: u32,
        /// The window opened no earlier.
        from: Nanos,
    },
    /// More requests were admitted than a bucket holds and what ran out of it meanwhile.
    Level {
        /// So many.
        count: u32,
        /// When the first of them was sent.
        from: Nanos,
        /// When the last of them was answered.
        to: Nanos,
        /// At most so many may be admitted in that time.
        most: u64,
    },
    /// A request was denied while there was room.
    Denied {
        /// So many more requests might have been admitted before it, even if all that may have been admitted were.
        room: u32,
    },
}

/// A request of a witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it is called; `None` if so many requests ended since that only its times are known, *sent* to 256 ns and *done* to 4 µs.
    pub name: Option<Name>,
    /// When it was sent.
    pub sent: Nanos,
    /// When it was answered.
    pub done: Nanos,
}

/// How a request is found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// Its number in the plan.
    pub n: u64,
    /// Its connection, counted within its thread.
    pub connection: u32,
    /// How it ended.
    pub outcome: Outcome,
}

impl Witness {
    /// What `exchange` broke, before it is added to the others.
    pub(super) fn new(exchange: &Exchange, promise: Promise, broken: Broken, check: &Check, recent: &Recent) -> Self {
        let others = match broken {
            Broken::Denied { .. } => Vec::new(),
            Broken::Window { most: others, .. } | Broken::Opened { limit: others, .. } => {
                let mut known: Vec<_> = recent.latest(exchange.id).collect();
                let entries = check.entries(exchange.id).take((others as usize).min(MOST_REQUESTS - 1));
                entries.map(|entry| Request::find(entry, &mut known)).collect()
            }
            Broken::Level { from, .. } => {
                let admitted = |other: &&Exchange| other.sent >= from && other.outcome == Outcome::Allowed;
                let others = recent.latest(exchange.id).filter(admitted);
                others.take(MOST_REQUESTS - 1).map(Request::from).collect()
            }
        };
        let mut requests = others;
        requests.push(Request::from(exchange));
        requests.sort_by_key(|request| request.sent);
        Self { id: exchange.id, promise, broken, requests }
    }
}

impl Request {
    /// The exchange that was packed so, if it is still known; taken, so that two that look alike aren't named alike.
    fn find(entry: Packed, known: &mut Vec<&Exchange>) -> Self {
        let found = known.iter().position(|exchange| entry.may_be(exchange.sent.as_u64(), exchange.done.as_u64()));
        let unnamed = Self { name: None, sent: Nanos::new(entry.sent()), done: Nanos::new(entry.done()) };
        found.map_or(unnamed, |place| Self::from(known.remove(place)))
    }
}

impl From<&Exchange> for Request {
    fn from(exchange: &Exchange) -> Self {
        let Exchange { n, connection, outcome, sent, done, .. } = *exchange;
        Self { name: Some(Name { n, connection, outcome }), sent, done }
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, promise, broken, requests } = self;
        writeln!(f, "client {id}, {promise}: {broken}")?;
        let hidden = requests.len().saturating_sub(MOST_SHOWN);
        if hidden > 0 {
            writeln!(f, "  ... {hidden} before")?;
        }
        for request in &requests[hidden..] {
            writeln!(f, "  {request}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Window { most, length } => {
                let (count, length) = (u64::from(*most) + 1, length.as_secs_f64());
                write!(f, "{count} admitted within {length:.6} s, at most {most} may be in any window")
            }
            Self::Opened { limit, from } => {
                let (count, from) = (u64::from(*limit) + 1, from.as_secs_f64());
                write!(f, "{count} admitted in the window that opened at {from:.6} s or later, at most {limit} may be")
            }
            Self::Level { count, from, to, most } => {
                let (from, to) = (from.as_secs_f64(), to.as_secs_f64());
                write!(f, "{count} admitted between {from:.6} s and {to:.6} s, at most {most} may be")
            }
            Self::Denied { room } => write!(f, "denied, with room for at least {room}"),
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sent, done) = (self.sent.as_secs_f64(), self.done.as_secs_f64());
        write!(f, "sent {sent:.6} s, done {done:.6} s")?;
        match self.name {
            Some(Name { n, connection, outcome }) => {
                write!(f, ": request {n}, connection {connection}, {}", outcome.name())
            }
            None => Ok(()),
        }
    }
}

/// Requests of one witness that are kept, and that are printed.
const MOST_REQUESTS: usize = 64;
const MOST_SHOWN: usize = 12;
