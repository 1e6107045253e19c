//! Temporary bans: the ladder's rule over a table of its own.

use crate::algorithm::State;
use crate::table::{Change, Shard, Steps, Table};
use crate::{Key, Ladder, Nanos, WhenFull};

#[derive(Debug)]
pub(crate) struct Bans {
    ladder: Ladder,
    table: Table,
}

impl Bans {
    /// The table refuses when full: a flood of offenders must not buy an amnesty for those banned already.
    pub(crate) fn new(ladder: Ladder, shards: Vec<Shard>) -> Self {
        Self { ladder, table: Table::new(shards, WhenFull::Refuse) }
    }

    /// How long the client is still banned.
    pub(crate) fn banned(&self, key: Key, now: Nanos) -> Option<Nanos> {
        self.table.state(key).and_then(|state| Ladder::banned(state, now))
    }

    /// Counts a denial, and says how long the client is banned if that was one too many. Without room for one more client it isn't counted.
    pub(crate) fn strike(&self, key: Key, now: Nanos) -> Option<Nanos> {
        self.table.update(key, now, &self.steps(Ladder::strike)).ok().flatten()
    }

    /// What [`Bans::strike`] would answer; changes nothing.
    pub(crate) fn would_strike(&self, key: Key, now: Nanos) -> Option<Nanos> {
        self.table.look(key, now, &self.steps(Ladder::strike)).ok().flatten()
    }

    pub(crate) fn ban(&self, key: Key, until: Nanos, now: Nanos) -> bool {
        self.table.update(key, now, &self.steps(|_, state, _| Some(Ladder::ban(state, until)))).is_ok()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.table.bytes()
    }

    fn steps<F>(&self, next: F) -> LadderSteps<'_, F>
    where
        F: Fn(&Ladder, State, Nanos) -> Option<State>,
    {
        LadderSteps { ladder: &self.ladder, next }
    }
}

struct LadderSteps<'l, F> {
    ladder: &'l Ladder,
    next: F,
}

impl<F> Steps for LadderSteps<'_, F>
where
    F: Fn(&Ladder, State, Nanos) -> Option<State>,
{
    /// How long the client is banned by then.
    type Answer = Option<Nanos>;

    fn step(&self, state: State, now: Nanos) -> Change<Option<Nanos>> {
        match (self.next)(self.ladder, state, now) {
            Some(next) => Change::Write(Ladder::banned(next, now), next),
            None => Change::Keep(Ladder::banned(state, now)),
        }
    }

    fn expires(&self, state: State) -> Nanos {
        self.ladder.expires(state)
    }
}
