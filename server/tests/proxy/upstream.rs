//! A small real server for the gate to stand in front of: a thread per connection, each doing what the test says.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use crate::support::clock::PATIENCE;
use crate::support::peer::{Ending, Peer};

/// A server on a port of its own.
pub struct Upstream {
    pub address: SocketAddr,
    requests: Receiver<Request>,
    visits: Arc<AtomicUsize>,
    gone: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub head: String,
    /// Decoded.
    pub body: Vec<u8>,
}

/// One connection from the gate.
pub struct Visit {
    pub peer: Peer,
    /// From 0, in the order of accepting.
    pub number: usize,
    log: Sender<Request>,
}

impl Upstream {
    /// Does `serve` with every connection.
    pub fn start(serve: impl Fn(&mut Visit) + Send + Sync + 'static) -> Upstream {
        Upstream::on(TcpListener::bind("127.0.0.1:0").expect("a port"), serve)
    }

    /// The same on a listener that is there.
    pub fn on(listener: TcpListener, serve: impl Fn(&mut Visit) + Send + Sync + 'static) -> Upstream {
        let address = listener.local_addr().expect("an address");
        let (log, requests) = channel();
        let (visits, gone) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let (count, stop, serve) = (Arc::clone(&visits), Arc::clone(&gone), Arc::new(serve));
        let acceptor = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let number = count.fetch_add(1, Ordering::SeqCst);
                let mut visit = Visit { peer: Peer::on(stream), number, log: log.clone() };
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(&mut visit));
            }
        });
        Upstream { address, requests, visits, gone, acceptor: Some(acceptor) }
    }

    /// Gives every request on every connection the same answer.
    pub fn answering(answer: impl AsRef<[u8]> + Send + Sync + 'static) -> Upstream {
        Upstream::start(move |visit| while visit.request().is_some() && visit.peer.try_send(&answer) {})
    }

    /// The next request that came, as soon as there is one.
    pub fn seen(&self) -> Request {
        self.requests.recv_timeout(PATIENCE).expect("the gate forwards a request")
    }

    /// Requests that have come and were not asked for.
    pub fn unseen(&self) -> Vec<Request> {
        self.requests.try_iter().collect()
    }

    /// Connections so far.
    pub fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Visit {
    /// The head of the next request; `None`: the gate has closed.
    pub fn head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = find(self.peer.received(), b"\r\n\r\n") {
                return Some(String::from_utf8(self.peer.take(end + 4)).expect("ASCII"));
            }
            self.peer.receive().ok()?;
        }
    }

    /// The next request, content and all.
    pub fn request(&mut self) -> Option<Request> {
        let head = self.head()?;
        let body = if let Some(length) = field(&head, "Content-Length") {
            self.bytes(length.parse().expect("a number")).ok()?
        } else if field(&head, "Transfer-Encoding") == Some("chunked") {
            chunks(&mut self.peer).ok()?.0
        } else {
            Vec::new()
        };
        let request = Request { head, body };
        // Nobody may be listening any more.
        let _ = self.log.send(request.clone());
        Some(request)
    }

    /// So many bytes.
    pub fn bytes(&mut self, length: usize) -> Result<Vec<u8>, Ending> {
        while self.peer.received().len() < length {
            self.peer.receive()?;
        }
        Ok(self.peer.take(length))
    }

    /// Waits until the gate has closed, and says how.
    pub fn ending(&mut self) -> Ending {
        loop {
            if let Err(ending) = self.peer.receive() {
                return ending;
            }
        }
    }

    /// Tells the test how far it is.
    pub fn say(&self, what: &str) {
        let _ = self.log.send(Request { head: what.to_owned(), body: Vec::new() });
    }
}

impl Request {
    /// The value of a field, which may be there once at most.
    pub fn field(&self, name: &str) -> Option<&str> {
        let lines = self
            .head
            .lines()
            .filter(|line| line.split_once(':').is_some_and(|(its, _)| its.eq_ignore_ascii_case(name)));
        assert!(lines.count() <= 1, "{name} is repeated in {:?}", self.head);
        field(&self.head, name)
    }

    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }
}

/// The value of a field in a head.
pub fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().skip(1).find_map(|line| {
        let (its, value) = line.split_once(':')?;
        its.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Reads chunks to the last one: the content, and the trailer section.
pub fn chunks(peer: &mut Peer) -> Result<(Vec<u8>, String), Ending> {
    let mut body = Vec::new();
    loop {
        let size = line(peer)?;
        let size = usize::from_str_radix(&size, 16).unwrap_or_else(|_| panic!("{size:?} is no chunk size"));
        if size == 0 {
            break;
        }
        while peer.received().len() < size + 2 {
            peer.receive()?;
        }
        body.extend(peer.take(size));
        assert_eq!(peer.take(2), b"\r\n");
    }
    let mut trailer = String::new();
    loop {
        match line(peer)? {
            end if end.is_empty() => return Ok((body, trailer)),
            field => trailer += &(field + "\n"),
        }
    }
}

fn line(peer: &mut Peer) -> Result<String, Ending> {
    loop {
        if let Some(end) = find(peer.received(), b"\r\n") {
            let line = peer.take(end + 2);
            return Ok(String::from_utf8(line[..end].to_vec()).expect("ASCII"));
        }
        peer.receive()?;
    }
}

pub fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
