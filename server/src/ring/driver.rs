//! The state of one core's ring: takes completions from the kernel, keeps the slots, wakes tasks.
//!
//! One [`Driver::turn`] is one system call: everything the tasks asked for since the last turn is submitted, what has arrived is
//! collected, and the clock is read once for all of it.
//!
//! **Sends.** The usual answer fits into the socket's buffer, so an output is first sent with `MSG_DONTWAIT` and without a
//! completion: if the kernel has nothing to say, it is done when the enter returns, and its memory goes back to the pool. With one
//! connection this also keeps the enter waiting for the *next request* instead of returning with the news that the answer is gone.
//! What does not fit is sent again, waiting for room, and from then on the peer counts as blocked.

use std::io;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use io_uring::cqueue;
use tollgate_limiter::Nanos;

use super::accept::Acceptor;
use super::buffers::{Buffers, Filled, GROUP};
use super::slots::{News, Slots, State, Unsent};
use super::token::{Op, Token};
use super::uring::Uring;
use crate::clock::Clock;
use crate::drain::{Control, Phase};
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
    /// Slots whose receive has to be asked for (again).
    to_receive: Vec<u32>,
    /// Connections that have no task yet.
    newborn: Vec<u32>,
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
    sleep_timer: bool,
}

struct Flight {
    slot: u32,
    output: Vec<u8>,
}

/// What a core's engine needs to start.
pub(crate) struct DriverSettings {
    pub listener: OwnedFd,
    pub control: Arc<Control>,
    /// The core's index among the process' cores.
    pub core: usize,
    pub clock: Clock,
    pub write_timeout: Duration,
}

impl Driver {
    pub fn new(settings: DriverSettings) -> io::Result<Driver> {
        let mut uring = Uring::new(SUBMISSIONS, COMPLETIONS)?;
        let buffers = ManuallyDrop::new(Buffers::register(&mut uring, BUFFER_COUNT, BUFFER_SIZE)?);
        let now = settings.clock.now();
        uring.watch(settings.control.bell(settings.core).as_fd().as_raw_fd(), Token::core(Op::Doorbell));
        let mut driver = Driver {
            uring,
            buffers,
            slots: Slots::default(),
            flights: Vec::new(),
            pool: Vec::new(),
            wheel: Wheel::new(now),
            acceptor: Acceptor::new(settings.listener),
            to_receive: Vec::new(),
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
            sleep_timer: false,
        };
        driver.acceptor.resume(&mut driver.uring);
        Ok(driver)
    }

    /// Submits, collects, and acts on what came; waits up to `wait` for something to come. Says whether anything did.
    pub fn turn(&mut self, wait: Duration) -> io::Result<bool> {
        self.woke = false;
        self.ask_for_input();
        let want = u32::from(!std::mem::take(&mut self.hurry));
        self.uring.enter(want, wait)?;
        self.now = self.clock.now();
        let completed = self.reap();
        self.land_flights();
        if self.wheel.is_behind(Tick::at(self.now)) {
            self.expire();
        }
        Ok(completed || self.woke)
    }

    /// Whether every task has been heard and there is nothing to hand to the kernel. A task that ran while the core sleeps would wait
    /// in vain for its output to go.
    pub fn is_at_rest(&mut self) -> bool {
        let nothing_to_do = !self.woke && !self.hurry && !self.rung;
        nothing_to_do && self.to_receive.is_empty() && self.flights.is_empty() && self.uring.submitted_all()
    }

    /// Whether output of this connection is on its way; if so, its task hears when it is gone.
    #[inline]
    pub fn is_sending(&mut self, index: u32) -> bool {
        let slot = &mut self.slots[index];
        let sending = slot.is_sending();
        if sending {
            slot.state.set(State::WANTS_SENT);
            self.hurry |= slot.state.has(State::QUEUED);
        }
        sending
    }

    #[inline]
    pub fn now(&self) -> Nanos {
        self.now
    }

    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// A connection that needs a task.
    pub fn next_newborn(&mut self) -> Option<u32> {
        self.newborn.pop()
    }

    /// Takes in an accepted connection.
    pub fn admit(&mut self, socket: OwnedFd) {
        self.control.opened();
        let fd = socket.into_raw_fd();
        let index = self.slots.open(fd);
        self.slots[index].state.set(State::RECEIVING);
        if self.phase >= Phase::Draining {
            self.slots[index].news.set(News::DRAINING);
        }
        self.uring.receive(fd, GROUP, self.slots.token(Op::Receive, index));
        self.newborn.push(index);
    }

    /// Moves the deadline of a connection.
    #[inline]
    pub fn set_deadline(&mut self, index: u32, at: Nanos) {
        let id = self.slots.token(Op::Ignored, index).user_data();
        self.wheel.set(&mut self.slots[index].deadline, Tick::after(at), id);
    }

