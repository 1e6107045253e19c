//! From a request to its verdict: routes, client id, decision. The product, in one function.
//!
//! | request | verdict |
//! |---|---|
//! | a method that is no method of HTTP's, or CONNECT | 501 |
//! | an expectation other than `100-continue` | 417 |
//! | a path other than `/` | 404 |
//! | another method than GET and HEAD on `/` | 405 with `Allow` |
//! | no acceptable client id | 400, and no quota is touched |
//! | all others | what the limiter decides |

use std::{cell::Cell, net::IpAddr, sync::Arc};

use tollgate_limiter::{Decision, Key, Limiter, Nanos};

pub use crate::http::limited::LimitedStatus;
use crate::{
    http::{
        Limits, Reject, Request,
        request::Expect,
        request_line::{Method, Target},
        response::{Answers, Persistence, Plain},
    },
    identity::{ClientIdSource, IdError, with_peer_id, with_request_id},
    tally::Tally,
};

/// What a service needs to know.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// Where client ids come from.
    pub client_id: ClientIdSource,
    /// The status of a denial.
    pub limited_status: LimitedStatus,
    /// Whether answers carry `RateLimit-Policy` and `RateLimit`.
    pub ratelimit_headers: bool,
    /// How much of a request is read.
    pub limits: Limits,
}

impl Default for ServiceSettings {
    fn default() -> ServiceSettings {
        ServiceSettings {
            client_id: ClientIdSource::default(),
            limited_status: LimitedStatus::default(),
            ratelimit_headers: true,
            limits: Limits::default(),
        }
    }
}

/// Answers requests; one per core.
#[derive(Debug)]
pub struct Service {
    limiter: Arc<Limiter>,
    client_id: ClientIdSource,
    limits: Limits,
    answers: Answers,
    id_errors: IdErrorTexts,
    tally: Cell<Tally>,
}

/// Who is on the other end of a connection; the key is made once, when it is first needed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Peer {
    Unknown,
    Address(IpAddr),
    Key(Key),
}

/// What a request comes to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verdict {
    Decided(Key, Decision),
    Refused(Refusal),
}

/// A request that is well-formed and not for the limiter. The connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Method,
    Expectation,
    Path,
    MethodHere,
    Id(IdError),
}

impl Service {
    /// A service on `limiter`, which other cores share.
    pub fn new(limiter: Arc<Limiter>, settings: ServiceSettings) -> Service {
        Service {
            limiter,
            limits: settings.limits,
            answers: Answers::new(settings.limited_status, settings.ratelimit_headers),
            id_errors: IdErrorTexts::new(&settings.client_id, settings.limits.id_bytes),
            client_id: settings.client_id,
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
        self.client_id == ClientIdSource::PeerIp
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
            ClientIdSource::Query(_) | ClientIdSource::PeerIp => None,
        }
    }

    /// What `request` comes to at `now`. This is where quota is charged.
    #[inline]
    pub(crate) fn judge(&self, request: &Request<'_>, peer: &mut Peer, now: Nanos) -> Verdict {
        self.verdict(self.admit(request, peer), now)
    }

    #[inline]
    fn verdict(&self, key: Result<Key, Refusal>, now: Nanos) -> Verdict {
        match key {
            Ok(key) => {
                let decision = self.limiter.decide(key, now);
                self.count(|tally| if decision.is_allow() { tally.allowed += 1 } else { tally.denied += 1 });
                Verdict::Decided(key, decision)
            }
            Err(refusal) => {
                self.count(|tally| tally.rejected += 1);
                Verdict::Refused(refusal)
            }
        }
    }

    /// The same for a request that an upstream is to answer: every path, and every method but CONNECT.
    pub(crate) fn judge_forwarded(&self, request: &Request<'_>, peer: &mut Peer, now: Nanos) -> Verdict {
        let key = match (request.method, request.expect) {
            (_, Expect::Other) => Err(Refusal::Expectation),
            (Method::Connect, _) => Err(Refusal::Method),
            _ => self.key(request, peer),
        };
        self.verdict(key, now)
    }

