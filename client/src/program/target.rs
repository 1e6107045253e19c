//! Where to connect: the host's address, found out and tried once before the run, so that a wrong URL is one line and not a ledger of refusals.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// Why there is nothing to send requests to.
#[derive(Debug)]
pub enum Unreachable {
    /// Nobody knows the host.
    Unknown {
        /// Its name.
        host: String,
        /// What the resolver said.
        error: io::Error,
    },
    /// The host has no address that this source can reach.
    OtherFamily {
        /// An address of `--sources`.
        source: IpAddr,
        /// The host's name.
        host: String,
    },
    /// This address of `--sources` isn't ours.
    NotOurs {
        /// The address.
        source: IpAddr,
        /// What the kernel said.
        error: io::Error,
    },
    /// It doesn't accept connections.
    Deaf {
        /// The last address tried.
        address: SocketAddr,
        /// What the kernel said.
        error: io::Error,
    },
}

/// The first address of `host` that accepts a connection.
///
/// # Errors
///
/// When there is none.
pub fn find(host: &str, port: u16, sources: &[IpAddr]) -> Result<SocketAddr, Unreachable> {
    let unknown = |error| Unreachable::Unknown { host: host.to_owned(), error };
    let addresses = (host, port).to_socket_addrs().map_err(unknown)?;
    let same_family = |address: &SocketAddr| sources.iter().all(|source| source.is_ipv4() == address.is_ipv4());
    let mut refused = None;
    for address in addresses.filter(same_family) {
        match knock(address, sources) {
            Ok(()) => return Ok(address),
            Err(unreachable) => refused = Some(unreachable),
        }
    }
    let other_family = || match sources {
        [source, ..] => Unreachable::OtherFamily { source: *source, host: host.to_owned() },
        [] => unknown(io::ErrorKind::NotFound.into()),
    };
    Err(refused.unwrap_or_else(other_family))
}

/// Connects once, and checks that all sources can be used.
fn knock(address: SocketAddr, sources: &[IpAddr]) -> Result<(), Unreachable> {
    let deaf = |error| Unreachable::Deaf { address, error };
    let socket = || Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)).map_err(deaf);
    let mut first = None;
    for source in sources {
        let bound = socket()?;
        let not_ours = |error| Unreachable::NotOurs { source: *source, error };
        bound.bind(&SocketAddr::new(*source, 0).into()).map_err(not_ours)?;
        first.get_or_insert(bound);
    }
    let socket = first.map_or_else(socket, Ok)?;
    socket.connect_timeout(&address.into(), PATIENCE).map_err(deaf)
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { host, error } => {
                write!(f, "the URL's host \"{}\" has no address ({error}): check its name", host.escape_debug())
            }
            Self::OtherFamily { source, host } => {
                write!(
                    f,
                    "--sources {source} and the URL's host {host}: one is IPv4 and the other IPv6, use one family"
                )
            }
            Self::NotOurs { source, error } => {
                write!(f, "--sources {source}: cannot connect from it ({error}), use addresses of this machine")
            }
            Self::Deaf { address, error } => {
                write!(f, "cannot connect to {address} ({error}): is the server running, and the URL right?")
            }
        }
    }
}

impl std::error::Error for Unreachable {}

/// A server that takes longer to accept is not one to measure.
const PATIENCE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn the_first_address_that_accepts_is_the_target() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        for host in ["127.0.0.1", "localhost"] {
            assert_eq!(find(host, address.port(), &[]).unwrap(), address, "{host}");
        }
        let sources = ["127.0.0.7", "127.0.0.8"].map(|source| source.parse().unwrap());
        assert_eq!(find("127.0.0.1", address.port(), &sources).unwrap(), address);
        let peer = listener.incoming().last_of(3).peer_addr().unwrap();
        assert_eq!(peer.ip(), sources[0], "it knocks from the first source");
    }

    #[test]
    fn whoever_cannot_be_reached_is_named_in_one_line() {
        // Bound and not listening: nobody else gets the port, and nobody answers on it.
        let bound = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        bound.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let port = bound.local_addr().unwrap().as_socket().unwrap().port();
        let refused =
            format!("cannot connect to 127.0.0.1:{port} (Connection refused (os error 111)): is the server running");
        let cases = [
            ("127.0.0.1", None, refused.as_str()),
            ("127.0.0.1", Some("::1"), "--sources ::1 and the URL's host 127.0.0.1: one is IPv4"),
            ("127.0.0.1", Some("192.0.2.1"), "--sources 192.0.2.1: cannot connect from it (Cannot assign"),
            ("no such host", None, "the URL's host \"no such host\" has no address ("),
        ];
        for (host, source, line) in cases {
            let sources: Vec<IpAddr> = source.iter().map(|source| source.parse().unwrap()).collect();
            let shown = find(host, port, &sources).unwrap_err().to_string();
            assert!(shown.starts_with(line), "{shown}");
            assert!(!shown.contains('\n'), "{shown}");
        }
    }

    /// The n-th connection, from 1.
    trait LastOf {
        fn last_of(self, n: usize) -> std::net::TcpStream;
    }

    impl LastOf for std::net::Incoming<'_> {
        fn last_of(mut self, n: usize) -> std::net::TcpStream {
            self.nth(n - 1).unwrap().unwrap()
        }
    }
}
