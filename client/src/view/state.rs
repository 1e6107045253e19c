//! What a view is drawn from: the run so far. Intervals go in, plain values come out; it knows no terminal.

use std::collections::VecDeque;

use super::point::{Counts, Point};
use crate::engine::Interval;
use crate::{ConnectionLedger, Ledger, Nanos};

/// What a run is about to do, in the words of its options.
#[derive(Clone, Debug)]
pub struct Title {
    /// Where the requests go.
    pub url: String,
    /// How they are scheduled: `closed loop`, `open loop, 50k/s`.
    pub mode: String,
    /// Simulated clients.
    pub clients: u32,
    /// The seed.
    pub seed: u64,
    /// When the run ends of itself.
    pub end: Option<Nanos>,
    /// How many of the hottest clients are named.
    pub top: usize,
}

/// The run so far.
#[derive(Clone, Debug)]
pub struct State {
    title: Title,
    history: VecDeque<Point>,
    samples: VecDeque<Vec<u32>>,
    ledger: Ledger,
    connections: ConnectionLedger,
    last: Point,
}

/// A client that sends much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hot {
    /// Its id.
    pub id: u32,
    /// Its share of the requests of late, 0 to 1.
    pub share: f64,
}

impl State {
    /// Before the first interval.
    pub fn new(title: Title) -> Self {
        Self {
            title,
            history: VecDeque::with_capacity(HISTORY),
            samples: VecDeque::with_capacity(SAMPLES),
            ledger: Ledger::default(),
            connections: ConnectionLedger::default(),
            last: Point::default(),
        }
    }

    /// One more interval is over.
    pub fn take(&mut self, interval: &Interval) {
        self.ledger += &interval.record.ledger;
        self.connections += &interval.record.connections;
        self.last = Point::of(interval);
        push(&mut self.history, self.last, HISTORY);
        push(&mut self.samples, interval.record.sample.clone(), SAMPLES);
    }

    /// What the run is about.
    pub const fn title(&self) -> &Title {
        &self.title
    }

    /// The last interval.
    pub const fn last(&self) -> &Point {
        &self.last
    }

    /// The latest intervals, the oldest first.
    pub fn history(&self) -> impl DoubleEndedIterator<Item = &Point> + ExactSizeIterator {
        self.history.iter()
    }

    /// Ends of requests since the start.
    pub fn counts(&self) -> Counts {
        Counts::of(&self.ledger)
    }

    /// Connections since the start.
    pub const fn connections(&self) -> &ConnectionLedger {
        &self.connections
    }

    /// The clients that sent most of late, the first of them first, as far as the samples show.
    pub fn hottest(&self) -> Vec<Hot> {
        let mut ids: Vec<u32> = self.samples.iter().flatten().copied().collect();
        ids.sort_unstable();
        let mut counts: Vec<(usize, u32)> = ids.chunk_by(|a, b| a == b).map(|same| (same.len(), same[0])).collect();
        counts.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        let hot = |(count, id): (usize, u32)| Hot { id, share: count as f64 / ids.len() as f64 };
        counts.into_iter().take(self.title.top).map(hot).collect()
    }
}

/// Puts `item` at the back, and drops the front of what is too many.
fn push<T>(queue: &mut VecDeque<T>, item: T, most: usize) {
    if queue.len() == most {
        queue.pop_front();
    }
    queue.push_back(item);
}

/// Intervals of the sparkline: two minutes at one a second.
pub const HISTORY: usize = 120;
/// Intervals whose samples say who is hottest: enough that a list of a uniform load doesn't flicker.
const SAMPLES: usize = 10;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::engine::Stage;
    use crate::view::point::Spread;
    use crate::{Outcome, Record};

    /// What the tests of the views draw.
    pub(crate) fn title() -> Title {
        Title {
            url: "http://127.0.0.1:8080/".to_owned(),
            mode: "open loop, 10k/s".to_owned(),
            clients: 1_000,
            seed: 7,
            end: Some(Nanos::from_secs(30)),
            top: 2,
        }
    }

    /// The second that ends at `second`, with ten thousand requests of which 8 000 are denied and 5 time out.
    pub(crate) fn interval(second: u64) -> Interval {
        let mut record = Record::default();
        let ends = [(Outcome::Allowed, 1_990), (Outcome::Denied, 8_000), (Outcome::Other, 5), (Outcome::TimedOut, 5)];
        for (outcome, count) in ends {
            for n in 0..count {
                record.ledger.end(outcome);
                if let Some(times) = record.times(outcome) {
                    times.record(Nanos::ZERO, Nanos::ZERO, Nanos::from_micros(100 + n));
                }
            }
        }
        (record.ledger.planned, record.ledger.sent) = (10_037, 10_037);
        (record.connections.attempted, record.connections.established) = (70, 64);
        (record.connections.refused, record.connections.closed_by_peer) = (6, 2);
        record.lateness.saturating_record(12_000);
        (record.busy, record.elapsed) = (Nanos::from_millis(630), Nanos::from_secs(1));
        record.sample = [vec![7; 6], vec![42; 3], vec![1]].concat();
        Interval {
            at: Nanos::from_secs(second),
            length: Nanos::from_secs(1),
            record,
            in_flight: 37,
            backlog: 4,
            open_connections: 62,
            stage: Stage::Running,
        }
    }

    #[test]
    fn totals_add_up_and_rates_are_of_the_last_interval() {
        let mut state = State::new(title());
        state.take(&interval(1));
        state.take(&Interval { length: Nanos::from_millis(500), ..interval(2) });
        assert_eq!(state.counts().sum(), 20_000);
        assert_eq!((state.last().offered, state.last().answered), (20_074.0, 19_990.0));
        assert_eq!(state.last().counts, Counts { allowed: 1_990, denied: 8_000, other: 5, errors: 5 });
        assert_eq!((state.last().busy, state.last().connected), (0.63, 128.0));
        assert_eq!(state.connections().refused, 12);
    }

    #[test]
    fn two_minutes_are_remembered_and_no_more() {
        let mut state = State::new(title());
        (1..=HISTORY as u64 + 5).for_each(|second| state.take(&interval(second)));
        assert_eq!(state.history().len(), HISTORY);
        assert_eq!(state.history().next().unwrap().at, Nanos::from_secs(6));
        assert_eq!(state.history().next_back().unwrap().at, Nanos::from_secs(HISTORY as u64 + 5));
    }

    #[test]
    fn the_hottest_ids_are_those_sampled_most_of_late() {
        let mut state = State::new(title());
        assert_eq!(state.hottest(), []);
        state.take(&interval(1));
        assert_eq!(state.hottest(), [Hot { id: 7, share: 0.6 }, Hot { id: 42, share: 0.3 }]);
        let quiet = |second| {
            let mut interval = interval(second);
            interval.record.sample = vec![9];
            interval
        };
        (2..=SAMPLES as u64 + 1).for_each(|second| state.take(&quiet(second)));
        assert_eq!(state.hottest(), [Hot { id: 9, share: 1.0 }], "the first interval is forgotten");
    }

    #[test]
    fn nothing_measured_is_no_number_made_up() {
        let mut state = State::new(title());
        let nothing = Interval { record: Record::default(), length: Nanos::ZERO, ..interval(1) };
        state.take(&nothing);
        assert_eq!((state.last().answered, state.last().busy), (0.0, 0.0));
        assert_eq!((state.last().allowed, state.last().lateness_p99), (Spread::default(), None));
    }
}
