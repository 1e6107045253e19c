//! How a server treated its hostile peers, counted.

use std::collections::BTreeMap;
use std::fmt;

use tollgate_client::Nanos;

use super::End;
use super::script::Script;
use super::seen::Seen;

/// How a server treated its hostile peers. Each peer has one end: their sum is `peers`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Treatment {
    /// Peers that came.
    pub peers: u64,
    /// Whole answers by status.
    pub answers: BTreeMap<u16, u64>,
    /// Peers to which not a byte was sent.
    pub unanswered: u64,
    /// Peers that were sent something that is no HTTP answer.
    pub malformed: u64,
    /// Peers that didn't get what a server owes them. A server that passes has none.
    pub wronged: u64,
    /// The first few of those: what they did, what was due, what came.
    pub examples: Vec<String>,
    /// The longest that the server put up with a peer before it ended the connection itself.
    pub longest: Nanos,
    /// Connections that this machine had no descriptor or port for; no peer came of them, and the server can't help it.
    pub not_made: u64,
    ends: [u64; End::ALL.len()],
}

impl Treatment {
    /// How many connections ended like this.
    pub const fn ended(&self, end: End) -> u64 {
        self.ends[end as usize]
    }

    /// Every peer got what was due, and there was one.
    pub const fn is_proper(&self) -> bool {
        self.peers > 0 && self.wronged == 0
    }

    pub(super) fn count(&mut self, number: u64, script: &Script, seen: &Seen, stay: Nanos) {
        self.peers += 1;
        self.ends[seen.end as usize] += 1;
        self.unanswered += u64::from(seen.is_nothing());
        self.malformed += u64::from(seen.is_malformed);
        if seen.end.is_the_servers() {
            self.longest = self.longest.max(stay);
        }
        for status in &seen.answers {
            *self.answers.entry(*status).or_default() += 1;
        }
        if !script.due.is_met(seen) {
            self.wronged += 1;
            if self.examples.len() < MOST_EXAMPLES {
                let after = stay.as_secs_f64();
                self.examples
                    .push(format!("peer {number}, {}: due {}; got {seen} after {after:.1} s", script.what, script.due));
            }
        }
    }
}

/// One line: `250 peers: 200×410 400×250; closed 240, reset 10; 2 wronged`.
impl fmt::Display for Treatment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} peers:", self.peers)?;
        for (status, count) in &self.answers {
            write!(f, " {status}×{count}")?;
        }
        let mut before = ';';
        for end in End::ALL.into_iter().filter(|end| self.ended(*end) > 0) {
            write!(f, "{before} {} {}", end.name(), self.ended(end))?;
            before = ',';
        }
        for (count, what) in [(self.unanswered, "unanswered"), (self.malformed, "malformed"), (self.wronged, "wronged")]
        {
            if count > 0 {
                write!(f, "; {count} {what}")?;
            }
        }
        Ok(())
    }
}

/// Enough to see a pattern, few enough to read.
const MOST_EXAMPLES: usize = 8;
