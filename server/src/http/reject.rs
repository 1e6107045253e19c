//! Why a request is rejected and why a connection ends: two enums, so that every close can be explained.
//!
//! A [`Reject`] is the peer's mistake and has a status; after it the connection closes, because what follows on it cannot be framed with
//! certainty. Refusals that leave the framing intact (unknown path, missing id) are not here: see `service.rs`.

use crate::proxy_protocol::Malformed;

/// What is wrong with a request that cannot be answered in the ordinary way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reject {
    /// The first byte is that of a TLS handshake.
    TlsOnPlainPort,
    /// More empty lines before the request line than RFC 9112 section 2.2 asks us to skip.
    EmptyLines,
    /// LF without CR (RFC 9112 section 2.2 lets a recipient refuse it).
    BareLf,
    /// CR without LF.
    BareCr,
    /// The request line alone is longer than the head may be.
    RequestLineTooLong,
    /// The head is longer than allowed.
    HeadTooLong,
    /// The head has more fields than allowed.
    TooManyFields,
    /// Not `method SP target SP version`.
    RequestLine,
    /// The target has none of the four forms, or not one that its method may have (RFC 9112 section 3.2).
    Target,
    /// A major version other than 1.
    Version,
    /// A field line continued on the next line (RFC 9112 section 5.2).
    ObsFold,
    /// Whitespace between field name and colon (RFC 9112 section 5.1).
    SpaceBeforeColon,
    /// A field name that is no token, or a value with a forbidden byte.
    Field,
    /// HTTP/1.1 without Host.
    HostMissing,
    /// More than one Host line.
    HostRepeated,
    /// A Host value that is not `host [":" port]`.
    HostInvalid,
    /// Content-Length is not a row of digits.
    ContentLength,
    /// More than one Content-Length, equal or not.
    ContentLengthRepeated,
    /// Content-Length beside Transfer-Encoding.
    TwoFramings,
    /// Transfer-Encoding in HTTP/1.0.
    TransferEncodingIn10,
    /// Transfer-Encoding that does not end with one `chunked`.
    ChunkedNotFinal,
    /// A transfer coding we don't implement, before the final `chunked`.
    TransferCoding,
    /// More content than allowed.
    BodyTooLarge,
    /// A chunk size that is not 1 to 16 hex digits.
    ChunkSize,
    /// A chunk extension that is malformed, or more of them than allowed.
    ChunkExtension,
    /// Chunk data or a chunk line that does not end with CRLF.
    ChunkEnd,
    /// A trailer field that is malformed, or more of them than allowed.
    Trailer,
    /// The peer took too long over a request.
    Timeout,
    /// The peer stopped sending in the middle of a request.
    Incomplete,
}

impl Reject {
    /// Every reject, for tables and tests.
    pub const ALL: [Reject; 29] = [
        Reject::TlsOnPlainPort,
        Reject::EmptyLines,
        Reject::BareLf,
        Reject::BareCr,
        Reject::RequestLineTooLong,
        Reject::HeadTooLong,
        Reject::TooManyFields,
        Reject::RequestLine,
        Reject::Target,
        Reject::Version,
        Reject::ObsFold,
        Reject::SpaceBeforeColon,
        Reject::Field,
        Reject::HostMissing,
        Reject::HostRepeated,
        Reject::HostInvalid,
        Reject::ContentLength,
        Reject::ContentLengthRepeated,
        Reject::TwoFramings,
        Reject::TransferEncodingIn10,
        Reject::ChunkedNotFinal,
        Reject::TransferCoding,
        Reject::BodyTooLarge,
        Reject::ChunkSize,
        Reject::ChunkExtension,
        Reject::ChunkEnd,
        Reject::Trailer,
        Reject::Timeout,
        Reject::Incomplete,
    ];

