//! The other end of a connection: bytes out, answers in, and every way in which it can end told apart.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use socket2::{Domain, SockRef, Socket, Type};

use super::answer::Answer;
use super::clock::PATIENCE;

/// Why there is no (further) answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// FIN where an answer might have begun.
    Closed,
    /// FIN in the middle of an answer.
    Truncated,
    /// RST.
    Reset,
    /// Nothing, and the connection is open.
    Silent,
}

/// A client that speaks bytes.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Peer {
    pub fn connect(address: SocketAddr) -> Peer {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("a connection");
        Peer::on(stream)
    }

    /// Connects from an address of the loopback network that is not the usual one.
    pub fn connect_from(source: IpAddr, address: SocketAddr) -> Peer {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::new(source, 0).into()).expect("a loopback address");
        socket.connect_timeout(&address.into(), PATIENCE).expect("a connection");
        Peer::on(socket.into())
    }

    /// Connects with buffers as small as the kernel lets them be.
    pub fn connect_with_small_buffers(address: SocketAddr) -> Peer {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(2048).expect("a small buffer");
        socket.set_send_buffer_size(4096).expect("a small buffer");
        socket.connect_timeout(&address.into(), PATIENCE).expect("a connection");
        Peer::on(socket.into())
    }

    pub fn on(stream: TcpStream) -> Peer {
        stream.set_nodelay(true).expect("an option");
        stream.set_read_timeout(Some(PATIENCE)).expect("an option");
        stream.set_write_timeout(Some(PATIENCE)).expect("an option");
        Peer { stream, received: Vec::new() }
    }

    /// Sends all of `bytes`.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server takes what it is sent");
    }

    /// Sends as much of `bytes` as the server takes, which may have closed.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Sends `block` again and again until the kernel takes no more for `span`; says how many bytes that were.
    pub fn stuff(&mut self, block: &[u8], span: Duration) -> usize {
        self.stream.set_write_timeout(Some(span)).expect("an option");
        let mut sent = 0;
        while let Ok(length) = self.stream.write(&block[sent % block.len()..]) {
            sent += length;
            assert!(sent < MORE_THAN_ALL_BUFFERS, "the server goes on reading what it cannot answer");
        }
        self.stream.set_write_timeout(Some(PATIENCE)).expect("an option");
        sent
    }

    /// Sends `block` again and again until the server closes.
    pub fn stuff_until_closed(&mut self, block: &[u8]) {
        let mut sent = 0;
        loop {
            match self.stream.write(&block[sent % block.len()..]) {
                Ok(length) => sent += length,
                Err(error) => {
                    let kind = error.kind();
                    let closed = matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
                    assert!(closed, "{kind} after {sent} bytes: the server does not close");
                    return;
                }
            }
            assert!(sent < MORE_THAN_ALL_BUFFERS, "the server goes on reading what it cannot answer");
        }
    }

    /// Sends what the kernel takes of `bytes` at once, and says how many that were.
    pub fn send_some(&mut self, bytes: &[u8]) -> usize {
        rustix::net::send(&self.stream, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL).unwrap_or(0)
    }

    /// Throws away what has arrived by now, and says whether the connection is still open.
    pub fn pass_over(&mut self) -> bool {
        let mut buffer = [0; 64 << 10];
        match rustix::net::recv(&self.stream, &mut buffer, RecvFlags::DONTWAIT) {
            Ok((_, length)) => length > 0,
            Err(error) => error == Errno::AGAIN,
        }
    }

    /// The same connection again, for a thread that sends while another one reads.
    pub fn twin(&self) -> Peer {
        Peer::on(self.stream.try_clone().expect("a descriptor"))
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("an open connection");
    }

    /// Destroys the connection with RST.
    pub fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).expect("an option");
    }

    /// Asks for `/?clientId=id` and reads the answer.
    pub fn get(&mut self, id: &str) -> Answer {
        self.send(get(id));
        self.answer()
    }

    /// Reads one answer.
    pub fn answer(&mut self) -> Answer {
        self.try_answer().unwrap_or_else(|ending| panic!("{ending:?} instead of an answer; got {:?}", self.text()))
    }

    /// Reads one answer to HEAD: no body, whatever its length says.
    pub fn answer_to_head(&mut self) -> Answer {
        Answer::read(self, false).unwrap_or_else(|ending| panic!("{ending:?} instead of a head; got {:?}", self.text()))
    }

    /// Reads one answer, or how the connection ended instead.
    pub fn try_answer(&mut self) -> Result<Answer, Ending> {
        Answer::read(self, true)
    }

    /// Sees the connection end with FIN and nothing before it.
    pub fn sees_close(&mut self) {
        assert_eq!((self.receive(), self.text()), (Err(Ending::Closed), String::new()));
    }

    /// Sees nothing at all for `span`: no answer, no end.
    pub fn sees_nothing_for(&mut self, span: Duration) {
        self.stream.set_read_timeout(Some(span)).expect("an option");
        let outcome = self.receive();
        self.stream.set_read_timeout(Some(PATIENCE)).expect("an option");
        assert_eq!((outcome, self.text()), (Err(Ending::Silent), String::new()));
    }

    /// Takes what has arrived by now, or the end. Does not wait.
    pub fn poll(&mut self) -> Result<(), Ending> {
        self.stream.set_nonblocking(true).expect("an option");
        let outcome = self.receive();
        self.stream.set_nonblocking(false).expect("an option");
        outcome
    }

    /// What has arrived and was not taken.
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// Takes `length` bytes of it.
    pub fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.received.split_off(length);
        std::mem::replace(&mut self.received, rest)
    }

    /// Waits for more.
    pub fn receive(&mut self) -> Result<(), Ending> {
        let mut buffer = [0; 16 << 10];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) if self.received.is_empty() => return Err(Ending::Closed),
                Ok(0) => return Err(Ending::Truncated),
                Ok(length) => {
                    self.received.extend_from_slice(&buffer[..length]);
                    return Ok(());
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => return Err(Ending::Silent),
                    ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => return Err(Ending::Reset),
                    kind => panic!("reading: {kind}"),
                },
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.received).into_owned()
    }
}

/// What the kernel keeps for a connection in either direction is below this, unless somebody raised `tcp_rmem` and `tcp_wmem`.
const MORE_THAN_ALL_BUFFERS: usize = 64 << 20;

/// A request for client `id`.
pub fn get(id: &str) -> String {
    format!("GET /?clientId={id} HTTP/1.1\r\nHost: gate\r\n\r\n")
}
