//! The PROXY protocol, versions 1 and 2: what a proxy says about a connection before the client's first byte.
//!
//! ```text
//! PROXY TCP4 192.0.2.7 198.51.100.1 51234 80␍␊                     at most 107 bytes
//! ␍␊␍␊␀␍␊QUIT␊  version+command  family  length  addresses  TLVs    16 bytes and as many as length says
//! ```
//!
//! Bytes in, an address out. A header is there or the connection is of no use: the receiver must not guess (section 2 of the specification, 2020/03/05),
//! for whoever could leave it out could write it himself. Which of the versions it is shows in the first byte. TLVs are passed over.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the bytes so far amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The header is not complete.
    NeedMore,
    /// The header is complete.
    Header {
        /// How many bytes it has.
        consumed: usize,
        /// Who connected to the proxy; `None` when the proxy speaks for itself or doesn't know.
        source: Option<IpAddr>,
    },
    /// No header can begin with these bytes.
    Malformed(Malformed),
}

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// It begins like neither version.
    Absent,
    /// Version 1: not `PROXY family address address port port`, in 107 bytes.
    Line,
    /// Version 2: another version or command.
    Command,
    /// Version 2: shorter than its addresses, or longer than anybody needs.
    Length,
}

/// Reads the header at the front of `input`.
pub fn read(input: &[u8]) -> Progress {
    match input.first() {
        None => Progress::NeedMore,
        Some(b'P') => read_line(input),
        Some(_) => read_binary(input),
    }
}

fn read_line(input: &[u8]) -> Progress {
    let begun = input.len().min(PREFIX.len());
    if input[..begun] != PREFIX[..begun] {
        return Progress::Malformed(Malformed::Absent);
    }
    let window = &input[..input.len().min(LONGEST_LINE)];
    match memchr::memchr(b'\n', window) {
        None if window.len() == LONGEST_LINE => Progress::Malformed(Malformed::Line),
        None => Progress::NeedMore,
        Some(lf) => match window[..lf].strip_suffix(b"\r").and_then(source_of_line) {
            Some(source) => Progress::Header { consumed: lf + 1, source },
            None => Progress::Malformed(Malformed::Line),
        },
    }
}

fn source_of_line(line: &[u8]) -> Option<Option<IpAddr>> {
    let line = str::from_utf8(line).ok()?.strip_prefix("PROXY ")?;
    let mut parts = line.split(' ');
    let family = parts.next()?;
    if family == "UNKNOWN" {
        return Some(None);
    }
    let mut address = || -> Option<IpAddr> {
        let text = parts.next()?;
        match family {
            "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let (source, _) = (address()?, address()?);
    let mut port = || {
        let digits = parts.next()?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
        if plain { digits.parse::<u16>().ok() } else { None }
    };
    let _ = (port()?, port()?);
    parts.next().is_none().then_some(Some(source))
}

fn read_binary(input: &[u8]) -> Progress {
    let begun = input.len().min(SIGNATURE.len());
    if input[..begun] != SIGNATURE[..begun] {
        return Progress::Malformed(Malformed::Absent);
    }
    let Some(&command) = input.get(12) else { return Progress::NeedMore };
    if command != LOCAL && command != PROXY {
        return Progress::Malformed(Malformed::Command);
    }
    let Some(&[family, high, low]) = input.get(13..16) else { return Progress::NeedMore };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let least = match (command, family) {
        (PROXY, TCP_OVER_IPV4) => 12,
        (PROXY, TCP_OVER_IPV6) => 36,
        _ => 0,
    };
    if length < least || length > MOST_BYTES {
        return Progress::Malformed(Malformed::Length);
    }
    let Some(rest) = input.get(16..16 + length) else { return Progress::NeedMore };
    let source = match (least, rest.first_chunk::<4>(), rest.first_chunk::<16>()) {
        (12, Some(&octets), _) => Some(IpAddr::from(octets)),
        (36, _, Some(&octets)) => Some(IpAddr::from(octets)),
        _ => None,
    };
    Progress::Header { consumed: 16 + length, source }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.explain())
    }
}

impl Malformed {
    /// One sentence for a log.
    pub fn explain(self) -> &'static str {
        match self {
            Malformed::Absent => "no PROXY header came first: let the proxy send one, or turn proxy-protocol off",
            Malformed::Line => "a PROXY header of version 1 is malformed",
            Malformed::Command => "a PROXY header of version 2 has an unknown version or command",
            Malformed::Length => {
                "a PROXY header of version 2 is too short for its addresses, or longer than 4096 bytes"
            }
        }
    }
}

const PREFIX: &[u8] = b"PROXY ";
/// Section 2.1, CRLF included.
const LONGEST_LINE: usize = 107;
/// Section 2.2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;
/// Of addresses and TLVs. The format has room for 64 KiB; a certificate's name and a cloud's ids take some hundred bytes.
const MOST_BYTES: usize = 4096;

#[cfg(test)]
mod tests;
