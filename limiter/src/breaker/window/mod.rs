//! The sliding window, shared by all threads: an array of words that say themselves whose they are.
//!
//! A cell is 128 bits, `| generation: 29 | number: 32 | content: 64 |`: the bucket of that second, or the calls of that chunk, under that
//! generation of the breaker. The next second or chunk that falls on a cell overwrites it, and so does a new generation: a window is
//! emptied by nobody reading it any more. A writer that comes too late finds a newer label and leaves it alone. So no interleaving mixes
//! two seconds or two generations, and nothing has to be cleared.
//!
//! Rejected: cells of each core's own, summed up now and then. A healthy core would share nothing, but a breaker would open late by as many
//! outcomes as there are cores times those not yet summed, everybody would have to carry a handle for his core, and somebody would have
//! to come round with a timer. What the shared cell costs is one cache line fetched per outcome, well below a microsecond against the many
//! of a call. Who wants none of it builds one breaker per core.

mod count;
mod time;

use super::config::{Config, SlidingWindowType};
use super::counts::Counts;
use super::status::Generation;
use crate::Nanos;
use crate::sync::{AtomicU128, Ordering};

pub(super) use count::MAX_CALLS;
pub(super) use time::MAX_SECONDS;

/// The outcomes of recent calls.
pub(super) enum Window {
    Calls(count::CountWindow),
    Seconds(time::TimeWindow),
}

impl Window {
    pub(super) fn new(config: &Config) -> Self {
        match config.sliding_window_type {
            SlidingWindowType::CountBased => Self::Calls(count::CountWindow::new(config.sliding_window_size)),
            SlidingWindowType::TimeBased => Self::Seconds(time::TimeWindow::new(config.sliding_window_size)),
        }
    }

    /// Counts the outcome of a call that was permitted under `generation`.
    pub(super) fn add(&self, generation: Generation, failed: bool, slow: bool, now: Nanos) {
        match self {
            Self::Calls(window) => window.add(generation, failed, slow),
            Self::Seconds(window) => window.add(generation, failed, slow, now),
        }
    }

    /// What is in the window of `generation`. It has all that was added before, and may have some of what is being added.
    pub(super) fn sum(&self, generation: Generation, now: Nanos) -> Counts {
        match self {
            Self::Calls(window) => window.sum(generation),
            Self::Seconds(window) => window.sum(generation, now),
        }
    }
}

/// Whose the content of a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Label {
    generation: Generation,
    number: u32,
}

impl Label {
    const fn is_newer_than(self, other: Self) -> bool {
        if self.generation.number() == other.generation.number() {
            self.number.wrapping_sub(other.number) as i32 > 0
        } else {
            self.generation.is_newer_than(other.generation)
        }
    }
}

struct Cell(AtomicU128);

impl Cell {
    fn new() -> Self {
        Self(AtomicU128::new(EMPTY))
    }

    fn read(&self, label: Label) -> Option<u64> {
        let (owner, content) = unpack(self.0.load(Ordering::Relaxed));
        (owner == label).then_some(content)
    }

    fn read_any(&self) -> (Label, u64) {
        unpack(self.0.load(Ordering::Relaxed))
    }

    /// Changes what stands under `label`, at first 0, and says what it was. Changes nothing and says so if the cell has a newer owner.
    fn update(&self, label: Label, change: impl Fn(u64) -> u64) -> Option<u64> {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let (owner, content) = unpack(word);
            if word != EMPTY && owner.is_newer_than(label) {
                return None;
            }
            let content = if owner == label { content } else { 0 };
            match self.0.compare_exchange(word, pack(label, change(content)), Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Some(content),
                Err(found) => word = found,
            }
        }
    }
}

const fn pack(label: Label, content: u64) -> u128 {
    let label = (label.generation.number() as u64) << 32 | label.number as u64;
    (label as u128) << 64 | content as u128
}

const fn unpack(word: u128) -> (Label, u64) {
    let label = (word >> 64) as u64;
    (Label { generation: Generation::new((label >> 32) as u32), number: label as u32 }, word as u64)
}

/// Nobody has written here yet; who has, leaves a content that isn't 0.
const EMPTY: u128 = 0;

fn cells(count: u32) -> Box<[Cell]> {
    (0..count).map(|_| Cell::new()).collect()
}
