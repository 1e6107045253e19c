//! From a request to its verdict: routes, client id, decision. The product, in one function.
//!
//! | request | verdict |
//! |---|---|
//! | a path of [`Route`], if decisions are on | see there |
//! | a method that is no method of HTTP's, or CONNECT | 501 |
//! | an expectation other than `100-continue` | 417 |
//! | a path other than `/` | 404 |
//! | another method than GET and HEAD on `/` | 405 with `Allow` |
//! | no acceptable client id | 400, and no quota is touched |
//! | all others | what the limiter decides, and further policies if there are any; what these allow, the core's gatekeeper may still shed |

mod batch;
mod check;
mod policies;
mod refusal;
mod shed;

use std::{cell::Cell, net::IpAddr, rc::Rc, sync::Arc};

use tollgate_limiter::{Decision, Key, Limiter, Nanos};

pub use crate::http::limited::LimitedStatus;
use crate::{
    decide::{Profile, Route},
    http::{
        Limits, Reject, Request,
        request::Expect,
        request_line::{Method, Target},
        response::{Answers, Persistence},
    },
    identity::{ClientIdSource, IdError, Trusted, client_address, with_peer_id, with_request_id},
    overload::{class::Class, gatekeeper::Gatekeeper},
    policy::Policies,
    tally::Tally,
};
use refusal::IdErrorTexts;
pub(crate) use refusal::{NoId, Refusal, Unclear};

/// What a service needs to know.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// Where client ids come from.
    pub client_id: ClientIdSource,
    /// The status of a denial.
    pub limited_status: LimitedStatus,
    /// Whether answers carry `RateLimit-Policy` and `RateLimit`.
    pub ratelimit_headers: bool,
    /// Whether proxies are told decisions, below `/check`.
    pub decide: bool,
    /// Who is believed about whom it asks for, and may ask for decisions.
    pub trusted: Trusted,
    /// Whether every connection comes from a proxy that first says who connected to it.
    pub proxied: bool,
    /// How much of a request is read.
    pub limits: Limits,
}

impl Default for ServiceSettings {
    fn default() -> ServiceSettings {
        ServiceSettings {
            client_id: ClientIdSource::default(),
            limited_status: LimitedStatus::default(),
            ratelimit_headers: true,
            decide: false,
            trusted: Trusted::default(),
            proxied: false,
            limits: Limits::default(),
        }
    }
}

/// Answers requests; one per core.
#[derive(Debug)]
pub struct Service {
    limiter: Arc<Limiter>,
    client_id: ClientIdSource,
    /// What else must allow, if anything.
    policies: Option<Arc<Policies>>,
    /// Who sheds when the core can't keep up, if anybody.
    gatekeeper: Option<Rc<Gatekeeper>>,
    /// There is one of the two: a request has more to pass than one limiter.
    has_more: bool,
    limited_status: LimitedStatus,
    decides: bool,
    trusted: Trusted,
    proxied: bool,
    limits: Limits,
    answers: Answers,
    /// One for each policy, the first one's first.
    id_errors: Vec<IdErrorTexts>,
    tally: Cell<Tally>,
}

/// Who is on the other end of a connection; the key is made once, when it is first needed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Peer {
    Unknown,
    Address(IpAddr),
    Client { key: Key, trusted: bool },
}

/// What a request comes to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verdict {
    Decided(Judged),
    /// Allowed by the limiter, and turned away by a core that can't keep up; who asked.
    Shed(Option<Profile>),
    Refused(Refusal),
    /// What is asked for stands in the content, of which at most so many bytes are read.
    Read {
        most_bytes: u64,
    },
}

/// A decision, and how to tell it: to a client, or to a proxy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged {
    pub key: Key,
    pub decision: Decision,
    pub teller: Option<Profile>,
}