    /// Takes the oldest unread buffer of a connection.
    #[inline]
    pub fn pop_input(&mut self, index: u32) -> Option<Filled> {
        self.buffers.pop(&mut self.slots[index].inbox)
    }

    #[inline]
    pub fn give_back(&mut self, filled: &Filled) {
        self.buffers.give_back(filled.id());
    }

    #[inline]
    pub fn output(&mut self) -> Vec<u8> {
        self.pool.pop().unwrap_or_else(|| Vec::with_capacity(OUTPUT_START))
    }

    /// Queues `output` for the next enter.
    #[inline]
    pub fn send(&mut self, index: u32, output: Vec<u8>) {
        let token = self.slots.token(Op::Send, index);
        let slot = &mut self.slots[index];
        debug_assert!(
            !slot.is_sending(),
            "outputs of one connection go one at a time, or they could overtake each other"
        );
        if output.is_empty() || slot.news.has(News::FAILED) {
            self.rest(output);
            return;
        }
        slot.state.set(State::QUEUED);
        // SAFETY: `flights` keeps the output, whose bytes don't move with it, until `land_flights` has seen that the kernel
        // took every submission.
        unsafe { self.uring.send_now(slot.fd, output.as_ptr(), output.len(), token) };
        self.flights.push(Flight { slot: index, output });
    }

    /// Stops or resumes receiving.
    pub fn hold(&mut self, index: u32, hold: bool) {
        let token = self.slots.token(Op::Receive, index);
        let slot = &mut self.slots[index];
        if !hold {
            slot.state.clear(State::HELD);
            self.to_receive.push(index);
        } else if !slot.state.has(State::HELD) {
            slot.state.set(State::HELD);
            if slot.state.has(State::RECEIVING) && !slot.state.has(State::CANCELLING) {
                slot.state.set(State::CANCELLING);
                self.uring.cancel(token);
            }
        }
    }

    /// Arms the connection's precise timer.
    pub fn sleep_until(&mut self, index: u32, at: Nanos) {
        let token = self.slots.token(Op::Timer, index);
        // Measured from the clock, not from the batch's `now`: the kernel counts from the submission.
        let span = at.saturating_sub(self.clock.now());
        self.slots[index].state.set(State::TIMED);
        self.uring.timer(Duration::from(span), token);
    }

    /// The task is gone: send what is left, then close; with `abort`, close.
    pub fn close(&mut self, index: u32, abort: bool) {
        while let Some(filled) = self.pop_input(index) {
            self.give_back(&filled);
        }
        let slot = &mut self.slots[index];
        slot.waker = None;
        slot.state.set(State::CLOSING);
        if slot.is_sending() && !abort {
            self.hurry |= slot.state.has(State::QUEUED);
            self.set_deadline(index, self.now.saturating_add(self.write_timeout));
        } else {
            self.shut(index);
        }
    }

    /// Tells every connection that the server is going down, and starts to close the listener.
    pub fn drain(&mut self) {
        self.phase = Phase::Draining;
        self.woke = true;
        for (_, slot) in self.slots.used() {
            slot.news.set(News::DRAINING);
            slot.wake();
        }
        while let Some(socket) = self.acceptor.leave_waiting_room() {
            self.admit(socket);
        }
        self.acceptor.drain(&mut self.uring);
    }

    /// Whether a drain has come to its end.
    pub fn is_drained(&self) -> bool {
        self.phase >= Phase::Draining && self.acceptor.is_closed() && self.slots.len() == 0
    }

    fn accept_the_last(&mut self) {
        for socket in self.acceptor.accept_the_last(&mut self.uring) {
            self.admit(socket);
        }
    }

