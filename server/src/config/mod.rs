//! Configuration: *as typed* → *as meant* → *taken apart*.
//!
//! ```text
//!   command line ── cli ───┐
//!                          ├─ Typed, flags over file ─→ Config ─→ limiter's Settings, ServiceSettings, BootSettings
//!   TOML file ───── file ──┘        every key optional    valid         only `run` sees more than one of them
//! ```
//!
//! A [`Config`] that exists is valid in itself; what depends on the machine (which cores, how much memory) is asked in [`machine`].
//! Errors name the flag, or file, line and key, and say what to do; a file's errors are reported all at once.

mod bans;
mod breaker;
mod clients;
pub mod cores;
pub mod file;
pub mod listener;
pub mod log_level;
pub mod machine;
mod overload;
pub mod policy;
pub mod print;
pub mod problem;
pub mod quota;
mod section;
pub mod typed;
pub mod units;
pub mod upstream;
pub mod value;

use std::path::Path;
use std::sync::Arc;

use tollgate_limiter::{Algorithm, Capacity, Quota, Settings, WhenFull};

pub use bans::Bans;
pub use cores::Cores;
pub use listener::{Listener, Mode};
pub use log_level::LogLevel;
pub use policy::{MaxIdsPerPeer, Policy};
pub use problem::{ConfigError, Problem};
pub use quota::TypedQuota;
pub use typed::Typed;
pub use upstream::{ServerName, Upstream};

use crate::boot::{BootSettings, IoMode, ListenerSettings, Timeouts};
use crate::http::Limits;
use crate::identity::{ClientIdSource, Trusted};
use crate::overload::OverloadSettings;
use crate::overload::class::Rule;
use crate::overload::gatekeeper::GatekeeperSettings;
use crate::proxy::ProxySettings;
use crate::service::{LimitedStatus, ServiceSettings};
use typed::At;

/// The configuration as meant: every setting present and possible.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where to listen, and what for; at least one.
    pub listeners: Vec<Listener>,
    /// Which cores to run on.
    pub cores: Cores,
    /// Which way bytes move.
    pub io: IoMode,
    /// Connections that may wait to be accepted, per core.
    pub backlog: u32,
    /// Connections in the whole process.
    pub max_connections: usize,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// What is logged.
    pub log: LogLevel,
    /// The quotas of every client without an override; all must allow.
    pub quotas: Vec<Quota>,
    /// Clients that fit in memory.
    pub max_clients: Capacity,
    /// What happens to one more.
    pub when_full: WhenFull,
    /// Quotas of particular clients, instead of the common ones.
    pub overrides: Vec<Override>,
    /// Clients without a limit.
    pub allow: Vec<String>,
    /// Clients that never pass.
    pub deny: Vec<String>,
    /// Temporary bans.
    pub bans: Option<Bans>,
    /// Where a request says which client it is from.
    pub client_id: ClientIdSource,
    /// How many ids one peer may use.
    pub max_ids_per_peer: MaxIdsPerPeer,
    /// What else must allow.
    pub policies: Vec<Policy>,
    /// The status of a denial.
    pub limited_status: LimitedStatus,
    /// Whether answers carry `RateLimit` headers.
    pub ratelimit_headers: bool,
    /// Who may speak for others.
    pub trusted_proxies: Trusted,
    /// Bounds of a request.
    pub http: Limits,
    /// What stands behind the gate, in the order of names; each is used by a listener.
    pub upstreams: Vec<Upstream>,
    /// What happens when more comes than that, or a core, can do.
    pub overload: OverloadSettings,
    /// Which requests matter how much then; the first rule that matches counts.
    pub priorities: Vec<Rule>,
}

/// Quotas that hold for particular clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// What the operator calls these clients.
    pub tier: Option<String>,
    /// Their ids.
    pub clients: Vec<String>,
    /// Their quotas; all must allow.
    pub quotas: Vec<Quota>,
}

