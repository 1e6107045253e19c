//! `[upstream.NAME]`: what stands behind the gate.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use tollgate_limiter::breaker::State;

use super::problem::Place;
use super::section::{Review, Section};
use super::typed::At;
use super::units::{self, show_duration};
use super::{Problem, breaker, value};
use crate::http::host;
use crate::overload::OverloadSettings;
use crate::overload::class::Rule;
use crate::proxy::{ProxySettings, Queue, UpstreamTimeouts};
use crate::screen::plural;

/// An upstream as meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// What the operator calls it.
    pub name: String,
    /// Its servers; at least one.
    pub servers: Vec<ServerName>,
    /// Requests that one core has under way there at a time.
    pub max_in_flight: usize,
    /// Where the next ones wait.
    pub queue: Queue,
    /// How long each thing may take.
    pub timeouts: UpstreamTimeouts,
    /// When calls to a server stop.
    pub breaker: tollgate_limiter::breaker::Config,
}

/// `HOST:PORT`, not looked up yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerName {
    host: String,
    port: u16,
}

/// A text that names no server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerNameError;

impl fmt::Display for ServerNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a server: write HOST:PORT, like 127.0.0.1:9000, [::1]:9000 or app.internal:80")
    }
}

impl std::error::Error for ServerNameError {}

impl FromStr for ServerName {
    type Err = ServerNameError;

    fn from_str(text: &str) -> Result<ServerName, ServerNameError> {
        let (host, port) = text.rsplit_once(':').ok_or(ServerNameError)?;
        let port: u16 = port.parse().map_err(|_| ServerNameError)?;
        let is_name = host::is_authority(text.as_bytes()) && !text.contains(['%', ',', '/']);
        if port == 0 || !is_name { Err(ServerNameError) } else { Ok(ServerName { host: host.to_owned(), port }) }
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl ServerName {
    /// Its address, if nothing has to be looked up for it.
    pub(super) fn literal(&self) -> Option<SocketAddr> {
        match self.host.as_str() {
            // As for --listen: one address, whatever the name server says.
            "localhost" => Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.port)),
            _ => self.to_string().parse().ok(),
        }
    }

    /// All addresses of that name.
    fn resolve(&self) -> Result<Vec<SocketAddr>, Problem> {
        if let Some(address) = self.literal() {
            return Ok(vec![address]);
        }
        let unknown = |what: &dyn fmt::Display| Problem::with_flags(format!("upstream server {self}"), what);
        let addresses = self.to_string().to_socket_addrs().map_err(|error| {
            unknown(&format_args!("its name cannot be looked up: {error}: check it, or write an address"))
        })?;
        let addresses: Vec<SocketAddr> = addresses.collect();
        if addresses.is_empty() { Err(unknown(&"it has no address: write one")) } else { Ok(addresses) }
    }
}

impl Upstream {
    /// With the names of its servers looked up; once, at start.
    pub(super) fn settings(&self, overload: OverloadSettings, priorities: Vec<Rule>) -> Result<ProxySettings, Problem> {
        let mut servers = Vec::new();
        for server in &self.servers {
            for address in server.resolve()? {
                if !servers.contains(&address) {
                    servers.push(address);
                }
            }
        }
        Ok(ProxySettings {
            servers: servers.into_iter().map(|address| breaker::guarded(address, self.breaker)).collect(),
            host: self.servers[0].to_string(),
            max_in_flight: self.max_in_flight,
            queue: self.queue,
            timeouts: self.timeouts,
            overload,
            priorities,
        })
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<String> = self.servers.iter().map(ToString::to_string).collect();
        let waiting = match self.queue.max {
            0 => "none wait".to_owned(),
            max => format!("{max} wait at most {}", show_duration(self.queue.timeout)),
        };
        let (servers, in_flight) = (servers.join(", "), plural(self.max_in_flight, "request"));
        write!(f, "{}: {servers}; per core {in_flight} in flight, {waiting}", self.name)?;
        match self.breaker.initial_state {
            State::Closed => Ok(()),
            state => write!(f, "; breaker {}", breaker::show_state(state)),
        }
    }
}

/// What the file and the flags mean together: servers that are flags replace those of the file.
pub(super) fn meant(
    mut file: Vec<(At, Upstream)>,
    flags: Option<Vec<ServerName>>,
    problems: &mut Vec<Problem>,
) -> Vec<(At, Upstream)> {
    let Some(servers) = flags else { return file };
    match &mut file[..] {
        [] => {
            let at = At { place: Place::Flags, subject: "--upstream".to_owned() };
            let upstream = Upstream {
                name: "default".to_owned(),
                servers,
                max_in_flight: ProxySettings::MAX_IN_FLIGHT,
                queue: Queue::default(),
                timeouts: UpstreamTimeouts::default(),
                breaker: breaker::preset(&UpstreamTimeouts::default()),
            };
            file.push((at, upstream));
        }
        [(_, only)] => only.servers = servers,
        _ => problems
            .push(Problem::with_flags("--upstream", "the file has several upstreams: write the servers of each there")),
    }
    file
}

