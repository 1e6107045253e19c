//! Which fields are for one hop only (RFC 9110 section 7.6.1), and which may stand in a trailer (section 6.5.1).

use httparse::Header;

use super::super::fields::list;

/// The fields that a Connection field names: for this hop only, whatever they are.
#[derive(Debug)]
pub struct Nominated<'b> {
    names: [&'b [u8]; MOST_OPTIONS],
    count: usize,
}

/// A Connection field with more options than anybody needs. Each costs a comparison per field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyOptions;

impl<'b> Nominated<'b> {
    /// Reads all Connection fields among `fields`.
    pub fn of(fields: &[Header<'b>]) -> Result<Nominated<'b>, TooManyOptions> {
        let mut nominated = Nominated { names: [b""; MOST_OPTIONS], count: 0 };
        let connection = fields.iter().filter(|field| field.name.eq_ignore_ascii_case("connection"));
        for option in connection.flat_map(|field| list(field.value)) {
            *nominated.names.get_mut(nominated.count).ok_or(TooManyOptions)? = option;
            nominated.count += 1;
        }
        Ok(nominated)
    }

    /// Whether the option is there.
    pub fn has(&self, name: &str) -> bool {
        self.names[..self.count].iter().any(|option| option.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Whether `field` goes no further than here.
    pub fn ends_here(&self, field: &Header<'_>) -> bool {
        is_hop_by_hop(field.name) || self.has(field.name)
    }
}

fn is_hop_by_hop(name: &str) -> bool {
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    match name.len() {
        2 => is("te"),
        5 => is("proxy"),
        7 => is("upgrade") || is("trailer"),
        10 => is("connection") || is("keep-alive"),
        // What became of an answer on its way is for the client (RFC 9209).
        12 if is("proxy-status") => false,
        14 => is("http2-settings"),
        17 if is("transfer-encoding") => true,
        _ => starts_with(name, "proxy-"),
    }
}

/// Whether a field may be sent after the content: none that says how to read a message, who sent it, or what it is.
pub fn may_trail(name: &str) -> bool {
    let prefixes = ["content-", "proxy-", "if-", "x-forwarded-", "access-control-", "sec-"];
    let names = [
        "age",
        "authorization",
        "cache-control",
        "cookie",
        "date",
        "expect",
        "expires",
        "forwarded",
        "host",
        "location",
        "max-forwards",
        "pragma",
        "range",
        "retry-after",
        "set-cookie",
        "vary",
        "via",
        "warning",
        "www-authenticate",
    ];
    !is_hop_by_hop(name)
        && !prefixes.iter().any(|prefix| starts_with(name, prefix))
        && !names.iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn starts_with(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Appends one field line.
pub fn push(out: &mut Vec<u8>, field: &Header<'_>) {
    for part in [field.name.as_bytes(), b": ", field.value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// Browsers send two, proxies perhaps four.
const MOST_OPTIONS: usize = 16;

#[cfg(test)]
mod tests {
    use super::{is_hop_by_hop, may_trail};

    #[test]
    fn what_is_for_one_hop_is_known_by_name() {
        for name in ["Connection", "keep-alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "HTTP2-Settings"] {
            assert!(is_hop_by_hop(name), "{name}");
        }
        for name in ["Proxy-Connection", "Proxy-Authorization", "PROXY-AUTHENTICATE", "Proxy"] {
            assert!(is_hop_by_hop(name), "{name}");
        }
        for name in ["Host", "Proxy-Status", "Cookie", "X-Proxy-Id", "Tea", "Upgrade-Insecure-Requests", "é"] {
            assert!(!is_hop_by_hop(name), "{name}");
        }
    }

    #[test]
    fn what_frames_or_names_a_message_is_no_trailer() {
        for name in ["Content-Length", "Transfer-Encoding", "Host", "Set-Cookie", "X-Forwarded-For", "Trailer"] {
            assert!(!may_trail(name), "{name}");
        }
        for name in ["Server-Timing", "Digest", "ETag", "X-Checksum"] {
            assert!(may_trail(name), "{name}");
        }
    }
}
