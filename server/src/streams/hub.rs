//! What the streams of one core share: deadlines, news for sleeping tasks, and buffers.

use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use glommio::net::TcpStream;
use tollgate_limiter::Nanos;

use super::hang_up::{Asked, HangUps};
use crate::clock::Clock;
use crate::drain::{Control, Phase};
use crate::overload::gatekeeper::Gatekeeper;
use crate::ring;
use crate::socket::Event;
use crate::wheel::{Deadline, Tick, Wheel};

/// One core's share.
pub(super) struct Hub {
    members: Vec<Member>,
    free: Vec<usize>,
    /// Members that we opened.
    outbound: usize,
    wheel: Wheel,
    expired: Vec<(Tick, u64)>,
    hang_ups: HangUps,
    /// Output buffers at rest.
    pool: Vec<Vec<u8>>,
    pub control: Arc<Control>,
    core: usize,
    pub clock: Clock,
    pub now: Nanos,
    pub draining: bool,
    pub write_timeout: Nanos,
    gatekeeper: Option<Rc<Gatekeeper>>,
}

/// One connection, as far as others have to reach it.
#[derive(Default)]
struct Member {
    generation: u32,
    used: bool,
    /// We opened it: it is none of the connections that are counted and capped.
    outbound: bool,
    deadline: Deadline,
    waker: Option<Waker>,
    expired: bool,
    woken: bool,
    draining: bool,
    asked: Asked,
    /// It wants to know of its end.
    watching: bool,
    ended: Option<Event>,
}

/// A connection's seat in the hub. The generation tells it from the next one in the same seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    index: u32,
    generation: u32,
}

impl Seat {
    fn id(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    fn from_id(id: u64) -> Seat {
        Seat { index: id as u32, generation: (id >> 32) as u32 }
    }
}

impl Hub {
    pub fn new(
        control: Arc<Control>,
        core: usize,
        clock: Clock,
        write_timeout: Nanos,
        gatekeeper: Option<Rc<Gatekeeper>>,
    ) -> Hub {
        let now = clock.now();
        Hub {
            members: Vec::new(),
            free: Vec::new(),
            outbound: 0,
            wheel: Wheel::new(now),
            expired: Vec::new(),
            hang_ups: HangUps::default(),
            pool: Vec::new(),
            control,
            core,
            clock,
            now,
            draining: false,
            write_timeout,
            gatekeeper,
        }
    }

    /// Whether nobody may come in.
    pub fn is_full(&self) -> bool {
        self.control.is_full() || self.gatekeeper.as_ref().is_some_and(|gatekeeper| gatekeeper.is_closed())
    }

    /// A seat for a connection that was accepted.
    pub fn join(&mut self) -> Seat {
        self.control.balance().opened(self.core);
        self.seat(false)
    }

    /// A seat for a connection that we open.
    pub fn join_outbound(&mut self) -> Seat {
        self.outbound += 1;
        self.seat(true)
    }

    fn seat(&mut self, outbound: bool) -> Seat {
        let index = self.free.pop().unwrap_or_else(|| {
            self.members.push(Member::default());
            self.members.len() - 1
        });
        let member = &mut self.members[index];
        let generation = member.generation.wrapping_add(1);
        let draining = self.draining && !outbound;
        *member = Member { generation, used: true, outbound, draining, ..Member::default() };
        Seat { index: index as u32, generation }
    }

    pub fn leave(&mut self, seat: Seat) {
        if let Some(member) = self.member(seat) {
            member.used = false;
            member.waker = None;
            let outbound = member.outbound;
            self.free.push(seat.index as usize);
            if outbound {
                self.outbound -= 1;
            } else {
                self.control.balance().closed(self.core);
            }
        }
    }

    /// Whether it is a connection that we opened.
    pub fn is_outbound(&self, seat: Seat) -> bool {
        self.members[seat.index as usize].outbound
    }

    /// Connections that this core has accepted.
    pub fn len(&self) -> usize {
        self.members.len() - self.free.len() - self.outbound
    }

