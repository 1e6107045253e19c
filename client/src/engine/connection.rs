//! One connection: what is under way on it, and what its bytes say.
//!
//! It knows no poll and no plan: a [`crate::engine::worker`] hands it requests to send and tells it when the socket may be read or
//! written. Whatever ends a connection ends the requests on it, each with an outcome.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;

use crate::http::{Answers, Hints, Progress};
use crate::{Nanos, Outcome};

/// A request on its way: 32 bytes, for which each connection makes room as often as it may be pipelined.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) n: u64,
    pub(super) id: u32,
    pub(super) due: Nanos,
    pub(super) sent: Nanos,
}

/// How far a connection is.
#[derive(Debug)]
pub(super) enum State {
    /// None, until somebody connects again.
    Closed,
    Connecting {
        stream: TcpStream,
        since: Nanos,
    },
    Open(Open),
}

#[derive(Debug)]
pub(super) struct Open {
    pub(super) stream: TcpStream,
    pub(super) in_flight: VecDeque<Pending>,
    /// Requests sent on it so far.
    pub(super) requests: u32,
    /// A write has met a reset.
    is_reset: bool,
    /// Whether it stands in the queue of connections that have room.
    pub(super) is_ready: bool,
    /// What the kernel didn't take yet; no memory as long as it takes everything at once.
    unsent: Vec<u8>,
    answers: Answers,
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The peer closed it.
    Eof,
    Reset,
    Malformed,
    /// An answer said that it is the last.
    Said,
    /// More has come than was asked for.
    Surplus,
}

/// A whole answer, and the request that it answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    pub(super) request: Pending,
    pub(super) status: u16,
}

impl Open {
    pub(super) fn new(stream: TcpStream, pipeline: u32) -> Self {
        let in_flight = VecDeque::with_capacity(pipeline as usize);
        Self {
            stream,
            in_flight,
            requests: 0,
            is_reset: false,
            is_ready: false,
            unsent: Vec::new(),
            answers: Answers::default(),
        }
    }

    /// Sends the requests in `bytes`, or keeps what the kernel doesn't take until the socket may be written again.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(bytes);
            return;
        }
        let taken = self.write(bytes);
        self.unsent.extend_from_slice(&bytes[taken..]);
    }

    /// Sends more of what is left over.
    pub(super) fn flush(&mut self) {
        if self.unsent.is_empty() {
            return;
        }
        let mut unsent = std::mem::take(&mut self.unsent);
        let taken = self.write(&unsent);
        if taken < unsent.len() {
            unsent.drain(..taken);
            self.unsent = unsent;
        }
    }

    /// As much as the kernel takes.
    fn write(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while taken < bytes.len() {
            match self.stream.write(&bytes[taken..]) {
                Ok(len) => taken += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // What the peer said before may still be there to read: the end comes from reading.
                Err(error) => {
                    self.is_reset |= error.kind() == ErrorKind::ConnectionReset;
                    break;
                }
            }
        }
        taken
    }

    /// Reads once into `buffer`. `None` when there is nothing to read for now.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, End> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err(if self.is_reset { End::Reset } else { End::Eof }),
                Ok(len) => return Ok(Some(len)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(End::Reset),
            }
        }
    }

    /// Takes the next answer out of `bytes`, if it is whole; says how many bytes that took, and whether it is the connection's last.
    pub(super) fn next_answer(
        &mut self,
        bytes: &[u8],
        head: bool,
        hints: &mut Hints,
    ) -> Result<(usize, Option<(Answered, bool)>), End> {
        if self.in_flight.is_empty() {
            // Nobody asked for it.
            return Err(End::Surplus);
        }
        Ok(match self.answers.next(bytes, head, hints).map_err(|_| End::Malformed)? {
            Progress::NeedMore => (bytes.len(), None),
            Progress::Answer(answer) => {
                let request = self.in_flight.pop_front().expect("looked at above");
                (answer.consumed, Some((Answered { request, status: answer.status }, answer.closes)))
            }
        })
    }

    /// The peer has closed: the answer that only this could end, if it was one.
    pub(super) fn last_answer(&mut self) -> Option<Answered> {
        let answer = self.answers.finish().ok()??;
        Some(Answered { request: self.in_flight.pop_front()?, status: answer.status })
    }

    /// How the requests that are still under way end, the oldest first: it, and those behind it.
    pub(super) fn outcomes(&self, end: End) -> (Outcome, Outcome) {
        match end {
            End::Reset if self.answers.is_between() => (Outcome::ResetBefore, Outcome::ResetBefore),
            End::Reset => (Outcome::ResetWithin, Outcome::ResetBefore),
            End::Malformed | End::Surplus => (Outcome::Malformed, Outcome::Malformed),
            End::Eof | End::Said => (Outcome::EndOfFile, Outcome::EndOfFile),
        }
    }
}

// `lib.rs` says what connections and requests in flight cost. (A stream is larger in debug builds.)
const _: () = assert!(size_of::<Pending>() == 32 && size_of::<State>() <= 136);

/// The error of a connection attempt that has ended, if it failed.
pub(super) fn connected(stream: &TcpStream) -> io::Result<bool> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(error),
    }
}
