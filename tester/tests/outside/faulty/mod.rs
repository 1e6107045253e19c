//! A rate limiter over HTTP that is right, unless it was told to be wrong in one particular way.
//!
//! Simplicity first, or nobody could say that it *is* right: a thread for each connection, one map behind one mutex, and the clock read
//! while it is held, so that decisions happen in the order of their times. The id is the query's `clientId`; answers are 200 and 503.
//!
//! ```text
//!   mod.rs ── sockets and HTTP ──► gate.rs ── the map, and each fault ──► meter.rs ── the algorithms, always right
//! ```

mod gate;
mod meter;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tollgate_client::Clock;

pub use gate::{Fault, Gate};
pub use meter::{Algorithm, Quota};

/// A running limiter. Dropped, it closes its port and its connections and has no thread left.
pub struct Faulty {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

impl Faulty {
    /// Starts one on a free port.
    pub fn start(quota: Quota, algorithm: Algorithm, fault: Option<Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let over = Arc::new(AtomicBool::new(false));
        let clock = Clock::start();
        let gate = Gate::new(quota, algorithm, fault, move || clock.now());
        let told = Arc::clone(&over);
        let acceptor = thread::spawn(move || accept(&listener, &gate, &told));
        Self { address, over, acceptor: Some(acceptor) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

/// Serves whoever comes until it is over, then hangs up on everybody and waits for their threads.
fn accept(listener: &TcpListener, gate: &Gate, over: &AtomicBool) {
    let open: Mutex<HashMap<u64, TcpStream>> = Mutex::default();
    let streams = || open.lock().expect("nobody panics with it");
    thread::scope(|scope| {
        for (number, stream) in (0..).zip(listener.incoming()) {
            if over.load(Ordering::Relaxed) {
                break;
            }
            let Ok(stream) = stream else {
                // No descriptor left: some will be given back.
                thread::sleep(Duration::from_millis(5));
                continue;
            };
            let Ok(other_end) = stream.try_clone() else { continue };
            streams().insert(number, other_end);
            let streams = &streams;
            scope.spawn(move || {
                // Whatever is wrong with a connection is the peer's doing.
                let _ = serve(stream, number, gate);
                streams().remove(&number);
            });
        }
        for stream in streams().values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    });
}

/// Answers the requests of one connection, those that came together with one write.
fn serve(mut stream: TcpStream, connection: u64, gate: &Gate) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut unread, mut answers, mut input) = (Vec::new(), Vec::new(), [0; 16 * 1024]);
    loop {
        let mut at = 0;
        while let Some(length) = unread[at..].windows(4).position(|window| window == b"\r\n\r\n") {
            let Some(id) = client_id(&unread[at..at + length]) else {
                answers.extend_from_slice(BAD);
                return stream.write_all(&answers);
            };
            answers.extend_from_slice(if gate.admits(id, connection) { OK } else { gate.denial() });
            at += length + 4;
        }
        unread.drain(..at);
        stream.write_all(&answers)?;
        answers.clear();
        match stream.read(&mut input)? {
            0 => return Ok(()),
            read => unread.extend_from_slice(&input[..read]),
        }
    }
}

/// The query's `clientId` of a `GET`, as it was sent; empty if there is none.
fn client_id(head: &[u8]) -> Option<&str> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let target = std::str::from_utf8(line).ok()?.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1")?;
    let (_, query) = target.split_once('?').unwrap_or((target, ""));
    Some(query.split('&').find_map(|pair| pair.strip_prefix("clientId=")).unwrap_or(""))
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK";
const BAD: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
