//! What looks wrong, and isn't until all requests that might explain it have ended.
//!
//! A request that is still under way may turn out to have been admitted: then a denial was right after all, or a fixed window opened
//! earlier than it seemed. So a suspicion waits; each request of the client that ends meanwhile may explain it; and what nothing has
//! explained at the end of the run is proof. (The engine's time-out would allow to judge earlier, if a thread never lost its CPU between
//! a look at the clock and the next: not even an oracle can rely on that.)

use std::collections::HashMap;

use tollgate_client::Exchange;

use super::part::Part;
use super::witness::{Broken, Witness};

/// Suspicions, at most [`MOST`] of them and [`MOST_OF_ONE`] of a client.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    by_client: HashMap<u32, Vec<Witness>>,
    len: usize,
    /// Those for which there was no room.
    dropped: u64,
}

impl Suspects {
    /// Keeps a suspicion against this client, unless there are enough.
    pub(super) fn add(&mut self, id: u32, suspect: impl FnOnce() -> Witness) {
        let of_client = self.by_client.get(&id).map_or(0, Vec::len);
        if self.len == MOST || of_client == MOST_OF_ONE {
            self.dropped += 1;
        } else {
            self.by_client.entry(id).or_default().push(suspect());
            self.len += 1;
        }
    }

    /// A request has ended, which may explain some.
    pub(super) fn explain(&mut self, exchange: &Exchange, part: Part) {
        if self.len == 0 {
            return;
        }
        let Some(of_client) = self.by_client.get_mut(&exchange.id) else { return };
        self.len -= of_client.len();
        of_client.retain_mut(|suspect| !is_explained(suspect, exchange, part));
        self.len += of_client.len();
        if of_client.is_empty() {
            self.by_client.remove(&exchange.id);
        }
    }

    /// All requests have ended: what nothing has explained, the earliest first, and how many suspicions had no room.
    pub(super) fn judge(self) -> (Vec<Witness>, u64) {
        let mut proven: Vec<_> = self.by_client.into_values().flatten().collect();
        proven.sort_by_key(|witness| (witness.requests.last().map(|request| request.done), witness.id));
        (proven, self.dropped)
    }
}

fn is_explained(suspect: &mut Witness, exchange: &Exchange, part: Part) -> bool {
    match &mut suspect.broken {
        Broken::Denied { room } => {
            let denied = suspect.requests.first().map(|request| request.done);
            let may_be_before = part.may_charge() && denied.is_some_and(|done| exchange.sent <= done);
            *room -= u32::from(may_be_before);
            *room == 0
        }
        Broken::Opened { from, .. } => part.may_admit() && exchange.sent < *from,
        Broken::Window { .. } | Broken::Level { .. } => false,
    }
}

/// All suspicions together take less than 3 MB.
const MOST: usize = 1_024;
/// One client that is denied for ever doesn't take the room of the others.
const MOST_OF_ONE: usize = 16;
