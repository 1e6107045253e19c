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
    /// In which interval the threads that have ended did so: of later ones they have nothing to tell.
    ended: Vec<u64>,
}

/// What some of the threads saw.
struct Partial {
    number: u64,
    threads: u32,
    /// The longest that any of them saw of it: less than an interval where the run ended.
    length: Nanos,
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
        Self { settings, control, published, cleared, total: Record::default(), open: Vec::new(), ended: Vec::new() }
    }

    /// Until all threads have ended. Returns the sum of everything.
    pub(super) fn collect(mut self, mut on_interval: impl FnMut(&Interval)) -> Record {
        while let Ok(Published { number, is_last, mut record, now }) = self.published.recv() {
            self.total += &record;
            self.partial(number).add(&record, now);
            if is_last {
                self.ended.push(number);
            }
            record.clear();
            // The threads may have ended.
            let _ = self.cleared.send(record);
            while self.open.first().is_some_and(|partial| self.is_whole(partial)) {
                let partial = self.open.remove(0);
                on_interval(&self.interval(partial));
            }
        }
        self.total
    }

    /// Whether all threads that were there have told what they saw.
    fn is_whole(&self, partial: &Partial) -> bool {
        let gone = self.ended.iter().filter(|end| **end < partial.number).count();
        partial.threads as usize + gone >= self.settings.workers() as usize
    }

    fn partial(&mut self, number: u64) -> &mut Partial {
        let place = self.open.partition_point(|partial| partial.number < number);
        if self.open.get(place).is_none_or(|partial| partial.number != number) {
            self.open.insert(place, Partial::new(number));
        }
        &mut self.open[place]
    }

    fn interval(&self, Partial { number, length, record, now, .. }: Partial) -> Interval {
        let start = Nanos::new(self.settings.interval.as_u64().saturating_mul(number));
        Interval {
            at: start + length,
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
        Self { number, threads: 0, length: Nanos::ZERO, record: Record::default(), now: Glance::default() }
    }

    fn add(&mut self, record: &Record, now: Glance) {
        self.threads += 1;
        self.length = self.length.max(record.elapsed);
        self.record += record;
        self.record.sample.extend_from_slice(&record.sample);
        self.now.in_flight += now.in_flight;
        self.now.backlog += now.backlog;
        self.now.open += now.open;
    }
}