/// Reads the tables in `[upstream]`, in the order of their names.
pub(super) fn read(top: &mut Section<'_, '_>, review: &mut Review) -> Vec<(At, Upstream)> {
    let Some(start) = top.value("upstream").map(|value| value.span().start) else { return Vec::new() };
    let problems_before = review.problems.len();
    let tables = top.tables(review, "upstream").unwrap_or_default();
    if tables.is_empty() && review.problems.len() == problems_before {
        review.reject(start, "upstream", "names no upstream: write [upstream.app] above its servers");
    }
    let mut upstreams: Vec<(At, Upstream)> = Vec::with_capacity(tables.len());
    for (name, start, section) in tables {
        let at = At { place: review.place(start), subject: format!("upstream.{name}") };
        upstreams.extend(read_one(name, start, section, review).map(|upstream| (at, upstream)));
    }
    upstreams.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
    upstreams
}

fn read_one(name: String, start: usize, mut section: Section<'_, '_>, review: &mut Review) -> Option<Upstream> {
    let problems_before = review.problems.len();
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        let subject = format!("upstream.{}", super::problem::quoted(&name));
        review.reject(start, subject, "name it with letters, digits, - and _, like [upstream.app]");
        return None;
    }
    let mut servers = Vec::new();
    for (place, text) in section.strings(review, "servers") {
        match text.parse() {
            Ok(server) => servers.push(server),
            Err(error) => {
                let subject = format!("upstream.{name}.servers = {}", super::problem::quoted(&text));
                review.problems.push(Problem::new(place, subject, error));
            }
        }
    }
    if servers.is_empty() && review.problems.len() == problems_before {
        let what = "missing: list its servers, like servers = [\"127.0.0.1:9000\"]";
        review.reject(start, format!("upstream.{name}.servers"), what);
    }
    let max_in_flight = section.read(review, "max-in-flight", |text| units::count(text, 1, 65_536));
    let queue = queue(&mut section, review);
    let timeouts = timeouts(&mut section, review);
    let breaker = breaker::read(&mut section, review, &timeouts);
    section.finish(review);
    let max_in_flight = max_in_flight.map_or(ProxySettings::MAX_IN_FLIGHT, |most| most as usize);
    (!servers.is_empty()).then_some(Upstream { name, servers, max_in_flight, queue, timeouts, breaker })
}

fn queue(section: &mut Section<'_, '_>, review: &mut Review) -> Queue {
    let default = Queue::default();
    let Some(mut section) = section.section(review, "queue") else { return default };
    let max = section.read(review, "max", |text| units::count(text, 0, 65_536));
    let timeout = section.read(review, "timeout", |text| value::timeout(text, value::SHORTEST_TIMEOUT));
    section.finish(review);
    Queue { max: max.map_or(default.max, |max| max as usize), timeout: timeout.unwrap_or(default.timeout) }
}

fn timeouts(upstream: &mut Section<'_, '_>, review: &mut Review) -> UpstreamTimeouts {
    let default = UpstreamTimeouts::default();
    let Some(start) = upstream.value("timeouts").map(|value| value.span().start) else { return default };
    let Some(mut section) = upstream.section(review, "timeouts") else { return default };
    let mut read = |key| section.read(review, key, |text| value::timeout(text, value::SHORTEST_TIMEOUT));
    let (connect, total) = (read("connect"), read("total").unwrap_or(default.total));
    let timeouts = UpstreamTimeouts {
        // Who wants it all done sooner than that needn't say so twice.
        connect: connect.unwrap_or(default.connect.min(total)),
        response_head: read("response-head").unwrap_or(default.response_head),
        idle: read("idle").unwrap_or(default.idle),
        total,
    };
    let subject = section.name("total");
    section.finish(review);
    if timeouts.total < timeouts.connect {
        let (total, connect) = (show_duration(timeouts.total), show_duration(timeouts.connect));
        let what =
            format!("{total} is shorter than connect, {connect}, which is a part of it: raise it, or lower that");
        review.reject(start, subject, what);
    }
    timeouts
}

/// A wait that ends before the target delay says that all is well, so such a queue would never be found overloaded.
pub(super) fn check_queues(upstreams: &[(At, Upstream)], overload: &OverloadSettings, problems: &mut Vec<Problem>) {
    for (at, Upstream { name, queue, .. }) in upstreams {
        if overload.enabled && queue.max > 0 && queue.timeout < overload.target_delay {
            let (timeout, target) = (show_duration(queue.timeout), show_duration(overload.target_delay));
            let what = format_args!(
                "{timeout} is shorter than overload.target-delay, {target}, so nobody waits long enough to show an overload: raise it, \
                 or lower that"
            );
            problems.push(Problem::new(at.place.clone(), format!("upstream.{name}.queue.timeout"), what));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ServerName;

    #[test]
    fn a_server_is_a_host_and_a_port() {
        for text in ["127.0.0.1:9000", "[::1]:80", "app.internal:8080", "localhost:1"] {
            assert_eq!(text.parse::<ServerName>().map(|name| name.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "app", ":80", "app:", "app:0", "app:99999", "http://app:80", "a b:80", "::1:80x", "app:80/x"] {
            assert!(text.parse::<ServerName>().is_err(), "{text}");
        }
    }
}
