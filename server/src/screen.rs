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
//! The last line is the promise that scripts wait for: connections are accepted from then on.

use std::fmt;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tollgate_limiter::{Algorithm, Nanos, Quota, WhenFull};

use crate::config::cores::show_list;
use crate::config::units::show_count;
use crate::config::{Bans, Override, Upstream};
use crate::identity::ClientIdSource;
use crate::service::LimitedStatus;

/// Everything that the screen shows.
#[derive(Debug)]
pub struct Screen<'c> {
    /// Where it listens; the real port.
    pub address: SocketAddr,
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
    /// The status of a denial.
    pub limited_status: LimitedStatus,
    /// Whether answers carry `RateLimit`.
    pub ratelimit_headers: bool,
    /// Quotas of particular clients.
    pub overrides: &'c [Override],
    /// Clients on the allow list.
    pub allowed: usize,
    /// Clients on the deny list.
    pub denied: usize,
    /// Temporary bans.
    pub bans: Option<&'c Bans>,
    /// What stands behind the gate.
    pub upstream: Option<&'c Upstream>,
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
        let url = format!("http://{}/", reachable(self.address));
        match self.client_id {
            ClientIdSource::Query(name) => format!("curl -i '{url}?{}=7'", escaped(name)),
            ClientIdSource::Header(name) => format!("curl -i -H '{name}: 7' {url}"),
            ClientIdSource::PeerIp => format!("curl -i {url}"),
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
        let headers = if self.ratelimit_headers { "on" } else { "off" };
        row("over limit", &format_args!("{}, RateLimit headers {headers}", self.limited_status))?;
        if let Some(lists) = self.lists() {
            row("lists", &lists)?;
        }
        if let Some(bans) = self.bans {
            row("bans", bans)?;
        }
        if let Some(upstream) = self.upstream {
            row("upstream", upstream)?;
        }
        row("try", &self.curl())?;
        writeln!(f, "\nlistening on http://{}", self.address)
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
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::config::Config;

    fn screen(config: &Config) -> Screen<'_> {
        Screen {
            address: "0.0.0.0:8080".parse().unwrap(),
            cores: &[0, 1],
            cores_allowed: 4,
            io: "ring: as asked".to_owned(),
            quotas: &config.quotas,
            max_clients: 1_000_000,
            memory_bytes: 30_000_000,
            when_full: config.when_full,
            client_id: &config.client_id,
            limited_status: config.limited_status,
            ratelimit_headers: config.ratelimit_headers,
            overrides: &config.overrides,
            allowed: config.allow.len(),
            denied: config.deny.len(),
            bans: config.bans.as_ref(),
            upstream: config.upstream.as_ref(),
        }
    }

    #[test]
    fn the_plain_gate_shows_its_promise_and_ends_with_where_it_listens() {
        let text = format!("{}", screen(&Config::default()));
        let (before, last) = text.trim_end().rsplit_once("\n\n").unwrap();
        assert_eq!(last, "listening on http://0.0.0.0:8080");
        let shown: Vec<&str> = before.lines().collect();
        let resolution = about(Config::default().quotas[0].resolution());
        let limit = format!(
            "  limit      5/5s sliding-window: at most 5 in any 5s; a used unit returns at most {resolution} late"
        );
        let meant = [
            concat!("tollgate ", env!("CARGO_PKG_VERSION")),
            "",
            "  cores      2 of 4 allowed: 0,1",
            "  io         ring: as asked",
            &limit,
            "  clients    1M, by query:clientId, in 29 MiB reserved; when full: remember",
            "  over limit 503, RateLimit headers on",
            "  try        curl -i 'http://127.0.0.1:8080/?clientId=7'",
        ];
        assert_eq!(shown, meant);
    }

    #[test]
    fn lists_overrides_and_bans_are_counted() {
        let group = |n: usize| Override {
            tier: None,
            clients: (0..n).map(|n| n.to_string()).collect(),
            quotas: vec!["9/1s".parse().unwrap()],
        };
        let config = Config {
            overrides: vec![group(2), group(1)],
            allow: vec!["a".to_owned()],
            bans: Some(
                Bans::new(20, Duration::from_secs(10), vec![Duration::from_secs(60), Duration::from_secs(600)])
                    .unwrap(),
            ),
            ..Config::default()
        };
        let text = screen(&config).to_string();
        assert!(text.contains("  lists      3 clients with quotas of their own, 1 client always allowed\n"), "{text}");
        assert!(text.contains("  bans       20 denials within 10s: out for 1m, then 10m\n"), "{text}");
    }

    #[test]
    fn every_algorithm_says_its_worst_case_in_words() {
        let promised = |text: &str, algorithm| {
            let typed: crate::config::TypedQuota = text.parse().unwrap();
            promise(&typed.build(algorithm).unwrap())
        };
        let cases = [
            ("5/5s", Algorithm::FixedWindow, "5 per window that opens at the first request, so at most 9 in any 5s"),
            ("10/1s,burst=20", Algorithm::TokenBucket, "bursts of 20, refilled at 10/1s, so at most 30 in any 1s"),
            ("10/1s,max-delay=2s", Algorithm::LeakyBucket, "evenly spaced, waiting at most 2s, at most 11 in any 1s"),
        ];
        for (text, algorithm, words) in cases {
            assert_eq!(promised(text, algorithm), words);
        }
        assert!(promised("5/5s,shadow", Algorithm::FixedWindow).ends_with("(shadow: counted, not enforced)"));
    }

    #[test]
    fn the_line_to_try_reaches_this_gate() {
        let curl = |source: ClientIdSource, address: &str| {
            let config = Config { client_id: source, ..Config::default() };
            Screen { address: address.parse().unwrap(), ..screen(&config) }.curl()
        };
        assert_eq!(curl(ClientIdSource::PeerIp, "[::]:80"), "curl -i http://[::1]:80/");
        let odd = ClientIdSource::Query("it's a&b".to_owned());
        assert_eq!(curl(odd, "192.0.2.1:80"), "curl -i 'http://192.0.2.1:80/?it%27s%20a%26b=7'");
        let key = ClientIdSource::Header("X-Api-Key".to_owned());
        assert_eq!(curl(key, "192.0.2.1:80"), "curl -i -H 'X-Api-Key: 7' http://192.0.2.1:80/");
    }

    #[test]
    fn spans_are_shown_rounded_up() {
        assert_eq!(about(Nanos::new(305_176)), "0.31ms");
        assert_eq!(about(Nanos::new(1)), "1ns");
        assert_eq!(about(Nanos::from_millis(2)), "2ms");
        assert_eq!(about(Nanos::new(2_000_001)), "2.01ms");
    }

    #[test]
    fn a_closed_pipe_does_not_stop_the_gate() {
        struct Closed(io::ErrorKind);
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let config = Config::default();
        assert!(screen(&config).show(&mut Closed(io::ErrorKind::BrokenPipe)).is_ok());
        assert!(screen(&config).show(&mut Closed(io::ErrorKind::StorageFull)).is_err());
    }
}
