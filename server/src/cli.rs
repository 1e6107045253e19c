//! The command line, as typed. Every flag is optional and also a key of the file; a flag that is given wins.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Parser, ValueHint};
use ipnet::IpNet;
use tollgate_limiter::{Algorithm, Capacity, WhenFull};

use crate::boot::IoMode;
use crate::config::machine::MachineFlags;
use crate::config::problem::Place;
use crate::config::typed::At;
use crate::config::{Cores, LogLevel, MaxIdsPerPeer, ServerName, Typed, TypedQuota, value};
use crate::identity::ClientIdSource;
use crate::service::LimitedStatus;

/// A thread-per-core HTTP rate limiter: at most so many requests per client in so long, 200 or 503.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, after_help = EXAMPLES, max_term_width = 110)]
pub struct Args {
    /// Requests per client in a period; give it again for quotas that must all allow
    ///
    /// N/PERIOD, such as 5/5s, 100/1m or 10/s. Options of one quota follow after commas: an algorithm, burst=N (token-bucket),
    /// max-delay=T (leaky-bucket), shadow (count, do not enforce). [default: 5/5s]
    #[arg(long = "limit", value_name = "QUOTA", allow_hyphen_values = true, help_heading = "Limits")]
    limits: Vec<TypedQuota>,

    /// How quotas that name no algorithm are metered: sliding-window, fixed-window, token-bucket or leaky-bucket [default: sliding-window]
    #[arg(long, value_name = "NAME", help_heading = "Limits")]
    algorithm: Option<Algorithm>,

    /// Clients that fit in memory, all of it reserved at start; takes k and M [default: 1M]
    #[arg(long, value_name = "N", value_parser = value::max_clients, allow_hyphen_values = true, help_heading = "Limits")]
    max_clients: Option<Capacity>,

    /// What happens when more clients than that are active: remember, refuse or forget [default: remember]
    #[arg(long, value_name = "RULE", help_heading = "Limits")]
    when_full: Option<WhenFull>,

    /// Who a client is: query:NAME, header:NAME, cookie:NAME, peer-ip, x-forwarded-for or forwarded [default: query:clientId]
    #[arg(long, value_name = "SOURCE", help_heading = "Answers")]
    client_id: Option<ClientIdSource>,

    /// New client ids that one address may use in a period, like 100/1m; an IPv6 address counts by its /64 [default: off]
    ///
    /// For ids that clients make up: query:, header: or cookie:. Where the address is a trusted proxy's, its X-Forwarded-For says who is
    /// meant; 100/1m,forwarded reads Forwarded instead, 100/1m,peer-ip neither.
    #[arg(long, value_name = "N/PERIOD", allow_hyphen_values = true, help_heading = "Limits")]
    max_ids_per_peer: Option<MaxIdsPerPeer>,

    /// Status of a denial: 503 or 429 [default: 503]
    #[arg(long, value_name = "STATUS", help_heading = "Answers")]
    limited_status: Option<LimitedStatus>,

    /// Whether answers carry RateLimit and RateLimit-Policy: on or off [default: on]
    #[arg(long, value_name = "on|off", value_parser = value::on_off, help_heading = "Answers")]
    ratelimit_headers: Option<bool>,

    /// Whether proxies may ask for decisions, below /check: on or off [default: off]
    #[arg(long, value_name = "on|off", value_parser = value::on_off, help_heading = "Answers")]
    decide: Option<bool>,

    /// Whose X-Forwarded-For, Forwarded or PROXY header is believed, and who may ask for decisions: addresses or CIDRs [default: 127.0.0.0/8,::1/128]
    #[arg(long, value_name = "CIDR,...", value_parser = value::network, value_delimiter = ',', help_heading = "Answers")]
    trusted_proxies: Option<Vec<IpNet>>,

    /// Whether every connection begins with a PROXY header (version 1 or 2) that says who the peer is: on or off [default: off]
    #[arg(long, value_name = "on|off", value_parser = value::on_off, help_heading = "Server")]
    proxy_protocol: Option<bool>,

    /// Address and port; port 0 takes a free one and prints it [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", value_parser = value::listen, help_heading = "Server")]
    listen: Option<SocketAddr>,

    /// A server behind the gate: what the quota allows is forwarded there; give it again for more servers
    #[arg(long = "upstream", value_name = "HOST:PORT", help_heading = "Upstream")]
    upstreams: Vec<ServerName>,

    /// Cores to run on: auto (all allowed ones), a count like 4, a range like 0-3 or a list like 0,2 [default: auto]
    #[arg(long, value_name = "CORES", allow_hyphen_values = true, help_heading = "Server")]
    cores: Option<Cores>,

