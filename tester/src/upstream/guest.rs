//! One connection of a service: what has come and not been answered.

use std::io::{ErrorKind, Read, Write};

use mio::net::TcpStream;
use tollgate_client::Nanos;

use super::kitchen::{Kitchen, Mood, Served};
use super::request::{Content, Request};

/// A connection.
#[derive(Debug)]
pub(super) struct Guest {
    pub stream: TcpStream,
    /// What came and is no whole request yet, or has to wait for the answer before it.
    unread: Vec<u8>,
    /// Content that is still to come, and nobody reads.
    content: u64,
    /// The answer that it waits for.
    waits: Option<Waits>,
    /// When it was last of any use.
    pub since: Nanos,
}

#[derive(Clone, Copy, Debug)]
struct Waits {
    due: Nanos,
    answer: &'static [u8],
    is_last: bool,
}

/// Whether a connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goes {
    /// Nothing to do before something comes.
    On,
    /// It is owed an answer at this time.
    Until(Nanos),
    /// It has ended.
    Away,
}

impl Guest {
    pub fn new(stream: TcpStream, now: Nanos) -> Self {
        Self { stream, unread: Vec::new(), content: 0, waits: None, since: now }
    }

    /// When the answer that it waits for is due, if it waits for one.
    pub fn owed(&self) -> Option<Nanos> {
        self.waits.map(|waits| waits.due)
    }

    /// Takes what has come, and answers what is due.
    pub fn turn(&mut self, kitchen: &mut Kitchen, mood: Mood, now: Nanos) -> Goes {
        if !self.take() {
            return Goes::Away;
        }
        loop {
            if let Some(Waits { due, answer, is_last }) = self.waits {
                if now < due {
                    return Goes::Until(due);
                }
                // Shorter than any socket's buffer: whoever lets that fill up isn't served.
                if self.stream.write(answer).ok() != Some(answer.len()) || is_last {
                    return Goes::Away;
                }
                (self.waits, self.since) = (None, now);
            }
            let skipped = self.content.min(self.unread.len() as u64);
            self.unread.drain(..skipped as usize);
            self.content -= skipped;
            let Some(request) = Request::first(&self.unread).filter(|_| self.content == 0) else { return Goes::On };
            let (head, content) = (request.head, request.content);
            let (due, answer) = match kitchen.serve(request.path, mood, now) {
                Served::HungUp => return Goes::Away,
                Served::Well(due) => (due, if content == Content::Chunks { LAST } else { OK }),
                Served::Failed(due) => (due, FAILED),
            };
            self.unread.drain(..head);
            self.content = if let Content::Bytes(bytes) = content { bytes } else { 0 };
            self.waits = Some(Waits { due, answer, is_last: content == Content::Chunks });
        }
    }

    /// Reads until there is nothing more. Whether the other end is still there.
    fn take(&mut self) -> bool {
        let mut input = [0; 4096];
        loop {
            match self.stream.read(&mut input) {
                Ok(0) => return false,
                Ok(read) => self.unread.extend_from_slice(&input[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == ErrorKind::WouldBlock && self.unread.len() <= MOST_UNREAD,
            }
            if self.unread.len() > MOST_UNREAD {
                let skipped = self.content.min(self.unread.len() as u64);
                self.unread.drain(..skipped as usize);
                self.content -= skipped;
                if self.unread.len() > MOST_UNREAD {
                    return false;
                }
            }
        }
    }
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK";
const LAST: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK";
const FAILED: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 6\r\n\r\nfailed";
/// A head is a few hundred bytes, and content isn't kept.
const MOST_UNREAD: usize = 256 << 10;
