//! Peers that a load client can't play: slow, rude, half-closed, malformed.
//!
//! ```text
//! Kind ── seed, number ──► Script: steps, and what is due ──► Peer: plays it on a connection ──► Seen ──► Treatment: all of them, counted
//! ```
//!
//! [`run`] keeps so many peers of one kind connected for a span of time: when one has ended, the next takes its place. All of them
//! are on one thread and one poll, because they do next to nothing. What a peer does is data, drawn from the seed; what a server *owes* it
//! stands beside it, so that one rule judges them all: [`Treatment::is_proper`]. What is owed is what the RFC asks of any server, and no
//! habit of one of them.
//!
//! Peers have ids of their own (`hostile-N`), so the limits of a load beside them stay untouched: its answers must come as without them.
//!
//! Rejected: a thread for each peer, as simple tests have. Two hundred would wake up two hundred times more often than the load client
//! beside them, and be the reason why it is late.

mod framing;
mod kind;
mod peer;
mod rude;
mod script;
mod seen;
mod slow;
#[cfg(test)]
mod tests;
mod treatment;
mod words;

use std::io::{self, ErrorKind};

use mio::{Events, Interest, Poll, Token};
use tollgate_client::engine::{LONGEST_WAIT, Stage};
use tollgate_client::http::Hints;
use tollgate_client::{Clock, Control, Nanos};

pub use kind::{Kind, Target, UnknownKind};
use peer::{PATIENCE, Peer};
pub use seen::End;
use seen::Seen;
pub use treatment::Treatment;

/// Keeps `count` peers of a kind at a server for `span`, and waits a little longer (10 s at most) for what it still owes some of them.
/// `control` ends it earlier, and then at once.
///
/// # Errors
///
/// There is no poll to be had. What the server does is in the treatment.
pub fn run(
    kind: Kind,
    target: &Target,
    count: u32,
    span: Nanos,
    seed: u64,
    control: &Control,
) -> io::Result<Treatment> {
    let rest = SHORTEST_REST.max(Nanos::new(span.as_u64() / MOST_PEERS * u64::from(count)));
    // Spread, so that they don't come in waves.
    let first = |number: u32| Nanos::new(rest.min(SPREAD).as_u64() * u64::from(number) / u64::from(count));
    let places = (0..count).map(|number| Place { peer: None, free_from: first(number) }).collect();
    let visitors = Visitors { kind, target, seed, rest, came: 0, treatment: Treatment::default() };
    let mut crowd = Crowd { poll: Poll::new()?, places, visitors, buffer: vec![0; READ], hints: Hints::new() };
    crowd.play(Clock::start(), span, control)?;
    Ok(crowd.visitors.treatment)
}

/// All peers at a time.
struct Crowd<'a> {
    poll: Poll,
    places: Vec<Place>,
    visitors: Visitors<'a>,
    buffer: Vec<u8>,
    hints: Hints,
}

/// Room for one peer.
struct Place {
    peer: Option<Peer>,
    /// When the next one may come.
    free_from: Nanos,
}

/// Those who come one after the other.
struct Visitors<'a> {
    kind: Kind,
    target: &'a Target,
    seed: u64,
    /// How long a place stays free.
    rest: Nanos,
    came: u64,
    treatment: Treatment,
}

/// Who may come, and who may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Open,
    /// Nobody comes any more, and only those stay who are still due something.
    Closing,
    /// Everybody leaves.
    Closed,
}

impl Crowd<'_> {
    fn play(&mut self, clock: Clock, span: Nanos, control: &Control) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut end = span;
        loop {
            let now = clock.now();
            let stage = control.stage();
            if stage != Stage::Running {
                end = end.min(now);
            }
            let door = match now {
                _ if stage == Stage::Aborted || now >= end + PATIENCE => Door::Closed,
                _ if now >= end => Door::Closing,
                _ => Door::Open,
            };
            for number in 0..self.places.len() {
                self.turn(number, door, now)?;
            }
            if door != Door::Open && self.places.iter().all(|place| place.peer.is_none()) {
                return Ok(());
            }
            let wake = self.places.iter().map(|place| place.wake(door)).min().unwrap_or(Nanos::MAX);
            match self.poll.poll(&mut events, Some((wake - now).min(LONGEST_WAIT).into())) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                if let Some(peer) = &mut self.places[event.token().0].peer {
                    peer.is_ready(event.is_readable() || event.is_error(), event.is_writable());
                }
            }
        }
    }

    /// Lets a peer come to this place, or the one that is there go on.
    fn turn(&mut self, number: usize, door: Door, now: Nanos) -> io::Result<()> {
        let Self { poll, places, visitors, buffer, hints } = self;
        let place = &mut places[number];
        if door == Door::Open && place.peer.is_none() && now >= place.free_from {
            place.peer = visitors.next(now);
            place.free_from = now + visitors.rest;
            if let Some(peer) = &mut place.peer {
                poll.registry().register(&mut peer.stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
            }
        }
        let Some(peer) = &mut place.peer else { return Ok(()) };
        let is_called_off = match door {
            Door::Open => false,
            Door::Closing => !peer.script.due.has_a_time(),
            Door::Closed => true,
        };
        let end = peer.turn(now, buffer, hints).or(is_called_off.then_some(End::Left));
        if let Some(end) = end {
            visitors.treatment.count(peer.number, &peer.script, &peer.seen(end), now - peer.since);
            *place = Place { peer: None, free_from: now + visitors.rest };
        }
        Ok(())
    }
}

impl Place {
    /// When there is something to do, whatever the poll says.
    fn wake(&self, door: Door) -> Nanos {
        match &self.peer {
            Some(peer) => peer.wake(),
            None if door == Door::Open => self.free_from,
            None => Nanos::MAX,
        }
    }
}

impl Visitors<'_> {
    /// The next one, on its way; `None` if it didn't get far.
    fn next(&mut self, now: Nanos) -> Option<Peer> {
        let number = self.came;
        let script = self.kind.script(self.target, self.seed, number);
        match Peer::connect(self.target.address, script, number, now) {
            Ok(peer) => {
                self.came += 1;
                Some(peer)
            }
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                self.came += 1;
                let script = self.kind.script(self.target, self.seed, number);
                self.treatment.count(number, &script, &Seen::nothing(End::NoConnection), Nanos::ZERO);
                None
            }
            Err(_) => {
                self.treatment.not_made += 1;
                None
            }
        }
    }
}

/// Of one place. Shorter, and short visits would be a load of their own.
const SHORTEST_REST: Nanos = Nanos::from_millis(50);
/// All places are taken for the first time within this.
const SPREAD: Nanos = Nanos::from_secs(1);
/// In one run, from one address: fewer than there are ports, each of which may be taken for a minute after a connection.
const MOST_PEERS: u64 = 20_000;
/// Large enough for what a kernel has ready.
const READ: usize = 64 << 10;
