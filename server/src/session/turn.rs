//! What a session tells its driver.

use tollgate_limiter::Nanos;

use crate::http::CloseReason;

/// What a call of [`Session::on_bytes`](super::Session::on_bytes) came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// So many bytes at the front of the input are done with.
    pub consumed: usize,
    /// What to do now, after `out` has been flushed.
    pub next: Next,
}

/// What the driver of a session must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Flush `out` if there is anything in it, keep the unconsumed rest, read more.
    Read,
    /// `out` is full: flush it, then call again with the rest before reading.
    Flush,
    /// Flush `out`, wait so long, then call again with the rest: the answer held back comes first.
    Wait(Nanos),
    /// Flush `out`, then close.
    Close(CloseReason),
    /// Flush `out`, shut down the sending side, read and discard for a bounded time, then close: the peer may still be sending, and a close
    /// with unread bytes would destroy the answer on its way.
    Linger(CloseReason),
}

/// What a session waits for, which tells which deadline applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The first byte of a request.
    NextRequest,
    /// The rest of a head.
    Head,
    /// The rest of a request's content.
    Body,
}
