//! Opens connections: from which address, and what a failure means.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use crate::ConnectionLedger;
use crate::engine::settings::Close;

/// Where to, and where from.
#[derive(Debug)]
pub(super) struct Connector {
    target: SocketAddr,
    sources: Vec<IpAddr>,
    close: Close,
    /// The source that is next.
    next: usize,
}

impl Connector {
    pub(super) fn new(target: SocketAddr, sources: &[IpAddr], close: Close, first: usize) -> Self {
        Self { target, sources: sources.to_vec(), close, next: first }
    }

    /// Starts to connect.
    pub(super) fn connect(&mut self) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(self.target), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
        // A batch of requests is one send: there is nothing to wait for.
        socket.set_tcp_nodelay(true)?;
        if self.close == Close::Reset {
            socket.set_linger(Some(Duration::ZERO))?;
        }
        if let Some(source) = self.source() {
            // The kernel picks the port when it knows the peer; to look for one that is free for every peer takes it a millisecond.
            setsockopt(&socket, IpBindAddressNoPort, &true)?;
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        match socket.connect(&self.target.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
        Ok(TcpStream::from_std(socket.into()))
    }

    fn source(&mut self) -> Option<IpAddr> {
        let source = *self.sources.get(self.next % self.sources.len().max(1))?;
        self.next += 1;
        Some(source)
    }
}

/// Counts an attempt that failed.
pub(super) fn count_failure(ledger: &mut ConnectionLedger, error: &io::Error) {
    let count = match error.kind() {
        ErrorKind::ConnectionRefused => &mut ledger.refused,
        ErrorKind::TimedOut => &mut ledger.timed_out,
        ErrorKind::AddrNotAvailable => &mut ledger.no_port,
        _ if [Errno::MFILE, Errno::NFILE].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error())) => {
            &mut ledger.no_descriptor
        }
        _ => &mut ledger.failed,
    };
    *count += 1;
}
