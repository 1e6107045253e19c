//! Who is asking: a query parameter, a header field, a cookie, or an address: that of the peer, or what trusted proxies say.
//!
//! A query is split at `&`, names and values are percent-decoded, the first parameter of the wanted name wins. `+` stands for itself and not
//! for a space: that is how RFC 3986 reads a query, and ids such as `ann+test@example.org` stay what they are when typed. So `%37` and `7`
//! are one client, `a+b` and `a%2Bb` too, `a+b` and `a%20b` are two.
//!
//! A header field is taken as it is, and must be there once: with two of them, one may be the client's and one the proxy's.
//!
//! A cookie is looked for in the one Cookie field; the first of its name wins, and it is taken as it is.
//!
//! Addresses are used in their text form (`192.0.2.7`, `2001:db8:1:2::/64`), so that lists and overrides can name them. An IPv6 address counts
//! by its /64, which is what one subscriber is given; an IPv4-mapped one is the IPv4 address.

mod address;
mod forwarded;
mod query;
mod source;

pub use address::{Trusted, with_peer_id};
pub use forwarded::client_address;
pub(crate) use query::parameter;
pub use source::{ClientIdSource, ClientIdSourceError};

use crate::http::{Limits, Request, request::FieldValue};
use query::decode;

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

/// Hands the id in `request`, which asked for something with `query`, to `then`. Addresses are not looked for: see [`client_address`].
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
        ClientIdSource::Header(_) => checked(only(request.client_field)?, limit).map(then),
        ClientIdSource::Cookie(name) => {
            let cookies = only(request.field("Cookie"))?;
            checked(cookie(cookies, name.as_bytes())?, limit).map(then)
        }
        ClientIdSource::PeerIp | ClientIdSource::ForwardedFor | ClientIdSource::Forwarded => Err(IdError::Missing),
    }
}

/// The same, of a source whose header field was not kept when the head was read: it is looked for in the head.
pub fn with_further_id<T>(
    source: &ClientIdSource,
    request: &Request<'_>,
    query: Option<&[u8]>,
    limit: usize,
    then: impl FnOnce(&[u8]) -> T,
) -> Result<T, IdError> {
    match source {
        ClientIdSource::Header(name) => checked(only(request.field(name))?, limit).map(then),
        _ => with_request_id(source, request, query, limit, then),
    }
}

#[inline]
fn only(field: FieldValue<'_>) -> Result<&[u8], IdError> {
    match field {
        FieldValue::Missing => Err(IdError::Missing),
        FieldValue::Repeated => Err(IdError::Repeated),
        FieldValue::Value(value) => Ok(value),
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

/// The value of the first cookie called `name` (RFC 6265 section 4.2).
fn cookie<'a>(cookies: &'a [u8], name: &[u8]) -> Result<&'a [u8], IdError> {
    cookies
        .split(|&byte| byte == b';')
        .filter_map(|pair| memchr::memchr(b'=', pair).map(|at| (pair[..at].trim_ascii(), pair[at + 1..].trim_ascii())))
        .find_map(|(its_name, value)| (its_name == name).then_some(value))
        .ok_or(IdError::Missing)
}
