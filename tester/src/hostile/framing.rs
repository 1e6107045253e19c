//! Peers that are not understood where one request ends and the next begins, or should not be.
//!
//! Only what a server has to refuse, or has no way to understand, is here: RFC 9112, sections 3, 3.2, 5.1, 6.3 and 7.1. What it may take
//! or leave (bare line feeds, a NUL in a field) would tell two good servers apart, not a good one from a bad one. HAProxy takes a request
//! without `Host` unless it is told otherwise: that is for its users to know, and so it stays.

use super::kind::Ask;
use super::script::Script;
use super::seen::Due;

/// Good requests, a malformed one, and good ones that nobody may answer any more.
pub(super) fn pipeline(ask: &mut Ask<'_>) -> Script {
    let (what, malformed) = MALFORMED[ask.rng.usize(..MALFORMED.len())];
    let good = ask.rng.usize(..8);
    let behind = ask.rng.usize(..8);
    let bytes = [&ask.get().repeat(good), malformed.as_bytes(), &ask.get().repeat(behind)].concat();
    Script::send(format!("{good} requests, {what}, and {behind} more"), bytes, Due::RefusalAfter(good))
}

/// More body than was said: the rest is the next request, and none.
pub(super) fn long_body(ask: &mut Ask<'_>) -> Script {
    let said = ask.rng.usize(..64);
    let more = ask.rng.usize(1..64);
    let mut bytes = ask.request("GET", &format!("Content-Length: {said}\r\n"));
    bytes.extend(std::iter::repeat_n(b'x', said + more));
    bytes.extend_from_slice(b"\r\n\r\n");
    Script::send(format!("{more} bytes more than a body of {said}"), bytes, Due::RefusalAfter(1))
}

/// A body in chunks that are none. A server may have answered before it looks at the body, so only the end is due.
pub(super) fn bad_chunks(ask: &mut Ask<'_>) -> Script {
    let (what, chunks) = BAD_CHUNKS[ask.rng.usize(..BAD_CHUNKS.len())];
    let good = ask.rng.usize(..4);
    let request = ask.request("POST", "Transfer-Encoding: chunked\r\n");
    let bytes = [&request, b"4\r\ngood\r\n".repeat(good).as_slice(), chunks.as_bytes()].concat();
    Script::send(format!("{what} after {good} chunks"), bytes, Due::AnyEnd)
}

/// Whole heads, so that nobody has to wait for more to see what is wrong with them.
const MALFORMED: [(&str, &str); 8] = [
    ("a line that is no request", "this is no HTTP at all\r\n\r\n"),
    ("a request without Host", "GET / HTTP/1.1\r\n\r\n"),
    ("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("a space before a colon", "GET / HTTP/1.1\r\nHost: a\r\nX-Field : b\r\n\r\n"),
    ("a field without a name", "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
    ("a length that is no number", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: ten\r\n\r\n"),
    ("a negative length", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
    ("two lengths", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"),
];

const BAD_CHUNKS: [(&str, &str); 6] = [
    ("a size that is no number", "five\r\nhello\r\n0\r\n\r\n"),
    ("a negative size", "-5\r\nhello\r\n0\r\n\r\n"),
    ("an empty size", "\r\nhello\r\n0\r\n\r\n"),
    ("a size of 80 bits", "fffffffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    ("data longer than its size", "2\r\nhello\r\n0\r\n\r\n"),
    ("no line end behind the data", "5\r\nhelloworld\r\n0\r\n\r\n"),
];
