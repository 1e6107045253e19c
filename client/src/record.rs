//! What one thread measures in one interval.
//!
//! Each thread writes into a [`Record`] of its own and hands it over whole, once an interval; merging and percentiles are another thread's
//! work. (Shared histograms, or merging on the hot threads, stall the very loop that is being measured.) Its size is fixed: a run of any
//! length takes the same memory.

use std::fmt;
use std::ops::AddAssign;

use hdrhistogram::Histogram;

use crate::{ConnectionLedger, Ledger, Nanos, Outcome};

/// Three clocks for one kind of answer. Values are nanoseconds, to three digits, up to [`LONGEST`].
#[derive(Clone, Debug)]
pub struct Times {
    /// From due to done: what the user of the service would have waited. In a closed loop a request is due when it is sent.
    pub latency: Histogram<u64>,
    /// From sent to done.
    pub service: Histogram<u64>,
}

/// Counts per status, 100 to 999.
#[derive(Clone)]
pub struct Statuses([u64; 900]);

/// What one thread saw in one interval; merged, what all saw in the whole run.
#[derive(Clone, Debug)]
pub struct Record {
    /// How requests ended.
    pub ledger: Ledger,
    /// How connections ended.
    pub connections: ConnectionLedger,
    /// Answers by status.
    pub statuses: Statuses,
    /// Times of allowed requests.
    pub allowed: Times,
    /// Times of denied requests.
    pub denied: Times,
    /// Times of requests answered with another status.
    pub other: Times,
    /// From due to sent, of every request sent on a schedule; empty in a closed loop.
    pub lateness: Histogram<u64>,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Time spent at work, and the time that passed, summed over threads.
    pub busy: Nanos,
    /// See `busy`.
    pub elapsed: Nanos,
    /// Requests in flight × nanoseconds: divided by the time that passed, the mean number in flight (for Little's law).
    pub in_flight_ns: u128,
    /// Every [`SAMPLED`]-th request's client, for the hottest ids of a live view.
    pub sample: Vec<u32>,
}

impl Times {
    fn new() -> Self {
        Self { latency: histogram(), service: histogram() }
    }

    /// One more request.
    pub fn record(&mut self, due: Nanos, sent: Nanos, done: Nanos) {
        self.latency.saturating_record((done - due).as_u64());
        self.service.saturating_record((done - sent).as_u64());
    }

    fn clear(&mut self) {
        self.latency.reset();
        self.service.reset();
    }
}

impl AddAssign<&Times> for Times {
    fn add_assign(&mut self, other: &Times) {
        self.latency += &other.latency;
        self.service += &other.service;
    }
}

impl Statuses {
    /// One more answer with this status.
    pub fn count(&mut self, status: u16) {
        self.0[usize::from(status.clamp(100, 999) - 100)] += 1;
    }

    /// The statuses that came, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u64)> {
        (100..).zip(self.0).filter(|(_, count)| *count > 0)
    }
}

impl fmt::Debug for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Default for Record {
    fn default() -> Self {
        Self {
            ledger: Ledger::default(),
            connections: ConnectionLedger::default(),
            statuses: Statuses([0; 900]),
            allowed: Times::new(),
            denied: Times::new(),
            other: Times::new(),
            lateness: histogram(),
            bytes_out: 0,
            bytes_in: 0,
            busy: Nanos::ZERO,
            elapsed: Nanos::ZERO,
            in_flight_ns: 0,
            sample: Vec::with_capacity(MAX_SAMPLE),
        }
    }
}

impl Record {
    /// The times of answers with this outcome; none for what was no answer.
    pub fn times(&mut self, outcome: Outcome) -> Option<&mut Times> {
        match outcome {
            Outcome::Allowed => Some(&mut self.allowed),
            Outcome::Denied => Some(&mut self.denied),
            Outcome::Other => Some(&mut self.other),
            _ => None,
        }
    }

    /// Makes it as new, without giving memory back.
    pub fn clear(&mut self) {
        self.ledger = Ledger::default();
        self.connections = ConnectionLedger::default();
        self.statuses = Statuses([0; 900]);
        for times in [&mut self.allowed, &mut self.denied, &mut self.other] {
            times.clear();
        }
        self.lateness.reset();
        (self.bytes_out, self.bytes_in, self.in_flight_ns) = (0, 0, 0);
        (self.busy, self.elapsed) = (Nanos::ZERO, Nanos::ZERO);
        self.sample.clear();
    }
}

impl AddAssign<&Record> for Record {
    /// Everything but the sample, which is of an interval alone.
    fn add_assign(&mut self, other: &Record) {
        self.ledger += &other.ledger;
        self.connections += &other.connections;
        for (sum, count) in self.statuses.0.iter_mut().zip(other.statuses.0) {
            *sum += count;
        }
        self.allowed += &other.allowed;
        self.denied += &other.denied;
        self.other += &other.other;
        self.lateness += &other.lateness;
        self.bytes_out += other.bytes_out;
        self.bytes_in += other.bytes_in;
        self.busy = self.busy + other.busy;
        self.elapsed = self.elapsed + other.elapsed;
        self.in_flight_ns += other.in_flight_ns;
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST.as_u64(), 3).expect("bounds that the crate takes")
}

/// Longer times are recorded as this one.
pub const LONGEST: Nanos = Nanos::from_secs(120);
/// One request in so many leaves its client's id in the sample.
pub const SAMPLED: u64 = 64;
/// Ids in one interval's sample, at most.
pub const MAX_SAMPLE: usize = 1_024;
