//! Merges what the threads measure, away from them.

use crossbeam::channel::{Receiver, Sender};

use super::publish::{Glance, Published};
use super::{Control, EngineSettings, Stage};
use crate::{Nanos, Record};

/// What all threads saw in one interval.
#[derive(Clone, Debug)]
pub struct Interval {
    /// Its end.
    pub at: Nanos,
    /// Its length.
    pub length: Nanos,
    /// What was measured in it, and only in it: the intervals of a run add up to the run.
    pub record: Record,
    /// Requests under way at its end.
    pub in_flight: u64,
    /// Requests due and not sent at its end.
    pub backlog: u64,
    /// Connections open at its end.
    pub open_connections: u64,
    /// Whether requests are still sent.
    pub stage: Stage,
}

pub(super) struct Collector<'run> {
    settings: &'run EngineSettings,
    control: &'run Control,
    published: Receiver<Published>,
    cleared: Sender<Box<Record>>,
    total: Record,
    /// Intervals of which not all threads have told yet, the earliest first.
    open: Vec<Partial>,
}

/// What some of the threads saw.
struct Partial {
    number: u64,
    threads: u32,
    record: Record,
    now: Glance,
}

impl<'run> Collector<'run> {
    pub(super) fn new(
        settings: &'run EngineSettings,
        control: &'run Control,
        published: Receiver<Published>,
        cleared: Sender<Box<Record>>,
    ) -> Self {
        Self { settings, control, published, cleared, total: Record::default(), open: Vec::new() }
    }

    /// Until all threads have ended. Returns the sum of everything.
    pub(super) fn collect(mut self, mut on_interval: impl FnMut(&Interval)) -> Record {
        // What threads saw after their last whole interval: one shorter interval more.
        let mut rest = Partial::new(u64::MAX);
        let mut intervals = 0;
        while let Ok(Published { number, mut record, now }) = self.published.recv() {
            self.total += &record;
            let partial = match number {
                Some(number) => self.partial(number),
                None => &mut rest,
            };
            partial.add(&record, now);
            let is_whole = number.is_some() && partial.threads == self.settings.threads;
            record.clear();
            // The threads may have ended.
            let _ = self.cleared.send(record);
            if is_whole {
                let partial = self.open.remove(0);
                intervals = partial.number + 1;
                on_interval(&self.interval(partial, intervals));
            }
        }
        // A thread that ended early leaves intervals that nobody completes.
        for partial in std::mem::take(&mut self.open) {
            intervals = partial.number + 1;
            on_interval(&self.interval(partial, intervals));
        }
        let end = Nanos::new(rest.record.elapsed.as_u64() / u64::from(self.settings.threads));
        let start = Nanos::new(self.settings.interval.as_u64().saturating_mul(intervals));
        let Partial { record, now, .. } = rest;
        on_interval(&self.interval_of(record, now, start + end, end));
        self.total
    }

    fn partial(&mut self, number: u64) -> &mut Partial {
        let place = self.open.partition_point(|partial| partial.number < number);
        if self.open.get(place).is_none_or(|partial| partial.number != number) {
            self.open.insert(place, Partial::new(number));
        }
        &mut self.open[place]
    }

    fn interval(&self, partial: Partial, intervals: u64) -> Interval {
        let length = self.settings.interval;
        self.interval_of(partial.record, partial.now, Nanos::new(length.as_u64().saturating_mul(intervals)), length)
    }

    fn interval_of(&self, record: Record, now: Glance, at: Nanos, length: Nanos) -> Interval {
        Interval {
            at,
            length,
            record,
            in_flight: now.in_flight,
            backlog: now.backlog,
            open_connections: now.open,
            stage: self.control.stage(),
        }
    }
}

impl Partial {
    fn new(number: u64) -> Self {
        Self { number, threads: 0, record: Record::default(), now: Glance::default() }
    }

    fn add(&mut self, record: &Record, now: Glance) {
        self.threads += 1;
        self.record += record;
        self.record.sample.extend_from_slice(&record.sample);
        self.now.in_flight += now.in_flight;
        self.now.backlog += now.backlog;
        self.now.open += now.open;
    }
}
