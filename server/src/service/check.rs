//! Decisions for proxies and for programs that ask: the same key, the same counters, another way of telling.

use tollgate_limiter::{Decision, Nanos};

use super::{Judged, Peer, Service, Unclear, Verdict};
use crate::{
    decide::{Profile, Terms},
    http::Request,
    overload::class::class_of_path,
    policy::Keys,
    service::Refusal,
};

impl Service {
    /// What a question of `profile` comes to. Any method will do, and any expectation: they are the end client's.
    pub(super) fn check(&self, request: &Request<'_>, profile: Profile, peer: &mut Peer, now: Nanos) -> Verdict {
        match self.question(request, profile, peer) {
            Ok((keys, terms)) if terms.peek => {
                let decision = self.peek(&keys, terms, now);
                Verdict::Decided(Judged { key: keys.first, decision, teller: Some(profile) })
            }
            Ok((keys, terms)) => {
                let decision = self.decide_by_all(&keys, terms.cost, now);
                let judged = Judged { key: keys.first, decision, teller: Some(profile) };
                self.conclude(judged, now, |gatekeeper| {
                    class_of_path(gatekeeper.priorities(), request, profile.path(request))
                })
            }
            Err(unclear) => self.refuse(Refusal::Check(profile, unclear)),
        }
    }

    fn question(&self, request: &Request<'_>, profile: Profile, peer: &mut Peer) -> Result<(Keys, Terms), Unclear> {
        let terms = match profile {
            Profile::Native => Terms::of(request.target.query()).map_err(Unclear::Terms)?,
            _ => Terms::PLAIN,
        };
        let query = if self.reads_query() { profile.query(request).map_err(Unclear::Uri)? } else { None };
        Ok((self.keys(request, query, peer).map_err(Unclear::Id)?, terms))
    }

    /// Who only peeks is answered at once, also where the request itself would have to wait or be shed.
    fn peek(&self, keys: &Keys, terms: Terms, now: Nanos) -> Decision {
        self.count(|tally| tally.peeked += 1);
        match self.peek_at_all(keys, terms.cost, now) {
            Decision::Allow { remaining, reset_after, quota_index, would_deny, .. } => {
                Decision::Allow { remaining, reset_after, delay: Nanos::ZERO, quota_index, would_deny }
            }
            denied => denied,
        }
    }
}
