//! A thread's measurements on their way to whoever merges them: whole records, once an interval, without a lock and without waiting.

use crossbeam::channel::{Receiver, Sender};

use crate::{Nanos, Record};

/// What one thread saw in one interval.
#[derive(Debug)]
pub(super) struct Published {
    /// The interval's number, from 0.
    pub(super) number: u64,
    /// The thread has ended, somewhere within this interval.
    pub(super) is_last: bool,
    pub(super) record: Box<Record>,
    pub(super) now: Glance,
}

/// How things stand at the end of an interval.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Glance {
    pub(super) in_flight: u64,
    pub(super) backlog: u64,
    pub(super) open: u64,
}

/// One thread's side.
#[derive(Debug)]
pub(super) struct Publisher {
    record: Box<Record>,
    published: Sender<Published>,
    /// Records that have been read and cleared, to be written again.
    cleared: Receiver<Box<Record>>,
    interval: Nanos,
    number: u64,
}

impl Publisher {
    pub(super) fn new(published: Sender<Published>, cleared: Receiver<Box<Record>>, interval: Nanos) -> Self {
        Self { record: Box::default(), published, cleared, interval, number: 0 }
    }

    pub(super) fn record(&mut self) -> &mut Record {
        &mut self.record
    }

    /// When the interval ends.
    pub(super) fn next(&self) -> Nanos {
        Nanos::new(self.interval.as_u64().saturating_mul(self.number + 1))
    }

    pub(super) fn publish(&mut self, now: Glance) {
        self.send(false, now);
        self.number += 1;
    }

    pub(super) fn publish_last(mut self) {
        self.send(true, Glance::default());
    }

    fn send(&mut self, is_last: bool, now: Glance) {
        let empty = self.cleared.try_recv().unwrap_or_default();
        let record = std::mem::replace(&mut self.record, empty);
        // Nobody listens any more when the run has failed elsewhere.
        let _ = self.published.send(Published { number: self.number, is_last, record, now });
    }
}
