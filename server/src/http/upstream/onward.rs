//! The head that an upstream gets: written anew from what was parsed.

use std::fmt::Write as _;
use std::net::IpAddr;

use httparse::Header;

use super::super::{
    Limits, Request, decimal,
    fields::{list, read_fields},
    framing::Framing,
    request::Expect,
    request_line::Target,
};
use super::fields::{Nominated, TooManyOptions, push};

/// What the upstream is to know besides the request itself.
#[derive(Clone, Copy, Debug)]
pub struct Onward<'a> {
    /// Whom the request came from.
    pub peer: Option<IpAddr>,
    /// Whether the peer may say what it was asked for, and how.
    pub trusted: bool,
    /// The Host of a request that has none (HTTP/1.0).
    pub host: &'a str,
}

/// Why a request is not forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotForwarded {
    /// It asks for another protocol, and would take the answer for one in that protocol.
    Upgrade,
    /// More connection options than anybody needs.
    ConnectionOptions,
}

impl From<TooManyOptions> for NotForwarded {
    fn from(_: TooManyOptions) -> NotForwarded {
        NotForwarded::ConnectionOptions
    }
}

/// Writes the head for the upstream of `request`, which was read from `head`.
pub fn onward(head: &[u8], request: &Request<'_>, to: &Onward<'_>, out: &mut Vec<u8>) -> Result<(), NotForwarded> {
    let line_end = memchr::memchr(b'\r', head).unwrap_or(head.len());
    let (line, rest) = head.split_at(line_end);
    let rest = rest.get(2..).unwrap_or_default();
    // The same reader has read them before, so it can only succeed.
    read_fields(rest, Limits::MAX_HEADERS, |fields| write(line, fields, request, to, out))
        .unwrap_or(Err(NotForwarded::ConnectionOptions))
}

fn write(
    line: &[u8],
    fields: &[Header<'_>],
    request: &Request<'_>,
    to: &Onward<'_>,
    out: &mut Vec<u8>,
) -> Result<(), NotForwarded> {
    let nominated = Nominated::of(fields)?;
    if nominated.has("upgrade") && fields.iter().any(is_unknown_upgrade) {
        return Err(NotForwarded::Upgrade);
    }
    let mut parts = line.split(|&byte| byte == b' ');
    let method = parts.next().unwrap_or_default();
    let target = parts.next().unwrap_or_default();
    out.extend_from_slice(method);
    out.push(b' ');
    push_target(out, &request.target);
    out.extend_from_slice(b" HTTP/1.1\r\nHost: ");
    let host = host(target, fields).unwrap_or(to.host.as_bytes());
    out.extend_from_slice(host);
    out.extend_from_slice(b"\r\n");
    fields
        .iter()
        .filter(|field| !is_ours(field.name) && !nominated.ends_here(field))
        .for_each(|field| push(out, field));
    push_origin(out, fields, to, host);
    out.extend_from_slice(if request.http10 { b"Via: 1.0 tollgate\r\n" } else { super::reader::VIA });
    match request.framing {
        Framing::Length(length) => push_length(out, length),
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        // Where content is expected its absence has to be said (RFC 9110 section 8.6).
        Framing::Empty if matches!(method, b"POST" | b"PUT" | b"PATCH") => push_length(out, 0),
        Framing::Empty => {}
    }
    if request.expect == Expect::Continue && !request.http10 && request.framing != Framing::Empty {
        out.extend_from_slice(b"Expect: 100-continue\r\n");
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// An upgrade that can be passed over is one that the client can do without: it asks for the same thing in another HTTP.
fn is_unknown_upgrade(field: &Header<'_>) -> bool {
    field.name.eq_ignore_ascii_case("upgrade")
        && list(field.value).any(|protocol| {
            let is_http = protocol.starts_with(b"HTTP/") || protocol.eq_ignore_ascii_case(b"h2c");
            !is_http
        })
}

/// Fields that are written anew.
fn is_ours(name: &str) -> bool {
    let ours =
        ["host", "content-length", "expect", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];
    ours.iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn push_target(out: &mut Vec<u8>, target: &Target<'_>) {
    match target {
        Target::Resource { path, query } => {
            out.extend_from_slice(path);
            if let Some(query) = query {
                out.push(b'?');
                out.extend_from_slice(query);
            }
        }
        Target::Server | Target::Authority => out.push(b'*'),
    }
}

/// The authority of an absolute target goes before the Host field (RFC 9112 section 3.2.2).
fn host<'b>(target: &'b [u8], fields: &[Header<'b>]) -> Option<&'b [u8]> {
    if target.first() != Some(&b'/')
        && let Some(scheme_end) = memchr::memmem::find(target, b"://")
    {
        return target[scheme_end + 3..].split(|byte| matches!(byte, b'/' | b'?')).next();
    }
    fields.iter().find(|field| field.name.eq_ignore_ascii_case("host")).map(|field| field.value)
}

fn push_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"Content-Length: ");
    decimal::push(out, length);
    out.extend_from_slice(b"\r\n");
}

/// Where the request comes from: the peer is appended to the lists of hops, and what it asked us for is ours to say, unless we trust
/// it to have been asked otherwise. Reading these lists from
/// the right, an upstream that trusts us finds out whom to believe.
fn push_origin(out: &mut Vec<u8>, fields: &[Header<'_>], to: &Onward<'_>, host: &[u8]) {
    let Some(peer) = to.peer else { return };
    let told = |name: &str, otherwise| {
        let mut lines = fields.iter().filter(|field| to.trusted && field.name.eq_ignore_ascii_case(name));
        lines.next().map_or(otherwise, |field| field.value)
    };
    let mut address = String::with_capacity(48);
    let _ = write!(address, "{peer}");
    push_list(out, "X-Forwarded-For", fields);
    out.extend_from_slice(address.as_bytes());
    out.extend_from_slice(b"\r\nX-Forwarded-Proto: ");
    out.extend_from_slice(told("X-Forwarded-Proto", b"http"));
    out.extend_from_slice(b"\r\nX-Forwarded-Host: ");
    out.extend_from_slice(told("X-Forwarded-Host", host));
    out.extend_from_slice(b"\r\n");
    push_list(out, "Forwarded", fields);
    let (open, close): (&[u8], &[u8]) = if peer.is_ipv6() { (b"for=\"[", b"]\"") } else { (b"for=", b"") };
    // A valid Host has neither quotes nor backslashes.
    for part in [open, address.as_bytes(), close, b";host=\"", host, b"\";proto=http\r\n"] {
        out.extend_from_slice(part);
    }
}

/// The name of a list and what it holds so far, all of its lines in one.
fn push_list(out: &mut Vec<u8>, name: &str, fields: &[Header<'_>]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    for field in fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name) && !field.value.is_empty()) {
        out.extend_from_slice(field.value);
        out.extend_from_slice(b", ");
    }
}
