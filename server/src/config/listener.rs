//! `listen` and `[[listener]]`: where the gate listens, and what each address is for.
//!
//! `listen`, with `decide` and `proxy-protocol`, is the short form for one listener. It stands before those of `[[listener]]`, and is there by
//! default only if there are none of these.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use super::problem::{Place, Problem, quoted};
use super::section::{Review, Section};
use super::typed::At;
use super::{Upstream, value};

/// One address and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where it listens; port 0 lets the kernel pick.
    pub address: SocketAddr,
    /// What its requests come to.
    pub mode: Mode,
    /// Whether every connection begins with a header of the PROXY protocol.
    pub proxy_protocol: bool,
}

/// What the requests of a listener come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// An answer: 200, or the status of a denial.
    Answer,
    /// The same, and decisions for proxies and programs.
    Decide,
    /// What the quota allows is forwarded.
    Proxy {
        /// The name of an upstream.
        upstream: String,
    },
}

/// A `[[listener]]` as typed.
#[derive(Debug)]
pub struct TypedListener {
    /// Where it stands.
    pub at: At,
    /// Where it listens.
    pub address: SocketAddr,
    /// The name of its mode.
    pub mode: ModeName,
    /// What it forwards to.
    pub upstream: Option<(Place, String)>,
    /// Whether every connection begins with a header of the PROXY protocol.
    pub proxy_protocol: bool,
}

/// The name of a mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModeName {
    /// [`Mode::Answer`].
    Answer,
    /// [`Mode::Decide`].
    Decide,
    /// [`Mode::Proxy`].
    Proxy,
}

/// The listener of the short form, as typed.
pub(super) struct Short {
    pub listen: Option<SocketAddr>,
    pub decide: bool,
    pub proxy_protocol: bool,
}

impl FromStr for ModeName {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<ModeName, &'static str> {
        match name {
            "answer" => Ok(ModeName::Answer),
            "decide" => Ok(ModeName::Decide),
            "proxy" => Ok(ModeName::Proxy),
            _ => Err("no such mode: write answer, decide or proxy"),
        }
    }
}

impl Mode {
    /// Its name, as a listener is told it.
    pub fn name(&self) -> &'static str {
        match self {
            Mode::Answer => "answer",
            Mode::Decide => "decide",
            Mode::Proxy { .. } => "proxy",
        }
    }
}

/// Prints `answer`, or `proxy to app, PROXY headers`.
impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mode.name())?;
        if let Mode::Proxy { upstream } = &self.mode {
            write!(f, " to {upstream}")?;
        }
        if self.proxy_protocol { f.write_str(", PROXY headers") } else { Ok(()) }
    }
}

impl Default for Listener {
    fn default() -> Listener {
        Listener { address: DEFAULT_LISTEN, mode: Mode::Answer, proxy_protocol: false }
    }
}

/// Reads all `[[listener]]` tables.
pub(super) fn read(top: &mut Section<'_, '_>, review: &mut Review) -> Vec<TypedListener> {
    let tables = top.array(review, "listener", "write [[listener]] above each address");
    tables.into_iter().filter_map(|(at, section)| read_one(at, section, review)).collect()
}

fn read_one(at: At, mut section: Section<'_, '_>, review: &mut Review) -> Option<TypedListener> {
    for (key, example) in
        [("address", "IP:PORT, like address = \"127.0.0.1:8081\""), ("mode", "answer, decide or proxy")]
    {
        if section.value(key).is_none() {
            let what = format_args!("missing: write {example}");
            review.problems.push(Problem::new(at.place.clone(), section.name(key), what));
        }
    }
    let address = section.read(review, "address", value::listen);
    let mode = section.read(review, "mode", str::parse);
    let place = section.value("upstream").map(|value| review.place(value.span().start));
    let upstream = section.read(review, "upstream", value::text);
    let proxy_protocol = section.read(review, "proxy-protocol", value::on_off).unwrap_or(false);
    section.finish(review);
    Some(TypedListener { at, address: address?, mode: mode?, upstream: place.zip(upstream), proxy_protocol })
}

/// All listeners, those of the short form first, if each is possible and every upstream is used.
pub(super) fn meant(
    short: &Short,
    typed: &[TypedListener],
    upstreams: &[(At, Upstream)],
    problems: &mut Vec<Problem>,
) -> Vec<Listener> {
    let wrong_before = problems.len();
    let mut listeners: Vec<(At, Listener)> = Vec::new();
    if short.listen.is_some() || typed.is_empty() {
        let at = At { place: Place::Flags, subject: "listen".to_owned() };
        listeners.extend(short.meant(upstreams, problems).map(|listener| (at, listener)));
    } else {
        short.refuse(problems);
    }
    for typed in typed {
        let mode = typed.mode(upstreams).map_err(|problem| problems.push(problem));
        let listener = |mode| Listener { address: typed.address, mode, proxy_protocol: typed.proxy_protocol };
        listeners.extend(mode.ok().map(|mode| (typed.at.clone(), listener(mode))));
    }
    if problems.len() == wrong_before {
        check_number(&listeners, problems);
        check_addresses(&listeners, problems);
        check_use(short, &listeners, upstreams, problems);
    }
    listeners.into_iter().map(|(_, listener)| listener).collect()
}

impl Short {
    fn meant(&self, upstreams: &[(At, Upstream)], problems: &mut Vec<Problem>) -> Option<Listener> {
        let mode = match upstreams {
            _ if self.decide => Mode::Decide,
            [] => Mode::Answer,
            [(_, only)] => Mode::Proxy { upstream: only.name.clone() },
            several => {
                let what = format_args!(
                    "does not say which of the upstreams is meant, {}: write a [[listener]] with mode = \"proxy\" for each instead",
                    names(several)
                );
                problems.push(Problem::with_flags("listen", what));
                return None;
            }
        };
        let address = self.listen.unwrap_or(DEFAULT_LISTEN);
        Some(Listener { address, mode, proxy_protocol: self.proxy_protocol })
    }