impl Config {
    /// What `typed` means, with defaults for what nobody typed, or everything that is wrong with it.
    pub fn new(typed: Typed) -> Result<Config, Vec<Problem>> {
        let mut problems = Vec::new();
        let http = typed.http.unwrap_or_default();
        check_clients(&typed, http.id_bytes, &mut problems);
        check_tiers(&typed, &mut problems);
        policy::check_ids_per_peer(&typed, &mut problems);
        let upstreams = upstream::meant(typed.upstreams, typed.upstream_servers, &mut problems);
        let short = listener::Short {
            listen: typed.listen,
            decide: typed.decide.unwrap_or(false),
            proxy_protocol: typed.proxy_protocol.unwrap_or(false),
        };
        let listeners = listener::meant(&short, &typed.listeners, &upstreams, &mut problems);
        let overload = typed.overload.unwrap_or_default();
        overload::check(&typed.priorities, &upstreams, &overload, &mut problems);
        upstream::check_queues(&upstreams, &overload, &mut problems);
        let algorithm = typed.algorithm.unwrap_or_default();
        let default_limit =
            || vec![(At { place: problem::Place::Flags, subject: "--algorithm".to_owned() }, default_quota())];
        let quotas = build_all(&typed.limits.unwrap_or_else(default_limit), algorithm, &mut problems);
        let overrides = typed.overrides.into_iter().map(|group| Override {
            tier: group.tier,
            clients: ids(group.clients),
            quotas: build_all(&group.limits, algorithm, &mut problems),
        });
        let overrides = overrides.collect();
        let max_clients = typed.max_clients.unwrap_or(Settings::default().capacity);
        let policies = policy::meant(typed.policies, quotas.len(), algorithm, max_clients, &mut problems);
        let config = Config {
            overrides,
            policies,
            listeners,
            cores: typed.cores.unwrap_or_default(),
            io: typed.io.unwrap_or_default(),
            backlog: typed.backlog.unwrap_or(DEFAULT_BACKLOG),
            max_connections: typed.max_connections.unwrap_or(DEFAULT_MAX_CONNECTIONS),
            timeouts: {
                let timeouts = typed.timeouts.unwrap_or_default();
                Timeouts { drain: typed.drain_timeout.unwrap_or(timeouts.drain), ..timeouts }
            },
            log: typed.log.unwrap_or_default(),
            quotas,
            max_clients,
            when_full: typed.when_full.unwrap_or_default(),
            allow: ids(typed.allow),
            deny: ids(typed.deny),
            bans: typed.bans,
            client_id: typed.client_id.unwrap_or_default(),
            max_ids_per_peer: typed.max_ids_per_peer.map(|(_, most)| most).unwrap_or_default(),
            limited_status: typed.limited_status.unwrap_or_default(),
            ratelimit_headers: typed.ratelimit_headers.unwrap_or(true),
            trusted_proxies: typed.trusted_proxies.map(Trusted).unwrap_or_default(),
            http,
            upstreams: upstreams.into_iter().map(|(_, upstream)| upstream).collect(),
            overload,
            priorities: typed.priorities.into_iter().map(|(_, rule)| rule).collect(),
        };
        problems.sort_by(|a, b| a.place.cmp(&b.place));
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// What the flags mean, laid over the file at `path`, if any.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or everything that is wrong with the settings.
    pub fn load(path: Option<&Path>, flags: Typed) -> Result<Config, ConfigError> {
        let below = path.map(file::read).transpose()?.unwrap_or_default();
        let wrong = |problems| ConfigError::Wrong { path: path.map(Path::to_owned), problems };
        Config::new(flags.over(below)).map_err(wrong)
    }

    /// Bytes that the limiters reserve for this: a table per quota, for everybody and for each override, and one for bans; and those of further policies.
    pub fn memory_bytes(&self, shards: usize) -> u64 {
        let common = self.quotas.len() + usize::from(self.bans.is_some());
        let of_override = |group: &Override| {
            let capacity =
                Capacity::clients(group.clients.len() as u64).map_or(0, |clients| clients.bytes_per_quota(shards));
            capacity * group.quotas.len() as u64
        };
        let overrides = self.overrides.iter().map(of_override).sum::<u64>();
        self.max_clients.bytes_per_quota(shards) * common as u64 + overrides + self.policies_memory_bytes(shards)
    }

    /// The limiter's share. `seed` must differ from process to process, or clients who know it could pick ids that collide.
    pub fn limiter_settings(&self, shards: usize, seed: u64) -> Settings {
        let overrides = self
            .overrides
            .iter()
            .map(|group| tollgate_limiter::Override { ids: group.clients.clone(), quotas: group.quotas.clone() });
        Settings {
            quotas: self.quotas.clone(),
            capacity: self.max_clients,
            shards,
            when_full: self.when_full,
            overrides: overrides.collect(),
            allow: self.allow.clone(),
            deny: self.deny.clone(),
            bans: self.bans.as_ref().map(Bans::ladder),
            seed,
        }
    }

    /// The share of what answers the requests of `listener`.
    pub fn service_settings(&self, listener: &Listener) -> ServiceSettings {
        ServiceSettings {
            client_id: self.client_id.clone(),
            limited_status: self.limited_status,
            ratelimit_headers: self.ratelimit_headers,
            decide: listener.mode == Mode::Decide,
            trusted: self.trusted_proxies.clone(),
            proxied: listener.proxy_protocol,
            limits: self.http,
        }
    }

    /// The share of what moves bytes, on these CPUs and in front of these upstreams, which are what [`Config::proxy_settings`] gave.
    pub fn boot_settings(&self, cores: Vec<usize>, upstreams: Vec<ProxySettings>) -> BootSettings {
        let index = |name: &String| self.upstreams.iter().position(|upstream| upstream.name == *name);
        let listener = |listener: &Listener| ListenerSettings {
            address: listener.address,
            upstream: match &listener.mode {
                Mode::Answer | Mode::Decide => None,
                Mode::Proxy { upstream } => index(upstream),
            },
        };
        BootSettings {
            listeners: self.listeners.iter().map(listener).collect(),
            cores,
            io: self.io,
            backlog: self.backlog,
            max_connections: self.max_connections,
            timeouts: self.timeouts,
            upstreams: Arc::from(upstreams),
            gatekeeper: self
                .overload
                .lags()
                .map(|delays| GatekeeperSettings { delays, priorities: Arc::from(&self.priorities[..]) }),
        }
    }

    /// The share of what forwards, with the names of servers looked up.
    ///
    /// # Errors
    ///
    /// The name that nobody knows.
    pub fn proxy_settings(&self) -> Result<Vec<ProxySettings>, ConfigError> {
        let settings = |upstream: &Upstream| upstream.settings(self.overload, self.priorities.clone());
        let settings = self.upstreams.iter().map(settings).collect::<Result<_, _>>();
        settings.map_err(|problem| ConfigError::Wrong { path: None, problems: vec![problem] })
    }
}

impl Default for Config {
    fn default() -> Config {
        Config::new(Typed::default()).expect("the defaults are possible")
    }
}

fn default_quota() -> TypedQuota {
    TypedQuota { text: DEFAULT_QUOTA.to_owned(), ..TypedQuota::default() }
}

fn build_all(limits: &[(At, TypedQuota)], algorithm: Algorithm, problems: &mut Vec<Problem>) -> Vec<Quota> {
    if let Some((at, _)) = limits.get(MOST_QUOTAS) {
        problems.push(at.problem(format_args!("more than {MOST_QUOTAS} quotas for one client: drop the laxest")));
    }
    let build =
        |(at, typed): &(At, TypedQuota)| typed.build(algorithm).map_err(|error| problems.push(at.problem(error))).ok();
    limits.iter().filter_map(build).collect()
}

fn check_clients(typed: &Typed, id_bytes: usize, problems: &mut Vec<Problem>) {
    let source = typed.client_id.clone().unwrap_or_default();
    let mut roll = clients::Roll::new(&source, id_bytes);
    roll.enter("allow", &typed.allow);
    roll.enter("deny", &typed.deny);
    for group in &typed.overrides {
        roll.enter(format!("{}.clients", group.at.subject), &group.clients);
    }
    problems.append(&mut roll.problems);
}

fn check_tiers(typed: &Typed, problems: &mut Vec<Problem>) {
    for (index, group) in typed.overrides.iter().enumerate() {
        let same = |other: &&typed::TypedOverride| group.tier.is_some() && other.tier == group.tier;
        if let Some(first) = typed.overrides[..index].iter().find(same) {
            problems.push(
                group.at.problem(format_args!(
                    "the same tier as {}: put the clients there, or rename it",
                    first.at.subject
                )),
            );
        }
    }
}

fn ids(placed: Vec<(problem::Place, String)>) -> Vec<String> {
    placed.into_iter().map(|(_, id)| id).collect()
}

const DEFAULT_QUOTA: &str = "5/5s";

/// What `net.core.somaxconn` is on current kernels, so that a burst waits rather than being dropped.
const DEFAULT_BACKLOG: u32 = 4096;

/// Below the 65 536 that one peer address can open towards one port, above what any test of ten thousand connections needs.
const DEFAULT_MAX_CONNECTIONS: usize = 50_000;

/// As many as the limiter's decisions can number.
const MOST_QUOTAS: usize = 8;
