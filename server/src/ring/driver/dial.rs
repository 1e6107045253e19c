//! Connections that we open: to the upstream.
//!
//! They live in slots like those that we accept, with their own receive and send, but they are nobody's customers: the cap on
//! connections, the balance between cores and the drain don't see them.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{IntoRawFd, OwnedFd};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::super::slots::{News, State};
use super::super::token::{Op, Token};
use super::Driver;

impl Driver {
    /// Starts a connection to `to` and gives its slot.
    pub fn dial(&mut self, to: SocketAddr) -> io::Result<u32> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_tcp_nodelay(true)?;
        let address = Box::new(SockAddr::from(to));
        let fd = OwnedFd::from(socket).into_raw_fd();
        let index = self.slots.open(fd);
        let token = self.slots.token(Op::Connect, index);
        let state = &mut self.slots[index].state;
        state.set(State::OUTBOUND);
        state.set(State::CONNECTING);
        // SAFETY: `dialled` keeps the address until `connected` has seen the completion; a driver dropped before that leaks it.
        unsafe { self.uring.connect(fd, address.as_ptr().cast(), address.len(), token) };
        self.dialled.push((index, address));
        Ok(index)
    }

    #[cold]
    pub(super) fn connected(&mut self, token: Token, result: i32) {
        let index = token.slot();
        let Some(slot) = self.slots.of(token) else { return };
        self.dialled.retain(|&(dialled, _)| dialled != index);
        slot.state.clear(State::CONNECTING);
        if slot.state.has(State::CLOSING) {
            return self.free_if_done(index);
        }
        if result == 0 {
            slot.news.set(News::CONNECTED);
            self.to_receive.push(index);
        } else {
            slot.state.set(State::ENDED);
            slot.news.set(News::FAILED);
        }
        slot.wake();
    }

    /// Ends the connect of a connection that has been closed.
    pub(super) fn stop_connecting(&mut self, index: u32) {
        if self.slots[index].state.has(State::CONNECTING) {
            self.uring.cancel(self.slots.token(Op::Connect, index), Token::core(Op::Ignored));
        }
    }
}
