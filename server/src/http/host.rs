//! The authority of a request: `uri-host [ ":" port ]` (RFC 9110 section 7.2, RFC 3986 section 3.2).
//!
//! The grammar is wider than one would think: a registered name may be empty and may contain commas. Both are accepted; user information
//! (`user@host`) is not part of it.

use super::fields::byte_table;

/// Whether `value` is a Host field value. Empty is: a client whose target has no authority must send it so.
pub fn is_valid(value: &[u8]) -> bool {
    let port = if value.first() == Some(&b'[') {
        let Some(end) = value.iter().position(|&byte| byte == b']') else {
            return false;
        };
        if !is_ip_literal(&value[1..end]) {
            return false;
        }
        &value[end + 1..]
    } else {
        let Some(end) = registered_name(value) else {
            return false;
        };
        &value[end..]
    };
    match port {
        [] => true,
        [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// Whether `value` is the authority of an `http` URI: as above, and the host not empty (RFC 9110 section 4.2.1).
pub fn is_authority(value: &[u8]) -> bool {
    !matches!(value.first(), None | Some(b':')) && is_valid(value)
}

/// The length of the registered name at the front of `value`; `None`: a percent sign in it stands for nothing.
fn registered_name(value: &[u8]) -> Option<usize> {
    let mut length = 0;
    loop {
        length += value[length..].iter().take_while(|&&byte| NAME[byte as usize]).count();
        match &value[length..] {
            [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => length += 3,
            [b'%', ..] => return None,
            _ => return Some(length),
        }
    }
}

/// The inside of the brackets: an IPv6 address, or `v` hex digits `.` characters.
fn is_ip_literal(literal: &[u8]) -> bool {
    if let [b'v' | b'V', future @ ..] = literal {
        let Some(dot) = future.iter().position(|&byte| byte == b'.') else {
            return false;
        };
        let (version, address) = (&future[..dot], &future[dot + 1..]);
        return !version.is_empty()
            && version.iter().all(u8::is_ascii_hexdigit)
            && !address.is_empty()
            && address.iter().all(|&byte| byte == b':' || NAME[byte as usize]);
    }
    str::from_utf8(literal).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok())
}

/// `unreserved / sub-delims` of RFC 3986.
const NAME: [bool; 256] = byte_table(b"-._~!$&'()*+,;=");
