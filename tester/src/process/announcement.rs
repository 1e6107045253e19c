//! Where a server says that it listens.
//!
//! A server that takes a free port is the only one to know it, so it has to say. What it says is understood if one line has the word
//! *listen* or *listening* and behind it an address with a port, bare or in a URL: `listening on http://127.0.0.1:8080` as Tollgate
//! says it, `Listening at: 0.0.0.0:80 (pid 7)` as others do. Rejected: to look in `/proc` for the sockets of the process, which shows its
//! metrics and administration ports too and doesn't say which is which.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The address to connect to, if this line of output says that a server listens.
pub(super) fn address(line: &str) -> Option<SocketAddr> {
    let at = line.to_ascii_lowercase().find("listen")?;
    line[at..].split(is_around).filter(|word| word.contains(':')).find_map(parse).map(reachable)
}

/// What stands around an address in prose, in a URL or in a structured line; a colon may be its own.
fn is_around(c: char) -> bool {
    c.is_whitespace() || matches!(c, '/' | ',' | ';' | '"' | '\'' | '(' | ')' | '=' | '<' | '>')
}

fn parse(word: &str) -> Option<SocketAddr> {
    word.trim_end_matches(['.', ':']).parse().ok().filter(|address: &SocketAddr| address.port() != 0)
}

/// An address that means every interface, as one that can be connected to.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn a_line_that_says_where_a_server_listens_is_understood() {
        for (line, expected) in [
            ("listening on http://127.0.0.1:36723", Some("127.0.0.1:36723")),
            ("Listening at: http://0.0.0.0:8000 (4711)", Some("127.0.0.1:8000")),
            ("INFO server: listening addr=[::]:80", Some("[::1]:80")),
            ("2026-01-01T10:00:00.5Z INFO Server is listening on [::1]:8443.", Some("[::1]:8443")),
            (r#"{"msg":"listening","address":"127.0.0.1:9"}"#, Some("127.0.0.1:9")),
            ("now listening", None),
            ("will listen on 127.0.0.1:0 or another", None),
            ("try curl -i 'http://127.0.0.1:36723/?clientId=7'", None),
            ("connected to 10.0.0.1:6379, not listening", None),
            ("listen", None),
            ("", None),
        ] {
            assert_eq!(address(line), expected.map(|address| address.parse().expect("an address")), "{line}");
        }
    }
}
