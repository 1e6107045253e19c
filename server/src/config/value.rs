//! Single values that flags and file keys have in common, each with the range that makes sense for it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use tollgate_limiter::{Capacity, SettingsError};

use super::units::{self, UnitError};
use crate::http::Limits;

/// Why a text is not the value that its key wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueError {
    /// Not a number.
    Unit(UnitError),
    /// A number that the limiter refuses.
    Limiter(SettingsError),
    /// Not `IP:PORT`.
    Address,
    /// Neither `on` nor `off`.
    OnOff,
    /// Not an address and not a CIDR.
    Network,
    /// A CIDR that names an address within the network instead of the network, which is this.
    NotTheNetwork(IpNet),
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueError::Unit(error) => error.fmt(f),
            ValueError::Limiter(error) => error.fmt(f),
            ValueError::Address => {
                f.write_str("not an address: write IP:PORT, like 127.0.0.1:8080, 0.0.0.0:8080 or [::]:8080")
            }
            ValueError::Network => {
                f.write_str("not a network: write an address or a CIDR, like 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32")
            }
            ValueError::NotTheNetwork(network) => write!(f, "has bits behind its prefix: write {network}"),
            ValueError::OnOff => f.write_str("write on or off"),
        }
    }
}

impl std::error::Error for ValueError {}

/// Reads `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`.
pub fn listen(text: &str) -> Result<SocketAddr, ValueError> {
    match text.strip_prefix("localhost:") {
        // A constant rather than a lookup: nothing here waits for a name server.
        Some(port) => {
            port.parse().map(|port: u16| SocketAddr::from(([127, 0, 0, 1], port))).map_err(|_| ValueError::Address)
        }
        None => text.parse().map_err(|_| ValueError::Address),
    }
}

/// Reads `on` or `off` (in a file also `true` or `false`).
pub fn on_off(text: &str) -> Result<bool, ValueError> {
    match text {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err(ValueError::OnOff),
    }
}

/// Reads `192.0.2.7`, `10.0.0.0/8` or `2001:db8::/32`.
pub fn network(text: &str) -> Result<IpNet, ValueError> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    let network = text.parse::<IpNet>().or_else(|_| address()).map_err(|_| ValueError::Network)?;
    if network.trunc() == network { Ok(network) } else { Err(ValueError::NotTheNetwork(network.trunc())) }
}

/// Any text.
pub(super) fn text(text: &str) -> Result<String, std::convert::Infallible> {
    Ok(text.to_owned())
}

/// How many clients fit; the limiter knows the range.
pub fn max_clients(text: &str) -> Result<Capacity, ValueError> {
    let clients = units::count(text, 0, u64::MAX).map_err(ValueError::Unit)?;
    Capacity::clients(clients).map_err(ValueError::Limiter)
}

/// How many connections may be open at a time.
pub fn max_connections(text: &str) -> Result<usize, UnitError> {
    units::count(text, 1, 10_000_000).map(|n| n as usize)
}

/// How many connections may wait to be accepted, per core. The kernel cuts it to `net.core.somaxconn`.
pub(super) fn backlog(text: &str) -> Result<u32, UnitError> {
    units::count(text, 1, 65_535).map(|n| n as u32)
}

/// A deadline of at least `least`.
pub(super) fn timeout(text: &str, least: Duration) -> Result<Duration, UnitError> {
    units::duration_within(text, least, LONGEST_TIMEOUT)
}

/// How long a drain may take; zero stops at once.
pub fn drain_timeout(text: &str) -> Result<Duration, UnitError> {
    timeout(text, Duration::ZERO)
}

/// Bytes of a request line with its headers.
pub(super) fn head_bytes(text: &str) -> Result<usize, UnitError> {
    units::size(text, 256, 64 << 10).map(|n| n as usize)
}

/// Header fields of a request.
pub(super) fn headers(text: &str) -> Result<usize, UnitError> {
    units::count(text, 1, Limits::MAX_HEADERS as u64).map(|n| n as usize)
}

/// Bytes of a request body that is read past.
pub(super) fn body_bytes(text: &str) -> Result<u64, UnitError> {
    units::size(text, 0, 1 << 40)
}

/// Bytes of a client id.
pub(super) fn id_bytes(text: &str) -> Result<usize, UnitError> {
    units::size(text, 1, Limits::MAX_ID_BYTES as u64).map(|n| n as usize)
}

/// Below a millisecond every peer is too slow.
pub(super) const SHORTEST_TIMEOUT: Duration = Duration::from_millis(1);

/// A connection that may hang for longer than a day has no deadline.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
