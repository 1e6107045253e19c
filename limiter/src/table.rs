//! The table: one slot per client, decided on by any thread with one compare-and-swap.
//!
//! A shard is three equal groups of lines, a line is four slots in 64 bytes. A key has one candidate line in each group, twelve slots:
//!
//! ```text
//!            group 0          group 1                     group 2
//!          ┌────────┐       ┌────────┐                  ┌────────┐
//!     x ──►│ □■■□   │       │        │                  │        │
//!          │        │   ┌──►│ ■□□□   │ x + g₁(tag)   ┌─►│ □□□□   │ x + g₂(tag)
//!          └────────┘   │   └────────┘               │  └────────┘
//!          position ────┴────────────────────────────┘
//! ```
//!
//! The candidates are fixed by (x, tag), and any of them together with the tag gives x back. So a slot's owner is known from the slot
//! alone (its debt can be recorded when it is displaced), and two keys with one tag either have the same twelve candidates or none in
//! common.
//!
//! A decision on a known client is: load, algorithm, compare-and-swap, again if that failed. A denial writes nothing. New clients go
//! through [`crate::claim`].
//!
//! Three lines rather than two: with two lines of four slots and clients that come and go, one in 900 finds all candidates taken at
//! half load; with three, about one in four million, and in the worst of the small tables (33 to 79 clients) 1.5 in a million.

use crate::algorithm::State;
use crate::debt::DebtSketch;
use crate::slot;
use crate::sync::{AtomicU32, AtomicU64, AtomicU128, Ordering};
use crate::{Key, Nanos, SettingsError, WhenFull};

/// What a step wants done with the slot.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change<R> {
    Keep(R),
    Write(R, State),
}

/// Why a client without a slot got none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSlot {
    /// It was displaced, and its debt isn't over before this instant.
    Debt(Nanos),
    /// Every candidate is taken; the first falls free at this instant.
    Full(Nanos),
}

/// What came of one try at a client's slot.
pub(crate) enum Hit<R> {
    Done(R),
    /// Somebody else changed the slot first.
    Lost,
    /// The client has no confirmed slot.
    Absent,
}

/// The algorithm's side of an update, which knows nothing of slots.
pub(crate) trait Steps {
    type Answer: Copy;

    fn step(&self, state: State, now: Nanos) -> Change<Self::Answer>;
    fn expires(&self, state: State) -> Nanos;
}

#[derive(Debug)]
pub(crate) struct Table {
    shards: Box<[Shard]>,
    when_full: WhenFull,
}

/// A core's part of the table.
#[derive(Debug)]
pub(crate) struct Shard {
    lines: Box<[Line]>,
    pub(crate) group: u32,
    pub(crate) debts: DebtSketch,
    /// Makes pending words unique.
    pub(crate) claims: AtomicU32,
    /// The latest expiry of a slot that was reclaimed: a new client's time starts no earlier, whatever its clock says.
    pub(crate) horizon: AtomicU64,
}

#[derive(Debug)]
#[repr(align(64))]
struct Line([AtomicU128; SLOTS_PER_LINE]);

impl Table {
    pub(crate) fn new(shards: Vec<Shard>, when_full: WhenFull) -> Self {
        Self { shards: shards.into(), when_full }
    }

    /// Asks `steps` about the client's state and does what it says, as one atomic step.
    pub(crate) fn update<S: Steps>(&self, key: Key, now: Nanos, steps: &S) -> Result<S::Answer, NoSlot> {
        let (shard, place) = self.place(key);
        match shard.hit(&place, now, steps) {
            Hit::Done(answer) => Ok(answer),
            Hit::Lost | Hit::Absent => shard.claim(&place, now, self.when_full, steps),
        }
    }

    /// [`Table::update`] if that takes no more than one try at a slot that is there: the way of nearly every request.
    #[inline(always)]
    pub(crate) fn hit<S: Steps>(&self, key: Key, now: Nanos, steps: &S) -> Option<S::Answer> {
        let (shard, place) = self.place(key);
        match shard.hit(&place, now, steps) {
            Hit::Done(answer) => Some(answer),
            Hit::Lost | Hit::Absent => None,
        }
    }