    /// Says what is for a listener that isn't there.
    fn refuse(&self, problems: &mut Vec<Problem>) {
        let cures = [
            (self.decide, "decide", "mode = \"decide\""),
            (self.proxy_protocol, "proxy-protocol", "proxy-protocol = true"),
        ];
        for (_, key, cure) in cures.into_iter().filter(|(on, ..)| *on) {
            let what =
                format_args!("is for the address of listen, which is missing: write that, or {cure} in a [[listener]]");
            problems.push(Problem::with_flags(format!("{key} = on"), what));
        }
    }
}

impl TypedListener {
    fn mode(&self, upstreams: &[(At, Upstream)]) -> Result<Mode, Problem> {
        let subject = &self.at.subject;
        match (self.mode, &self.upstream, upstreams) {
            (ModeName::Answer, None, _) => Ok(Mode::Answer),
            (ModeName::Decide, None, _) => Ok(Mode::Decide),
            (ModeName::Answer | ModeName::Decide, Some((place, _)), _) => {
                let what = "only mode = \"proxy\" forwards: change the mode, or drop the upstream";
                Err(Problem::new(place.clone(), format!("{subject}.upstream"), what))
            }
            (ModeName::Proxy, _, []) => {
                let what = "nothing to forward to: write [upstream.app] with its servers";
                Err(Problem::new(self.at.place.clone(), format!("{subject}.mode = \"proxy\""), what))
            }
            (ModeName::Proxy, Some((place, name)), several) => {
                if several.iter().any(|(_, upstream)| upstream.name == *name) {
                    return Ok(Mode::Proxy { upstream: name.clone() });
                }
                let subject = format!("{subject}.upstream = {}", quoted(name));
                Err(Problem::new(place.clone(), subject, format_args!("no such upstream, only {}", names(several))))
            }
            (ModeName::Proxy, None, [(_, only)]) => Ok(Mode::Proxy { upstream: only.name.clone() }),
            (ModeName::Proxy, None, several) => {
                let what = format_args!("missing: name one of the upstreams, {}", names(several));
                Err(Problem::new(self.at.place.clone(), format!("{subject}.upstream"), what))
            }
        }
    }
}

fn check_number(listeners: &[(At, Listener)], problems: &mut Vec<Problem>) {
    if let Some((at, _)) = listeners.get(MOST_LISTENERS) {
        problems.push(at.problem(format_args!("more than {MOST_LISTENERS} listeners: run a second gate for the rest")));
    }
}

fn check_addresses(listeners: &[(At, Listener)], problems: &mut Vec<Problem>) {
    for (index, (at, listener)) in listeners.iter().enumerate() {
        let taken = |(_, other): &&(At, Listener)| overlap(listener.address, other.address);
        if let Some((other, taken)) = listeners[..index].iter().find(taken) {
            let what = match taken.address == listener.address {
                true => format!("{} listens there already: give each an address of its own", other.subject),
                false => {
                    let (other, address) = (&other.subject, taken.address);
                    format!("overlaps with {address} of {other}: leave out one, or take another port")
                }
            };
            let subject = format!("{}.address = \"{}\"", at.subject, listener.address);
            problems.push(Problem::new(at.place.clone(), subject, what));
        }
    }
}

/// Whether one of two addresses takes in the other.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    // By default an IPv6 socket on every address takes IPv4 connections too.
    let is_all = |ip: IpAddr, seen_by: IpAddr| ip.is_unspecified() && (ip.is_ipv6() || seen_by.is_ipv4());
    let (a, b) = (one.ip(), other.ip());
    one.port() != 0 && one.port() == other.port() && (one == other || is_all(a, b) || is_all(b, a))
}

fn check_use(short: &Short, listeners: &[(At, Listener)], upstreams: &[(At, Upstream)], problems: &mut Vec<Problem>) {
    let is_used = |name: &str| {
        listeners.iter().any(|(_, listener)| matches!(&listener.mode, Mode::Proxy { upstream } if upstream == name))
    };
    match upstreams {
        [(_, only)] if short.decide && !is_used(&only.name) => {
            let what = "then nothing is forwarded: give the upstream a [[listener]] with mode = \"proxy\", or drop one of the two";
            problems.push(Problem::with_flags("decide = on", what));
        }
        all => {
            for (at, _) in all.iter().filter(|(_, upstream)| !is_used(&upstream.name)) {
                let what = "no listener forwards to it: name it in a [[listener]] with mode = \"proxy\", or drop it";
                problems.push(at.problem(what));
            }
        }
    }
}

fn names(upstreams: &[(At, Upstream)]) -> String {
    let names: Vec<&str> = upstreams.iter().map(|(_, upstream)| upstream.name.as_str()).collect();
    names.join(", ")
}

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Each is a socket twice on every core. Whoever needs more wants several gates.
const MOST_LISTENERS: usize = 16;

#[cfg(test)]
mod tests {
    use super::overlap;

    #[test]
    fn an_address_takes_in_another_if_a_connection_could_be_meant_for_both() {
        let cases = [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "127.0.0.1:81", false),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("[::]:80", "127.0.0.1:80", true),
            ("[::]:80", "[::1]:80", true),
            ("0.0.0.0:80", "[::1]:80", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
        ];
        for (one, other, expected) in cases {
            let (a, b) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!((overlap(a, b), overlap(b, a)), (expected, expected), "{one} and {other}");
        }
    }
}
