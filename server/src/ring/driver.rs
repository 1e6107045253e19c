//! The state of one core's ring: takes completions from the kernel, keeps the slots, wakes tasks.
//!
//! One [`Driver::turn`] is one system call: everything the tasks asked for since the last turn is submitted, what has arrived is
//! collected, and the clock is read once for all of it.

mod dial;
mod hang_up;
mod lag;
mod life;
mod receive;
mod send;

use std::io;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::Duration;

use io_uring::cqueue;
use socket2::SockAddr;
use tollgate_limiter::Nanos;

use self::lag::Lookout;
use self::send::Flight;
use super::accept::Acceptor;
use super::buffers::{Buffers, Shape};
use super::park::Pillow;
use super::slots::{News, Slots, State};
use super::token::{Op, Token};
use super::uring::Uring;
use crate::clock::Clock;
use crate::drain::{Control, Phase};
use crate::socket::EngineSettings;
use crate::wheel::{Tick, Wheel};

/// One core's ring and everything on it.
pub(super) struct Driver {
    pub(super) uring: Uring,
    buffers: ManuallyDrop<Buffers>,
    pub(super) slots: Slots,
    /// Outputs the kernel gets with the next enter.
    flights: Vec<Flight>,
    /// Output buffers at rest.
    pool: Vec<Vec<u8>>,
    wheel: Wheel,
    pub(super) acceptor: Acceptor,
    /// Slots whose receive has to be asked for (again), in the order of asking.
    to_receive: Vec<u32>,
    /// Addresses of connections under way to them, and their slots. The kernel may read them until it has connected.
    dialled: Vec<(u32, Box<SockAddr>)>,
    newborn: Vec<Newborn>,
    expired: Vec<(Tick, u64)>,
    pub(super) control: Arc<Control>,
    core: usize,
    clock: Clock,
    now: Nanos,
    /// How long a closing connection may take to accept the rest of its output.
    write_timeout: Nanos,
    /// A task has been woken without a completion having come, in this turn.
    woke: bool,
    /// Somebody waits for an output that the kernel has yet to be given; it will say nothing when it is sent.
    hurry: bool,
    /// A bell rang and nobody has looked yet.
    pub(super) rung: bool,
    pub(super) phase: Phase,
    /// What the sleep timer is set for.
    alarm: Option<Tick>,
    /// Who looks how far the core is behind, if anybody.
    lookout: Option<Lookout>,
}

/// A connection that has a slot and no task yet.
pub(super) struct Newborn {
    pub slot: u32,
    pub listener: usize,
}

impl Driver {
    pub fn new(settings: EngineSettings) -> io::Result<Driver> {
        let mut uring = Uring::new(SUBMISSIONS, COMPLETIONS)?;
        let buffers = ManuallyDrop::new(Buffers::register(&mut uring, SMALL_BUFFERS, LARGE_BUFFERS)?);
        let now = settings.clock.now();
        uring.watch(settings.control.bell(settings.core).as_fd().as_raw_fd(), Token::core(Op::Doorbell));
        let mut driver = Driver {
            uring,
            buffers,
            slots: Slots::default(),
            flights: Vec::new(),
            pool: Vec::new(),
            wheel: Wheel::new(now),
            acceptor: Acceptor::new(settings.listeners, settings.gatekeeper.clone()),
            to_receive: Vec::new(),
            dialled: Vec::new(),
            newborn: Vec::new(),
            expired: Vec::new(),
            control: settings.control,
            core: settings.core,
            clock: settings.clock,
            now,
            write_timeout: Nanos::from(settings.write_timeout),
            // A phase announced before the bell was watched must not be missed.
            rung: true,
            woke: false,
            hurry: false,
            phase: Phase::Serving,
            alarm: None,
            lookout: settings.gatekeeper.map(Lookout::new),
        };
        driver.acceptor.start(&mut driver.uring);
        Ok(driver)
    }

    /// What this core sleeps on. To be called once, on its executor.
    pub fn pillow(&mut self) -> io::Result<Pillow> {
        Pillow::new(&mut self.uring, self.control.bell(self.core))
    }

    /// Submits, collects, and acts on what came; waits up to `wait` for something to come. Says whether anything did.
    pub fn turn(&mut self, wait: Duration) -> io::Result<bool> {
        self.control.pulse(self.core).beat();
        self.woke = false;
        self.ask_for_input();
        let looks = self.lookout.as_ref().is_some_and(Lookout::looks);
        let want = u32::from(!(std::mem::take(&mut self.hurry) || looks));
        self.uring.enter(want, wait)?;
        // Looked at before what has come makes us ask for more: that is no reason to take these outputs for unsent.
        let taken = self.uring.submitted_all();
        self.now = self.clock.now();
        let completed = self.reap();
        if let Some(lookout) = &mut self.lookout {
            lookout.note(completed, self.now, self.clock);
        }
        if taken {
            self.land_flights();
        }
        if self.wheel.is_behind(Tick::at(self.now)) {
            self.expire();
        }
        Ok(completed || self.woke)
    }

    /// Whether every task has been heard, there is nothing to hand to the kernel, and the gatekeeper has nothing to learn. A task that ran while the core
    /// sleeps would wait in vain for its output to go.
    pub fn is_at_rest(&mut self) -> bool {
        let nothing_to_do = !self.woke && !self.hurry && !self.rung;
        let is_awake = self.lookout.as_ref().is_some_and(Lookout::is_awake);
        !is_awake
            && nothing_to_do
            && self.to_receive.is_empty()
            && self.flights.is_empty()
            && self.uring.submitted_all()
    }

    #[inline]
    pub fn now(&self) -> Nanos {
        self.now
    }

    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// A connection that needs a task.
    pub fn next_newborn(&mut self) -> Option<Newborn> {
        self.newborn.pop()
    }

