//! The start-up screen: what this gate promises, in words, so that nobody has to remember which flags it was started with.
//!
//! ```text
//! tollgate 0.1.0
//!
//!   cores      2 of 2 allowed: 0,1
//!   io         ring: deferred task work, multishot receive and silent sends work here
//!   limit      5/5s sliding-window: at most 5 in any 5s; a used unit returns at most 0.31ms late
//!   clients    1M, by query:clientId, in 30 MiB reserved; when full: remember
//!   over limit 503, RateLimit headers on
//!   try        curl -i 'http://127.0.0.1:8080/?clientId=7'
//!
//! listening on http://127.0.0.1:8080
//! ```
//!
//! The last line is the promise that scripts wait for: connections are accepted from then on. Further listeners have further lines of that kind.

use std::fmt;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tollgate_limiter::{Algorithm, Nanos, Quota, WhenFull};

use crate::config::cores::show_list;
use crate::config::units::show_count;
use crate::config::{Bans, Listener, MaxIdsPerPeer, Mode, Override, Policy, Upstream};
use crate::identity::{ClientIdSource, Trusted};
use crate::service::LimitedStatus;

/// Everything that the screen shows.
#[derive(Debug)]
pub struct Screen<'c> {
    /// Where it listens; the real ports.
    pub addresses: &'c [SocketAddr],
    /// What for, in the same order.
    pub listeners: &'c [Listener],
    /// The CPUs it runs on.
    pub cores: &'c [usize],
    /// How many it could run on.
    pub cores_allowed: usize,
    /// The engine and why it is that one.
    pub io: String,
    /// The common quotas.
    pub quotas: &'c [Quota],
    /// Clients that fit.
    pub max_clients: u64,
    /// Bytes reserved for them.
    pub memory_bytes: u64,
    /// What happens to one more.
    pub when_full: WhenFull,
    /// Where ids come from.
    pub client_id: &'c ClientIdSource,
    /// What else must allow.
    pub policies: &'c [Policy],
    /// How many ids one peer may use.
    pub max_ids_per_peer: &'c MaxIdsPerPeer,
    /// The status of a denial.
    pub limited_status: LimitedStatus,
    /// Whether answers carry `RateLimit`.
    pub ratelimit_headers: bool,
    /// Who may speak for others.
    pub trusted_proxies: &'c Trusted,
    /// Quotas of particular clients.
    pub overrides: &'c [Override],
    /// Clients on the allow list.
    pub allowed: usize,
    /// Clients on the deny list.
    pub denied: usize,
    /// Temporary bans.
    pub bans: Option<&'c Bans>,
    /// What stands behind the gate.
    pub upstreams: &'c [Upstream],
}

impl Screen<'_> {
    /// Writes the screen in one piece and flushes it. Nobody reading it is no reason not to serve.
    pub fn show(&self, out: &mut impl Write) -> io::Result<()> {
        let shown = out.write_all(self.to_string().as_bytes()).and_then(|()| out.flush());
        match shown {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            shown => shown,
        }
    }

    fn lists(&self) -> Option<String> {
        let clients: usize = self.overrides.iter().map(|group| group.clients.len()).sum();
        let parts =
            [(clients, "with quotas of their own"), (self.allowed, "always allowed"), (self.denied, "always denied")];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| format!("{} {what}", plural(n, "client")))
            .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    fn curl(&self) -> String {
        let url = format!("http://{}/", reachable(self.addresses[0]));
        match self.client_id {
            ClientIdSource::Query(name) => format!("curl -i '{url}?{}=7'", escaped(name)),
            ClientIdSource::Header(name) => format!("curl -i -H '{name}: 7' {url}"),
            ClientIdSource::Cookie(name) => format!("curl -i -b '{name}=7' {url}"),
            ClientIdSource::PeerIp => format!("curl -i {url}"),
            ClientIdSource::ForwardedFor => format!("curl -i -H 'X-Forwarded-For: 192.0.2.7' {url}"),
            ClientIdSource::Forwarded => format!("curl -i -H 'Forwarded: for=192.0.2.7' {url}"),
        }
    }
}

