//! Descriptors of ours in glommio's types, for the other engine: the conversion is `unsafe` in glommio because a bare number says
//! nothing about who owns it. An [`OwnedFd`] does.

use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};

/// A listener glommio accepts from.
pub(crate) fn listener(socket: OwnedFd) -> glommio::net::TcpListener {
    // SAFETY: the descriptor is open, a listening socket, and nobody else's from here on.
    unsafe { glommio::net::TcpListener::from_raw_fd(socket.into_raw_fd()) }
}
