//! A server that misbehaves on purpose: real sockets, one thread for each connection, one misbehaviour.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

/// What it does to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Nothing bad: the client must not see ghosts.
    Answer,
    /// 200 and 503 in turn.
    Alternate,
    ServerError,
    /// Reads the request and closes with RST.
    ResetBefore,
    /// Half an answer, then RST.
    ResetWithin,
    /// Half an answer, then FIN.
    Truncate,
    /// Fewer body bytes than said, then FIN.
    TooShort,
    /// More bytes than said.
    Surplus,
    /// Two answers to one request.
    Twice,
    /// Reads and says nothing.
    Stall,
    /// Interim answers without end.
    Interim,
    /// A head without end.
    EndlessHead,
    Garbage,
    /// A good answer, one byte at a time.
    Drip,
    /// A good answer, and the connection closed after it without a word.
    CloseAfter,
    /// A body that ends with the connection.
    UntilClose,
    /// A good chunked answer with extensions and trailers.
    Chunked,
    /// Closes as soon as it is connected to.
    CloseAtOnce,
}

/// A running one. Dropped, it closes its port and all its connections.
pub struct Villain {
    pub address: SocketAddr,
    requests: Arc<AtomicU64>,
    peers: Arc<Mutex<BTreeSet<IpAddr>>>,
    over: Arc<AtomicBool>,
}

impl Villain {
    pub fn start(deed: Deed) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (requests, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let peers = Arc::new(Mutex::new(BTreeSet::new()));
        let villain =
            Self { address, requests: Arc::clone(&requests), peers: Arc::clone(&peers), over: Arc::clone(&over) };
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(peer) = stream.peer_addr() {
                    peers.lock().expect("nobody panics with it").insert(peer.ip());
                }
                let (requests, over) = (Arc::clone(&requests), Arc::clone(&over));
                thread::spawn(move || serve(stream, deed, &requests, &over));
            }
        });
        villain
    }

    /// Requests that it has read.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Addresses that it has been connected to from.
    pub fn peers(&self) -> BTreeSet<IpAddr> {
        self.peers.lock().expect("nobody panics with it").clone()
    }
}

impl Drop for Villain {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts, which then lets the port go.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(mut stream: TcpStream, deed: Deed, requests: &AtomicU64, over: &AtomicBool) {
    stream.set_read_timeout(Some(LOOK)).expect("a timeout");
    stream.set_nodelay(true).expect("an option");
    if deed == Deed::CloseAtOnce {
        return;
    }
    let mut unread = Vec::new();
    let mut input = [0; 4096];
    while !over.load(Ordering::Relaxed) {
        while let Some(end) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
            unread.drain(..end + 4);
            let number = requests.fetch_add(1, Ordering::Relaxed);
            if !answer(&mut stream, deed, number, over) {
                return;
            }
        }
        match stream.read(&mut input) {
            Ok(0) => return,
            Ok(len) => unread.extend_from_slice(&input[..len]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return,
        }
    }
}

/// Whether the connection goes on.
fn answer(stream: &mut TcpStream, deed: Deed, number: u64, over: &AtomicBool) -> bool {
    let mut say = |bytes: &[u8]| stream.write_all(bytes).is_ok();
    match deed {
        Deed::Answer => say(OK),
        Deed::Alternate => say(if number.is_multiple_of(2) { OK } else { DENIED }),
        Deed::ServerError => say(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"),
        Deed::ResetBefore => reset(stream),
        // The half that has arrived stays to be read when the reset comes.
        Deed::ResetWithin => say(HALF) && reset(stream),
        Deed::Truncate => say(HALF) && close(stream),
        Deed::TooShort => say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nOK") && close(stream),
        Deed::Surplus => say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK and more"),
        Deed::Twice => say(&[OK, OK].concat()),
        Deed::Stall => true,
        Deed::Interim => loop {
            if over.load(Ordering::Relaxed) || !say(b"HTTP/1.1 102 Processing\r\n\r\n") {
                return false;
            }
        },
        Deed::EndlessHead => {
            say(b"HTTP/1.1 200 OK\r\n")
                && loop {
                    if over.load(Ordering::Relaxed) || !say(b"X-More: and more, and more, and more, and more\r\n") {
                        return false;
                    }
                }
        }
        Deed::Garbage => say(b"\x16\x03\x01\x02\x00\x01\x00 this is no HTTP at all\r\n\r\n"),
        Deed::Drip => OK.iter().all(|byte| say(&[*byte])),
        Deed::CloseAfter => say(OK) && close(stream),
        Deed::UntilClose => say(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nas long as it takes") && close(stream),
        Deed::Chunked => say(CHUNKED),
        Deed::CloseAtOnce => false,
    }
}

fn close(stream: &TcpStream) -> bool {
    // FIN, and then whatever else the client sends is read past: no RST that could overtake the answer.
    let _ = stream.shutdown(Shutdown::Write);
    let mut rest = [0; 4096];
    let mut reader = stream;
    while matches!(reader.read(&mut rest), Ok(1..)) {}
    false
}

fn reset(stream: &TcpStream) -> bool {
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).expect("an option");
    false
}

const LOOK: Duration = Duration::from_millis(20);
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK";
const DENIED: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n";
const HALF: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Len";
const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nOK\r\n0\r\nX-Trailer: yes\r\n\r\n";
