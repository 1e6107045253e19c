//! A URL taken apart: where to connect, what to call the host, what to ask for.

use crate::plan::error::UrlProblem;
use std::net::Ipv6Addr;

/// The parts of `http://host:port/target`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url<'a> {
    /// A name or an address, without brackets.
    pub(super) host: &'a str,
    pub(super) port: u16,
    /// For the Host header: the host in brackets if need be, with the port unless it is 80.
    pub(super) authority: String,
    /// Path and query, as typed; begins with `/`, possibly with `?` alone, or is empty.
    pub(super) target: &'a str,
}

impl<'a> Url<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Url<'a>, UrlProblem> {
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            // A "://" further on belongs to a query, not to a scheme.
            Some((before, _)) if !before.contains(['/', '?']) => return Err(UrlProblem::Scheme),
            _ => text,
        };
        let (authority, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(UrlProblem::User);
        }
        if target.contains('#') {
            return Err(UrlProblem::Fragment);
        }
        let (host, port) = match authority.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((address, port)) => (checked(address, address.parse::<Ipv6Addr>().is_ok())?, port),
            None => {
                let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
                (checked(host, is_name(host))?, port)
            }
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => HTTP,
            Some("") => HTTP,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|&port| port != 0).ok_or(UrlProblem::Port)?
            }
            _ => return Err(UrlProblem::Port),
        };
        let shown = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let authority = if port == HTTP { shown } else { format!("{shown}:{port}") };
        Ok(Url { host, port, authority, target })
    }
}

fn checked(host: &str, sound: bool) -> Result<&str, UrlProblem> {
    if sound { Ok(host) } else { Err(UrlProblem::Host) }
}

fn is_name(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

const HTTP: u16 = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_falls_into_its_parts() {
        let cases = [
            ("http://localhost:8080/a?b=c", "localhost", 8080, "localhost:8080", "/a?b=c"),
            ("http://localhost", "localhost", 80, "localhost", ""),
            ("HTTP://127.0.0.1:80/", "127.0.0.1", 80, "127.0.0.1", "/"),
            ("http://[::1]:8080?x", "::1", 8080, "[::1]:8080", "?x"),
            ("http://[::1]", "::1", 80, "[::1]", ""),
            ("localhost:8080/?next=http://x", "localhost", 8080, "localhost:8080", "/?next=http://x"),
        ];
        for (text, host, port, authority, target) in cases {
            let url = Url { host, port, authority: authority.to_owned(), target };
            assert_eq!(Url::parse(text), Ok(url), "{text}");
        }
    }

    #[test]
    fn an_address_that_cannot_be_served_says_why() {
        let cases = [
            ("https://localhost/", UrlProblem::Scheme),
            ("ftp://x", UrlProblem::Scheme),
            ("", UrlProblem::Host),
            ("http:///path", UrlProblem::Host),
            ("http://a b/", UrlProblem::Host),
            ("http://a\r\nb/", UrlProblem::Host),
            ("http://{id}/", UrlProblem::Host),
            ("http://[::1/", UrlProblem::Host),
            ("http://[nonsense]/", UrlProblem::Host),
            ("http://h:0/", UrlProblem::Port),
            ("http://h:65536/", UrlProblem::Port),
            ("http://h:+80/", UrlProblem::Port),
            ("http://[::1]80/", UrlProblem::Port),
            ("http://user@h/", UrlProblem::User),
            ("http://h/#top", UrlProblem::Fragment),
        ];
        for (text, problem) in cases {
            assert_eq!(Url::parse(text), Err(problem), "{text:?}");
        }
    }
}