    /// The status line's code and phrase.
    pub fn status(self) -> &'static str {
        match self {
            Reject::RequestLineTooLong => "414 URI Too Long",
            Reject::HeadTooLong | Reject::TooManyFields => "431 Request Header Fields Too Large",
            Reject::Version => "505 HTTP Version Not Supported",
            Reject::TransferCoding => "501 Not Implemented",
            Reject::BodyTooLarge => "413 Content Too Large",
            Reject::Timeout => "408 Request Timeout",
            _ => "400 Bad Request",
        }
    }

    /// One sentence for the peer: what is wrong and what to send instead.
    pub fn explain(self) -> &'static str {
        match self {
            Reject::TlsOnPlainPort => "this port speaks plain HTTP, not TLS: use http:// in the URL\n",
            Reject::EmptyLines => "too many empty lines before the request line: send the request line first\n",
            Reject::BareLf => "a line ends with LF alone: end every line with CRLF\n",
            Reject::BareCr => "a CR is not followed by LF: end every line with CRLF\n",
            Reject::RequestLineTooLong => "the request line is too long: shorten the URL\n",
            Reject::HeadTooLong => "the request head is too long: send fewer or shorter header fields\n",
            Reject::TooManyFields => "too many header fields: send fewer\n",
            Reject::RequestLine => "the request line is malformed: send `GET /path HTTP/1.1`\n",
            Reject::Target => {
                "the request target is malformed: send a path that begins with / and is percent-encoded\n"
            }
            Reject::Version => "this server speaks HTTP/1.1 and HTTP/1.0\n",
            Reject::ObsFold => "a header field is folded over two lines: send it on one\n",
            Reject::SpaceBeforeColon => "whitespace before the colon of a header field: remove it\n",
            Reject::Field => "a header field is malformed: send `Name: value` without control characters\n",
            Reject::HostMissing => "the Host header field is missing: HTTP/1.1 requires it\n",
            Reject::HostRepeated => "the Host header field is repeated: send it once\n",
            Reject::HostInvalid => "the Host header field is malformed: send `host` or `host:port`\n",
            Reject::ContentLength => "Content-Length is malformed: send decimal digits only\n",
            Reject::ContentLengthRepeated => "Content-Length is repeated: send it once\n",
            Reject::TwoFramings => "Content-Length and Transfer-Encoding together: send one of them\n",
            Reject::TransferEncodingIn10 => "Transfer-Encoding in HTTP/1.0: use Content-Length or HTTP/1.1\n",
            Reject::ChunkedNotFinal => "Transfer-Encoding must end with chunked, once\n",
            Reject::TransferCoding => "this transfer coding is not implemented: use chunked alone\n",
            Reject::BodyTooLarge => "the content is too large: send less, or none\n",
            Reject::ChunkSize => "a chunk size is malformed: send 1 to 16 hex digits\n",
            Reject::ChunkExtension => "a chunk extension is malformed or too long: leave it out\n",
            Reject::ChunkEnd => "a chunk does not end with CRLF where its size says\n",
            Reject::Trailer => "a trailer field is malformed or too long: leave it out\n",
            Reject::Timeout => "the request took too long to arrive: send it at once\n",
            Reject::Incomplete => "the request ended before it was complete\n",
        }
    }
}

/// Why a connection is about to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The peer sent `Connection: close`.
    PeerAsked,
    /// HTTP/1.0 without `Connection: keep-alive`.
    Http10,
    /// The server is draining.
    Draining,
    /// The peer will send nothing more, and everything it sent is answered.
    PeerDone,
    /// Nothing came on a kept connection for too long.
    Idle,
    /// A final answer went out instead of `100 Continue`: whether the content follows cannot be known (RFC 9110 section 10.1.1).
    ContentUnwanted,
    /// What came before the first request is no header of the PROXY protocol.
    NotProxied(Malformed),
    /// The request, or the rest of an already answered one, was rejected.
    Rejected(Reject),
}

impl CloseReason {
    /// One sentence for a log.
    pub fn explain(&self) -> &'static str {
        match self {
            CloseReason::PeerAsked => "the peer sent Connection: close",
            CloseReason::Http10 => "HTTP/1.0 without Connection: keep-alive",
            CloseReason::Draining => "the server is draining",
            CloseReason::PeerDone => "the peer closed its side and everything is answered",
            CloseReason::Idle => "nothing came on a kept connection for too long",
            CloseReason::ContentUnwanted => "a final answer went out instead of 100 Continue",
            CloseReason::NotProxied(malformed) => malformed.explain(),
            CloseReason::Rejected(reject) => reject.explain().trim_end(),
        }
    }
}
