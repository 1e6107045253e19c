//! Who is asking: a query parameter, a header field, or the address of the peer.
//!
//! A query is split at `&`, names and values are percent-decoded, the first parameter of the wanted name wins. `+` stands for itself and not
//! for a space: that is how RFC 3986 reads a query, and ids such as `ann+test@example.org` stay what they are when typed. So `%37` and `7`
//! are one client, `a+b` and `a%2Bb` too, `a+b` and `a%20b` are two.
//!
//! A header field is taken as it is, and must be there once: with two of them, one may be the client's and one the proxy's.
//!
//! Addresses are used in their text form (`192.0.2.7`, `2001:db8:1:2::/64`), so that lists and overrides can name them. An IPv6 address counts
//! by its /64, which is what one subscriber is given; an IPv4-mapped one is the IPv4 address.

use std::{fmt, io::Write, net::IpAddr, str::FromStr};

use crate::http::{Limits, Request, fields::is_token, request::FieldValue};

/// Where a request's client id comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientIdSource {
    /// The query parameter of this name.
    Query(String),
    /// The header field of this name.
    Header(String),
    /// The peer's address.
    PeerIp,
}

impl Default for ClientIdSource {
    fn default() -> ClientIdSource {
        ClientIdSource::Query("clientId".to_owned())
    }
}

/// A text that names no source of client ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientIdSourceError {
    /// Not one of the three kinds.
    Kind(String),
    /// `query:` without a name.
    NoParameter,
    /// `query:` with a name that nobody can type.
    ParameterName(String),
    /// `header:` with a name that no header field can have.
    FieldName(String),
}

impl fmt::Display for ClientIdSourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientIdSourceError::Kind(text) => {
                write!(f, "client id source {text:?} is unknown: use query:NAME, header:NAME or peer-ip")
            }
            ClientIdSourceError::NoParameter => {
                write!(f, "client id source query: lacks the name of the parameter: use e.g. query:clientId")
            }
            ClientIdSourceError::ParameterName(name) => {
                write!(f, "client id source query: has the name {name:?}: leave out the control characters")
            }
            ClientIdSourceError::FieldName(name) => {
                write!(f, "client id source header:{name} does not name a header field: use e.g. header:X-Api-Key")
            }
        }
    }
}

impl std::error::Error for ClientIdSourceError {}

impl FromStr for ClientIdSource {
    type Err = ClientIdSourceError;

    fn from_str(text: &str) -> Result<ClientIdSource, ClientIdSourceError> {
        match text.split_once(':') {
            Some(("query", "")) => Err(ClientIdSourceError::NoParameter),
            Some(("query", name)) if name.contains(char::is_control) => {
                Err(ClientIdSourceError::ParameterName(name.to_owned()))
            }
            Some(("query", name)) => Ok(ClientIdSource::Query(name.to_owned())),
            Some(("header", name)) if is_token(name.as_bytes()) => Ok(ClientIdSource::Header(name.to_owned())),
            Some(("header", name)) => Err(ClientIdSourceError::FieldName(name.to_owned())),
            None if text == "peer-ip" => Ok(ClientIdSource::PeerIp),
            _ => Err(ClientIdSourceError::Kind(text.to_owned())),
        }
    }
}

impl fmt::Display for ClientIdSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientIdSource::Query(name) => write!(f, "query:{name}"),
            ClientIdSource::Header(name) => write!(f, "header:{name}"),
            ClientIdSource::PeerIp => f.write_str("peer-ip"),
        }
    }
}

/// Why a request has no client id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdError {
    /// There is none.
    Missing,
    /// It is the empty text.
    Empty,
    /// It is longer than allowed.
    TooLong,
    /// A `%` without two hex digits.
    BadEscape,
    /// The header field is there more than once.
    Repeated,
}

/// Hands the id in `request`, which asked for something with `query`, to `then`. The peer's address is not in the request: see
/// [`with_peer_id`].
#[inline]
pub fn with_request_id<T>(
    source: &ClientIdSource,
    request: &Request<'_>,
    query: Option<&[u8]>,
    limit: usize,
    then: impl FnOnce(&[u8]) -> T,
) -> Result<T, IdError> {
    match source {
        ClientIdSource::Query(name) => {
            let value = parameter(query.ok_or(IdError::Missing)?, name.as_bytes())?;
            if value.contains(&b'%') {
                let mut buffer = [0; Limits::MAX_ID_BYTES];
                checked(decode(value, &mut buffer)?, limit).map(then)
            } else {
                checked(value, limit).map(then)
            }
        }
        ClientIdSource::Header(_) => match request.client_field {
            FieldValue::Missing => Err(IdError::Missing),
            FieldValue::Repeated => Err(IdError::Repeated),
            FieldValue::Value(value) => checked(value, limit).map(then),
        },
        ClientIdSource::PeerIp => Err(IdError::Missing),
    }
}

#[inline]
fn checked(id: &[u8], limit: usize) -> Result<&[u8], IdError> {
    if id.is_empty() {
        Err(IdError::Empty)
    } else if id.len() > limit {
        Err(IdError::TooLong)
    } else {
        Ok(id)
    }
}

/// The value of the first parameter called `name`, still encoded.
#[inline]
pub(crate) fn parameter<'a>(query: &'a [u8], name: &[u8]) -> Result<&'a [u8], IdError> {
    for parameter in query.split(|&byte| byte == b'&') {
        let (its_name, value) = match memchr::memchr(b'=', parameter) {
            Some(at) => (&parameter[..at], &parameter[at + 1..]),
            None => (parameter, &[][..]),
        };
        if its_name == name || (its_name.contains(&b'%') && decodes_to(its_name, name)) {
            return Ok(value);
        }
    }
    Err(IdError::Missing)
}

fn decode<'a>(text: &[u8], buffer: &'a mut [u8]) -> Result<&'a [u8], IdError> {
    let mut length = 0;
    for byte in decoded(text) {
        let byte = byte.ok_or(IdError::BadEscape)?;
        *buffer.get_mut(length).ok_or(IdError::TooLong)? = byte;
        length += 1;
    }
    Ok(&buffer[..length])
}

fn decodes_to(text: &[u8], name: &[u8]) -> bool {
    decoded(text).eq(name.iter().map(|&byte| Some(byte)))
}

/// The bytes that `text` stands for, `None` for a `%` without two hex digits (RFC 3986 section 2.1).
fn decoded(text: &[u8]) -> impl Iterator<Item = Option<u8>> {
    let mut rest = text.iter();
    std::iter::from_fn(move || match rest.next()? {
        b'%' => {
            let high = rest.next().and_then(|&digit| hex(digit));
            let low = rest.next().and_then(|&digit| hex(digit));
            Some(high.zip(low).map(|(high, low)| high << 4 | low))
        }
        &byte => Some(Some(byte)),
    })
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|digit| digit as u8)
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
    use super::with_peer_id;

    #[test]
    fn ipv6_peers_of_one_network_are_one_client_and_those_of_two_are_two() {
        let id = |address: &str| with_peer_id(address.parse().expect("an address"), <[u8]>::to_vec);
        assert_eq!(id("2001:db8:1:2::1"), id("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(id("2001:db8:1:2::1"), id("2001:db8:1:3::1"));
        assert_eq!(id("::ffff:192.0.2.7"), id("192.0.2.7"));
        assert_ne!(id("192.0.2.7"), id("192.0.2.8"));
    }
}
