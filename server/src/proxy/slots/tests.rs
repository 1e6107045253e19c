use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use super::*;
use crate::overload::OverloadSettings;
use crate::proxy::{Queue, UpstreamTimeouts};
use Class::{Critical, CriticalPlus, Sheddable};

const NOW: Nanos = Nanos::from_secs(1);

fn slots(max_in_flight: usize, max: usize) -> Slots {
    Slots::new(&ProxySettings {
        servers: Vec::new(),
        host: String::new(),
        max_in_flight,
        queue: Queue { max, timeout: Duration::from_millis(100) },
        timeouts: UpstreamTimeouts::default(),
        overload: OverloadSettings::default(),
        priorities: Vec::new(),
    })
}

fn now() -> Nanos {
    NOW
}

type Time = fn() -> Nanos;
type Taken<'s> = Result<Slot<'s, Time>, Shed>;
type Taking<'s> = Pin<Box<dyn Future<Output = Taken<'s>> + 's>>;

fn take(slots: &Slots, class: Class) -> Taking<'_> {
    let mut taking: Taking<'_> = Box::pin(slots.take(class, now as Time, |_| future::pending()));
    if let Poll::Ready(taken) = poll(&mut taking) {
        return Box::pin(async { taken });
    }
    taking
}

fn poll<'s>(taking: &mut Taking<'s>) -> Poll<Taken<'s>> {
    taking.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn got<'s>(taking: &mut Taking<'s>) -> Option<Slot<'s, Time>> {
    match poll(taking) {
        Poll::Pending => None,
        Poll::Ready(taken) => Some(taken.expect("a slot")),
    }
}

fn shed(mut taking: Taking<'_>) -> Shed {
    match poll(&mut taking) {
        Poll::Pending => panic!("it waits"),
        Poll::Ready(taken) => taken.err().expect("it is shed"),
    }
}

#[test]
fn slots_are_handed_on_by_class_and_in_the_order_of_asking() {
    let slots = slots(1, 9);
    let mut holder = got(&mut take(&slots, Critical));
    let mut waiting = [Sheddable, Critical, Critical, CriticalPlus].map(|class| take(&slots, class));
    for next in [3, 1, 2, 0] {
        assert!(waiting.iter_mut().all(|taking| poll(taking).is_pending()));
        drop(holder.take());
        holder = got(&mut waiting[next]);
        assert!(holder.is_some(), "{next}");
        waiting[next] = Box::pin(future::pending());
    }
    drop(holder);
    assert_eq!(slots.taken(), 0);
}

#[test]
fn the_queue_is_bounded_and_the_important_find_a_place_in_it() {
    let slots = slots(1, 2);
    let _slot = got(&mut take(&slots, Critical));
    let (first, second) = (take(&slots, Critical), take(&slots, Sheddable));
    assert_eq!(shed(take(&slots, Sheddable)), Shed::QueueFull);
    let third = take(&slots, CriticalPlus);
    assert_eq!(shed(second), Shed::Evicted);
    let fourth = take(&slots, CriticalPlus);
    assert_eq!(shed(first), Shed::Evicted);
    assert_eq!(shed(take(&slots, CriticalPlus)), Shed::QueueFull);
    slots.flush();
    assert_eq!([shed(third), shed(fourth)], [Shed::Flushed; 2]);
}

#[test]
fn who_leaves_the_queue_takes_no_slot_along() {
    let slots = slots(1, 3);
    let slot = got(&mut take(&slots, Critical));
    let (first, mut second) = (take(&slots, Critical), take(&slots, Critical));
    drop(first);
    drop(slot);
    assert_eq!(slots.taken(), 1, "the one that gave up is passed over");
    drop(got(&mut second).expect("its turn"));
    let slot = got(&mut take(&slots, Critical));
    let third = take(&slots, Critical);
    drop(slot);
    // Granted, and gone before it knew.
    drop(third);
    assert_eq!(slots.taken(), 0);
}

#[test]
fn who_waits_too_long_leaves_the_queue() {
    let slots = slots(1, 1);
    let _slot = got(&mut take(&slots, Critical));
    let outcome = future::block_on(slots.take(Critical, now, |until| async move {
        assert_eq!(until, Nanos::from_millis(1_100));
    }));
    assert_eq!(outcome.err(), Some(Shed::QueueTimeout));
    assert!(slots.queues.borrow().is_empty());
}

#[test]
fn more_slots_let_in_who_waits_and_fewer_take_none_away() {
    let slots = slots(2, 2);
    let (one, two) = (got(&mut take(&slots, Critical)), got(&mut take(&slots, Critical)));
    let (mut first, mut second) = (take(&slots, Critical), take(&slots, Critical));
    slots.set_most(1);
    drop(one);
    assert!(poll(&mut first).is_pending() && slots.taken() == 1, "one more would be too many");
    slots.set_most(3);
    assert_eq!(slots.taken(), 3);
    drop((two, got(&mut first), got(&mut second)));
    assert_eq!(slots.taken(), 0);
}

#[test]
fn who_waits_for_slots_that_time_will_bring_is_told_from_who_waits_for_others_to_leave() {
    let slots = slots(2, 2);
    slots.set_most(1);
    let one = got(&mut take(&slots, Critical));
    assert!(!slots.are_awaited(2, NOW), "nobody waits");
    let mut first = take(&slots, Critical);
    assert!(slots.are_awaited(2, NOW));
    slots.set_most(2);
    let two = got(&mut first);
    let _second = take(&slots, Critical);
    assert!(!slots.are_awaited(2, NOW), "all slots are there");
    // Half of which the upstream refuses.
    slots.note_answer(503, NOW);
    let later = Nanos::from_millis(1_100);
    slots.note_answer(200, later);
    assert!(slots.are_awaited(2, later));
    drop((one, two));
}

#[test]
fn an_upstream_that_refuses_gets_fewer_at_a_time() {
    let slots = slots(8, 9);
    let held: Vec<_> = (0..8).map(|_| got(&mut take(&slots, Critical)).expect("there is room")).collect();
    slots.note_answer(503, NOW);
    slots.note_answer(200, NOW);
    slots.note_answer(503, Nanos::from_millis(1_100));
    drop(held);
    let held: Vec<_> = (0..8).filter_map(|_| got(&mut take(&slots, Critical))).collect();
    assert_eq!(held.len(), 6, "half of the answers were refusals: a quarter less");
}
