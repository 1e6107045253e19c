//! Several policies for one request: each counts by an id of its own, and all must allow.
//!
//! ```text
//!   GET /?clientId=7 from 192.0.2.9
//!        ├─ first policy   5/5s   by query:clientId   "7"          the listener's own, with overrides, lists and bans
//!        ├─ per-address    100/1s by peer-ip          "192.0.2.9"  ┐ further ones, up to seven
//!        ├─ ...                                                    ┘
//!        └─ ids per peer   may 192.0.2.9 use one more id?
//! ```
//!
//! Every policy has a limiter and so a table of its own: ids of different kinds are different clients even where they are the same text.
//! `together` decides, `place` numbers the quotas of all policies through, [`ids_per_peer`] is for ids that clients make up.
//!
//! Rejected alternative: one limiter with several keys per request. Overrides, lists and bans are said of ids of one kind, and tables are sized by how
//! many clients of a kind there are: a thousand addresses stand before a million ids.

pub mod ids_per_peer;
pub mod place;
mod together;

use std::fmt;
use std::str::FromStr;

use tollgate_limiter::{Key, Limiter};

pub use ids_per_peer::IdsPerPeer;
use ids_per_peer::PeerKeys;

use crate::identity::ClientIdSource;

/// What a request must pass besides the first policy.
#[derive(Debug, Default)]
pub struct Policies {
    further: Vec<Policy>,
    ids_per_peer: Option<IdsPerPeer>,
}

/// One policy besides the first.
#[derive(Debug)]
pub struct Policy {
    /// What the operator calls it, and `RateLimit` fields too.
    pub name: String,
    /// Where a request says whom it counts.
    pub client_id: ClientIdSource,
    /// What becomes of a request that doesn't say.
    pub missing: Missing,
    /// Counts.
    pub limiter: Limiter,
}

/// What becomes of a request without the id that a policy counts by. An id that is there and unacceptable is always rejected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// It is rejected.
    #[default]
    Reject,
    /// The policy doesn't hold for it.
    Skip,
}

/// Who asks, as each policy knows it.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// By the first policy.
    pub first: Key,
    /// By the further ones, in their order; none where one is skipped.
    pub further: [Option<Key>; MOST_FURTHER],
    /// The peer, and the peer with its id, if ids are counted.
    pub peer: Option<PeerKeys>,
}

impl Policies {
    /// # Panics
    ///
    /// With more than [`MOST_FURTHER`] policies: configuration has refused that.
    pub fn new(further: Vec<Policy>, ids_per_peer: Option<IdsPerPeer>) -> Policies {
        assert!(further.len() <= MOST_FURTHER, "{} policies", further.len());
        Policies { further, ids_per_peer }
    }

    /// The policies besides the first.
    pub fn further(&self) -> &[Policy] {
        &self.further
    }

    /// The bound on ids, if there is one.
    pub fn ids_per_peer(&self) -> Option<&IdsPerPeer> {
        self.ids_per_peer.as_ref()
    }

    /// Whether there is nothing to pass.
    pub fn is_empty(&self) -> bool {
        self.further.is_empty() && self.ids_per_peer.is_none()
    }

    /// Bytes that all tables take.
    pub fn memory_bytes(&self) -> usize {
        let further: usize = self.further.iter().map(|policy| policy.limiter.memory_bytes()).sum();
        further + self.ids_per_peer.as_ref().map_or(0, IdsPerPeer::memory_bytes)
    }
}

impl Keys {
    /// Of a client that only the first policy counts.
    pub fn alone(first: Key) -> Keys {
        Keys { first, further: [None; MOST_FURTHER], peer: None }
    }
}

impl FromStr for Missing {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Missing, &'static str> {
        match text {
            "reject" => Ok(Missing::Reject),
            "skip" => Ok(Missing::Skip),
            _ => Err("write reject (answer with 400) or skip (this policy doesn't hold for it)"),
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Missing::Reject => "reject",
            Missing::Skip => "skip",
        })
    }
}

/// Policies besides the first: more would be a mistake, and their keys fit on the stack.
pub const MOST_FURTHER: usize = 7;

#[cfg(test)]
mod tests;