    /// Counts a request that was let through and then shed.
    pub(crate) fn count_shed(&self) {
        self.count(|tally| {
            tally.allowed -= 1;
            tally.shed += 1;
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

    /// Appends the answer to what is no request, or one that breaks a limit.
    pub(crate) fn reject(&self, out: &mut Vec<u8>, reject: Reject, head_only: bool) {
        self.count(|tally| tally.rejected += 1);
        self.answers.reject(out, reject, head_only);
    }

    #[inline]
    fn admit(&self, request: &Request<'_>, peer: &mut Peer) -> Result<Key, Refusal> {
        if request.expect == Expect::Other {
            return Err(Refusal::Expectation);
        }
        match (request.method, request.target) {
            (Method::Unknown | Method::Connect, _) => Err(Refusal::Method),
            (Method::Get | Method::Head, Target::Resource { path: b"/", .. }) => self.key(request, peer),
            (_, Target::Resource { path: b"/", .. } | Target::Server | Target::Authority) => Err(Refusal::MethodHere),
            (_, Target::Resource { .. }) => Err(Refusal::Path),
        }
    }

    #[inline]
    fn key(&self, request: &Request<'_>, peer: &mut Peer) -> Result<Key, Refusal> {
        if self.client_id == ClientIdSource::PeerIp {
            return self.peer_key(peer);
        }
        with_request_id(&self.client_id, request, self.limits.id_bytes, |id| self.limiter.key(id)).map_err(Refusal::Id)
    }

    fn peer_key(&self, peer: &mut Peer) -> Result<Key, Refusal> {
        match *peer {
            Peer::Key(key) => Ok(key),
            Peer::Address(address) => {
                let key = with_peer_id(address, |id| self.limiter.key(id));
                *peer = Peer::Key(key);
                Ok(key)
            }
            Peer::Unknown => Err(Refusal::Id(IdError::Missing)),
        }
    }

    /// Appends the answer to a decision.
    #[inline]
    pub(crate) fn render_decided(
        &self,
        out: &mut Vec<u8>,
        key: Key,
        decision: Decision,
        persistence: Persistence,
        head_only: bool,
    ) {
        let quotas = self.limiter.quotas(key);
        self.answers.decided(out, decision, quotas, persistence, head_only);
    }

    /// Appends the answer to a refused request.
    pub(crate) fn render_refused(
        &self,
        out: &mut Vec<u8>,
        refusal: Refusal,
        persistence: Persistence,
        head_only: bool,
    ) {
        let (status, fields, body) = match refusal {
            Refusal::Method => ("501 Not Implemented", "", "this method is not implemented: use GET or HEAD\n"),
            Refusal::Expectation => (
                "417 Expectation Failed",
                "",
                "this expectation cannot be met: leave out Expect, or expect 100-continue\n",
            ),
            Refusal::Path => ("404 Not Found", "", "nothing is here: ask for /\n"),
            Refusal::MethodHere => {
                ("405 Method Not Allowed", "Allow: GET, HEAD\r\n", "this method is not allowed here: use GET or HEAD\n")
            }
            Refusal::Id(error) => ("400 Bad Request", "", self.id_errors.text(error)),
        };
        let answer = Plain { status, fields, body };
        self.answers.plain(out, answer, persistence, head_only);
    }
}

/// What to tell a client without an acceptable id; composed once, because it names the parameter or the field.
#[derive(Debug)]
struct IdErrorTexts {
    missing: String,
    empty: String,
    too_long: String,
    bad_escape: String,
    repeated: String,
}

impl IdErrorTexts {
    fn new(source: &ClientIdSource, id_bytes: usize) -> IdErrorTexts {
        let id_bytes = id_bytes.min(Limits::MAX_ID_BYTES);
        let (what, cure) = match source {
            ClientIdSource::Query(name) => (format!("query parameter {name}"), format!("send /?{name}=ID")),
            ClientIdSource::Header(name) => (format!("header field {name}"), format!("send `{name}: ID`")),
            ClientIdSource::PeerIp => ("address of the peer".to_owned(), "connect over TCP".to_owned()),
        };
        IdErrorTexts {
            missing: format!("the {what} is missing: {cure}\n"),
            empty: format!("the {what} is empty: {cure}\n"),
            too_long: format!("the {what} is too long: send at most {id_bytes} bytes\n"),
            bad_escape: format!("the {what} has a % without two hex digits: send %25 for a percent sign\n"),
            repeated: format!("the {what} is repeated: send it once\n"),
        }
    }

    fn text(&self, error: IdError) -> &str {
        match error {
            IdError::Missing => &self.missing,
            IdError::Empty => &self.empty,
            IdError::TooLong => &self.too_long,
            IdError::BadEscape => &self.bad_escape,
            IdError::Repeated => &self.repeated,
        }
    }
}
