//! HTTP/1.1 as an origin server must read it: bytes in, requests out, no I/O.
//!
//! ```text
//!            bytes
//!              │
//!   scan   ────┤ where does the head end? (resumes where it stopped; httparse is not asked before)
//!   request ───┤ request line, Host, framing, connection options: a Request or a Reject
//!   body   ────┤ Content-Length or chunked, read past; stored where decisions are asked for in it
//!              ▼
//!   response    pre-rendered answers, appended to one buffer
//! ```
//!
//! [`upstream`] is the other side: what is forwarded, and the answers that come back.
//!
//! [`scan::HeadScan`] and [`body::Body`] are the only state, both small enough to sit in an idle connection. Whether the bytes arrive at
//! once or one by one makes no difference: a verdict depends on the bytes up to the one that settles it, never on where a read ended.
//!
//! Strictness is a decision. httparse tolerates bare LF, any number of empty lines and the characters of a chunk extension; a proxy in front
//! of us may read such bytes otherwise, and where two readers disagree a request can be smuggled. So whatever RFC 9112 does not allow is
//! rejected with 400 and the connection is closed.

pub mod body;
pub mod chunked;
pub mod date;
pub mod decimal;
pub mod fields;
pub mod framing;
pub mod host;
pub mod limited;
pub mod ratelimit;
pub mod reject;
pub mod request;
pub mod request_line;
pub mod response;
pub mod scan;
pub mod upstream;

pub use reject::{CloseReason, Reject};
pub use request::{Progress, Request};

/// How much of a request this server is willing to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request line and its header fields together; more is 431, or 414 when the request line alone is longer.
    pub head_bytes: usize,
    /// Header fields of one request; more is 431. At most [`Limits::MAX_HEADERS`].
    pub headers: usize,
    /// Bytes of content of one request; more is 413.
    pub body_bytes: u64,
    /// Bytes of a client id after decoding; more is 400. At most [`Limits::MAX_ID_BYTES`].
    pub id_bytes: usize,
}

impl Limits {
    /// The fields of one request sit in an array on the stack; this is its size.
    pub const MAX_HEADERS: usize = 128;
    /// A percent-encoded id is decoded into an array on the stack; this is its size.
    pub const MAX_ID_BYTES: usize = 1024;
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { head_bytes: 8 * 1024, headers: 64, body_bytes: 1024 * 1024, id_bytes: 256 }
    }
}
