//! How many requests may be upstream at a time, and who waits for that: the rules of [`crate::overload`], for the tasks of one core and one upstream.
//!
//! A slot is a guard, and so is a place in the queue. Whoever leaves, answered or not, makes room for the next.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use futures_lite::future;
use tollgate_limiter::Nanos;

use super::settings::ProxySettings;
use crate::overload::Admission;
use crate::overload::class::Class;
use crate::overload::cursor::Priority;
use crate::overload::level::Level;
use crate::overload::queue::{Full, Joined, Leave, Queues, Ticket};
use crate::overload::target::Target;

/// The slots of one upstream.
pub(super) struct Slots {
    /// Its name in a log.
    upstream: String,
    most: Cell<usize>,
    taken: Cell<usize>,
    /// When anything happened last.
    last: Cell<Nanos>,
    queues: RefCell<Queues<Rc<Waiter>>>,
    /// `None`: what is configured is all there is.
    control: Option<RefCell<Control>>,
}

/// What reacts to overload.
struct Control {
    admission: Admission,
    target: Target,
}

/// Why a request gets no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shed {
    /// Others are more important, and not all can be served.
    Priority,
    QueueFull,
    /// It made room for a more important one.
    Evicted,
    QueueTimeout,
    /// It had waited for too long when its turn came.
    TooOld,
    /// The upstream is not to be called any more.
    Flushed,
}

/// A slot, until it is dropped.
#[must_use]
pub(super) struct Slot<'s, T: Fn() -> Nanos> {
    slots: &'s Slots,
    time: T,
}

#[derive(Default)]
struct Waiter {
    /// The slot is its own, or it will get none.
    outcome: Cell<Option<Result<(), Shed>>>,
    waker: RefCell<Option<Waker>>,
}

impl Slots {
    pub fn new(settings: &ProxySettings) -> Slots {
        let overload = &settings.overload;
        let control = || {
            let interval = overload.interval.into();
            RefCell::new(Control {
                admission: Admission::new(interval),
                target: Target::new(settings.max_in_flight, interval),
            })
        };
        Slots {
            upstream: settings.host.clone(),
            most: Cell::new(settings.max_in_flight),
            taken: Cell::new(0),
            last: Cell::new(Nanos::ZERO),
            queues: RefCell::new(Queues::new(settings.queue.max, settings.queue.timeout.into(), overload.delays())),
            control: overload.enabled.then(control),
        }
    }

    /// Slots in use.
    pub fn taken(&self) -> usize {
        self.taken.get()
    }

    /// How bad it is.
    pub fn level(&self) -> Level {
        self.control.as_ref().map_or(Level::Normal, |control| control.borrow().admission.level())
    }

    /// Whether a request of this priority is among those that can be served.
    pub fn admit(&self, priority: Priority, now: Nanos) -> Result<(), Shed> {
        let Some(control) = &self.control else { return Ok(()) };
        let admission = &mut control.borrow_mut().admission;
        self.turn(admission, now);
        if admission.admit(priority) { Ok(()) } else { Err(Shed::Priority) }
    }

    /// A slot, at once or when it is this one's turn, unless `sleep_until` the moment up to which it may wait is over before.
    pub async fn take<T, S>(
        &self,
        class: Class,
        time: T,
        sleep_until: impl FnOnce(Nanos) -> S,
    ) -> Result<Slot<'_, T>, Shed>
    where
        T: Fn() -> Nanos + Copy,
        S: Future<Output = ()>,
    {
        let now = time();
        self.last.set(now);
        self.hand_out(now);
        if self.has_room(now) {
            self.queues.borrow_mut().pass(now);
            self.note_taken();
            return Ok(Slot { slots: self, time });
        }
        let (place, until) = self.queue_up(class, time)?;
        let turn = place.turn();
        let too_late = async {
            sleep_until(until).await;
            place.expire();
            Err(Shed::QueueTimeout)
        };
        future::or(turn, too_late).await?;
        Ok(place.into_slot())
    }

    /// Tells all who wait that they wait in vain.
    pub fn flush(&self) {
        self.queues.borrow_mut().flush(|waiter| waiter.settle(Err(Shed::Flushed)));
    }

    /// So many slots there are from now on. Who waits comes in where there are more now; where there are fewer, those who have one keep it.
    pub fn set_most(&self, most: usize) {
        if self.most.replace(most) != most
            && let Some(control) = &self.control
        {
            control.borrow_mut().target.set_most(most);
        }
        self.hand_out(self.last.get());
    }