    /// What [`Table::update`] would answer; changes nothing.
    pub(crate) fn look<S: Steps>(&self, key: Key, now: Nanos, steps: &S) -> Result<S::Answer, NoSlot> {
        let (shard, place) = self.place(key);
        let answer = |change| match change {
            Change::Keep(answer) | Change::Write(answer, _) => answer,
        };
        match shard.find_confirmed(&place) {
            Some((.., state)) => Ok(answer(steps.step(state, now))),
            None => {
                shard.room(&place, now, self.when_full, steps).map(|()| answer(steps.step(0, shard.not_before(now))))
            }
        }
    }

    /// The state of a client that has one.
    pub(crate) fn state(&self, key: Key) -> Option<State> {
        let (shard, place) = self.place(key);
        shard.find_confirmed(&place).map(|(.., state)| state)
    }

    /// Changes the state of a client that has one.
    pub(crate) fn amend(&self, key: Key, change: impl Fn(State) -> Option<State>) {
        let (shard, place) = self.place(key);
        while let Some((slot, word, state)) = shard.find_confirmed(&place) {
            let Some(next) = change(state) else { return };
            let next = slot::confirmed(place.tag, next);
            if slot.compare_exchange(word, next, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return;
            }
        }
    }

    /// Fetches the lines that a decision on `key` may read; the value means nothing.
    #[inline]
    pub(crate) fn touch(&self, key: Key) -> u128 {
        let (shard, place) = self.place(key);
        (0..GROUPS).fold(0, |sum, group| sum ^ shard.slot(&place, group * SLOTS_PER_LINE).load(Ordering::Relaxed))
    }

    /// Bytes of slots and debts.
    pub(crate) fn bytes(&self) -> usize {
        self.shards.iter().map(Shard::bytes).sum()
    }

    #[inline(always)]
    fn place(&self, key: Key) -> (&Shard, Place) {
        let product = u64::from(key.position()) * self.shards.len() as u64;
        let shard = &self.shards[(product >> 32) as usize];
        (shard, Place::new(shard.group, product as u32, key.tag()))
    }
}

impl Shard {
    /// Room for `clients`, all of it written here, so that the memory is near the core that the calling thread runs on.
    pub(crate) fn new(clients: u64) -> Result<Self, SettingsError> {
        let group = lines_per_group(clients);
        Ok(Self {
            lines: reserved(group as usize * GROUPS, Line::default)?,
            group,
            debts: DebtSketch::new(debts_per_row(clients))?,
            claims: AtomicU32::new(0),
            horizon: AtomicU64::new(0),
        })
    }

    /// One try at deciding for a client that has a slot.
    #[inline(always)]
    pub(crate) fn hit<S: Steps>(&self, place: &Place, now: Nanos, steps: &S) -> Hit<S::Answer> {
        let Some((slot, word)) = self.find(place, |_| true) else { return Hit::Absent };
        let Some(state) = slot::state(word) else { return Hit::Absent };
        match steps.step(state, now) {
            Change::Keep(answer) => Hit::Done(answer),
            Change::Write(answer, state) => {
                let next = slot::confirmed(place.tag, state);
                match slot.compare_exchange(word, next, Ordering::AcqRel, Ordering::Acquire) {
                    Ok(_) => Hit::Done(answer),
                    Err(_) => Hit::Lost,
                }
            }
        }
    }

    /// The owner's confirmed slot, with its word and state. A pending word before it says nothing: that claim will find the slot, and yield.
    fn find_confirmed(&self, place: &Place) -> Option<(&AtomicU128, u128, State)> {
        let (slot, word) = self.find(place, |word| slot::state(word).is_some())?;
        slot::state(word).map(|state| (slot, word, state))
    }

    /// The first slot of the owner with such a word, and the word.
    #[inline(always)]
    fn find(&self, place: &Place, such: impl Fn(u128) -> bool) -> Option<(&AtomicU128, u128)> {
        for (_, line) in self.candidates(place) {
            for slot in line {
                let word = slot.load(Ordering::Acquire);
                if slot::tag(word) == place.tag && such(word) {
                    return Some((slot, word));
                }
            }
        }
        None
    }

    /// The candidate lines, by group.
    #[inline(always)]
    pub(crate) fn candidates(&self, place: &Place) -> impl Iterator<Item = (usize, &[AtomicU128; SLOTS_PER_LINE])> {
        (0..GROUPS).map(|group| (group, &self.lines[place.line(group)].0))
    }

