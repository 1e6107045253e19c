//! The address of a client behind proxies.
//!
//! ```text
//!   client ──▶ proxy a ──▶ proxy b ──▶ gate          X-Forwarded-For: forged, client, a
//!                                 │                                     ◀──────────────
//!                                 └ the peer: believed, so a counts; a is believed, so client counts; client isn't, so here it ends
//! ```
//!
//! Each hop is believed only if the one that wrote it is trusted. So the walk goes from right to left, and whatever a client wrote itself stands left
//! of where it ends. A hop that is no address ends it too: the proxy that wrote it is then the client.
//!
//! Rejected alternative: to prefer `Forwarded` where both are there. A proxy that writes one passes on the other as the client sent it, so which of
//! them to read is for the operator to say.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::{ClientIdSource, Trusted};
use crate::http::Request;

/// The client that `source` names, the request having come from `peer`.
pub fn client_address(source: &ClientIdSource, request: &Request<'_>, peer: IpAddr, trusted: &Trusted) -> IpAddr {
    match source {
        ClientIdSource::ForwardedFor => walk(peer, hops(request, "X-Forwarded-For").map(address), trusted),
        ClientIdSource::Forwarded => walk(peer, hops(request, "Forwarded").map(forwarded_for), trusted),
        _ => peer,
    }
}

/// The members of all lines of a field, the last one first. Split at every comma, also within quotes: a quote that a client opens must not swallow
/// what a proxy adds.
fn hops<'b>(request: &Request<'b>, name: &str) -> impl Iterator<Item = &'b [u8]> {
    let lines = request.field_lines(name).rev();
    lines.flat_map(|line| line.rsplit(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty()))
}

fn walk(peer: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>, trusted: &Trusted) -> IpAddr {
    let mut client = peer;
    for hop in hops {
        match hop {
            Some(before) if trusted.contains(client) => client = before,
            _ => break,
        }
    }
    client
}

/// `192.0.2.7`, `192.0.2.7:80`, `2001:db8::7`, `[2001:db8::7]` or `[2001:db8::7]:80`.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?;
    let bare = || text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    bare().or_else(with_port).or_else(in_brackets)
}

/// The address in `for=` of one element of `Forwarded` (RFC 7239 section 4); `unknown` and made-up names are none.
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let mut nodes = element.split(|&byte| byte == b';').filter_map(|pair| {
        let at = memchr::memchr(b'=', pair)?;
        pair[..at].trim_ascii().eq_ignore_ascii_case(b"for").then(|| pair[at + 1..].trim_ascii())
    });
    let (Some(node), None) = (nodes.next(), nodes.next()) else { return None };
    address(node.strip_prefix(b"\"").and_then(|node| node.strip_suffix(b"\"")).unwrap_or(node))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Limits;

    /// Who asked, when `fields` came from `peer` and 10.0.0.0/8 and fd00::/8 are proxies.
    fn asked(source: &str, peer: &str, fields: &str) -> String {
        let head = format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        let request = Request::parse(head.as_bytes(), &Limits::default(), None).expect("a request");
        let trusted = Trusted(["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().expect("a network")).into());
        let source = source.parse().expect("a source");
        client_address(&source, &request, peer.parse().expect("an address"), &trusted).to_string()
    }

    #[test]
    fn x_forwarded_for_is_believed_as_far_as_trusted_proxies_wrote_it() {
        let cases = [
            ("10.0.0.1", "", "10.0.0.1"),
            ("10.0.0.1", "X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7"),
            ("10.0.0.1", "X-Forwarded-For: 198.51.100.1, 192.0.2.7\r\n", "192.0.2.7"),
            ("10.0.0.1", "X-Forwarded-For: 198.51.100.1, 192.0.2.7, 10.0.0.2\r\n", "192.0.2.7"),
            ("10.0.0.1", "X-Forwarded-For: 10.9.9.9, 192.0.2.7\r\n", "192.0.2.7"),
            ("10.0.0.1", "X-Forwarded-For: 10.0.0.3, 10.0.0.2\r\n", "10.0.0.3"),
            // Several lines are one list, in their order.
            (
                "10.0.0.1",
                "X-Forwarded-For: 198.51.100.1\r\nA: b\r\nx-forwarded-for: 192.0.2.7,10.0.0.2\r\n",
                "192.0.2.7",
            ),
            // Whoever isn't trusted says nothing about others.
            ("192.0.2.9", "X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.9"),
            // What is no address ends the walk.
            ("10.0.0.1", "X-Forwarded-For: 192.0.2.7, unknown\r\n", "10.0.0.1"),
            ("10.0.0.1", "X-Forwarded-For: 192.0.2.7, , 10.0.0.2,\r\n", "192.0.2.7"),
            ("10.0.0.1", "X-Forwarded-For: 192.0.2.7, 10.0.0.2.3\r\n", "10.0.0.1"),
            ("10.0.0.1", "X-Forwarded-For: 192.0.2.7:4711\r\n", "192.0.2.7"),
            ("10.0.0.1", "X-Forwarded-For: 2001:db8::7\r\n", "2001:db8::7"),
            ("::ffff:10.0.0.1", "X-Forwarded-For: [2001:db8::7]\r\n", "2001:db8::7"),
            ("fd00::1", "X-Forwarded-For: [2001:db8::7]:80\r\n", "2001:db8::7"),
            ("10.0.0.1", "Forwarded: for=192.0.2.7\r\n", "10.0.0.1"),
        ];
        for (peer, fields, client) in cases {
            assert_eq!(asked("x-forwarded-for", peer, fields), client, "{peer} {fields}");
        }
    }

    #[test]
    fn forwarded_is_believed_as_far_as_trusted_proxies_wrote_it() {
        let cases = [
            ("Forwarded: for=192.0.2.7\r\n", "192.0.2.7"),
            ("Forwarded: for=198.51.100.1, For=192.0.2.7;proto=https;by=10.0.0.1\r\n", "192.0.2.7"),
            ("Forwarded: proto=http; for=\"[2001:db8::7]:80\"\r\n", "2001:db8::7"),
            ("Forwarded: for=192.0.2.7, for=10.0.0.2\r\nForwarded: for=10.0.0.3\r\n", "192.0.2.7"),
            ("Forwarded: for=192.0.2.7, for=unknown\r\n", "10.0.0.1"),
            ("Forwarded: for=192.0.2.7, for=_hidden\r\n", "10.0.0.1"),
            ("Forwarded: for=192.0.2.7, proto=http\r\n", "10.0.0.1"),
            ("Forwarded: for=192.0.2.7;for=192.0.2.8\r\n", "10.0.0.1"),
            // A quote that the client opened, and what its proxy added.
            ("Forwarded: for=\"192.0.2.66, for=192.0.2.7\r\n", "192.0.2.7"),
            ("X-Forwarded-For: 192.0.2.7\r\n", "10.0.0.1"),
        ];
        for (fields, client) in cases {
            assert_eq!(asked("forwarded", "10.0.0.1", fields), client, "{fields}");
        }
    }
}