    /// The upstream has answered with this status. One that refuses gets fewer requests at a time.
    pub fn note_answer(&self, status: u16, now: Nanos) {
        if let Some(control) = &self.control {
            control.borrow_mut().target.on_answer(matches!(status, 429 | 503), self.taken.get(), now);
        }
    }

    /// Lets time pass, for the level, when no request does.
    pub fn tick(&self, now: Nanos) {
        self.last.set(now);
        if let Some(control) = &self.control {
            self.turn(&mut control.borrow_mut().admission, now);
        }
    }

    /// Whether somebody waits while there are fewer than `all` slots: more will come by the clock, and nobody who leaves says so.
    pub fn are_awaited(&self, all: usize, now: Nanos) -> bool {
        !self.queues.borrow().is_empty() && self.most(now) < all
    }

    fn turn(&self, admission: &mut Admission, now: Nanos) {
        let before = admission.turn(now, || self.queues.borrow_mut().are_overloaded(now));
        if let Some(before) = before {
            let (level, upstream) = (admission.level(), &self.upstream);
            if level > before {
                let waiting = self.queues.borrow().len();
                tracing::warn!(%level, %before, %upstream, waiting, "more comes than the service can do");
            } else {
                tracing::info!(%level, %before, %upstream, "the service catches up");
            }
        }
    }

    fn has_room(&self, now: Nanos) -> bool {
        self.taken.get() < self.most(now)
    }

    fn most(&self, now: Nanos) -> usize {
        self.control.as_ref().map_or(self.most.get(), |control| control.borrow_mut().target.at(now))
    }

    fn note_taken(&self) {
        self.taken.set(self.taken.get() + 1);
    }

    fn queue_up<T: Fn() -> Nanos + Copy>(&self, class: Class, time: T) -> Result<(Place<'_, T>, Nanos), Shed> {
        let waiter = Rc::<Waiter>::default();
        let joined = self.queues.borrow_mut().join(class, Rc::clone(&waiter), time());
        let Joined { ticket, until, evicted } = joined.map_err(|Full| Shed::QueueFull)?;
        if let Some(evicted) = evicted {
            evicted.settle(Err(Shed::Evicted));
        }
        Ok((Place { slots: self, ticket, waiter, time }, until))
    }

    /// Gives the slots that are free to those whose turn it is.
    fn hand_out(&self, now: Nanos) {
        while !self.queues.borrow().is_empty() && self.has_room(now) {
            let next = self.queues.borrow_mut().next(now, |waiter| waiter.settle(Err(Shed::TooOld)));
            if let Some(waiter) = next {
                self.note_taken();
                waiter.settle(Ok(()));
            }
        }
    }

    fn release(&self, now: Nanos) {
        self.last.set(now);
        self.taken.set(self.taken.get() - 1);
        self.hand_out(now);
    }
}

impl std::fmt::Debug for Slots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} taken, {} waiting", self.taken.get(), self.most.get(), self.queues.borrow().len())
    }
}

impl<T: Fn() -> Nanos> Drop for Slot<'_, T> {
    fn drop(&mut self) {
        self.slots.release((self.time)());
    }
}

impl Waiter {
    fn settle(&self, outcome: Result<(), Shed>) {
        self.outcome.set(Some(outcome));
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// A place in the queue.
struct Place<'s, T: Fn() -> Nanos> {
    slots: &'s Slots,
    ticket: Ticket,
    waiter: Rc<Waiter>,
    time: T,
}

impl<'s, T: Fn() -> Nanos + Copy> Place<'s, T> {
    async fn turn(&self) -> Result<(), Shed> {
        poll_fn(|cx| {
            if let Some(outcome) = self.waiter.outcome.get() {
                return Poll::Ready(outcome);
            }
            *self.waiter.waker.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    fn expire(&self) {
        self.slots.queues.borrow_mut().leave(self.ticket, Leave::TooLate, (self.time)());
    }

    fn into_slot(self) -> Slot<'s, T> {
        self.waiter.outcome.set(None);
        Slot { slots: self.slots, time: self.time }
    }
}

impl<T: Fn() -> Nanos> Drop for Place<'_, T> {
    fn drop(&mut self) {
        let now = (self.time)();
        match self.waiter.outcome.get() {
            // Granted in the moment of giving up.
            Some(Ok(())) => self.slots.release(now),
            Some(Err(_)) => {}
            None => drop(self.slots.queues.borrow_mut().leave(self.ticket, Leave::Gone, now)),
        }
    }
}

#[cfg(test)]
mod tests;
