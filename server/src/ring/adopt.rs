//! Descriptors of ours in glommio's types and back, for the other engine: the conversion is `unsafe` because a bare number says nothing about
//! who owns it. An [`OwnedFd`] does, and so does a stream that is borrowed meanwhile.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::time::Duration;

use glommio::net::TcpStream;
use socket2::SockRef;

/// A listener glommio accepts from.
pub(crate) fn listener(socket: OwnedFd) -> glommio::net::TcpListener {
    // SAFETY: the descriptor is open, a listening socket, and nobody else's from here on.
    unsafe { glommio::net::TcpListener::from_raw_fd(socket.into_raw_fd()) }
}

/// Makes the close of `socket` an RST.
pub(super) fn reset_when_closed(socket: impl AsFd) {
    // Fails only if the peer is gone.
    let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
}

/// The descriptor of `stream`.
pub(crate) fn descriptor(stream: &TcpStream) -> BorrowedFd<'_> {
    // SAFETY: the stream is open as long as it is borrowed.
    unsafe { BorrowedFd::borrow_raw(stream.as_raw_fd()) }
}

/// Makes the close of `stream` an RST.
pub(crate) fn reset_stream_when_closed(stream: &TcpStream) {
    reset_when_closed(descriptor(stream));
}
