//! Decisions for proxies and for programs that ask: the same key, the same counters, another way of telling.

use tollgate_limiter::{Decision, Key, Nanos};

use super::{Judged, Peer, Service, Unclear, Verdict};
use crate::{
    decide::{Profile, Terms},
    http::Request,
    identity::{ClientIdSource, with_request_id},
    service::Refusal,
};

impl Service {
    /// What a question of `profile` comes to. Any method will do, and any expectation: they are the end client's.
    pub(super) fn check(&self, request: &Request<'_>, profile: Profile, peer: &mut Peer, now: Nanos) -> Verdict {
        match self.question(request, profile, peer) {
            Ok((key, terms)) => {
                Verdict::Decided(Judged { key, decision: self.decide(key, terms, now), teller: Some(profile) })
            }
            Err(unclear) => self.refuse(Refusal::Check(profile, unclear)),
        }
    }

    fn question(&self, request: &Request<'_>, profile: Profile, peer: &mut Peer) -> Result<(Key, Terms), Unclear> {
        let terms = match profile {
            Profile::Native => Terms::of(request.target.query()).map_err(Unclear::Terms)?,
            _ => Terms::PLAIN,
        };
        let key = match &self.client_id {
            source if source.is_address() => self.address_key(request, peer),
            source => {
                let query = match source {
                    ClientIdSource::Query(_) => profile.query(request).map_err(Unclear::Uri)?,
                    _ => None,
                };
                with_request_id(source, request, query, self.limits.id_bytes, |id| self.limiter.key(id))
            }
        };
        Ok((key.map_err(Unclear::Id)?, terms))
    }

    /// Decides and counts. Who only peeks is answered at once, also where the request itself would have to wait.
    fn decide(&self, key: Key, terms: Terms, now: Nanos) -> Decision {
        if !terms.peek {
            return self.counted(self.limiter.decide_n(key, terms.cost, now));
        }
        self.count(|tally| tally.peeked += 1);
        match self.limiter.peek(key, terms.cost, now) {
            Decision::Allow { remaining, reset_after, quota_index, would_deny, .. } => {
                Decision::Allow { remaining, reset_after, delay: Nanos::ZERO, quota_index, would_deny }
            }
            denied => denied,
        }
    }
}