impl Service {
    /// A service on `limiter`, which other cores share.
    pub fn new(limiter: Arc<Limiter>, settings: ServiceSettings) -> Service {
        Service {
            limiter,
            limited_status: settings.limited_status,
            decides: settings.decide,
            trusted: settings.trusted,
            proxied: settings.proxied,
            limits: settings.limits,
            answers: Answers::new(settings.limited_status, settings.ratelimit_headers),
            id_errors: vec![IdErrorTexts::new(&settings.client_id, settings.limits.id_bytes)],
            client_id: settings.client_id,
            policies: None,
            gatekeeper: None,
            has_more: false,
            tally: Cell::default(),
        }
    }

    /// What has been judged so far.
    pub fn tally(&self) -> Tally {
        self.tally.get()
    }

    #[inline]
    fn count(&self, add: impl FnOnce(&mut Tally)) {
        let mut tally = self.tally.get();
        add(&mut tally);
        self.tally.set(tally);
    }

    /// Whether sessions must be told the address of their peer.
    pub fn needs_peer(&self) -> bool {
        self.client_id.is_address() || self.decides || self.proxied || self.policies.is_some()
    }

    /// Whether every connection comes from a proxy that first says who connected to it.
    pub(crate) fn is_proxied(&self) -> bool {
        self.proxied
    }

