//! What must hold for any bytes at the front of a connection that is to begin with a header of the PROXY protocol:
//!
//! 1. nothing panics, no more is consumed than was given, and no more is asked for than a header may have;
//! 2. the verdict is the same for every way to cut the bytes: it is there with the first byte that decides, and no later byte changes it;
//! 3. where a header ends, and whom it names, is what a second reader, written from the specification alone, says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tollgate::proxy_protocol::{Progress, read};

/// Checks 1 to 3.
pub fn check_proxy_header(input: &[u8]) {
    let whole = read(input);
    let decided = match whole {
        Progress::NeedMore => {
            let most = if input.first() == Some(&b'P') { LONGEST_LINE } else { 16 + MOST_BYTES };
            assert!(input.len() < most, "asks for more than a header has: {}", input.len());
            input.len()
        }
        Progress::Header { consumed, .. } => {
            assert!(consumed <= input.len(), "consumed more than given");
            assert_eq!(read(&input[..consumed - 1]), Progress::NeedMore, "a header without its last byte");
            consumed
        }
        Progress::Malformed(_) => {
            (0..=input.len()).find(|&end| read(&input[..end]) == whole).expect("the whole, at last")
        }
    };
    for end in 0..=input.len() {
        let expected = if end < decided { Progress::NeedMore } else { whole };
        assert_eq!(read(&input[..end]), expected, "{end} of {} bytes, decided by {decided}", input.len());
    }
    match (whole, by_the_specification(input)) {
        (Progress::Header { consumed, source }, theirs) => assert_eq!(Some((consumed, source)), theirs),
        (_, theirs) => assert_eq!(theirs, None, "a header by the specification"),
    }
}

/// Length and source of a header that is complete and right.
fn by_the_specification(input: &[u8]) -> Option<(usize, Option<IpAddr>)> {
    if input.starts_with(b"\x0D\x0A\x0D\x0A\x00\x0D\x0A\x51\x55\x49\x54\x0A") {
        return version_2(input);
    }
    let end = input.windows(2).position(|two| two == b"\r\n").filter(|end| end + 2 <= LONGEST_LINE)?;
    // A line ends at its first LF, with a CR before it.
    if input[..end].contains(&b'\n') {
        return None;
    }
    Some((end + 2, version_1(&input[..end])?))
}

fn version_1(line: &[u8]) -> Option<Option<IpAddr>> {
    let line = str::from_utf8(line).ok()?;
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["PROXY", "UNKNOWN", ..] => Some(None),
        ["PROXY", "TCP4", from, to, a, b] if is_port(a) && is_port(b) => {
            to.parse::<Ipv4Addr>().ok()?;
            Some(Some(from.parse::<Ipv4Addr>().ok()?.into()))
        }
        ["PROXY", "TCP6", from, to, a, b] if is_port(a) && is_port(b) => {
            to.parse::<Ipv6Addr>().ok()?;
            Some(Some(from.parse::<Ipv6Addr>().ok()?.into()))
        }
        _ => None,
    }
}

/// Of all texts that a number from 0 to 65535 has, the shortest.
fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port.to_string() == text)
}

fn version_2(input: &[u8]) -> Option<(usize, Option<IpAddr>)> {
    let (version, command) = (input.get(12)? >> 4, input[12] & 15);
    let (family, transport) = (input.get(13)? >> 4, input[13] & 15);
    let length = usize::from(*input.get(14)?) * 256 + usize::from(*input.get(15)?);
    let rest = input.get(16..16 + length).filter(|rest| rest.len() <= MOST_BYTES)?;
    let source = match (version, command, family, transport) {
        (2, 0, ..) => None,
        (2, 1, 1, 1) => Some(IpAddr::V4(Ipv4Addr::from_bits(
            rest.get(..4)?.iter().fold(0, |sum, &byte| sum << 8 | u32::from(byte)),
        ))),
        (2, 1, 2, 1) => Some(IpAddr::V6(Ipv6Addr::from_bits(
            rest.get(..16)?.iter().fold(0, |sum, &byte| sum << 8 | u128::from(byte)),
        ))),
        (2, 1, ..) => None,
        _ => return None,
    };
    let least = match (command, family, transport) {
        (1, 1, 1) => 12,
        (1, 2, 1) => 36,
        _ => 0,
    };
    (length >= least).then_some((16 + length, source))
}

const LONGEST_LINE: usize = 107;
/// What we take of addresses and TLVs.
const MOST_BYTES: usize = 4096;