    /// The candidate slot with this index, counted line by line.
    pub(crate) fn slot(&self, place: &Place, index: usize) -> &AtomicU128 {
        &self.lines[place.line(index / SLOTS_PER_LINE)].0[index % SLOTS_PER_LINE]
    }

    pub(crate) fn not_before(&self, now: Nanos) -> Nanos {
        now.max(Nanos::new(self.horizon.load(Ordering::Acquire)))
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.lines) + self.debts.bytes()
    }
}

impl Default for Line {
    fn default() -> Self {
        Self(core::array::from_fn(|_| AtomicU128::new(slot::EMPTY)))
    }
}

/// Where a key may live within its shard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) tag: u32,
    start: u32,
    group: u32,
}

impl Place {
    const fn new(group: u32, fraction: u32, tag: u32) -> Self {
        Self { tag, start: scale(fraction, group), group }
    }

    /// The owner of the candidate with index `index` of another key's place, known by its tag.
    pub(crate) const fn of_owner(&self, index: usize, tag: u32) -> Self {
        let group = index / SLOTS_PER_LINE;
        let offset = self.offset(group);
        let back = stride(tag, group, self.group);
        let start = if offset >= back { offset - back } else { offset + self.group - back };
        Self { tag, start, group: self.group }
    }

    /// Names the owner in the debt sketch.
    pub(crate) const fn owner(&self) -> u64 {
        ((self.start as u64) << 32) | self.tag as u64
    }

    #[inline]
    const fn line(&self, group: usize) -> usize {
        self.group as usize * group + self.offset(group) as usize
    }

    #[inline]
    const fn offset(&self, group: usize) -> u32 {
        let offset = self.start as u64 + stride(self.tag, group, self.group) as u64;
        (if offset >= self.group as u64 { offset - self.group as u64 } else { offset }) as u32
    }
}

/// So many, written here and now, or the news that there is no memory for them.
pub(crate) fn reserved<T>(count: usize, each: impl FnMut() -> T) -> Result<Box<[T]>, SettingsError> {
    let mut all = Vec::new();
    let bytes = count as u64 * size_of::<T>() as u64;
    all.try_reserve_exact(count).map_err(|_| SettingsError::Memory { bytes })?;
    all.resize_with(count, each);
    Ok(all.into())
}

/// How far a key's line in a group lies from its line in group 0.
#[inline]
const fn stride(tag: u32, group: usize, lines: u32) -> u32 {
    match group {
        0 => 0,
        _ => scale(tag.wrapping_mul(STRIDE_FACTORS[group]), lines),
    }
}

/// Maps 32 uniform bits to `0..end`.
#[inline]
const fn scale(bits: u32, end: u32) -> u32 {
    ((bits as u64 * end as u64) >> 32) as u32
}

/// Lines of one group in a shard for `clients`.
pub(crate) const fn lines_per_group(clients: u64) -> u32 {
    let lines = (clients * SLOT_BYTES_PER_CLIENT).div_ceil(64 * GROUPS as u64);
    if lines == 0 { 1 } else { lines as u32 }
}

pub(crate) const fn debts_per_row(clients: u64) -> usize {
    let cells = clients * DEBT_BYTES_PER_CLIENT / (8 * crate::debt::ROWS as u64);
    if cells < MIN_DEBTS_PER_ROW { MIN_DEBTS_PER_ROW as usize } else { cells as usize }
}

pub(crate) const GROUPS: usize = 3;
pub(crate) const SLOTS_PER_LINE: usize = if cfg!(loom) { 1 } else { 4 };
const STRIDE_FACTORS: [u32; GROUPS] = [0, 0x9e37_79b1, 0x85eb_ca77];

/// Of the 32 bytes that a client may cost: a load of 0.55, at which one new client in a million or fewer finds no free slot while others
/// come and go (see the top).
const SLOT_BYTES_PER_CLIENT: u64 = 29;
/// One debt cell in each row for every 16 clients.
const DEBT_BYTES_PER_CLIENT: u64 = 2;
/// Four under loom, where each is looked at in every interleaving.
const MIN_DEBTS_PER_ROW: u64 = if cfg!(loom) { 4 } else { 16 };

#[cfg(all(test, not(loom)))]
mod tests;
