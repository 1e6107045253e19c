//! A service of our own for a gate to stand in front of: well, sick, gone, or with more to do than it can.
//!
//! ```text
//!   Mood ──► Service: a thread and a poll ──► Guest: one connection ──► Request: what it asked ──► an answer, now or later, or none
//! ```
//!
//! What it does to a request is a pure function of its [`Mood`], of the path and of what it has yet to do ([`Kitchen`]); sockets are in `service` alone.
//! It has one thread, at most `service::MOST_GUESTS` connections and no memory of what it answered. As services do, it closes connections that
//! nobody uses, so that a gate which keeps them can't be blamed for that.
//!
//! Rejected: a real service. It would be sick when it likes, and not when a trial wants it.

mod guest;
mod kitchen;
mod request;
mod service;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use mio::{Poll, Token, Waker};
use tollgate_client::engine::{LONGEST_WAIT, Stage};
use tollgate_client::{Clock, Control, Nanos};

pub use kitchen::{Kitchen, Mood, Served};
pub(crate) use kitchen::{SLOW, SLOW_TAKES};
use service::{Orders, Place, Service};

/// A service that runs until this is dropped.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    orders: Arc<Mutex<Orders>>,
    bell: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
}

/// From so long after the start of a load on, the service is in this mood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Nanos,
    /// What it is like then.
    pub mood: Mood,
}

impl Upstream {
    /// Starts one on a free port of 127.0.0.1, in a good mood.
    ///
    /// # Errors
    ///
    /// There is no port, poll or thread to be had.
    pub fn start(clock: Clock) -> io::Result<Self> {
        let place = Place::take((Ipv4Addr::LOCALHOST, 0).into())?;
        let (address, poll) = (place.address(), Poll::new()?);
        let bell = Arc::new(Waker::new(poll.registry(), BELL)?);
        let orders = Arc::<Mutex<Orders>>::default();
        let mut service = Service::open(place, poll, Arc::clone(&orders), clock)?;
        let thread = thread::Builder::new().name("upstream".to_owned()).spawn(move || service.run())?;
        Ok(Self { address, orders, bell, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it is like this.
    pub fn turn(&self, mood: Mood) {
        self.order(|orders| orders.mood = mood);
    }

    /// Goes through these changes, counted from `started`; and it is well in the end, also if the load is stopped before.
    pub fn follow(&self, changes: &[Change], started: Nanos, clock: Clock, control: &Control) {
        for change in changes {
            while control.stage() == Stage::Running && clock.now() < started + change.at {
                thread::sleep(LONGEST_WAIT.min(started + change.at - clock.now()).into());
            }
            if control.stage() != Stage::Running {
                break;
            }
            self.turn(change.mood);
        }
        if changes.last().is_none_or(|last| last.mood != Mood::Well) || control.stage() != Stage::Running {
            self.turn(Mood::Well);
        }
    }

    fn order(&self, change: impl FnOnce(&mut Orders)) {
        change(&mut self.orders.lock().unwrap_or_else(PoisonError::into_inner));
        // It looks once in a while anyway.
        let _ = self.bell.wake();
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.order(|orders| orders.over = true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

const BELL: Token = Token(usize::MAX);