impl fmt::Display for Screen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "tollgate {}\n", env!("CARGO_PKG_VERSION"))?;
        let mut row = |name: &str, what: &dyn fmt::Display| writeln!(f, "  {name:<10} {what}");
        row(
            "cores",
            &format_args!("{} of {} allowed: {}", self.cores.len(), self.cores_allowed, show_list(self.cores)),
        )?;
        row("io", &self.io)?;
        for quota in self.quotas {
            row("limit", &format_args!("{quota} {}: {}", quota.algorithm(), promise(quota)))?;
        }
        let memory = mib(self.memory_bytes);
        let clients = show_count(self.max_clients);
        row(
            "clients",
            &format_args!("{clients}, by {}, in {memory} reserved; when full: {}", self.client_id, self.when_full),
        )?;
        for policy in self.policies {
            for quota in &policy.quotas {
                let Policy { name, client_id, missing, .. } = policy;
                let how = format_args!("{name}, by {client_id} (missing: {missing})");
                row("policy", &format_args!("{how}: {quota} {}: {}", quota.algorithm(), promise(quota)))?;
            }
        }
        if let MaxIdsPerPeer::Most { quota, peer } = self.max_ids_per_peer {
            let (most, period) = (u64::from(quota.limit()), quota.period());
            let new = quota.worst_case(period);
            let all = new + most;
            row(
                "ids",
                &format_args!(
                    "{most} new ones per {peer} and window: at most {new} new and {all} in all in any {period}"
                ),
            )?;
        }
        let headers = if self.ratelimit_headers { "on" } else { "off" };
        row("over limit", &format_args!("{}, RateLimit headers {headers}", self.limited_status))?;
        if self.listeners.iter().any(|listener| listener.mode == Mode::Decide) {
            let paths = "/check, /check/nginx, /check/envoy, /check/forward, /check/haproxy, /v1/decide";
            row("decisions", &format_args!("for {}: {paths}", self.trusted_proxies))?;
        }
        if self.listeners.iter().any(|listener| listener.proxy_protocol) {
            row("peers", &format_args!("named by PROXY headers from {}; others are closed", self.trusted_proxies))?;
        }
        if let Some(lists) = self.lists() {
            row("lists", &lists)?;
        }
        if let Some(bans) = self.bans {
            row("bans", bans)?;
        }
        for upstream in self.upstreams {
            row("upstream", upstream)?;
        }
        if self.listeners.len() > 1 {
            for (address, listener) in self.addresses.iter().zip(self.listeners) {
                row("listener", &format_args!("{address} {listener}"))?;
            }
        }
        row("try", &self.curl())?;
        writeln!(f)?;
        self.addresses.iter().try_for_each(|address| writeln!(f, "listening on http://{address}"))
    }
}

/// What a quota guarantees, in words.
pub fn promise(quota: &Quota) -> String {
    let (limit, period) = (quota.limit(), quota.period());
    let most = format!("at most {} in any {period}", quota.worst_case(period));
    let mut words = match quota.algorithm() {
        Algorithm::SlidingWindow => most,
        Algorithm::FixedWindow => format!("{limit} per window that opens at the first request, so {most}"),
        Algorithm::TokenBucket => format!("bursts of {}, refilled at {quota}, so {most}", quota.burst()),
        Algorithm::LeakyBucket => format!("evenly spaced, waiting at most {}, {most}", quota.max_delay()),
    };
    if quota.resolution() >= WORTH_SAYING {
        words.push_str(&format!("; a used unit returns at most {} late", about(quota.resolution())));
    }
    if quota.is_shadow() {
        words.push_str(" (shadow: counted, not enforced)");
    }
    words
}

/// A bucket's rounding to the nanosecond is nobody's concern.
const WORTH_SAYING: Nanos = Nanos::from_micros(1);

/// A span to two digits, rounded up: it is shown as a bound.
fn about(span: Nanos) -> String {
    let nanos = span.as_u64();
    let (unit, name) = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns")]
        .into_iter()
        .find(|(unit, _)| nanos >= unit / 10)
        .unwrap_or((1, "ns"));
    let hundredths = (u128::from(nanos) * 100).div_ceil(unit.into());
    match (hundredths / 100, hundredths % 100) {
        (whole, 0) => format!("{whole}{name}"),
        (whole, part) => format!("{whole}.{part:02}{name}"),
    }
}

/// A parameter's name as it stands in a URL between a shell's quotes.
fn escaped(name: &str) -> String {
    let escape = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    name.bytes().map(escape).collect()
}

/// An address that a local client can connect to.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if !ip.is_unspecified() => address,
        IpAddr::V4(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())),
        IpAddr::V6(_) => SocketAddr::from((Ipv6Addr::LOCALHOST, address.port())),
    }
}

/// `1 core`, `2 cores`.
pub fn plural(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Bytes in whole MiB, rounded up.
pub fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

#[cfg(test)]
mod tests;
