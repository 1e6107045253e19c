//! The thread of a service: who comes, who waits, and who has gone.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};
use tollgate_client::engine::LONGEST_WAIT;
use tollgate_client::{Clock, Nanos};

use super::guest::{Goes, Guest};
use super::kitchen::{Kitchen, Mood};

/// What it is told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Orders {
    pub mood: Mood,
    pub over: bool,
}

/// An address, kept also while nobody listens there: so that nobody else can take it.
#[derive(Debug)]
pub(super) struct Place {
    _kept: Socket,
    address: SocketAddr,
}

impl Place {
    pub fn take(address: SocketAddr) -> io::Result<Self> {
        let kept = bound(address)?;
        let address = kept.local_addr()?.as_socket().ok_or(ErrorKind::AddrNotAvailable)?;
        Ok(Self { _kept: kept, address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn listener(&self) -> io::Result<TcpListener> {
        let socket = bound(self.address)?;
        socket.listen(BACKLOG)?;
        Ok(TcpListener::from_std(socket.into()))
    }
}

/// Two sockets may have an address as long as none of them listens.
fn bound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// All of it.
#[derive(Debug)]
pub(super) struct Service {
    place: Place,
    listener: Option<TcpListener>,
    poll: Poll,
    guests: Vec<Option<Guest>>,
    free: Vec<usize>,
    /// Who is owed an answer, and when. Who has gone since is owed none.
    owed: BinaryHeap<Reverse<(Nanos, usize)>>,
    kitchen: Kitchen,
    orders: Arc<Mutex<Orders>>,
    mood: Mood,
    clock: Clock,
}

impl Service {
    pub fn open(place: Place, poll: Poll, orders: Arc<Mutex<Orders>>, clock: Clock) -> io::Result<Self> {
        let mut service = Self {
            place,
            listener: None,
            poll,
            guests: Vec::new(),
            free: Vec::new(),
            owed: BinaryHeap::new(),
            kitchen: Kitchen::default(),
            orders,
            mood: Mood::Well,
            clock,
        };
        service.listen()?;
        Ok(service)
    }

    pub fn run(&mut self) {
        let mut events = Events::with_capacity(1024);
        let mut swept = self.clock.now();
        loop {
            let orders = *self.orders.lock().unwrap_or_else(PoisonError::into_inner);
            if orders.over {
                return;
            }
            self.turn(orders.mood);
            let now = self.clock.now();
            let next = self.owed.peek().map_or(Nanos::MAX, |Reverse((due, _))| *due);
            // Rounded up: a poll that ends too early would be asked for nothing.
            let wait = (next - now).min(LONGEST_WAIT);
            // Whatever is wrong with the poll, the next turn tries again.
            let _ = self.poll.poll(&mut events, Some(wait.into()));
            let now = self.clock.now();
            for event in &events {
                self.heed(event, now);
            }
            self.serve_due(now);
            if now - swept >= IDLE {
                self.sweep(now);
                swept = now;
            }
        }
    }

    /// Gone, it doesn't listen, and has closed every connection; otherwise it listens.
    fn turn(&mut self, mood: Mood) {
        self.mood = mood;
        if mood == Mood::Gone {
            self.listener = None;
            (self.guests, self.free, self.owed) = (Vec::new(), Vec::new(), BinaryHeap::new());
        } else if self.listener.is_none() {
            // Until it is possible: it is tried each turn.
            let _ = self.listen();
        }
    }

    fn listen(&mut self) -> io::Result<()> {
        let mut listener = self.place.listener()?;
        self.poll.registry().register(&mut listener, DOOR, Interest::READABLE)?;
        self.listener = Some(listener);
        Ok(())
    }

    fn heed(&mut self, event: &Event, now: Nanos) {
        match event.token() {
            DOOR => self.let_in(now),
            Token(number) => self.serve(number, now),
        }
    }

    fn let_in(&mut self, now: Nanos) {
        while let Some(Ok((stream, _))) = self.listener.as_ref().map(TcpListener::accept) {
            if self.guests.len() - self.free.len() < MOST_GUESTS {
                self.seat(stream, now);
            }
        }
    }

    fn seat(&mut self, mut stream: TcpStream, now: Nanos) {
        let number = self.free.pop().unwrap_or(self.guests.len());
        let is_seated = stream
            .set_nodelay(true)
            .and_then(|()| self.poll.registry().register(&mut stream, Token(number), Interest::READABLE))
            .is_ok();
        if number == self.guests.len() {
            self.guests.push(None);
        }
        if is_seated {
            self.guests[number] = Some(Guest::new(stream, now));
            self.serve(number, now);
        } else {
            self.free.push(number);
        }
    }

    fn serve(&mut self, number: usize, now: Nanos) {
        let Some(place) = self.guests.get_mut(number) else { return };
        let Some(guest) = place else { return };
        let owed = guest.owed();
        match guest.turn(&mut self.kitchen, self.mood, now) {
            Goes::On => {}
            // Another answer than before: the one it waited for is out, and the next request was there already.
            Goes::Until(due) if owed != Some(due) => self.owed.push(Reverse((due, number))),
            Goes::Until(_) => {}
            Goes::Away => {
                *place = None;
                self.free.push(number);
            }
        }
    }

    fn serve_due(&mut self, now: Nanos) {
        while let Some(Reverse((due, number))) = self.owed.peek().copied()
            && due <= now
        {
            self.owed.pop();
            self.serve(number, now);
        }
    }

    /// Closes connections that nobody uses.
    fn sweep(&mut self, now: Nanos) {
        for number in 0..self.guests.len() {
            let is_idle = |guest: &Guest| guest.owed().is_none() && now - guest.since >= IDLE;
            if self.guests[number].as_ref().is_some_and(is_idle) {
                self.guests[number] = None;
                self.free.push(number);
            }
        }
    }
}

const DOOR: Token = Token(usize::MAX - 1);
const BACKLOG: i32 = 4096;
/// More than any gate should have open to a service; those beyond are closed at once.
pub(super) const MOST_GUESTS: usize = 8192;
/// Unused for so long, a connection is closed.
const IDLE: Nanos = Nanos::from_secs(2);