    /// Moves the deadline of a connection.
    #[inline]
    pub fn set_deadline(&mut self, index: u32, at: Nanos) {
        let id = self.slots.token(Op::Ignored, index).user_data();
        let slot = &mut self.slots[index];
        // That the last one has passed is no news any more.
        slot.news.clear(News::EXPIRED);
        self.wheel.set(&mut slot.deadline, Tick::after(at), id);
    }

    /// Arms the connection's precise timer.
    pub fn sleep_until(&mut self, index: u32, at: Nanos) {
        let token = self.slots.token(Op::Timer, index);
        // Measured from the clock, not from the batch's `now`: the kernel counts from the submission.
        let span = at.saturating_sub(self.clock.now());
        self.slots[index].state.set(State::TIMED);
        self.uring.timer(Duration::from(span), token);
    }

    /// Sees to it that a sleep ends when the next deadline is due. An alarm that is set may be for a later deadline than the earliest
    /// one now.
    pub fn set_alarm(&mut self) {
        let Some(earliest) = self.wheel.earliest() else { return };
        if self.alarm.is_some_and(|alarm| alarm <= earliest) {
            return;
        }
        let token = Token::core(Op::SleepTimer);
        if self.alarm.replace(earliest).is_some() {
            self.uring.remove_timer(token);
        }
        let span = earliest.begins().saturating_sub(self.clock.now()).saturating_add(Nanos::from_millis(1));
        self.uring.timer(Duration::from(span), token);
    }

    fn reap(&mut self) -> bool {
        let mut batch = [const { MaybeUninit::uninit() }; 64];
        let mut worked = false;
        loop {
            let completions = self.uring.completions(&mut batch);
            if completions.is_empty() {
                return worked;
            }
            worked = true;
            for completion in completions {
                self.complete(completion);
            }
        }
    }

    #[inline]
    fn complete(&mut self, completion: &cqueue::Entry) {
        let token = Token::from_user_data(completion.user_data());
        match token.op() {
            Op::Receive => self.received(token, completion),
            Op::Send => self.fell_short(token, completion.result()),
            Op::Resend => self.resent(token, completion.result()),
            Op::Accept => self.accepted(token.slot() as usize, completion),
            Op::Connect => self.connected(token, completion.result()),
            Op::HangUp => self.hung_up(token, completion.result()),
            Op::Timer => {
                if let Some(slot) = self.slots.of(token) {
                    slot.state.clear(State::TIMED);
                    slot.news.set(News::WOKEN);
                    slot.wake();
                }
            }
            Op::Cancel => self.not_cancelled(token),
            Op::AcceptCancel => self.acceptor.not_cancelled(token.slot() as usize, &mut self.uring),
            Op::AcceptTimer => self.look_for_room(token.slot() as usize),
            Op::DrainTimer => self.accept_the_last(token.slot() as usize),
            // One that was replaced says so, and is not the alarm any more.
            Op::SleepTimer if completion.result() == -libc::ECANCELED => {}
            Op::SleepTimer => self.alarm = None,
            Op::Doorbell => {
                self.rung = true;
                if !cqueue::more(completion.flags()) {
                    self.uring.watch(self.control.bell(self.core).as_fd().as_raw_fd(), token);
                }
            }
            Op::Ignored => {}
        }
    }

    fn expire(&mut self) {
        let mut expired = std::mem::take(&mut self.expired);
        self.wheel.advance(Tick::at(self.now), &mut expired);
        for (tick, id) in expired.drain(..) {
            let token = Token::from_user_data(id);
            let Some(slot) = self.slots.of(token) else { continue };
            if slot.starved.is_some() && slot.wants_input() {
                // What it owes may be here already, and we are the ones who have not read it.
                slot.excuse(Tick::after(self.now));
            }
            if self.wheel.fired(&mut slot.deadline, tick, id) {
                if slot.state.has(State::CLOSING) {
                    self.shut(token.slot());
                } else {
                    slot.news.set(News::EXPIRED);
                    slot.wake();
                    self.woke = true;
                }
            }
        }
        self.expired = expired;
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Closing a ring ends its operations some time later. What they may still touch is left behind.
        if self.slots.len() == 0 {
            // SAFETY: a slot is freed only when its receive has completed, so none is under way; `uring`, which is dropped after this, is
            // asked for nothing more, and the buffers are not used again.
            unsafe { ManuallyDrop::drop(&mut self.buffers) };
        }
        for (_, slot) in self.slots.used() {
            std::mem::forget(slot.unsent.take());
        }
        std::mem::forget(std::mem::take(&mut self.flights));
        std::mem::forget(std::mem::take(&mut self.dialled));
    }
}

/// Submissions per enter before one has to be made early.
const SUBMISSIONS: u32 = 1024;
/// Completions the kernel can leave for one turn: every submission's, and a receive per small buffer; large ones are asked for one by one.
const COMPLETIONS: u32 = 4096;
/// Buffers in use at once are at most those of one turn's receives, because every turn's input is read in that turn.
///
/// A request is a hundred bytes or a few; sixteen pipelined ones fit. The kernel fills up to 32 buffers of one connection in one go, so
/// this also bounds what we may have to keep for it: 64 KiB when it floods us for the first time, one buffer when it is rationed.
const SMALL_BUFFERS: Shape = Shape { count: 1024, size: 2048 };
/// For content that is passed on, whose price is that of a turn, not of a byte. Who gets none asks again in the next turn, in order.
const LARGE_BUFFERS: Shape = Shape { count: 32, size: 32 << 10 };

const _: () = assert!(COMPLETIONS as usize >= SMALL_BUFFERS.count as usize + 2 * SUBMISSIONS as usize);
