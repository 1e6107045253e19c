//! One slot per connection: what the driver knows about its socket.
//!
//! ```text
//!            accept            task drops its socket         last completion
//!   free ───────────▶ open ───────────────────────▶ closing ───────────────▶ free, next generation
//!          or dial
//! ```
//!
//! A slot outlives its task: it is free again only when the kernel has nothing left to say about the socket's connect, receive and send.

use std::os::fd::RawFd;
use std::task::Waker;

use super::buffers::Chain;
use super::token::{GENERATION_MASK, Op, Token};
use crate::wheel::{Deadline, Tick};

/// What the driver keeps per connection. Small, because ten thousand idle ones should cost little.
pub(super) struct Slot {
    pub fd: RawFd,
    pub generation: u32,
    /// Received, unread.
    pub inbox: Chain,
    pub state: State,
    pub news: News,
    pub deadline: Deadline,
    /// Since when the kernel has had no buffer for what the peer sends.
    pub starved: Option<Tick>,
    /// The connection's task, once it has waited for the first time.
    pub waker: Option<Waker>,
    /// Answers the peer has not made room for yet.
    pub unsent: Option<Box<Unsent>>,
}

/// The rest of an output whose first attempt fell short. The kernel reads from it until the resend completes.
pub(super) struct Unsent {
    pub output: Vec<u8>,
    pub sent: usize,
}

/// A set of small facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags<const KIND: u8>(u16);

impl<const KIND: u8> Flags<KIND> {
    #[inline]
    pub fn has(self, flag: Flags<KIND>) -> bool {
        self.0 & flag.0 != 0
    }

    #[inline]
    pub fn set(&mut self, flag: Flags<KIND>) {
        self.0 |= flag.0;
    }

    #[inline]
    pub fn clear(&mut self, flag: Flags<KIND>) {
        self.0 &= !flag.0;
    }

    /// Clears `flag` and says whether it was set.
    #[inline]
    pub fn take(&mut self, flag: Flags<KIND>) -> bool {
        let was = self.has(flag);
        self.clear(flag);
        was
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Where the socket stands.
pub(super) type State = Flags<0>;
/// What its task has not been told yet.
pub(super) type News = Flags<1>;

impl State {
    /// A connection lives here.
    pub const USED: State = Flags(1);
    /// The receive is with the kernel.
    pub const RECEIVING: State = Flags(1 << 1);
    /// The receive has been asked to end.
    pub const CANCELLING: State = Flags(1 << 2);
    /// The task wants no more input for now.
    pub const HELD: State = Flags(1 << 3);
    /// Nothing more will come: end of stream or failure.
    pub const ENDED: State = Flags(1 << 4);
    /// An output waits for the next enter.
    pub const QUEUED: State = Flags(1 << 5);
    /// The task wants to know when its output is gone.
    pub const WANTS_SENT: State = Flags(1 << 6);
    /// The task is gone.
    pub const CLOSING: State = Flags(1 << 7);
    /// The descriptor has been closed.
    pub const CLOSED: State = Flags(1 << 8);
    /// A precise timer is with the kernel.
    pub const TIMED: State = Flags(1 << 9);
    /// It gets one buffer at a time.
    pub const RATIONED: State = Flags(1 << 10);
    /// We opened it: it is none of the connections that are counted and capped.
    pub const OUTBOUND: State = Flags(1 << 11);
    /// The connect is with the kernel.
    pub const CONNECTING: State = Flags(1 << 12);
    /// The kernel is asked for its end.
    pub const WATCHED: State = Flags(1 << 13);
    /// What comes is content, which is only passed on.
    pub const CONTENT: State = Flags(1 << 14);
}

impl News {
    pub const FAILED: News = Flags(1);
    pub const SENT: News = Flags(1 << 1);
    pub const BLOCKED: News = Flags(1 << 2);
    pub const EXPIRED: News = Flags(1 << 3);
    pub const WOKEN: News = Flags(1 << 4);
    pub const DRAINING: News = Flags(1 << 5);
    pub const END: News = Flags(1 << 6);
    pub const CONNECTED: News = Flags(1 << 7);
    pub const HUNG_UP: News = Flags(1 << 8);
}

impl Slot {
    #[inline]
    pub fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    /// Whether output is on its way.
    #[inline]
    pub fn is_sending(&self) -> bool {
        self.state.has(State::QUEUED) || self.unsent.is_some()
    }

    /// Whether its task would take input.
    #[inline]
    pub fn wants_input(&self) -> bool {
        let unwanted = [State::HELD, State::ENDED, State::CLOSING, State::CONNECTING];
        self.state.has(State::USED) && !unwanted.iter().any(|&state| self.state.has(state))
    }

    /// Takes the time until `now` in which the kernel had no buffer for this connection off what its peer is charged with.
    #[cold]
    pub fn excuse(&mut self, now: Tick) {
        if let Some(since) = self.starved.replace(now) {
            self.deadline.put_off(now.since(since));
        }
    }
}

/// All slots of a core.
#[derive(Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl Slots {
    /// Takes a free slot, or a new one, for `fd`.
    pub fn open(&mut self, fd: RawFd) -> u32 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                fd: -1,
                generation: 0,
                inbox: Chain::default(),
                state: State::default(),
                news: News::default(),
                deadline: Deadline::default(),
                starved: None,
                waker: None,
                unsent: None,
            });
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[index as usize];
        slot.fd = fd;
        slot.state = State::USED;
        index
    }

    /// Frees a slot. Its stragglers are those of an older generation from here on.
    pub fn free(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        slot.fd = -1;
        slot.generation = (slot.generation + 1) & GENERATION_MASK;
        slot.state = State::default();
        slot.news = News::default();
        slot.deadline = Deadline::default();
        slot.starved = None;
        slot.waker = None;
        self.free.push(index);
    }

    /// Connections open or closing.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    #[inline]
    pub fn token(&self, op: Op, index: u32) -> Token {
        Token::new(op, self.slots[index as usize].generation, index)
    }

    /// The slot a completion is about, unless its connection is gone.
    #[inline]
    pub fn of(&mut self, token: Token) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(token.slot() as usize)?;
        (slot.generation == token.generation() && slot.state.has(State::USED)).then_some(slot)
    }

    /// The slots in use, with their indices.
    pub fn used(&mut self) -> impl Iterator<Item = (u32, &mut Slot)> {
        self.slots
            .iter_mut()
            .enumerate()
            .filter(|(_, slot)| slot.state.has(State::USED))
            .map(|(index, slot)| (index as u32, slot))
    }
}

impl std::ops::Index<u32> for Slots {
    type Output = Slot;

    #[inline]
    fn index(&self, index: u32) -> &Slot {
        &self.slots[index as usize]
    }
}

impl std::ops::IndexMut<u32> for Slots {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut Slot {
        &mut self.slots[index as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::{Slot, Slots};
    use crate::ring::token::Op;

    #[test]
    fn a_straggler_of_a_gone_connection_finds_nothing() {
        let mut slots = Slots::default();
        let index = slots.open(7);
        let token = slots.token(Op::Receive, index);
        assert!(slots.of(token).is_some());
        slots.free(index);
        assert!(slots.of(token).is_none());
        assert_eq!(slots.open(8), index, "the slot is used again");
        assert!(slots.of(token).is_none(), "by another generation");
    }

    #[test]
    fn a_slot_stays_small() {
        assert!(size_of::<Slot>() <= 64, "{}", size_of::<Slot>());
    }
}
