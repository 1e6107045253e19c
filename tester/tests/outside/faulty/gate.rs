//! One map behind one mutex, and the ways in which it can be wrong.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use tollgate_client::Nanos;

use super::meter::{Algorithm, Meter, Quota};

/// What is wrong with a limiter. Each is a mistake that people have made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `<=` instead of `<`: one more.
    OffByOne,
    /// A quota for each connection that an id uses.
    QuotaPerConnection,
    /// A quota for each of two cores, among which connections are dealt in turn.
    QuotaPerCore,
    /// A fixed window, whatever it is called: twice the limit around the edge.
    DoubleAtTheEdge,
    /// Reads, decides, and writes back what somebody else may have changed since.
    LostUpdates,
    /// Makes room by forgetting the id that it has known longest, although that is not over with its window.
    Forgets {
        /// Ids that there is room for.
        beyond: usize,
    },
    /// One fewer.
    DeniesEarly,
    /// Whoever was denied once is never admitted again.
    DeniesForEver,
    /// One quota for everybody.
    IgnoresTheId,
}

/// Decides.
pub struct Gate {
    quota: Quota,
    algorithm: Algorithm,
    fault: Option<Fault>,
    now: Box<dyn Fn() -> Nanos + Send + Sync>,
    table: Mutex<Table>,
    denial: Vec<u8>,
}

#[derive(Default)]
struct Table {
    entries: HashMap<Key, Entry>,
    /// The keys, in the order in which they came; kept only if they are to be forgotten.
    known: VecDeque<Key>,
}

/// Whose quota it is: the id, and which part of it if it is wrongly split.
type Key = (String, u64);

#[derive(Clone, Default)]
struct Entry {
    meter: Meter,
    denied: bool,
}

impl Gate {
    /// `now` is asked while the table is held, so that decisions are in the order of their times.
    pub fn new(
        quota: Quota,
        algorithm: Algorithm,
        fault: Option<Fault>,
        now: impl Fn() -> Nanos + Send + Sync + 'static,
    ) -> Self {
        let limit = match fault {
            Some(Fault::OffByOne) => quota.limit + 1,
            Some(Fault::DeniesEarly) => quota.limit.saturating_sub(1),
            _ => quota.limit,
        };
        let algorithm = if fault == Some(Fault::DoubleAtTheEdge) { Algorithm::FixedWindow } else { algorithm };
        let seconds = Duration::from(quota.window).as_secs_f64().ceil();
        let denial = format!("HTTP/1.1 503 Service Unavailable\r\nRetry-After: {seconds}\r\nContent-Length: 0\r\n\r\n");
        Self {
            quota: Quota { limit, ..quota },
            algorithm,
            fault,
            now: Box::new(now),
            table: Mutex::default(),
            denial: denial.into_bytes(),
        }
    }

    /// The answer to a request that doesn't fit.
    pub fn denial(&self) -> &[u8] {
        &self.denial
    }

    /// Admits a request of this id on this connection, if it fits.
    pub fn admits(&self, id: &str, connection: u64) -> bool {
        let key = match self.fault {
            Some(Fault::QuotaPerConnection) => (id.to_owned(), connection),
            Some(Fault::QuotaPerCore) => (id.to_owned(), connection % 2),
            Some(Fault::IgnoresTheId) => (String::new(), 0),
            _ => (id.to_owned(), 0),
        };
        let table = || self.table.lock().expect("nobody panics with it");
        if self.fault == Some(Fault::LostUpdates) {
            let mut entry = table().entries.get(&key).cloned().unwrap_or_default();
            let admits = self.decide(&mut entry);
            // As long as a round trip to a store takes; other threads read meanwhile what this one has read.
            thread::sleep(Duration::from_micros(100));
            table().entries.insert(key, entry);
            return admits;
        }
        let mut table = table();
        if let Some(Fault::Forgets { beyond }) = self.fault {
            table.make_room(&key, beyond);
        }
        self.decide(table.entries.entry(key).or_default())
    }

    fn decide(&self, entry: &mut Entry) -> bool {
        if self.fault == Some(Fault::DeniesForEver) && entry.denied {
            return false;
        }
        let admits = entry.meter.admits(self.algorithm, self.quota, (self.now)());
        entry.denied |= !admits;
        admits
    }
}

impl Table {
    fn make_room(&mut self, key: &Key, beyond: usize) {
        if self.entries.contains_key(key) {
            return;
        }
        self.known.push_back(key.clone());
        if self.known.len() > beyond
            && let Some(oldest) = self.known.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }
}