    /// How bytes move: ring (io_uring, fastest), glommio (older kernels) or auto [default: auto]
    #[arg(long, value_name = "ENGINE", help_heading = "Server")]
    io: Option<IoMode>,

    /// Connections open at a time in the whole process; takes k [default: 50k]
    #[arg(long, value_name = "N", value_parser = value::max_connections, allow_hyphen_values = true, help_heading = "Server")]
    max_connections: Option<usize>,

    /// How long open exchanges may take to finish after SIGTERM or SIGINT [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = value::drain_timeout, allow_hyphen_values = true, help_heading = "Server")]
    drain_timeout: Option<Duration>,

    /// Severity from which lines are logged to stderr: error, warn, info or debug [default: info]
    #[arg(long, value_name = "LEVEL", help_heading = "Server")]
    log: Option<LogLevel>,

    /// TOML file with any of these settings and more: policies, overrides, lists, bans, timeouts; flags win over it
    #[arg(long, value_name = "FILE", value_parser = OsStringValueParser::new().try_map(file), value_hint = ValueHint::FilePath, help_heading = "Configuration")]
    pub config: Option<PathBuf>,

    /// Check the configuration against this machine, say what is wrong with it, and exit
    #[arg(long, help_heading = "Configuration")]
    pub check: bool,

    /// Print the configuration that flags, file and defaults add up to, as a TOML file, and exit
    #[arg(long, conflicts_with = "check", help_heading = "Configuration")]
    pub print_config: bool,
}

impl Args {
    /// Reads the command line; the first argument is the program.
    ///
    /// # Errors
    ///
    /// What to print instead of running: an error, or the help or version that was asked for.
    pub fn read(args: impl IntoIterator<Item = OsString>) -> Result<Args, clap::Error> {
        Args::try_parse_from(args)
    }

    /// Which settings that the machine may refuse are flags here.
    pub fn machine_flags(&self) -> MachineFlags {
        MachineFlags { cores: self.cores.is_some(), max_clients: self.max_clients.is_some() }
    }

    /// The settings among the arguments.
    pub fn typed(self) -> Typed {
        let at = |typed: &TypedQuota| At { place: Place::Flags, subject: format!("--limit {typed}") };
        let limits: Vec<_> = self.limits.into_iter().map(|typed| (at(&typed), typed)).collect();
        let most = |most| (At { place: Place::Flags, subject: format!("--max-ids-per-peer {most}") }, most);
        Typed {
            max_ids_per_peer: self.max_ids_per_peer.map(most),
            limits: (!limits.is_empty()).then_some(limits),
            algorithm: self.algorithm,
            max_clients: self.max_clients,
            when_full: self.when_full,
            client_id: self.client_id,
            limited_status: self.limited_status,
            ratelimit_headers: self.ratelimit_headers,
            decide: self.decide,
            proxy_protocol: self.proxy_protocol,
            trusted_proxies: self.trusted_proxies,
            listen: self.listen,
            cores: self.cores,
            io: self.io,
            max_connections: self.max_connections,
            drain_timeout: self.drain_timeout,
            log: self.log,
            upstream_servers: (!self.upstreams.is_empty()).then_some(self.upstreams),
            ..Typed::default()
        }
    }
}

/// What is wrong with a command line, without the usage that clap adds in further lines. What was typed cannot move the cursor.
pub fn in_one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let said = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let said: Vec<_> = said.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more")).collect();
    let line = said.join("; ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    line.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// A file that is named: the shell leaves an empty text behind for a variable that is not set.
fn file(path: OsString) -> Result<PathBuf, &'static str> {
    if path.is_empty() { Err("no file is named: write its path, or drop --config") } else { Ok(PathBuf::from(path)) }
}

const EXAMPLES: &str = "\
Examples:
  tollgate                                        5 requests in any 5 s for each ?clientId=
  tollgate --limit 10/s --limit 200/1m,token-bucket,burst=50 --limited-status 429
  tollgate --listen 0.0.0.0:80 --client-id header:X-Api-Key --max-clients 10M --cores 0-3
  tollgate --upstream 127.0.0.1:9000 --limit 5/s  in front of a service
  tollgate --config gate.toml --check             is the file right? every mistake with its line
  tollgate --limit 100/1h,fixed-window --print-config > gate.toml

Durations take us, ms, s, m, h and d (a bare number is seconds), numbers take k and M.

Exit codes:
  0  ok: ran and drained, or the configuration is right
  1  could not run: the address is taken, io_uring is blocked, ...
  2  usage: a flag or the configuration is wrong";
