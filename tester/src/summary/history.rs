//! All that is remembered of the trials: in bounded memory, for weeks.
//!
//! Totals count everything. Of single trials the first and the last thousand are kept, and the first thousand that failed. What the plots
//! show is thinned: it spans the whole time, coarser the longer that is.

use std::collections::VecDeque;
use std::sync::Arc;

use tollgate_client::Nanos;

use super::course::highest;
use super::thinned::{Merge, Thinned};
use super::{Admitted, Entry, Header, Point, Totals};

/// What is known of all trials.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) header: Header,
    pub(super) totals: Totals,
    pub(super) first: Vec<Arc<Entry>>,
    pub(super) last: VecDeque<Arc<Entry>>,
    /// Those that failed; they may be among the first or the last as well.
    pub(super) failed: Vec<Arc<Entry>>,
    /// From the start of the first trial.
    pub(super) course: Thinned<Point, 800>,
    pub(super) progress: Thinned<Dot, 800>,
    pub(super) admitted: Admitted,
}

/// A trial as a plot shows it, or one that stands for several in a row.
#[derive(Clone, Debug)]
pub(super) struct Dot {
    /// Of several, the first: whatever else it was chosen by would show in the plot.
    pub(super) shown: Arc<Entry>,
    /// When one that failed started.
    pub(super) failed: Option<Nanos>,
    /// The most that the server used, of several.
    pub(super) rss: Option<u64>,
    pub(super) descriptors: Option<u64>,
    pub(super) threads: Option<u64>,
    /// The longest of several.
    pub(super) cpu_us_per_request: Option<f64>,
    pub(super) restarted: bool,
}

impl History {
    pub(super) fn new(header: Header) -> Self {
        Self {
            header: header.shortened(),
            totals: Totals::default(),
            first: Vec::new(),
            last: VecDeque::new(),
            failed: Vec::new(),
            course: Thinned::default(),
            progress: Thinned::default(),
            admitted: Admitted::default(),
        }
    }

    pub(super) fn add(&mut self, entry: &Entry) {
        self.totals.add(&self.header, entry);
        self.admitted += &entry.admitted;
        let delay = entry.started - self.header.started;
        for point in entry.course.iter() {
            self.course.push(point.delayed(delay));
        }
        let kept = Arc::new(entry.shortened());
        self.progress.push(Dot::of(&kept));
        if kept.has_failed() && self.failed.len() < MOST_FAILED {
            self.failed.push(Arc::clone(&kept));
        }
        if self.first.len() < MOST_FIRST {
            self.first.push(kept);
            return;
        }
        if self.last.len() == MOST_LAST {
            self.last.pop_front();
        }
        self.last.push_back(kept);
    }

    /// Trials between the first and the last that aren't kept (but for those of them that failed).
    pub(super) fn left_out(&self) -> u64 {
        self.totals.trials - (self.first.len() + self.last.len()) as u64
    }
}

impl Dot {
    fn of(entry: &Arc<Entry>) -> Self {
        let usage = entry.server.usage;
        Self {
            shown: Arc::clone(entry),
            failed: entry.has_failed().then_some(entry.started),
            rss: usage.map(|usage| usage.rss),
            descriptors: usage.map(|usage| usage.descriptors),
            threads: usage.map(|usage| usage.threads),
            cpu_us_per_request: usage.and_then(|usage| Some(usage.cpu_per_request?.as_u64() as f64 / 1e3)),
            restarted: entry.server.restarted,
        }
    }
}

impl Merge for Dot {
    fn merge(&mut self, later: Self) {
        self.failed = self.failed.or(later.failed);
        self.rss = self.rss.max(later.rss);
        self.descriptors = self.descriptors.max(later.descriptors);
        self.threads = self.threads.max(later.threads);
        self.cpu_us_per_request = highest(self.cpu_us_per_request, later.cpu_us_per_request);
        self.restarted |= later.restarted;
    }
}

/// Trials kept from the start: how it was when all was new.
const MOST_FIRST: usize = 1_000;
/// Trials kept up to now.
const MOST_LAST: usize = 1_000;
/// Failed trials kept: who has more has seen enough.
const MOST_FAILED: usize = 1_000;
