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
    most: usize,
    taken: Cell<usize>,
    queue: RefCell<VecDeque<Rc<Waiter>>>,
    most_waiting: usize,
}

/// Why a request gets no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shed {
    QueueFull,
    QueueTimeout,
}

/// A slot, until it is dropped.
#[derive(Debug)]
#[must_use]
pub(super) struct Slot<'s>(&'s Slots);

#[derive(Default)]
struct Waiter {
    /// The slot is its own.
    granted: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Slots {
    pub fn new(most: usize, most_waiting: usize) -> Slots {
        Slots { most, taken: Cell::new(0), queue: RefCell::default(), most_waiting }
    }

    /// Slots in use.
    pub fn taken(&self) -> usize {
        self.taken.get()
    }

    /// A slot, at once or when one is free, unless it is `too_late` then.
    pub async fn take(&self, too_late: impl Future<Output = ()>) -> Result<Slot<'_>, Shed> {
        if self.taken.get() < self.most {
            self.taken.set(self.taken.get() + 1);
            return Ok(Slot(self));
        }
        let place = self.queue_up()?;
        let in_time = async {
            place.granted().await;
            Ok(())
        };
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

    /// Hands a slot on, or has one more.
    fn release(&self) {
        let next = self.queue.borrow_mut().pop_front();
        match next {
            Some(waiter) => {
                waiter.granted.set(true);
                if let Some(waker) = waiter.waker.borrow_mut().take() {
                    waker.wake();
                }
            }
            None => self.taken.set(self.taken.get() - 1),
        }
    }
}

impl std::fmt::Debug for Slots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} taken, {} waiting", self.taken.get(), self.most, self.queue.borrow().len())
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
    async fn granted(&self) {
        poll_fn(|cx| {
            if self.waiter.granted.get() {
                return Poll::Ready(());
            }
            *self.waiter.waker.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
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