    /// Whether this address may speak for others.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.contains(address)
    }

    /// Sets what `Date` says; to be called before the first request, and then when the second changes.
    pub fn set_unix_time(&self, seconds: u64) {
        self.answers.set_unix_time(seconds);
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The header field that requests must keep for us.
    #[inline]
    pub(crate) fn client_field(&self) -> Option<&str> {
        match &self.client_id {
            ClientIdSource::Header(name) => Some(name),
            _ => None,
        }
    }

    /// What `request` comes to at `now`. This is where quota is charged.
    #[inline]
    pub(crate) fn judge(&self, request: &Request<'_>, peer: &mut Peer, now: Nanos) -> Verdict {
        if self.has_more {
            return self.judge_by_more(request, peer, now);
        }
        match self.admit(request).and_then(|()| self.key(request, peer)) {
            Ok(key) => self.charge(key, now),
            Err(refusal) => self.judge_elsewhere(request, refusal, peer, now),
        }
    }

    /// What a request comes to that isn't one for `/`, or `refusal` if nothing is there. Apart, so that those for `/` don't pay for it.
    #[inline(never)]
    fn judge_elsewhere(&self, request: &Request<'_>, refusal: Refusal, peer: &mut Peer, now: Nanos) -> Verdict {
        match self.route(request) {
            Some(_) if !self.may_ask(peer) => self.refuse(Refusal::Stranger),
            Some(Route::Check(profile)) => self.check(request, profile, peer, now),
            Some(Route::Batch) => self.expect_batch(request, now),
            None => self.refuse(refusal),
        }
    }

    #[inline]
    fn charge(&self, key: Key, now: Nanos) -> Verdict {
        let decision = self.counted(self.limiter.decide(key, now));
        Verdict::Decided(Judged { key, decision, teller: None })
    }

    /// The decision, counted.
    #[inline]
    fn counted(&self, decision: Decision) -> Decision {
        self.count(|tally| if decision.is_allow() { tally.allowed += 1 } else { tally.denied += 1 });
        decision
    }

    /// The same for a request that an upstream is to answer: every path, and every method but CONNECT.
    pub(crate) fn judge_forwarded(&self, request: &Request<'_>, peer: &mut Peer, now: Nanos) -> Verdict {
        let verdict = match (request.method, request.expect) {
            (_, Expect::Other) => Err(Refusal::Expectation),
            (Method::Connect, _) => Err(Refusal::Method),
            _ => self.charge_by_more(request, peer, now),
        };
        verdict.unwrap_or_else(|refusal| self.refuse(refusal))
    }

    /// Counts a request that was let through and then shed.
    pub(crate) fn count_shed(&self, class: Class) {
        self.count(|tally| {
            tally.allowed -= 1;
            tally.shed.0[class.index()] += 1;
        });
    }

    /// Counts a request that was let through, and then turned away because no breaker permits to call the upstream.
    pub(crate) fn count_unavailable(&self) {
        self.count(|tally| {
            tally.allowed -= 1;
            tally.unavailable += 1;
        });
    }

    /// What renders answers.
    pub(crate) fn answers(&self) -> &Answers {
        &self.answers
    }

    /// Appends what an allowed client may know of its quota.
    pub(crate) fn limit_fields(&self, out: &mut Vec<u8>, key: Key, decision: Decision) {
        self.answers.allowed_fields(out, decision, self.limiter.quotas(key));
    }

    /// What a decision comes to: counted, or shed although it allows. `class` is asked only while the core can't keep up.
    fn conclude(&self, judged: Judged, now: Nanos, class: impl FnOnce(&Gatekeeper) -> Class) -> Verdict {
        if judged.decision.is_allow() && self.sheds(judged.key, now, class) {
            return Verdict::Shed(judged.teller);
        }
        let decision = self.counted(judged.decision);
        Verdict::Decided(Judged { decision, ..judged })
    }

    fn may_ask(&self, peer: &Peer) -> bool {
        match *peer {
            Peer::Unknown => false,
            Peer::Address(address) => self.trusts(address),
            Peer::Client { trusted, .. } => trusted,
        }
    }

    fn route(&self, request: &Request<'_>) -> Option<Route> {
        if self.decides { Route::of(request.target.path()) } else { None }
    }

    fn refuse(&self, refusal: Refusal) -> Verdict {
        self.count(|tally| tally.rejected += 1);
        Verdict::Refused(refusal)
    }

    /// Appends the answer to what is no request, or one that breaks a limit.
    pub(crate) fn reject(&self, out: &mut Vec<u8>, reject: Reject, head_only: bool) {
        self.count(|tally| tally.rejected += 1);
        self.answers.reject(out, reject, head_only);
    }

    #[inline]
    fn admit(&self, request: &Request<'_>) -> Result<(), Refusal> {
        if request.expect == Expect::Other {
            return Err(Refusal::Expectation);
        }
        match (request.method, request.target) {
            (Method::Unknown | Method::Connect, _) => Err(Refusal::Method),
            (Method::Get | Method::Head, Target::Resource { path: b"/", .. }) => Ok(()),
            (_, Target::Resource { path: b"/", .. } | Target::Server | Target::Authority) => Err(Refusal::MethodHere),
            (_, Target::Resource { .. }) => Err(Refusal::Path),
        }
    }

    #[inline]
    fn key(&self, request: &Request<'_>, peer: &mut Peer) -> Result<Key, Refusal> {
        if self.client_id.is_address() {
            return self.address_key(request, peer).map_err(|error| Refusal::Id(NoId::first(error)));
        }
        let query = request.target.query();
        with_request_id(&self.client_id, request, query, self.limits.id_bytes, |id| self.limiter.key(id))
            .map_err(|error| Refusal::Id(NoId::first(error)))
    }

    fn address_key(&self, request: &Request<'_>, peer: &mut Peer) -> Result<Key, IdError> {
        let address = match *peer {
            Peer::Client { key, .. } => return Ok(key),
            Peer::Address(address) => address,
            Peer::Unknown => return Err(IdError::Missing),
        };
        let client = client_address(&self.client_id, request, address, &self.trusted);
        let key = with_peer_id(client, |id| self.limiter.key(id));
        // Further policies need the address itself.
        if self.client_id == ClientIdSource::PeerIp && self.policies.is_none() {
            *peer = Peer::Client { key, trusted: self.trusts(address) };
        }
        Ok(key)
    }

    /// Appends the answer to a decision.
    #[inline]
    pub(crate) fn render_decided(&self, out: &mut Vec<u8>, judged: Judged, persistence: Persistence, head_only: bool) {
        let Judged { key, decision, teller } = judged;
        let quotas = self.limiter.quotas(key);
        match teller {
            None => self.answers.decided(out, decision, quotas, persistence, head_only),
            Some(profile) => {
                let status = profile.status(decision, self.limited_status);
                self.answers.check(out, status, decision, self.denied_by(decision), quotas, persistence);
            }
        }
    }
}
