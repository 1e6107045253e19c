//! The head of an answer, read in full: what it says about the status, the body's framing and the connection's end.
//!
//! `httparse` judges the syntax of lines; what the lines mean (RFC 9112, sections 6 and 9) is ours. Where the RFC lets a recipient choose,
//! the stricter choice is taken: bare line feeds, folded lines, and `Content-Length` beside `Transfer-Encoding` are malformed. A load client
//! is also a witness, and must not paper over what a server does wrong.

use super::Malformed;
use httparse::{EMPTY_HEADER, Response, Status};
use memchr::memchr_iter;

/// What a head says. Equal for heads that differ in nothing that matters to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub status: u16,
    /// Whatever the body, the connection ends after it.
    pub closes: bool,
    pub retry_after: Option<u32>,
    /// For an answer that may have a body.
    pub framing: Framing,
}

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// Where the head at the start of `bytes` ends, behind its blank line; none if it isn't all there. The first `searched` bytes were given
/// before and had no end.
///
/// What it objects to is what comes first, so that the verdict doesn't depend on how the bytes were split.
pub(super) fn end(bytes: &[u8], searched: usize) -> Result<Option<usize>, Malformed> {
    let start = bytes.len().min(START.len());
    if bytes[..start] != START[..start] {
        return Err(Malformed::NotHttp);
    }
    let within = bytes.len().min(MAX_HEAD);
    let unsearched = searched.min(within);
    for line_feed in memchr_iter(b'\n', &bytes[unsearched..within]) {
        let line = &bytes[..unsearched + line_feed + 1];
        if !line.ends_with(b"\r\n") {
            return Err(Malformed::BareLineFeed);
        }
        if line.ends_with(b"\r\n\r\n") {
            return Ok(Some(line.len()));
        }
    }
    if bytes.len() >= MAX_HEAD { Err(Malformed::HeadTooLong) } else { Ok(None) }
}

impl Head {
    /// Reads one whole head, as found by [`end`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut fields = [EMPTY_HEADER; MAX_FIELDS];
        let mut response = Response::new(&mut fields);
        match response.parse(bytes) {
            Ok(Status::Complete(length)) if length == bytes.len() => {}
            Ok(_) => return Err(Malformed::Field),
            Err(httparse::Error::TooManyHeaders) => return Err(Malformed::TooManyFields),
            Err(httparse::Error::Version | httparse::Error::Status) => return Err(Malformed::StatusLine),
            Err(_) => return Err(Malformed::Field),
        }
        let (Some(minor), Some(status @ 100..)) = (response.version, response.code) else {
            return Err(Malformed::StatusLine);
        };
        if status == 101 {
            return Err(Malformed::Upgrade);
        }
        let mut said = Said::default();
        for field in &*response.headers {
            said.hear(field.name, field.value)?;
        }
        Ok(Head {
            status,
            closes: said.close || (minor == 0 && !said.keep_alive),
            retry_after: said.retry_after,
            framing: said.framing(minor)?,
        })
    }

    /// Another head follows.
    pub fn is_interim(&self) -> bool {
        self.status < 200
    }

    /// A final answer without a body, whatever its fields say (RFC 9112, section 6.3, item 1).
    pub fn has_no_body(&self) -> bool {
        matches!(self.status, 204 | 304)
    }
}

/// The fields that matter, heard one by one.
#[derive(Default)]
struct Said {
    length: Option<u64>,
    transfer: Option<Coding>,
    close: bool,
    keep_alive: bool,
    retry_after: Option<u32>,
    retry_afters: u8,
}

/// The last transfer coding named.
#[derive(Clone, Copy, PartialEq)]
enum Coding {
    None,
    Chunked,
    Other,
}

impl Said {
    fn hear(&mut self, name: &str, value: &[u8]) -> Result<(), Malformed> {
        if name.eq_ignore_ascii_case("content-length") {
            for element in value.split(|byte| *byte == b',') {
                let length = number(trimmed(element)).ok_or(Malformed::ContentLength)?;
                if self.length.replace(length).is_some_and(|before| before != length) {
                    return Err(Malformed::LengthConflict);
                }
            }
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            for coding in elements(value) {
                self.transfer = Some(next_coding(self.transfer, coding)?);
            }
            self.transfer = self.transfer.or(Some(Coding::None));
        } else if name.eq_ignore_ascii_case("connection") {
            self.close |= elements(value).any(|token| token.eq_ignore_ascii_case(b"close"));
            self.keep_alive |= elements(value).any(|token| token.eq_ignore_ascii_case(b"keep-alive"));
        } else if name.eq_ignore_ascii_case("retry-after") {
            self.retry_afters = self.retry_afters.saturating_add(1);
            self.retry_after = if self.retry_afters == 1 { retry_after(value) } else { None };
        }
        Ok(())
    }

    /// RFC 9112, section 6.3, items 3 to 8.
    fn framing(&self, minor: u8) -> Result<Framing, Malformed> {
        match (self.transfer, self.length) {
            (None, Some(length)) => Ok(Framing::Length(length)),
            (None, None) => Ok(Framing::UntilClose),
            (Some(_), Some(_)) => Err(Malformed::LengthConflict),
            (Some(Coding::None), None) => Err(Malformed::TransferEncoding),
            (Some(_), None) if minor == 0 => Err(Malformed::TransferEncoding),
            (Some(Coding::Chunked), None) => Ok(Framing::Chunked),
            (Some(Coding::Other), None) => Ok(Framing::UntilClose),
        }
    }
}

/// Chunked is the last coding, said once and without parameters (RFC 9112, sections 6.1 and 7.1).
fn next_coding(before: Option<Coding>, coding: &[u8]) -> Result<Coding, Malformed> {
    let name = trimmed(coding.split(|byte| *byte == b';').next().unwrap_or_default());
    if before == Some(Coding::Chunked) {
        Err(Malformed::TransferEncoding)
    } else if !name.eq_ignore_ascii_case(b"chunked") {
        Ok(Coding::Other)
    } else if name.len() == coding.len() {
        Ok(Coding::Chunked)
    } else {
        Err(Malformed::TransferEncoding)
    }
}

/// A `Retry-After` in seconds; a date, which would need a clock, is none.
pub(super) fn retry_after(value: &[u8]) -> Option<u32> {
    number(trimmed(value)).and_then(|seconds| u32::try_from(seconds).ok())
}

/// Digits and nothing else: no sign, no space.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { number.checked_mul(10)?.checked_add(u64::from(digit)) }
    })
}

/// The members of a comma-separated list; empty ones don't count (RFC 9110, section 5.6.1).
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(trimmed).filter(|element| !element.is_empty())
}

/// Without the spaces and tabs around it.
pub(super) fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// How all answers begin that this client can read.
const START: &[u8] = b"HTTP/1.";

/// Twice what common servers and proxies send at most, and no more than a connection may hold of a server that never stops.
pub(super) const MAX_HEAD: usize = 16 << 10;

/// As many as other clients take.
const MAX_FIELDS: usize = 100;
