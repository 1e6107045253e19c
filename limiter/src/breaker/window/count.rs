//! The last N calls, two bits each, in chunks of 32. A cursor counts the calls of a generation; a call's number is its place.
//!
//! ```text
//!   content of the cursor   calls so far: 64                 (its number is always 0)
//!   content of a chunk      | slow: 32 | failed: 32 |        bit i is the call 32 · number + i
//! ```
//!
//! Threads that end calls at the same moment get their numbers in some order. Until its bits are set, a numbered call counts as a good one.

use super::super::counts::Counts;
use super::super::status::Generation;
use super::{Cell, Label, cells};

pub(in crate::breaker) struct CountWindow {
    size: u64,
    cursor: Cell,
    chunks: Box<[Cell]>,
}

impl CountWindow {
    pub(super) fn new(size: u32) -> Self {
        // So many chunks can the last `size` calls touch, if they begin with the last call of one.
        Self { size: size.into(), cursor: Cell::new(), chunks: cells((size + CHUNK as u32 - 2) / CHUNK as u32 + 1) }
    }

    pub(super) fn add(&self, generation: Generation, failed: bool, slow: bool) {
        let Some(call) = self.cursor.update(Label { generation, number: 0 }, |calls| calls + 1) else { return };
        let bit = call % CHUNK;
        let bits = u64::from(failed) << bit | u64::from(slow) << (CHUNK + bit);
        // A chunk that nobody has marked reads as good calls, whoever owned it before.
        if bits != 0 {
            self.chunk(call / CHUNK).update(label(generation, call / CHUNK), |marks| marks | bits);
        }
    }

    pub(super) fn sum(&self, generation: Generation) -> Counts {
        let Some(end) = self.cursor.read(Label { generation, number: 0 }).filter(|calls| *calls > 0) else {
            return Counts::default();
        };
        let begin = end.saturating_sub(self.size);
        let (mut failed, mut slow) = (0, 0);
        for number in begin / CHUNK..=(end - 1) / CHUNK {
            let marks = self.chunk(number).read(label(generation, number)).unwrap_or(0);
            let mask = mask(begin, end, number * CHUNK);
            failed += (marks as u32 & mask).count_ones();
            slow += ((marks >> CHUNK) as u32 & mask).count_ones();
        }
        Counts { calls: (end - begin) as u32, failed, slow }
    }

    fn chunk(&self, number: u64) -> &Cell {
        &self.chunks[(number % self.chunks.len() as u64) as usize]
    }
}

const fn label(generation: Generation, chunk: u64) -> Label {
    Label { generation, number: chunk as u32 }
}

/// The calls of the chunk that begins with call `first` that lie from `begin` to before `end`.
fn mask(begin: u64, end: u64, first: u64) -> u32 {
    let from = begin.saturating_sub(first);
    let to = (end - first).min(CHUNK);
    ((1_u64 << to) - (1 << from)) as u32
}

/// Calls in a cell.
const CHUNK: u64 = 32;
/// As many calls are looked at for each outcome, 32 at a time.
pub(in crate::breaker) const MAX_CALLS: u32 = 10_000;
