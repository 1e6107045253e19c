//! One hostile peer on its connection: plays its script, and notes what is done to it.
//!
//! It waits for nothing. Whoever has the poll says when the socket may be read or written, and calls [`Peer::turn`] then and at
//! [`Peer::wake`].

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tollgate_client::Nanos;
use tollgate_client::http::{Answers, Hints, Progress};

use super::script::{Reading, Script, Step};
use super::seen::{End, Seen};

/// A peer on its connection.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) number: u64,
    pub(super) script: Script,
    pub(super) stream: TcpStream,
    /// When it began to connect.
    pub(super) since: Nanos,
    is_connected: bool,
    can_read: bool,
    can_write: bool,
    /// Bytes sent of the step that it is at.
    sent: usize,
    /// Before then, it sends no further byte of a drip.
    next_byte: Nanos,
    /// Before then, it reads no more.
    next_read: Nanos,
    /// When a byte last went either way, or when it began to connect.
    last_byte: Nanos,
    /// A write has met a reset.
    is_reset: bool,
    answers: Answers,
    statuses: Vec<u16>,
    is_malformed: bool,
}

impl Peer {
    /// Begins to connect.
    pub(super) fn connect(to: SocketAddr, script: Script, number: u64, now: Nanos) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
        socket.set_tcp_nodelay(true)?;
        if matches!(script.reading, Reading::Slow { .. }) {
            // The kernel makes it as large as it must be.
            socket.set_recv_buffer_size(1)?;
        }
        match socket.connect(&to.into()) {
            Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => return Err(error),
            _ => {}
        }
        Ok(Self {
            number,
            script,
            stream: TcpStream::from_std(socket.into()),
            since: now,
            is_connected: false,
            can_read: false,
            can_write: false,
            sent: 0,
            next_byte: now,
            next_read: now,
            last_byte: now,
            is_reset: false,
            answers: Answers::default(),
            statuses: Vec::new(),
            is_malformed: false,
        })
    }

    /// The poll says what the socket is ready for.
    pub(super) fn is_ready(&mut self, can_read: bool, can_write: bool) {
        self.can_read |= can_read;
        self.can_write |= can_write;
    }

    /// Does what there is to do. How it ended, if it did.
    pub(super) fn turn(&mut self, now: Nanos, buffer: &mut [u8], hints: &mut Hints) -> Option<End> {
        if !self.is_connected {
            match self.connected() {
                Ok(true) => self.last_byte = now,
                Ok(false) => return (now - self.last_byte >= PATIENCE).then_some(End::NoConnection),
                // There was one, already over.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Some(End::Reset),
                Err(_) => return Some(End::NoConnection),
            }
            self.is_connected = true;
        }
        // Before it acts: what the server did first is seen first.
        if let Some(end) = self.read(now, buffer, hints).or_else(|| self.act(now)) {
            return Some(end);
        }
        if self.script.steps.is_empty() && self.script.due.is_paid(self.statuses.len()) {
            return Some(End::Left);
        }
        (self.script.due.has_a_time() && now - self.last_byte >= PATIENCE).then_some(End::TimedOut)
    }

    /// When it has something to do, whatever the socket says.
    pub(super) fn wake(&self) -> Nanos {
        let drip = matches!(self.script.steps.front(), Some(Step::Drip { .. })) && self.can_write;
        let byte = if drip { self.next_byte } else { Nanos::MAX };
        let read = if self.can_read { self.next_read } else { Nanos::MAX };
        let has_a_time = !self.is_connected || self.script.due.has_a_time();
        let patience = if has_a_time { self.last_byte + PATIENCE } else { Nanos::MAX };
        byte.min(read).min(patience)
    }

    /// What was done to it, now that it has ended like this.
    pub(super) fn seen(&self, end: End) -> Seen {
        Seen { answers: self.statuses.clone(), is_malformed: self.is_malformed, end }
    }

    fn connected(&self) -> io::Result<bool> {
        if !self.can_read && !self.can_write {
            return Ok(false);
        }
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        match self.stream.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads what it wants of what there is.
    fn read(&mut self, now: Nanos, buffer: &mut [u8], hints: &mut Hints) -> Option<End> {
        while self.can_read && now >= self.next_read {
            let wanted = match self.script.reading {
                Reading::Eager => buffer.len(),
                Reading::Slow { bytes, every } => {
                    self.next_read = now + every;
                    bytes
                }
            };
            match self.stream.read(&mut buffer[..wanted]) {
                Ok(0) => {
                    match self.answers.finish() {
                        Ok(answer) => self.statuses.extend(answer.map(|answer| answer.status)),
                        // A reset may cut an answer off; an orderly end may not.
                        Err(_) => self.is_malformed = !self.is_reset,
                    }
                    return Some(if self.is_reset { End::Reset } else { End::Closed });
                }
                Ok(len) => {
                    self.last_byte = now;
                    if !self.hear(&buffer[..len], hints) {
                        self.is_malformed = true;
                        return Some(End::Left);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.can_read = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Some(End::Reset),
            }
        }
        None
    }

    /// Takes the answers out of `bytes`. Whether that is what they were.
    fn hear(&mut self, mut bytes: &[u8], hints: &mut Hints) -> bool {
        while !bytes.is_empty() {
            match self.answers.next(bytes, false, hints) {
                Ok(Progress::NeedMore) => return true,
                Ok(Progress::Answer(answer)) => {
                    self.statuses.push(answer.status);
                    bytes = &bytes[answer.consumed..];
                }
                Err(_) => return false,
            }
        }
        true
    }

    /// Goes on with its script, as far as time and socket let it.
    fn act(&mut self, now: Nanos) -> Option<End> {
        while let Some(step) = self.script.steps.front() {
            let (bytes, total) = match step {
                Step::Send(bytes) => (bytes, bytes.len()),
                Step::Repeat { bytes, times } => (bytes, bytes.len() * times),
                Step::Drip { bytes, .. } => (bytes, bytes.len()),
                Step::Finish => {
                    // An error is the peer's end, which reading tells.
                    let _ = self.stream.shutdown(Shutdown::Write);
                    self.script.steps.pop_front();
                    continue;
                }
                Step::Close => return Some(End::Left),
                Step::Reset => {
                    let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
                    return Some(End::Left);
                }
            };
            if self.sent == total {
                self.script.steps.pop_front();
                self.sent = 0;
                continue;
            }
            let mut rest = &bytes[self.sent % bytes.len()..];
            if let Step::Drip { every, .. } = step {
                if now < self.next_byte {
                    return None;
                }
                rest = &rest[..1];
                self.next_byte = now + *every;
            }
            if !self.can_write {
                return None;
            }
            match self.stream.write(rest) {
                Ok(len) => {
                    self.sent += len;
                    self.last_byte = now;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.can_write = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // It can't go on; what the server said before may still be there to read, and then the end.
                Err(error) => {
                    self.is_reset |= error.kind() == ErrorKind::ConnectionReset;
                    self.script.steps.clear();
                }
            }
        }
        None
    }
}

/// A server that owes something and moves no byte for so long has failed. Longer than a server reads on after its last answer.
pub(super) const PATIENCE: Nanos = Nanos::from_secs(10);