    pub fn set_deadline(&mut self, seat: Seat, at: Nanos) {
        let Hub { members, wheel, .. } = self;
        let member = &mut members[seat.index as usize];
        // That the last one has passed is no news any more.
        member.expired = false;
        wheel.set(&mut member.deadline, Tick::after(at), seat.id());
    }

    /// Tells a connection of its end from now on.
    pub fn watch(&mut self, seat: Seat, stream: &TcpStream) {
        let Hub { members, hang_ups, .. } = self;
        let member = &mut members[seat.index as usize];
        member.watching = true;
        hang_ups.ask(ring::descriptor(stream), seat.id(), &mut member.asked);
    }

    /// No more.
    pub fn unwatch(&mut self, seat: Seat) {
        let member = &mut self.members[seat.index as usize];
        (member.watching, member.ended) = (false, None);
    }

    /// What the connection has not been told; if nothing, `waker` is told when there is something.
    pub fn news(&mut self, seat: Seat, waker: &Waker) -> Option<Event> {
        let member = &mut self.members[seat.index as usize];
        for (news, event) in [
            (&mut member.woken, Event::Woken),
            (&mut member.draining, Event::Draining),
            (&mut member.expired, Event::Expired),
        ] {
            if std::mem::take(news) {
                return Some(event);
            }
        }
        if let Some(event) = member.ended.take() {
            return Some(event);
        }
        if !member.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            member.waker = Some(waker.clone());
        }
        None
    }

    /// A connection's own timer went off.
    pub fn wake(&mut self, seat: Seat) {
        if let Some(member) = self.member(seat) {
            member.woken = true;
            if let Some(waker) = &member.waker {
                waker.wake_by_ref();
            }
        }
    }

    /// Reads the clock, lets deadlines expire, looks for ends, and at the phase, which it returns.
    pub fn tick(&mut self) -> Phase {
        self.now = self.clock.now();
        let mut expired = std::mem::take(&mut self.expired);
        self.wheel.advance(Tick::at(self.now), &mut expired);
        for (tick, id) in expired.drain(..) {
            let Hub { members, wheel, .. } = self;
            let seat = Seat::from_id(id);
            let member = &mut members[seat.index as usize];
            if member.used && member.generation == seat.generation && wheel.fired(&mut member.deadline, tick, id) {
                member.expired = true;
                if let Some(waker) = &member.waker {
                    waker.wake_by_ref();
                }
            }
        }
        self.expired = expired;
        self.look_for_ends();
        let phase = self.control.phase();
        if phase >= Phase::Draining && !self.draining {
            self.draining = true;
            for member in self.members.iter_mut().filter(|member| member.used) {
                member.draining = true;
                if let Some(waker) = &member.waker {
                    waker.wake_by_ref();
                }
            }
        }
        phase
    }

    fn look_for_ends(&mut self) {
        let Hub { members, hang_ups, .. } = self;
        hang_ups.look(|id, event| {
            let seat = Seat::from_id(id);
            let member = &mut members[seat.index as usize];
            if !member.used || member.generation != seat.generation {
                return;
            }
            member.asked = Asked::Before;
            if member.watching {
                member.ended = Some(event);
                if let Some(waker) = &member.waker {
                    waker.wake_by_ref();
                }
            }
        });
    }

    pub fn output(&mut self) -> Vec<u8> {
        self.pool.pop().unwrap_or_default()
    }

    /// Puts an output buffer to rest.
    pub fn rest(&mut self, mut output: Vec<u8>) {
        if (1..=OUTPUT_KEPT).contains(&output.capacity()) && self.pool.len() < POOL {
            output.clear();
            self.pool.push(output);
        }
    }

    fn member(&mut self, seat: Seat) -> Option<&mut Member> {
        let member = self.members.get_mut(seat.index as usize)?;
        (member.used && member.generation == seat.generation).then_some(member)
    }
}

/// Larger output buffers are given back to the allocator: answers to some eighty requests at once fit.
const OUTPUT_KEPT: usize = 16 << 10;
/// Output buffers kept at rest.
const POOL: usize = 256;
