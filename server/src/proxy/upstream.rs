//! The servers behind the gate, as one core sees them: who gets the next request, and which connections are at rest.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tollgate_limiter::Nanos;
use tollgate_limiter::breaker::CircuitBreaker;

use super::breaker::Call;
use super::failure::Failure;
use super::settings::{ProxyServer, ProxySettings};
use super::slots::Slots;
use crate::drain::Control;
use crate::overload::class::Rule;
use crate::socket::{Again, Dial, Event, Socket};

/// An upstream.
pub(super) struct Upstream<S> {
    pub host: String,
    pub slots: Slots,
    pub timeouts: Timeouts,
    /// Which requests matter how much.
    pub priorities: Vec<Rule>,
    /// Slots, when all servers take their full share.
    pub max_in_flight: usize,
    /// The way to the other cores.
    pub control: Arc<Control>,
    servers: Vec<Server<S>>,
    /// Where to begin looking, so that equals take turns.
    turn: Cell<usize>,
    /// Requests that are being sent for the second time.
    retries: Cell<usize>,
}

/// The upstream's timeouts, as the clock counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    pub connect: Nanos,
    pub response_head: Nanos,
    pub idle: Nanos,
    pub total: Nanos,
}

/// One server.
pub(super) struct Server<S> {
    pub address: SocketAddr,
    /// All cores share it.
    pub breaker: Arc<CircuitBreaker>,
    pub in_flight: Cell<usize>,
    /// It refused a connection: passed over until then, if there are others.
    paused_until: Cell<Nanos>,
    /// Connections at rest; the one used last is taken first, so that the others can go.
    idle: RefCell<Vec<S>>,
}

/// A request at a server, until it is dropped.
pub(super) struct Visit<'u, S> {
    pub upstream: &'u Upstream<S>,
    pub server: &'u Server<S>,
    pub call: Call<'u>,
    /// The request has been sent before.
    again: bool,
}

/// A second try, until it is dropped.
pub(super) struct Retry<'u>(&'u Cell<usize>);

impl<S: Socket> Upstream<S> {
    pub fn new(settings: &ProxySettings, control: Arc<Control>) -> Upstream<S> {
        let server = |ProxyServer { address, breaker }: &ProxyServer| Server {
            address: *address,
            breaker: Arc::clone(breaker),
            in_flight: Cell::new(0),
            paused_until: Cell::new(Nanos::ZERO),
            idle: RefCell::default(),
        };
        let timeouts = &settings.timeouts;
        Upstream {
            host: settings.host.clone(),
            slots: Slots::new(settings),
            priorities: settings.priorities.clone(),
            timeouts: Timeouts {
                connect: timeouts.connect.into(),
                response_head: timeouts.response_head.into(),
                idle: timeouts.idle.into(),
                total: timeouts.total.into(),
            },
            max_in_flight: settings.max_in_flight,
            control,
            servers: settings.servers.iter().map(server).collect(),
            turn: Cell::new(0),
            retries: Cell::new(0),
        }
    }

    /// The servers.
    pub fn servers(&self) -> &[Server<S>] {
        &self.servers
    }

    /// Calls the server with the fewest requests in flight among those whose breakers permit it. Those that have their share, or are paused, come
    /// after the others; and so does the one that was `tried` already.
    pub fn visit(&self, now: Nanos, tried: Option<SocketAddr>) -> Result<Visit<'_, S>, Failure> {
        let count = self.servers.len();
        let turn = self.turn.get();
        self.turn.set((turn + 1) % count);
        // Another core may take a permit between a look and a question.
        for _ in 0..count {
            let by_turn = (0..count).map(|step| &self.servers[(turn + step) % count]);
            let best = by_turn.filter(|server| server.permits(now)).min_by_key(|server| {
                let full = server.is_full(self.max_in_flight, now);
                (full, server.paused_until.get() > now, tried == Some(server.address), server.in_flight.get())
            });
            let Some(server) = best else { break };
            match server.breaker.try_acquire(now) {
                Ok(permit) => {
                    self.tell(server, permit.transition(), now);
                    server.in_flight.set(server.in_flight.get() + 1);
                    let (call, again) = (Call::new(permit), tried.is_some());
                    return Ok(Visit { upstream: self, server, call, again });
                }
                Err(rejected) => self.tell(server, rejected.transition, now),
            }
        }
        Err(self.unavailable(now))
    }

    /// Leave to try once more, within a budget: when everything fails, trying everything twice would only double the load.
    pub fn retry(&self) -> Option<Retry<'_>> {
        let budget = RETRIES_AT_LEAST.max(self.slots.taken() / RETRIES_ONE_IN);
        (self.retries.get() < budget).then(|| {
            self.retries.set(self.retries.get() + 1);
            Retry(&self.retries)
        })
    }

    /// When to look again at what the clock brings.
    pub fn again(&self, now: Nanos) -> Again {
        if self.slots.are_awaited(self.max_in_flight, now) { Again::Soon } else { Again::InTime }
    }

    pub fn sweep(&self, now: Nanos) {
        self.slots.tick(now);
        for server in &self.servers {
            server.idle.borrow_mut().retain_mut(is_quiet);
        }
    }
}

impl<S: Socket> Visit<'_, S> {
    /// A connection at rest that is still good, as far as one can know. None for a second try: the last one may have been closed in the very
    /// moment of sending, and so may all of them.
    pub fn idle(&self) -> Option<S> {
        if self.again {
            return None;
        }
        let mut idle = self.server.idle.borrow_mut();
        while let Some(mut socket) = idle.pop() {
            if is_quiet(&mut socket) {
                return Some(socket);
            }
        }
        None
    }

    /// A new connection.
    pub fn dial(&self, dialer: &impl Dial<Socket = S>) -> std::io::Result<S> {
        dialer.dial(self.server.address)
    }

    /// Puts a connection to rest, for at most `span`.
    pub fn rest(&self, mut socket: S, span: Nanos) {
        let until = socket.now().saturating_add(span);
        socket.deadline(until);
        if is_quiet(&mut socket) {
            self.server.idle.borrow_mut().push(socket);
        }
    }

    /// It refused: others first, for a moment.
    pub fn pause(&self, now: Nanos) {
        self.server.paused_until.set(now.saturating_add(PAUSE));
    }
}

/// Whether nothing has happened on a connection at rest: no end, no deadline, and no bytes, which would answer a question nobody asked.
fn is_quiet<S: Socket>(socket: &mut S) -> bool {
    loop {
        // With a waker that wakes nobody, whoever waited on this connection last is forgotten.
        match pin!(socket.event()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => return true,
            // Old news.
            Poll::Ready(Event::Sent | Event::Blocked | Event::Woken | Event::Connected | Event::HungUp) => {}
            Poll::Ready(Event::Input | Event::End | Event::Failed | Event::Expired | Event::Draining) => return false,
        }
    }
}

impl<S> Drop for Visit<'_, S> {
    fn drop(&mut self) {
        self.server.in_flight.set(self.server.in_flight.get() - 1);
    }
}

impl Drop for Retry<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// How long a server that refused is passed over.
const PAUSE: Nanos = Nanos::from_secs(1);
/// Second tries at a time: so many, or one in so many requests, whichever is more.
const RETRIES_AT_LEAST: usize = 3;
const RETRIES_ONE_IN: usize = 5;
