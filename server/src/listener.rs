//! The listening sockets: one per core, all on one address, opened before any executor starts.
//!
//! `SO_REUSEPORT` lets the kernel spread connections over the cores, and would also let a second tollgate take half of them without a word.
//! So the first socket binds *without* it, which fails if anybody listens there, and turns it on afterwards for its siblings.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, SockFilter, SockRef, Socket, Type};

/// Opens `count` listeners on `address` (port 0: the first one picks) and says which address it is.
pub fn open(address: SocketAddr, count: usize, backlog: u32) -> io::Result<(Vec<OwnedFd>, SocketAddr)> {
    let first = socket(address)?;
    bind_first(&first, address)?;
    first.set_reuse_port(true)?;
    let address = first.local_addr()?.as_socket().unwrap_or(address);
    let mut sockets = vec![first];
    for _ in 1..count {
        let sibling = socket(address)?;
        sibling.set_reuse_port(true)?;
        sibling.bind(&SockAddr::from(address))?;
        sockets.push(sibling);
    }
    for socket in &sockets {
        socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    }
    Ok((sockets.into_iter().map(OwnedFd::from).collect(), address))
}

/// Binds, and asks again for a moment when the address is in use: the kernel takes an io_uring apart only after its process is gone, and
/// until then the listener of a predecessor that was killed is still there.
fn bind_first(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    for _ in 1..BIND_TRIES {
        match socket.bind(&SockAddr::from(address)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => thread::sleep(BIND_PAUSE),
            outcome => return outcome,
        }
    }
    socket.bind(&SockAddr::from(address))
}

/// Makes the kernel drop new handshakes to `listener`, while those that have begun go on and the queue stays. Closing a listener resets
/// what is in its queue, so a drain first stops the inflow, then empties the queue, then closes. The peer repeats its SYN a second
/// later and is refused then, or reaches our successor.
pub fn stop_inflow(listener: impl AsFd) -> io::Result<()> {
    const LOAD_BYTE_AT: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const TCP_FLAGS_OFFSET: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    const KEEP: u32 = u32::MAX;
    const DROP: u32 = 0;
    // The filter sees a segment from its TCP header on.
    SockRef::from(&listener).attach_filter(&[
        SockFilter::new(LOAD_BYTE_AT, 0, 0, TCP_FLAGS_OFFSET),
        SockFilter::new(AND, 0, 0, SYN | ACK),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, DROP),
        SockFilter::new(RETURN, 0, 0, KEEP),
    ])
}

/// Sets the room for what an accepted socket's peer sends: twice the usual while it is `blocked`, that is, while it doesn't take what we send, so that
/// we don't read.
///
/// A segment that doesn't fit makes the kernel shut the window, and drop what lies beyond it until that segment fits: since Linux 6.14, and since
/// 6.17 much sooner (8c670bdfa58e and 1d2fbaad7cd8 there). The peer's acknowledgements count that segment, so they can lie beyond it as well.
/// Without them our output is never gone, and without that we never read. With more room the segment fits when it comes again. A peer that goes
/// on until the doubled room is full as well can get stuck all the same, until the write timeout.
pub fn set_room(socket: impl AsFd, blocked: bool) {
    // Cannot fail on an open socket, and without it all is as it was.
    let _ = SockRef::from(&socket).set_recv_buffer_size(if blocked { 2 * RECEIVE_BUFFER } else { RECEIVE_BUFFER });
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.cloexec(), Some(Protocol::TCP))?;
    // Connections of a predecessor that linger in TIME_WAIT don't keep us from starting; a listener does.
    socket.set_reuse_address(true)?;
    // Inherited by every accepted socket, which saves a system call per connection.
    socket.set_tcp_nodelay(true)?;
    // Inherited too. Left to itself the kernel buffers up to 6 MiB of requests and 4 MiB of answers per connection for a peer that
    // floods us or doesn't read, and one receive could hand us megabytes of it.
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    Ok(socket)
}

/// Requests are small, and content is only read past. The kernel doubles it for its own overhead.
const RECEIVE_BUFFER: usize = 64 << 10;
/// The largest output (32 KiB and one answer) fits, so that a peer that reads at all never blocks us.
const SEND_BUFFER: usize = 128 << 10;

/// Half a second in all: whoever has mistaken the port does not mind, and the kernel needs a few milliseconds.
const BIND_TRIES: u32 = 21;
const BIND_PAUSE: Duration = Duration::from_millis(25);

#[cfg(test)]
mod tests {
    use super::{open, stop_inflow};
    use std::io::{ErrorKind, Read, Write};
    use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
    use std::time::Duration;

    const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    #[test]
    fn siblings_share_the_port_that_the_first_one_picked() {
        let (listeners, address) = open(ANY, 3, 16).expect("a free port");
        assert_eq!(listeners.len(), 3);
        assert_ne!(address.port(), 0);
        for listener in listeners {
            assert_eq!(TcpListener::from(listener).local_addr().expect("bound"), address);
        }
    }

    #[test]
    fn a_port_that_a_reuseport_server_listens_on_is_in_use() {
        let (listeners, address) = open(ANY, 2, 16).expect("a free port");
        let second = open(address, 2, 16).expect_err("the port is taken, although SO_REUSEPORT would let us in");
        assert_eq!(second.kind(), ErrorKind::AddrInUse);
        drop(listeners);
        open(address, 2, 16).expect("free again");
    }

    #[test]
    fn time_wait_does_not_keep_a_successor_out() {
        let (mut listeners, address) = open(ANY, 1, 16).expect("a free port");
        let listener = TcpListener::from(listeners.remove(0));
        let mut client = TcpStream::connect(address).expect("connect");
        let (server, _) = listener.accept().expect("accept");
        // The side that closes first is left in TIME_WAIT.
        drop(server);
        assert_eq!(client.read(&mut [0]).expect("end of stream"), 0);
        drop((client, listener));
        open(address, 1, 16).expect("only a listener is in the way");
    }

    #[test]
    fn without_inflow_the_queue_stays_and_newcomers_get_no_answer() {
        let (mut listeners, address) = open(ANY, 1, 16).expect("a free port");
        let listener = TcpListener::from(listeners.remove(0));
        let mut queued = TcpStream::connect(address).expect("connect");
        stop_inflow(&listener).expect("filters need no privilege");
        queued.write_all(b"hello").expect("send");
        let newcomer = TcpStream::connect_timeout(&address, Duration::from_millis(200));
        assert_eq!(newcomer.expect_err("its SYN is dropped").kind(), ErrorKind::TimedOut);
        let (mut accepted, _) = listener.accept().expect("still queued");
        let mut greeting = [0; 5];
        accepted.read_exact(&mut greeting).expect("data passes the filter");
        assert_eq!(&greeting, b"hello");
    }
}
