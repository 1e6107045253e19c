//! Every setting as typed, absent where nobody typed it. Flags and the file both become one of these; laid over each other they make
//! the configuration that is meant.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use tollgate_limiter::{Algorithm, Capacity, WhenFull};

use super::cores::Cores;
use super::listener::TypedListener;
use super::policy::TypedPolicy;
use super::problem::{Place, Problem};
use super::quota::TypedQuota;
use super::{Bans, LogLevel, MaxIdsPerPeer, ServerName, Upstream};
use crate::boot::{IoMode, Timeouts};
use crate::http::Limits;
use crate::identity::ClientIdSource;
use crate::overload::OverloadSettings;
use crate::overload::class::Rule;
use crate::service::LimitedStatus;

/// Settings as typed on the command line or in a file.
#[derive(Debug, Default)]
pub struct Typed {
    /// Where to listen.
    pub listen: Option<SocketAddr>,
    /// Which cores to run on.
    pub cores: Option<Cores>,
    /// Which way bytes move.
    pub io: Option<IoMode>,
    /// Connections that may wait to be accepted.
    pub backlog: Option<u32>,
    /// Connections in the whole process.
    pub max_connections: Option<usize>,
    /// What is logged.
    pub log: Option<LogLevel>,
    /// The quotas of every client without an override.
    pub limits: Option<Vec<(At, TypedQuota)>>,
    /// The algorithm of quotas that name none.
    pub algorithm: Option<Algorithm>,
    /// Clients that fit in memory.
    pub max_clients: Option<Capacity>,
    /// What happens to one more.
    pub when_full: Option<WhenFull>,
    /// Where a request says which client it is from.
    pub client_id: Option<ClientIdSource>,
    /// How many ids one peer may use.
    pub max_ids_per_peer: Option<(At, MaxIdsPerPeer)>,
    /// What else must allow.
    pub policies: Vec<TypedPolicy>,
    /// The status of a denial.
    pub limited_status: Option<LimitedStatus>,
    /// Whether answers carry `RateLimit` headers.
    pub ratelimit_headers: Option<bool>,
    /// Whether proxies are told decisions.
    pub decide: Option<bool>,
    /// Who may speak for others.
    pub trusted_proxies: Option<Vec<IpNet>>,
    /// Whether every connection begins with a header of the PROXY protocol.
    pub proxy_protocol: Option<bool>,
    /// How long a drain may take.
    pub drain_timeout: Option<Duration>,
    /// Quotas of particular clients.
    pub overrides: Vec<TypedOverride>,
    /// Clients without a limit.
    pub allow: Vec<(Place, String)>,
    /// Clients that never pass.
    pub deny: Vec<(Place, String)>,
    /// Temporary bans.
    pub bans: Option<Bans>,
    /// Deadlines; the drain's stands above.
    pub timeouts: Option<Timeouts>,
    /// Bounds of a request.
    pub http: Option<Limits>,
    /// Further addresses, each with what it is for.
    pub listeners: Vec<TypedListener>,
    /// What stands behind the gate.
    pub upstreams: Vec<(At, Upstream)>,
    /// Its servers, instead of those above.
    pub upstream_servers: Option<Vec<ServerName>>,
    /// What happens when more comes than that can do.
    pub overload: Option<OverloadSettings>,
    /// Which requests matter how much then.
    pub priorities: Vec<(At, Rule)>,
}

/// Quotas of particular clients, as typed.
#[derive(Debug)]
pub struct TypedOverride {
    /// Where it stands.
    pub at: At,
    /// What the operator calls these clients.
    pub tier: Option<String>,
    /// Their ids.
    pub clients: Vec<(Place, String)>,
    /// Their quotas.
    pub limits: Vec<(At, TypedQuota)>,
}

/// Where a setting was typed, and what to call it in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// The line, or the command line.
    pub place: Place,
    /// The key or flag.
    pub subject: String,
}

impl At {
    /// What is wrong with the setting that stands here.
    pub fn problem(&self, what: impl std::fmt::Display) -> Problem {
        Problem::new(self.place.clone(), &self.subject, what)
    }
}

impl Typed {
    /// These settings where they are present, `below` where they are not. Lists replace, they do not add up.
    #[must_use]
    pub fn over(self, below: Typed) -> Typed {
        Typed {
            listen: self.listen.or(below.listen),
            cores: self.cores.or(below.cores),
            io: self.io.or(below.io),
            backlog: self.backlog.or(below.backlog),
            max_connections: self.max_connections.or(below.max_connections),
            log: self.log.or(below.log),
            limits: self.limits.or(below.limits),
            algorithm: self.algorithm.or(below.algorithm),
            max_clients: self.max_clients.or(below.max_clients),
            when_full: self.when_full.or(below.when_full),
            client_id: self.client_id.or(below.client_id),
            max_ids_per_peer: self.max_ids_per_peer.or(below.max_ids_per_peer),
            policies: either(self.policies, below.policies),
            limited_status: self.limited_status.or(below.limited_status),
            ratelimit_headers: self.ratelimit_headers.or(below.ratelimit_headers),
            decide: self.decide.or(below.decide),
            trusted_proxies: self.trusted_proxies.or(below.trusted_proxies),
            proxy_protocol: self.proxy_protocol.or(below.proxy_protocol),
            drain_timeout: self.drain_timeout.or(below.drain_timeout),
            overrides: either(self.overrides, below.overrides),
            allow: either(self.allow, below.allow),
            deny: either(self.deny, below.deny),
            bans: self.bans.or(below.bans),
            timeouts: self.timeouts.or(below.timeouts),
            http: self.http.or(below.http),
            listeners: either(self.listeners, below.listeners),
            upstreams: either(self.upstreams, below.upstreams),
            upstream_servers: self.upstream_servers.or(below.upstream_servers),
            overload: self.overload.or(below.overload),
            priorities: either(self.priorities, below.priorities),
        }
    }
}

fn either<T>(above: Vec<T>, below: Vec<T>) -> Vec<T> {
    if above.is_empty() { below } else { above }
}
