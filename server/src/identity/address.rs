//! Addresses as clients, and who may speak for others.

use std::{fmt, io::Write, net::IpAddr};

use ipnet::IpNet;

/// Those who are believed when they say on whose behalf they ask: proxies in front of this gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted(pub Vec<IpNet>);

impl Trusted {
    /// Whether this peer is one of them; an IPv4-mapped address is the IPv4 address.
    pub fn contains(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.contains(&peer))
    }
}

/// This machine.
impl Default for Trusted {
    fn default() -> Trusted {
        let loopback = ["127.0.0.0/8", "::1/128"];
        Trusted(loopback.map(|network| network.parse().expect("a network")).into())
    }
}

impl fmt::Display for Trusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nobody");
        }
        let networks: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&networks.join(", "))
    }
}

/// Hands the id of a peer to `then`.
pub fn with_peer_id<T>(peer: IpAddr, then: impl FnOnce(&[u8]) -> T) -> T {
    let mut buffer = [0; PEER_ID_BYTES];
    let mut rest = &mut buffer[..];
    let written = match peer.to_canonical() {
        IpAddr::V4(address) => write!(rest, "{address}"),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            let network = std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0);
            write!(rest, "{network}/64")
        }
    };
    debug_assert!(written.is_ok(), "the buffer holds the longest address");
    let length = PEER_ID_BYTES - rest.len();
    then(&buffer[..length])
}

/// Four groups, `::` and `/64` take at most 24.
const PEER_ID_BYTES: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_peers_of_one_network_are_one_client_and_those_of_two_are_two() {
        let id = |address: &str| with_peer_id(address.parse().expect("an address"), <[u8]>::to_vec);
        assert_eq!(id("2001:db8:1:2::1"), id("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(id("2001:db8:1:2::1"), id("2001:db8:1:3::1"));
        assert_eq!(id("::ffff:192.0.2.7"), id("192.0.2.7"));
        assert_ne!(id("192.0.2.7"), id("192.0.2.8"));
    }

    #[test]
    fn networks_are_believed_in_either_notation_of_an_address() {
        let trusted =
            Trusted(vec!["10.0.0.0/8".parse().expect("a network"), "2001:db8::/32".parse().expect("a network")]);
        let believes = |address: &str| trusted.contains(address.parse().expect("an address"));
        assert!(believes("10.255.0.1") && believes("::ffff:10.0.0.1") && believes("2001:db8:ffff::1"));
        assert!(!believes("11.0.0.1") && !believes("2001:db9::1") && !believes("127.0.0.1"));
        assert!(Trusted::default().contains("127.9.9.9".parse().expect("an address")));
    }
}
