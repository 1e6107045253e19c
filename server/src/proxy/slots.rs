//! How many requests may be upstream at a time, and the queue of those that wait: a line for one core and one upstream, first come, first served.
//!
//! A slot is a guard, and so is a place in the queue. Whoever leaves, answered or not, makes room for the next.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use futures_lite::future;

/// The slots of one upstream.
pub(super) struct Slots {
    most: Cell<usize>,
    taken: Cell<usize>,
    queue: RefCell<VecDeque<Rc<Waiter>>>,
    most_waiting: usize,
}

/// Why a request gets no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shed {
    QueueFull,
    QueueTimeout,
    /// It waited for a service that is not to be called any more.
    Flushed,
}

/// A slot, until it is dropped.
#[derive(Debug)]
#[must_use]
pub(super) struct Slot<'s>(&'s Slots);

#[derive(Default)]
struct Waiter {
    /// The slot is its own.
    granted: Cell<bool>,
    /// It waits in vain.
    flushed: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Slots {
    pub fn new(most: usize, most_waiting: usize) -> Slots {
        Slots { most: Cell::new(most), taken: Cell::new(0), queue: RefCell::default(), most_waiting }
    }

    /// Slots in use.
    pub fn taken(&self) -> usize {
        self.taken.get()
    }

    /// A slot, at once or when one is free, unless it is `too_late` then.
    pub async fn take(&self, too_late: impl Future<Output = ()>) -> Result<Slot<'_>, Shed> {
        if self.has_room() {
            self.taken.set(self.taken.get() + 1);
            return Ok(Slot(self));
        }
        let place = self.queue_up()?;
        let in_time = place.granted();
        let too_late = async {
            too_late.await;
            Err(Shed::QueueTimeout)
        };
        future::or(in_time, too_late).await?;
        Ok(place.into_slot())
    }

    fn queue_up(&self) -> Result<Place<'_>, Shed> {
        let mut queue = self.queue.borrow_mut();
        if queue.len() >= self.most_waiting {
            return Err(Shed::QueueFull);
        }
        let waiter = Rc::<Waiter>::default();
        queue.push_back(Rc::clone(&waiter));
        Ok(Place { slots: self, waiter })
    }

    /// So many slots there are from now on. Who waits comes in where there are more now; where there are fewer, those who have one keep it.
    pub fn set_most(&self, most: usize) {
        self.most.set(most);
        self.let_in();
    }

    /// Tells all who wait that they wait in vain.
    pub fn flush(&self) {
        for waiter in self.queue.take() {
            waiter.flushed.set(true);
            waiter.wake();
        }
    }

    fn has_room(&self) -> bool {
        self.taken.get() < self.most.get()
    }

    /// Hands a slot on, or has one more.
    fn release(&self) {
        self.taken.set(self.taken.get() - 1);
        self.let_in();
    }

    fn let_in(&self) {
        while self.has_room()
            && let Some(waiter) = self.queue.borrow_mut().pop_front()
        {
            self.taken.set(self.taken.get() + 1);
            waiter.granted.set(true);
            waiter.wake();
        }
    }
}

impl Waiter {
    fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

impl std::fmt::Debug for Slots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} taken, {} waiting", self.taken.get(), self.most.get(), self.queue.borrow().len())
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// A place in the queue.
struct Place<'s> {
    slots: &'s Slots,
    waiter: Rc<Waiter>,
}

impl<'s> Place<'s> {
    async fn granted(&self) -> Result<(), Shed> {
        poll_fn(|cx| {
            if self.waiter.granted.get() {
                return Poll::Ready(Ok(()));
            }
            if self.waiter.flushed.get() {
                return Poll::Ready(Err(Shed::Flushed));
            }
            *self.waiter.waker.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    fn into_slot(self) -> Slot<'s> {
        self.waiter.granted.set(false);
        Slot(self.slots)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.waiter.granted.get() {
            // Granted in the moment of giving up.
            self.slots.release();
        }
        self.slots.queue.borrow_mut().retain(|other| !Rc::ptr_eq(other, &self.waiter));
    }
}

#[cfg(test)]
mod tests {
    use std::task::Context;

    use super::*;

    fn is_granted(place: &Place<'_>) -> bool {
        let mut granted = std::pin::pin!(place.granted());
        granted.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    fn at_once(slots: &Slots) -> Slot<'_> {
        future::block_on(slots.take(future::pending())).expect("there is room")
    }

    #[test]
    fn slots_are_handed_on_in_the_order_of_asking_and_the_queue_is_bounded() {
        let slots = Slots::new(1, 2);
        let slot = at_once(&slots);
        let (first, second) = (slots.queue_up().expect("room"), slots.queue_up().expect("room"));
        assert_eq!(slots.queue_up().map(|_| ()), Err(Shed::QueueFull));
        assert!(!is_granted(&first));
        drop(slot);
        assert!(is_granted(&first) && !is_granted(&second));
        drop(first.into_slot());
        assert!(is_granted(&second));
        drop(second.into_slot());
        assert_eq!(slots.taken(), 0);
    }

    #[test]
    fn who_is_flushed_waits_no_longer_and_takes_no_slot_along() {
        let slots = Slots::new(1, 2);
        let slot = at_once(&slots);
        let waits = std::pin::pin!(slots.take(future::pending()));
        let mut waits = waits;
        let mut poll = || waits.as_mut().poll(&mut Context::from_waker(Waker::noop())).map(|slot| slot.map(drop));
        assert!(poll().is_pending());
        slots.flush();
        assert_eq!(poll(), Poll::Ready(Err(Shed::Flushed)));
        drop(slot);
        assert_eq!(slots.taken(), 0);
    }

    #[test]
    fn more_slots_let_in_who_waits_and_fewer_take_none_away() {
        let slots = Slots::new(2, 2);
        let (one, two) = (at_once(&slots), at_once(&slots));
        let (first, second) = (slots.queue_up().expect("room"), slots.queue_up().expect("room"));
        slots.set_most(1);
        drop(one);
        assert!(!is_granted(&first) && slots.taken() == 1, "one more would be too many");
        slots.set_most(3);
        assert!(is_granted(&first) && is_granted(&second) && slots.taken() == 3);
        drop((two, first, second));
        assert_eq!(slots.taken(), 0);
    }

    #[test]
    fn who_leaves_the_queue_takes_no_slot_along() {
        let slots = Slots::new(1, 3);
        let slot = at_once(&slots);
        let (first, second) = (slots.queue_up().expect("room"), slots.queue_up().expect("room"));
        drop(first);
        drop(slot);
        assert!(is_granted(&second), "the one that gave up is passed over");
        // Granted, and gone before it knew.
        drop(second);
        assert_eq!(slots.taken(), 0);
        drop(at_once(&slots));
    }
}
