//! Several policies: who asks, as each of them knows it, and what they say together.

use std::{net::IpAddr, sync::Arc};

use tollgate_limiter::{Decision, DeniedBy, Key, Nanos};

use super::{Judged, NoId, Peer, Refusal, Service, Verdict, refusal::IdErrorTexts};
use crate::{
    http::{
        Request,
        ratelimit::{Advertised, FIRST, QuotaName},
    },
    identity::{ClientIdSource, IdError, client_address, with_further_id, with_peer_id, with_request_id},
    overload::class::class_of,
    policy::{IdsPerPeer, Keys, Missing, Policies, Policy, ids_per_peer::PeerKeys, place},
};

impl Service {
    /// The same service, where `policies` must allow, too. Other cores share them.
    #[must_use]
    pub fn with_policies(mut self, policies: Arc<Policies>) -> Service {
        let advertised = |policy: &Policy| {
            let quotas = policy.limiter.quotas(policy.limiter.key(b"")).to_vec();
            Advertised { name: policy.name.clone(), quotas }
        };
        self.answers.advertise(policies.further().iter().map(advertised).collect());
        let id_bytes = self.limits.id_bytes;
        self.id_errors.truncate(1);
        let texts = policies.further().iter().map(|policy| IdErrorTexts::new(&policy.client_id, id_bytes));
        self.id_errors.extend(texts);
        self.policies = (!policies.is_empty()).then_some(policies);
        self.has_more = self.policies.is_some() || self.gatekeeper.is_some();
        self
    }

    /// [`Service::judge`] where more than one limiter must allow. Apart, so that one alone doesn't pay for it.
    #[inline(never)]
    pub(super) fn judge_by_more(&self, request: &Request<'_>, peer: &mut Peer, now: Nanos) -> Verdict {
        match self.admit(request).and_then(|()| self.charge_by_more(request, peer, now)) {
            Ok(verdict) => verdict,
            Err(refusal) => self.judge_elsewhere(request, refusal, peer, now),
        }
    }

    /// Decides by all policies, and then by the gatekeeper.
    pub(super) fn charge_by_more(
        &self,
        request: &Request<'_>,
        peer: &mut Peer,
        now: Nanos,
    ) -> Result<Verdict, Refusal> {
        let (key, decision) = match &self.policies {
            None => {
                let key = self.key(request, peer)?;
                (key, self.limiter.decide(key, now))
            }
            Some(policies) => {
                let keys = self.keys(request, request.target.query(), peer).map_err(Refusal::Id)?;
                (keys.first, policies.decide(&self.limiter, &keys, 1, now))
            }
        };
        let judged = Judged { key, decision, teller: None };
        Ok(self.conclude(judged, now, |gatekeeper| class_of(gatekeeper.priorities(), request)))
    }

    pub(super) fn decide_by_all(&self, keys: &Keys, cost: u32, now: Nanos) -> Decision {
        match &self.policies {
            None => self.limiter.decide_n(keys.first, cost, now),
            Some(policies) => policies.decide(&self.limiter, keys, cost, now),
        }
    }

    pub(super) fn peek_at_all(&self, keys: &Keys, cost: u32, now: Nanos) -> Decision {
        match &self.policies {
            None => self.limiter.peek(keys.first, cost, now),
            Some(policies) => policies.peek(&self.limiter, keys, cost, now),
        }
    }

    /// The quota that denied, if one did: not a ban, a list or the bound on ids, which have no name but their reason.
    pub(super) fn denied_by(&self, decision: Decision) -> Option<QuotaName<'_>> {
        let Decision::Deny { by, .. } = decision else { return None };
        let (policy, index) = match by {
            DeniedBy::Quota(at) | DeniedBy::Debt(at) | DeniedBy::Full(at) | DeniedBy::Cost(at) => {
                place::taken_apart(at)
            }
            DeniedBy::Ban | DeniedBy::List => return None,
        };
        let policy = match policy.checked_sub(1) {
            None => FIRST,
            Some(further) => &self.policies.as_ref()?.further().get(further)?.name,
        };
        Some(QuotaName { policy, index: index as u8 })
    }

    /// Whether any policy counts by a parameter of the query.
    pub(super) fn reads_query(&self) -> bool {
        let is_query = |source: &ClientIdSource| matches!(source, ClientIdSource::Query(_));
        let further = self.policies.as_ref().map_or(&[][..], |policies| policies.further());
        is_query(&self.client_id) || further.iter().any(|policy| is_query(&policy.client_id))
    }

    /// The keys of a request that asked for something with `query`.
    pub(super) fn keys(&self, request: &Request<'_>, query: Option<&[u8]>, peer: &mut Peer) -> Result<Keys, NoId> {
        let address = match *peer {
            Peer::Address(address) => Some(address),
            // A key alone is kept only where no further policy wants the address.
            Peer::Unknown | Peer::Client { .. } => None,
        };
        let (first, at_peer) = self.first_keys(request, query, peer).map_err(NoId::first)?;
        let mut keys = Keys { peer: at_peer, ..Keys::alone(first) };
        let Some(policies) = &self.policies else { return Ok(keys) };
        for ((key, policy), number) in keys.further.iter_mut().zip(policies.further()).zip(1..) {
            *key = match self.further_key(policy, request, query, address) {
                Ok(key) => Some(key),
                Err(IdError::Missing) if policy.missing == Missing::Skip => None,
                Err(error) => return Err(NoId { policy: number, error }),
            };
        }
        Ok(keys)
    }

    /// The key of the first policy, and that of the id at its peer if ids are counted.
    fn first_keys(
        &self,
        request: &Request<'_>,
        query: Option<&[u8]>,
        peer: &mut Peer,
    ) -> Result<(Key, Option<PeerKeys>), IdError> {
        if self.client_id.is_address() {
            return Ok((self.address_key(request, peer)?, None));
        }
        let ids_per_peer = self.policies.as_ref().and_then(|policies| policies.ids_per_peer());
        let at_peer = ids_per_peer.map(|ids| (ids, self.user_of_ids(ids, request, peer)));
        with_request_id(&self.client_id, request, query, self.limits.id_bytes, |id| {
            (self.limiter.key(id), at_peer.map(|(ids, peer)| ids.keys(peer, id)))
        })
    }

    /// Whose ids are counted. Those whose address the kernel doesn't know share one.
    fn user_of_ids(&self, ids: &IdsPerPeer, request: &Request<'_>, peer: &Peer) -> IpAddr {
        match *peer {
            Peer::Address(address) => client_address(&ids.peer, request, address, &self.trusted),
            Peer::Unknown | Peer::Client { .. } => UNKNOWN,
        }
    }

    fn further_key(
        &self,
        policy: &Policy,
        request: &Request<'_>,
        query: Option<&[u8]>,
        address: Option<IpAddr>,
    ) -> Result<Key, IdError> {
        let Policy { client_id, limiter, .. } = policy;
        if client_id.is_address() {
            let client = client_address(client_id, request, address.ok_or(IdError::Missing)?, &self.trusted);
            return Ok(with_peer_id(client, |id| limiter.key(id)));
        }
        with_further_id(client_id, request, query, self.limits.id_bytes, |id| limiter.key(id))
    }
}

const UNKNOWN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
