//! A bound on how many ids one peer may use: who makes up a new id for every request is found out by its address.
//!
//! ```text
//!   (peer, id) ── seen in the last T? ── yes ──────────────────▶ goes on
//!                        │ no
//!                        ▼
//!             peer: a new id left in this window? ── no ───────▶ denied until the window closes
//!                        │ yes: one fewer
//!                        ▼
//!             (peer, id) is seen for T ────────────────────────▶ goes on
//! ```
//!
//! Two limiters with fixed windows: `seen`, 1 per T for each pair of a peer and an id, where a denial means *known*; and `fresh`, N per T for each
//! peer. **What that bounds**, whatever a peer does:
//!
//! - *New* ids: N in a window, which opens with the peer's first new id and is T long; so at most 2N − 1 in any stretch of T (N − 1 late in one
//!   window, N early in the next), and N per T in the long run.
//! - *Distinct* ids in use: at most 3N − 1 in any stretch of T. An id that was new up to T ago may still be used, and no stretch of 2T has more than
//!   (N − 1) + N + N new ones.
//!
//! **At the turn of windows** nothing is forgotten at once: each id stays known for T from when it was new, then the next request with it is one with a
//! new id again. A peer with at most N ids is never denied, however it uses them: each of them is new at most once in any T.
//!
//! **A table that is full** forgets who was seen (the id is new again) and remembers what was charged: both deny too much, never too little. A
//! pair is stored as 32 bits and its place, so a new id is taken for a known one by about the odds with which two clients share a slot.
//!
//! Rejected alternative: to keep the ids of a peer in a set, or in a sketch of distinct counts. The one grows with what it is there to bound, the other can't tell a
//! new id from a known one, and would cut off the honest with the rest.

use std::net::{IpAddr, Ipv6Addr};

use tollgate_limiter::{Decision, DeniedBy, Key, Limiter, Nanos};

use super::place;
use crate::{http::Limits, identity::ClientIdSource};

/// Counts the ids of each peer.
#[derive(Debug)]
pub struct IdsPerPeer {
    /// Where a peer's address is read, if it is a trusted proxy.
    pub peer: ClientIdSource,
    /// Allows what it hasn't seen. Should forget whom it displaces: that id is new again, and stays as usable as any new one.
    pub seen: Limiter,
    /// Allows as many new ids as a peer may have.
    pub fresh: Limiter,
}

/// A peer and one of its ids.
#[derive(Clone, Copy, Debug)]
pub struct PeerKeys {
    pair: Key,
    peer: Key,
}

/// What a look at an id shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Known,
    New,
    OneTooMany(Decision),
}

impl IdsPerPeer {
    /// The keys of `id` at `peer`. An IPv6 peer counts by its /64.
    pub fn keys(&self, peer: IpAddr, id: &[u8]) -> PeerKeys {
        let octets = octets(peer);
        let mut pair = [0; PEER_OCTETS + Limits::MAX_ID_BYTES];
        let id = &id[..id.len().min(Limits::MAX_ID_BYTES)];
        let end = PEER_OCTETS + id.len();
        pair[..PEER_OCTETS].copy_from_slice(&octets);
        pair[PEER_OCTETS..end].copy_from_slice(id);
        PeerKeys { pair: self.seen.key(&pair[..end]), peer: self.fresh.key(&octets) }
    }

    /// What [`IdsPerPeer::enter`] would come to. Changes nothing.
    pub(super) fn look(&self, keys: PeerKeys, now: Nanos) -> Look {
        if is_known(self.seen.peek(keys.pair, 1, now)) {
            return Look::Known;
        }
        match self.fresh.peek(keys.peer, 1, now) {
            Decision::Allow { .. } => Look::New,
            denied => Look::OneTooMany(named(denied)),
        }
    }

    /// Enters an id, unless it is known; the denial if it is one too many.
    pub(super) fn enter(&self, keys: PeerKeys, now: Nanos) -> Result<(), Decision> {
        if is_known(self.seen.peek(keys.pair, 1, now)) {
            return Ok(());
        }
        let entered = self.fresh.decide(keys.peer, now);
        if !entered.is_allow() {
            return Err(named(entered));
        }
        // Charged before it is marked: a mark without a charge would be an id for nothing.
        if is_known(self.seen.decide(keys.pair, now)) {
            // Another core entered the same id in between, and paid.
            self.fresh.refund(keys.peer, 1, now, now);
        }
        Ok(())
    }

    /// Bytes that both tables take.
    pub fn memory_bytes(&self) -> usize {
        self.seen.memory_bytes() + self.fresh.memory_bytes()
    }
}

/// Only a slot of its own proves that an id was seen; a full table doesn't.
fn is_known(decision: Decision) -> bool {
    matches!(decision, Decision::Deny { by: DeniedBy::Quota(_), .. })
}

fn named(decision: Decision) -> Decision {
    match decision {
        Decision::Deny { retry_after, .. } => Decision::Deny { retry_after, by: DeniedBy::Quota(place::IDS_PER_PEER) },
        allowed => allowed,
    }
}

/// A peer in as many bytes whoever it is, so that no id can continue an address.
fn octets(peer: IpAddr) -> [u8; PEER_OCTETS] {
    match peer.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).octets()
        }
    }
}

const PEER_OCTETS: usize = 16;
