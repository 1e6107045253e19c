//! What the listeners mean together, and with the upstreams: each forwards to one that is there, each has an address of its own, and no upstream is left
//! over.
//!
//! `listen` is only ever taken for what it can't be mistaken for: with several upstreams it would have to guess, so it is an error.

use std::net::{IpAddr, SocketAddr};

use super::{DEFAULT_LISTEN, Listener, Mode, ModeName, Short, TypedListener};
use crate::config::Upstream;
use crate::config::problem::{Place, Problem, quoted};
use crate::config::typed::At;

/// All listeners, those of the short form first, if each is possible and every upstream is used.
pub(in crate::config) fn meant(
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
        check_circles(&listeners, upstreams, problems);
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

/// A listener that forwards to itself would pass each request on until its head is too long.
fn check_circles(listeners: &[(At, Listener)], upstreams: &[(At, Upstream)], problems: &mut Vec<Problem>) {
    for (_, listener) in listeners {
        let Mode::Proxy { upstream: name } = &listener.mode else { continue };
        let Some((at, upstream)) = upstreams.iter().find(|(_, upstream)| upstream.name == *name) else { continue };
        let comes_back = |server: SocketAddr| {
            let is_here = server.ip() == listener.address.ip() || server.ip().is_loopback();
            is_here && overlap(server, listener.address)
        };
        if let Some(server) = upstream.servers.iter().find(|server| server.literal().is_some_and(comes_back)) {
            let what =
                format_args!("{server} is where the gate listens, which would forward to itself: name the service");
            problems.push(at.problem(what));
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
