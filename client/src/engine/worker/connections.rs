//! Connections: opened, read, ended, replaced.

use std::io;

use mio::event::Event;
use mio::{Interest, Token};

use super::super::connect::count_failure;
use super::super::connection::{End, Open, State, connected};
use super::super::{Observer, Stage};
use super::Worker;
use crate::{Nanos, Outcome};

impl<O: Observer> Worker<'_, O> {
    pub(super) fn on_event(&mut self, event: &Event) {
        let Token(index) = event.token();
        if let State::Connecting { .. } = self.connections[index] {
            self.finish_connecting(index);
        }
        let State::Open(open) = &mut self.connections[index] else { return };
        if event.is_writable() {
            open.flush();
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.read(index, event.is_read_closed() || event.is_error());
        }
    }

    /// Reads what there is. A read that doesn't fill the buffer has emptied the socket, unless the peer has closed it.
    fn read(&mut self, index: usize, closed: bool) {
        loop {
            let State::Open(open) = &mut self.connections[index] else { return };
            let len = match open.receive(&mut self.input) {
                Ok(Some(len)) => len,
                Ok(None) => break,
                Err(end) => {
                    self.end_connection(index, end);
                    return;
                }
            };
            let done = self.clock.now();
            self.publisher.record().bytes_in += len as u64;
            if let Err(end) = self.take_answers(index, len, done) {
                self.end_connection(index, end);
                return;
            }
            if len < self.input.len() && !closed {
                break;
            }
        }
        self.go_on(index);
    }

    fn take_answers(&mut self, index: usize, len: usize, done: Nanos) -> Result<(), End> {
        let mut consumed = 0;
        let head = self.plan.request().method_is_head();
        while consumed < len {
            let State::Open(open) = &mut self.connections[index] else { return Ok(()) };
            let (more, answered) = open.next_answer(&self.input[consumed..len], head, &mut self.hints)?;
            consumed += more;
            if let Some((answered, last)) = answered {
                self.answered(index, answered, done);
                if last {
                    return Err(if consumed < len { End::Surplus } else { End::Said });
                }
            }
        }
        Ok(())
    }

    /// Sends again on a connection that has been answered, or has it wait for what is due.
    fn go_on(&mut self, index: usize) {
        let State::Open(open) = &self.connections[index] else { return };
        if open.in_flight.is_empty() && self.is_used_up(open) {
            self.close(index);
        } else if self.stage == Stage::Running && self.has_room(index) {
            if self.plan.is_scheduled() && self.waiting.is_empty() {
                self.make_ready(index);
            } else {
                let now = self.clock.now();
                self.fill(index, now);
            }
        }
    }

    pub(super) fn has_room(&self, index: usize) -> bool {
        let State::Open(open) = &self.connections[index] else { return false };
        open.in_flight.len() < self.settings.pipeline.get() as usize && !self.is_used_up(open)
    }

    /// Whether it has carried as many requests as it may.
    fn is_used_up(&self, open: &Open) -> bool {
        self.settings.requests_per_connection.is_some_and(|limit| open.requests >= limit.get())
    }

    /// The next open connection that has room.
    pub(super) fn next_ready(&mut self) -> Option<usize> {
        while let Some(index) = self.ready.pop_front() {
            if let State::Open(open) = &mut self.connections[index] {
                open.is_ready = false;
                if self.has_room(index) {
                    return Some(index);
                }
            }
        }
        None
    }

    /// Where clients keep their connections nobody asks for just any.
    pub(super) fn make_ready(&mut self, index: usize) {
        if let State::Open(open) = &mut self.connections[index]
            && !open.is_ready
            && self.waiting.is_empty()
        {
            open.is_ready = true;
            self.ready.push_back(index);
        }
    }

    /// Starts the attempts to connect whose time has come; not too many in a turn, since answers wait meanwhile.
    pub(super) fn connect_due(&mut self, now: Nanos) {
        for _ in 0..MOST_CONNECTS {
            let Some((at, index)) = self.to_connect.front().copied() else { return };
            if at.max(self.next_connect) > now {
                return;
            }
            self.to_connect.pop_front();
            if let Some(rate) = self.settings.connection_rate {
                let interval = Nanos::new(u64::from(self.settings.workers()) * 1_000_000_000 / u64::from(rate.get()));
                self.next_connect = self.next_connect.max(now - interval) + interval;
            }
            self.publisher.record().connections.attempted += 1;
            match self.connector.connect().and_then(|stream| self.register(stream, index, now)) {
                Ok(()) => {}
                Err(error) => self.connecting_failed(index, &error, now),
            }
        }
    }

    fn register(&mut self, mut stream: mio::net::TcpStream, index: usize, since: Nanos) -> io::Result<()> {
        self.poll.registry().register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
        self.connections[index] = State::Connecting { stream, since };
        self.connecting += 1;
        Ok(())
    }

    fn finish_connecting(&mut self, index: usize) {
        let state = &mut self.connections[index];
        let State::Connecting { stream, .. } = &*state else { return };
        match connected(stream) {
            Ok(false) => {}
            Ok(true) => {
                let State::Connecting { stream, .. } = std::mem::replace(state, State::Closed) else { return };
                *state = State::Open(Open::new(stream, self.settings.pipeline.get()));
                self.connecting -= 1;
                self.publisher.record().connections.established += 1;
                self.open += 1;
                self.failures = 0;
                self.make_ready(index);
            }
            Err(error) => {
                let now = self.clock.now();
                self.connecting_failed(index, &error, now);
            }
        }
    }

    /// Tries again later, the later the more attempts have failed; meanwhile a request that is due has no connection.
    fn connecting_failed(&mut self, index: usize, error: &io::Error, now: Nanos) {
        if let State::Connecting { .. } = std::mem::replace(&mut self.connections[index], State::Closed) {
            self.connecting -= 1;
        }
        count_failure(&mut self.publisher.record().connections, error);
        if self.stage != Stage::Running {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        self.end_waiting(index, Outcome::Refused, now);
        if self.open == 0 && self.connecting == 0 {
            self.refuse(now);
        }
        let shift = (self.failures / self.connections.len() as u32).min(MAX_DOUBLINGS);
        self.to_connect.push_back((now + Nanos::new(RETRY.as_u64() << shift), index));
    }

    /// A connection is over, and with it what is under way on it.
    pub(super) fn end_connection(&mut self, index: usize, end: End) {
        let now = self.clock.now();
        let State::Open(open) = &mut self.connections[index] else { return };
        if end == End::Eof
            && let Some(answered) = open.last_answer()
        {
            self.answered(index, answered, now);
        }
        let State::Open(open) = &self.connections[index] else { return };
        let outcomes = open.outcomes(end);
        let connections = &mut self.publisher.record().connections;
        match end {
            End::Eof => connections.closed_by_peer += 1,
            End::Reset => connections.reset += 1,
            End::Malformed | End::Said => connections.closed_by_us += 1,
            End::Surplus => {
                connections.closed_by_us += 1;
                connections.surplus += 1;
            }
        }
        self.drop_connection(index, outcomes, now);
    }

    /// Closes a connection on which nothing is under way.
    fn close(&mut self, index: usize) {
        self.publisher.record().connections.closed_by_us += 1;
        self.drop_connection(index, (Outcome::Aborted, Outcome::Aborted), Nanos::ZERO);
    }

    fn drop_connection(&mut self, index: usize, (first, others): (Outcome, Outcome), now: Nanos) {
        let State::Open(open) = std::mem::replace(&mut self.connections[index], State::Closed) else { return };
        self.open -= 1;
        for (place, request) in open.in_flight.into_iter().enumerate() {
            self.ended(index, request, if place == 0 { first } else { others }, None, now);
        }
        if self.stage == Stage::Running {
            // Behind those that wait already, and on the next turn: a peer that closes at once must not keep this thread busy.
            self.to_connect.push_back((now, index));
        }
    }

    /// Gives up what takes too long, a connection with all that is under way on it.
    pub(super) fn scan_for_timeouts(&mut self, now: Nanos) {
        let timeout = self.settings.timeout;
        self.next_scan = now + Nanos::new((timeout.as_u64() / 16).clamp(SHORTEST_SCAN.as_u64(), LONGEST_SCAN.as_u64()));
        for index in 0..self.connections.len() {
            match &self.connections[index] {
                State::Connecting { since, .. } if now - *since >= timeout => {
                    // The kernel may have connected it already, and the event waits behind thousands of others.
                    self.finish_connecting(index);
                    if let State::Connecting { .. } = self.connections[index] {
                        self.connecting_failed(index, &io::ErrorKind::TimedOut.into(), now);
                    }
                }
                State::Open(open) if open.in_flight.front().is_some_and(|oldest| now - oldest.sent >= timeout) => {
                    self.publisher.record().connections.closed_by_us += 1;
                    self.drop_connection(index, (Outcome::TimedOut, Outcome::TimedOut), now);
                }
                _ => {}
            }
        }
    }

    /// At the end of the run.
    pub(super) fn close_all(&mut self) {
        let now = self.clock.now();
        for index in 0..self.connections.len() {
            match &self.connections[index] {
                State::Closed => {}
                State::Connecting { .. } => {
                    self.connections[index] = State::Closed;
                    self.connecting -= 1;
                    self.publisher.record().connections.failed += 1;
                }
                State::Open(_) => {
                    self.publisher.record().connections.closed_by_us += 1;
                    self.drop_connection(index, (Outcome::Aborted, Outcome::Aborted), now);
                }
            }
        }
    }
}

/// When to try again after a failed attempt to connect; doubled each time all of them have failed once more, [`MAX_DOUBLINGS`] times.
const RETRY: Nanos = Nanos::from_millis(5);
const MAX_DOUBLINGS: u32 = 6;
/// Attempts to connect in one turn: a millisecond or two.
const MOST_CONNECTS: usize = 256;
const SHORTEST_SCAN: Nanos = Nanos::from_millis(1);
const LONGEST_SCAN: Nanos = Nanos::from_millis(100);