    /// Arms a timer that ends a sleep when the next deadline is due.
    pub fn set_alarm(&mut self) {
        if self.sleep_timer {
            // The one that is armed can only be too early: deadlines that came closer than it are rare, and one tick of the
            // wheel is all it costs to find out.
            return;
        }
        if let Some(tick) = self.wheel.earliest() {
            self.sleep_timer = true;
            let span = tick.begins().saturating_sub(self.clock.now()).saturating_add(Nanos::from_millis(1));
            self.uring.timer(Duration::from(span), Token::core(Op::SleepTimer));
        }
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
            Op::Accept => self.accepted(completion),
            Op::Timer => {
                if let Some(slot) = self.slots.of(token) {
                    slot.state.clear(State::TIMED);
                    slot.news.set(News::WOKEN);
                    slot.wake();
                }
            }
            Op::AcceptTimer => self.acceptor.timer_fired(&mut self.uring, &self.control),
            Op::DrainTimer => self.accept_the_last(),
            Op::SleepTimer => self.sleep_timer = false,
            Op::Doorbell => {
                self.rung = true;
                if !cqueue::more(completion.flags()) {
                    self.uring.watch(self.control.bell(self.core).as_fd().as_raw_fd(), token);
                }
            }
            Op::Ignored => {}
        }
    }

    #[inline]
    fn received(&mut self, token: Token, completion: &cqueue::Entry) {
        let (result, flags) = (completion.result(), completion.flags());
        let buffer = cqueue::buffer_select(flags);
        let Some(slot) = self.slots.of(token) else {
            if let Some(id) = buffer {
                self.buffers.give_back(id);
            }
            return;
        };
        if let Some(id) = buffer {
            if result > 0 && !slot.state.has(State::CLOSING) {
                self.buffers.append(&mut slot.inbox, id, result as u32);
                slot.wake();
            } else {
                self.buffers.give_back(id);
            }
        }
        if !cqueue::more(flags) {
            self.receive_ended(token.slot(), result);
        }
    }

    #[cold]
    fn receive_ended(&mut self, index: u32, result: i32) {
        let slot = &mut self.slots[index];
        slot.state.clear(State::RECEIVING);
        slot.state.clear(State::CANCELLING);
        match -result {
            0 => {
                slot.state.set(State::ENDED);
                slot.news.set(News::END);
                slot.wake();
            }
            // Out of buffers: by the next turn the tasks have given theirs back. Cancelled: held, or closing.
            libc::ENOBUFS | libc::ECANCELED => {}
            // Bytes came and the kernel just wants to be asked again.
            error if error < 0 => {}
            _ => {
                slot.state.set(State::ENDED);
                slot.news.set(News::FAILED);
                slot.wake();
            }
        }
        if slot.state.has(State::CLOSING) {
            self.free_if_done(index);
        } else {
            self.to_receive.push(index);
        }
    }

    /// Asks for input where it is wanted and not asked for.
    fn ask_for_input(&mut self) {
        while let Some(index) = self.to_receive.pop() {
            let token = self.slots.token(Op::Receive, index);
            let slot = &mut self.slots[index];
            let unwanted = [State::RECEIVING, State::HELD, State::ENDED, State::CLOSING];
            if slot.state.has(State::USED) && !unwanted.iter().any(|&state| slot.state.has(state)) {
                slot.state.set(State::RECEIVING);
                self.uring.receive(slot.fd, GROUP, token);
            }
        }
    }

    /// A first attempt that did not send everything.
    #[cold]
    fn fell_short(&mut self, token: Token, result: i32) {
        let Some(slot) = self.slots.of(token) else { return };
        let Some(flight) = self.flights.iter_mut().find(|flight| flight.slot == token.slot()) else { return };
        let output = std::mem::take(&mut flight.output);
        let sent = result.max(0) as usize;
        if result < 0 && result != -libc::EAGAIN {
            slot.news.set(News::FAILED);
        } else if sent < output.len() {
            slot.unsent = Some(Box::new(Unsent { output, sent }));
            slot.news.set(News::BLOCKED);
            self.resend(token.slot());
        }
        self.slots[token.slot()].wake();
    }

    fn resend(&mut self, index: u32) {
        let token = self.slots.token(Op::Resend, index);
        let slot = &mut self.slots[index];
        if let Some(unsent) = &slot.unsent {
            let rest = &unsent.output[unsent.sent..];
            // SAFETY: `unsent` keeps the output until `resent` has seen the completion; a driver dropped before that leaks it.
            unsafe { self.uring.send_all(slot.fd, rest.as_ptr(), rest.len(), token) };
        }
    }

    #[cold]
    fn resent(&mut self, token: Token, result: i32) {
        let index = token.slot();
        let Some(slot) = self.slots.of(token) else { return };
        let Some(mut unsent) = slot.unsent.take() else { return };
        if result <= 0 {
            slot.news.set(News::FAILED);
        } else {
            unsent.sent += result as usize;
            if unsent.sent < unsent.output.len() && !slot.state.has(State::CLOSED) {
                slot.unsent = Some(unsent);
                return self.resend(index);
            }
        }
        self.rest(unsent.output);
        self.sent(index);
    }

    /// Outputs that the kernel took without a word are sent.
    #[inline]
    fn land_flights(&mut self) {
        if self.flights.is_empty() || !self.uring.submitted_all() || self.uring.overflown() {
            return;
        }
        let mut flights = std::mem::take(&mut self.flights);
        for Flight { slot: index, output } in flights.drain(..) {
            self.rest(output);
            let slot = &mut self.slots[index];
            slot.state.clear(State::QUEUED);
            if slot.unsent.is_none() && (slot.state.has(State::WANTS_SENT) || slot.state.has(State::CLOSING)) {
                self.sent(index);
            }
        }
        self.flights = flights;
    }

    /// A connection has no output under way any more.
    fn sent(&mut self, index: u32) {
        let slot = &mut self.slots[index];
        if slot.state.has(State::CLOSING) {
            self.shut(index);
        } else if slot.state.take(State::WANTS_SENT) {
            slot.news.set(News::SENT);
            slot.wake();
            self.woke = true;
        }
    }

    /// Puts an output buffer to rest.
    #[inline]
    fn rest(&mut self, mut output: Vec<u8>) {
        if output.capacity() <= OUTPUT_KEPT && output.capacity() > 0 && self.pool.len() < POOL {
            output.clear();
            self.pool.push(output);
        }
    }

    /// Closes the descriptor of a connection whose task is gone.
    fn shut(&mut self, index: u32) {
        let [receive, resend, timer] = [Op::Receive, Op::Resend, Op::Timer].map(|op| self.slots.token(op, index));
        let slot = &mut self.slots[index];
        if !slot.state.has(State::CLOSED) {
            slot.state.set(State::CLOSED);
            // The cancellation goes first: a receive holds the socket open, and the peer would wait for our FIN.
            if slot.state.has(State::RECEIVING) && !slot.state.has(State::CANCELLING) {
                slot.state.set(State::CANCELLING);
                self.uring.cancel(receive);
            }
            if slot.unsent.is_some() {
                self.uring.cancel(resend);
            }
            if slot.state.has(State::TIMED) {
                self.uring.remove_timer(timer);
            }
            self.uring.close(slot.fd);
        }
        self.free_if_done(index);
    }

    fn free_if_done(&mut self, index: u32) {
        let slot = &self.slots[index];
        let busy = slot.state.has(State::RECEIVING) || slot.is_sending();
        if slot.state.has(State::CLOSED) && !busy {
            self.slots.free(index);
            self.control.closed();
            self.make_room();
        }
    }

    fn expire(&mut self) {
        let mut expired = std::mem::take(&mut self.expired);
        self.wheel.advance(Tick::at(self.now), &mut expired);
        for (tick, id) in expired.drain(..) {
            let token = Token::from_user_data(id);
            let Some(slot) = self.slots.of(token) else { continue };
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

    fn accepted(&mut self, completion: &cqueue::Entry) {
        if completion.result() >= 0 {
            // SAFETY: the kernel just made this descriptor for us; nobody else knows it.
            let socket = unsafe { OwnedFd::from_raw_fd(completion.result()) };
            if self.phase == Phase::Serving && self.acceptor.must_wait(&self.control) {
                self.acceptor.put_in_waiting_room(socket, &mut self.uring);
            } else {
                self.admit(socket);
            }
        }
        if !cqueue::more(completion.flags()) {
            self.acceptor.ended(completion.result(), &mut self.uring, &self.control);
            if self.acceptor.is_at_last() {
                self.accept_the_last();
            }
        }
    }

    /// A connection has left: the next one in the waiting room may come in.
    fn make_room(&mut self) {
        if !self.control.is_full() {
            if let Some(socket) = self.acceptor.leave_waiting_room() {
                self.admit(socket);
            }
            self.acceptor.room_again(&mut self.uring, &self.control);
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Closing a ring ends its operations some time later. What they may still touch is left behind.
        if self.slots.len() == 0 {
            // SAFETY: no slot, so no receive: nobody uses the buffers any more, and they are not used after this.
            unsafe { ManuallyDrop::drop(&mut self.buffers) };
        }
        for (_, slot) in self.slots.used() {
            std::mem::forget(slot.unsent.take());
        }
        std::mem::forget(std::mem::take(&mut self.flights));
    }
}

/// Submissions per enter before one has to be made early.
const SUBMISSIONS: u32 = 1024;
/// Completions the kernel can leave for one turn: every submission's, and a receive per buffer.
const COMPLETIONS: u32 = 4096;
/// Buffers in use at once are at most those of one turn's receives, because every turn's input is read in that turn.
const BUFFER_COUNT: u16 = 1024;
/// A request is a few hundred bytes; sixteen pipelined ones fit.
pub(super) const BUFFER_SIZE: usize = 4096;
/// An output buffer's first size: a few answers.
const OUTPUT_START: usize = 2048;
/// Larger output buffers are given back to the allocator.
const OUTPUT_KEPT: usize = 128 << 10;
/// Output buffers kept at rest.
const POOL: usize = 256;

const _: () = assert!(COMPLETIONS as usize >= BUFFER_COUNT as usize + 2 * SUBMISSIONS as usize);
