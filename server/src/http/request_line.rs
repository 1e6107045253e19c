//! The request line: method, target, version (RFC 9112 section 3).

use super::{
    Reject,
    fields::{byte_table, is_token},
    host,
};

/// A request line, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLine<'b> {
    /// What is to be done.
    pub method: Method,
    /// With what.
    pub target: Target<'b>,
    /// Not HTTP/1.1, nor one of the versions after it.
    pub http10: bool,
}

/// Takes the first line of a head apart. The rest is what follows its CRLF.
#[inline]
pub fn split(head: &[u8]) -> Result<(RequestLine<'_>, &[u8]), Reject> {
    let end = memchr::memchr(b'\r', head).ok_or(Reject::RequestLine)?;
    let (line, rest) = (&head[..end], head[end..].strip_prefix(b"\r\n").ok_or(Reject::BareCr)?);
    let (token, line) = at_space(line)?;
    let (target, version) = at_space(line)?;
    let http10 = minor_version(version)? == 0;
    let method = Method::of(token);
    if target.is_empty() || (method == Method::Unknown && !is_token(token)) {
        return Err(Reject::RequestLine);
    }
    Ok((RequestLine { method, target: Target::parse(method, target)?, http10 }, rest))
}

#[inline]
fn at_space(text: &[u8]) -> Result<(&[u8], &[u8]), Reject> {
    let space = memchr::memchr(b' ', text).ok_or(Reject::RequestLine)?;
    Ok((&text[..space], &text[space + 1..]))
}

/// A method, as far as this server tells them apart. Methods are case-sensitive: `get` is an unknown one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `CONNECT`, which names no resource and is not implemented.
    Connect,
    /// `OPTIONS`, the one method that may target `*`.
    Options,
    /// `POST`
    Post,
    /// Another method of RFC 9110 or RFC 5789: recognised, allowed on no resource here.
    Recognised,
    /// Any other token.
    Unknown,
}

impl Method {
    /// The method that this token names.
    #[inline]
    pub fn of(token: &[u8]) -> Method {
        match token {
            b"GET" => Method::Get,
            b"HEAD" => Method::Head,
            b"CONNECT" => Method::Connect,
            b"OPTIONS" => Method::Options,
            b"POST" => Method::Post,
            b"PUT" | b"DELETE" | b"TRACE" | b"PATCH" => Method::Recognised,
            _ => Method::Unknown,
        }
    }
}

/// What a request is about: the four forms of RFC 9112 section 3.2, with the absolute form reduced to the path and query it contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'b> {
    /// A path, and what follows its question mark.
    Resource {
        /// Begins with a slash.
        path: &'b [u8],
        /// Without the question mark; `None` without one.
        query: Option<&'b [u8]>,
    },
    /// `host:port`, for CONNECT.
    Authority,
    /// `*`, for OPTIONS.
    Server,
}

impl<'b> Target<'b> {
    /// The path, or what stands for one: nothing and `*` are nobody's.
    #[inline]
    pub fn path(self) -> &'b [u8] {
        match self {
            Target::Resource { path, .. } => path,
            Target::Server => b"*",
            Target::Authority => b"",
        }
    }

    /// What follows the question mark, if there is one.
    #[inline]
    pub fn query(self) -> Option<&'b [u8]> {
        match self {
            Target::Resource { query, .. } => query,
            Target::Server | Target::Authority => None,
        }
    }

    /// Reads the target of a request whose method is `method`.
    #[inline]
    pub fn parse(method: Method, text: &'b [u8]) -> Result<Target<'b>, Reject> {
        if !text.iter().all(|&byte| TARGET[byte as usize]) {
            return Err(Reject::Target);
        }
        match (method, text) {
            (Method::Connect, _) => authority_form(text),
            (_, [b'/', ..]) => Ok(resource(text)),
            (Method::Options, b"*") => Ok(Target::Server),
            _ => absolute_form(text),
        }
    }
}

#[inline]
fn resource(text: &[u8]) -> Target<'_> {
    match memchr::memchr(b'?', text) {
        Some(at) => Target::Resource { path: &text[..at], query: Some(&text[at + 1..]) },
        None => Target::Resource { path: text, query: None },
    }
}

/// `host:port`, both of them there (RFC 9110 section 9.3.6).
fn authority_form(text: &[u8]) -> Result<Target<'_>, Reject> {
    let has_port = text.iter().rposition(|&byte| byte == b':').is_some_and(|colon| {
        let port = &text[colon + 1..];
        !port.is_empty() && port.iter().all(u8::is_ascii_digit)
    });
    if has_port && host::is_authority(text) { Ok(Target::Authority) } else { Err(Reject::Target) }
}

/// `http://authority/path?query`, which every server must accept although only proxies are sent it (RFC 9112 section 3.2.2). Its path may be
/// empty, which means `/`. `https` comes from a proxy that ended the TLS connection.
fn absolute_form(text: &[u8]) -> Result<Target<'_>, Reject> {
    let scheme_end = memchr::memmem::find(text, b"://").ok_or(Reject::Target)?;
    let scheme = &text[..scheme_end];
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return Err(Reject::Target);
    }
    let rest = &text[scheme_end + 3..];
    let authority_end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    if !host::is_authority(&rest[..authority_end]) {
        return Err(Reject::Target);
    }
    Ok(match &rest[authority_end..] {
        [] => Target::Resource { path: b"/", query: None },
        [b'?', query @ ..] => Target::Resource { path: b"/", query: Some(query) },
        path => resource(path),
    })
}

/// The minor version in `HTTP/1.x`; a higher one than 1 is treated like 1 (RFC 9110 section 2.5).
pub fn minor_version(text: &[u8]) -> Result<u8, Reject> {
    match text {
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            if *major == b'1' {
                Ok(minor - b'0')
            } else {
                Err(Reject::Version)
            }
        }
        _ => Err(Reject::RequestLine),
    }
}

/// What a target may consist of: visible ASCII but the number sign, which ends a URI as far as servers are concerned.
const TARGET: [bool; 256] = byte_table(b"!\"$%&'()*+,-./:;<=>?@[\\]^_`{|}~");
