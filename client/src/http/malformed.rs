//! Why bytes are not an answer.

use std::fmt;

/// What was wrong with the bytes of an answer, or with their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// It doesn't begin with `HTTP/1.`: TLS, HTTP/2, HTTP/0.9, or the rest of an answer longer than it said.
    NotHttp,
    /// A line of the head ends in a bare line feed.
    BareLineFeed,
    /// The head is longer than 16 KiB.
    HeadTooLong,
    /// The status line isn't one of HTTP/1.0 or HTTP/1.1, or the status is below 100.
    StatusLine,
    /// A line of the head isn't `name: value` (RFC 9112, section 5), or is folded.
    Field,
    /// The head has more than 100 fields.
    TooManyFields,
    /// `Content-Length` isn't a whole number of 64 bits.
    ContentLength,
    /// `Content-Length` contradicts another one, or stands beside `Transfer-Encoding`.
    LengthConflict,
    /// `Transfer-Encoding` is empty, says chunked twice, gives it parameters, or comes with HTTP/1.0.
    TransferEncoding,
    /// `101 Switching Protocols`, which was not asked for.
    Upgrade,
    /// More than 16 interim answers in a row.
    TooManyInterim,
    /// A chunk's size isn't a hexadecimal number of 64 bits, or its line doesn't end in CRLF within 4 KiB.
    ChunkSize,
    /// A chunk's data isn't followed by CRLF: its size is wrong.
    ChunkEnd,
    /// The lines after the last chunk aren't fields, or are longer than 16 KiB.
    Trailer,
    /// The connection ended in the middle of the answer.
    Truncated,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::NotHttp => "not an HTTP/1.x answer",
            Malformed::BareLineFeed => "a bare line feed in the head",
            Malformed::HeadTooLong => "a head of more than 16 KiB",
            Malformed::StatusLine => "a malformed status line",
            Malformed::Field => "a malformed header field",
            Malformed::TooManyFields => "more than 100 header fields",
            Malformed::ContentLength => "a malformed Content-Length",
            Malformed::LengthConflict => "contradicting lengths",
            Malformed::TransferEncoding => "a malformed Transfer-Encoding",
            Malformed::Upgrade => "101 Switching Protocols, which was not asked for",
            Malformed::TooManyInterim => "more than 16 interim answers in a row",
            Malformed::ChunkSize => "a malformed chunk size",
            Malformed::ChunkEnd => "a chunk longer than its size",
            Malformed::Trailer => "malformed or endless trailers",
            Malformed::Truncated => "the connection ended in the middle of an answer",
        })
    }
}

impl std::error::Error for Malformed {}
