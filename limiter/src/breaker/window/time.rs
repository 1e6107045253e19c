//! The calls of the last N seconds: a bucket for each, the running one included.
//!
//! ```text
//!   content   | unused: 1 | calls: 21 | failed: 21 | slow: 21 |
//! ```

use super::super::counts::Counts;
use super::super::status::Generation;
use super::{Cell, Label, cells};
use crate::Nanos;

pub(in crate::breaker) struct TimeWindow(Box<[Cell]>);

impl TimeWindow {
    pub(super) fn new(seconds: u32) -> Self {
        Self(cells(seconds))
    }

    pub(super) fn add(&self, generation: Generation, failed: bool, slow: bool, now: Nanos) {
        let second = now.as_u64() / NANOS_PER_SEC;
        let label = Label { generation, number: second as u32 };
        let call = 1 << (2 * BITS) | u64::from(failed) << BITS | u64::from(slow);
        self.0[(second % self.0.len() as u64) as usize].update(label, |content| {
            // Two million calls in one second have said enough.
            if content >> (2 * BITS) == MASK { content } else { content + call }
        });
    }

    /// A bucket ahead of `now` is another thread's, whose clock is; it counts.
    pub(super) fn sum(&self, generation: Generation, now: Nanos) -> Counts {
        let second = (now.as_u64() / NANOS_PER_SEC) as u32;
        let live = |owner: Label| {
            owner.generation == generation && (second.wrapping_sub(owner.number) as i32) < self.0.len() as i32
        };
        let buckets = self.0.iter().map(Cell::read_any).filter(|(owner, _)| live(*owner));
        buckets.fold(Counts::default(), |sum, (_, content)| {
            sum.plus(Counts {
                calls: (content >> (2 * BITS) & MASK) as u32,
                failed: (content >> BITS & MASK) as u32,
                slow: (content & MASK) as u32,
            })
        })
    }
}

const BITS: u32 = 21;
const MASK: u64 = (1 << BITS) - 1;
const NANOS_PER_SEC: u64 = 1_000_000_000;
/// As many cells are read for each outcome.
pub(in crate::breaker) const MAX_SECONDS: u32 = 600;

// A sum of full buckets fits.
const _: () = assert!((MAX_SECONDS as u64) << BITS < u32::MAX as u64);
