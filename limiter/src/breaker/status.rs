//! All that the threads share of a breaker's state: 128 bits, read and swapped whole.
//!
//! ```text
//!   | at: 64 (ns) | generation: 29 | attempts: 4 | permits out: 7 | calls: 7 | failed: 7 | slow: 7 | state: 3 |
//! ```
//!
//! Being one word, it can't be seen half changed, and whoever swaps it has seen everything that he changes: state, generation and permits are
//! always of one moment.

use super::counts::Counts;
use super::state::State;
use crate::Nanos;

/// The word, unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) state: State,
    pub(super) generation: Generation,
    /// How often the breaker has opened since it was last closed, at most [`MAX_ATTEMPTS`].
    pub(super) attempts: u8,
    /// Closed: since when, if after an outage, else 0. Open: the last instant of the wait. Half-open: the last instant of the state, or of its
    /// permits.
    pub(super) at: Nanos,
    /// Half-open: permits that nobody has given back.
    pub(super) permits_out: u8,
    /// Half-open: what came back. Open: what came back before it opened again. Closed: `failed` counts calls in a row that found nobody.
    /// Metrics only: `failed` is 1 while a rate is above its threshold.
    pub(super) tally: Tally,
}

/// [`Counts`] of few calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) calls: u8,
    pub(super) failed: u8,
    pub(super) slow: u8,
}

impl Tally {
    pub(super) fn counts(self) -> Counts {
        Counts { calls: self.calls.into(), failed: self.failed.into(), slow: self.slow.into() }
    }
}

/// The number of a state since the breaker was built. It goes round after half a billion transitions, which a permit doesn't live to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Generation(u32);

impl Generation {
    pub(super) const FIRST: Self = Self(0);

    pub(super) const fn new(number: u32) -> Self {
        Self(number & ((1 << GENERATION_BITS) - 1))
    }

    pub(super) const fn number(self) -> u32 {
        self.0
    }

    pub(super) const fn next(self) -> Self {
        Self::new(self.0.wrapping_add(1))
    }

    pub(super) const fn previous(self) -> Self {
        Self::new(self.0.wrapping_sub(1))
    }

    /// Of two numbers on the circle, the newer one is less than half a turn ahead.
    pub(super) const fn is_newer_than(self, other: Self) -> bool {
        let ahead = Self::new(self.0.wrapping_sub(other.0)).0;
        ahead != 0 && ahead < 1 << (GENERATION_BITS - 1)
    }
}

impl Status {
    pub(super) const fn new(state: State) -> Self {
        let tally = Tally { calls: 0, failed: 0, slow: 0 };
        Self { state, generation: Generation::FIRST, attempts: 0, at: Nanos::ZERO, permits_out: 0, tally }
    }

    pub(super) const fn pack(self) -> u128 {
        let mut low = self.generation.0 as u64;
        low = low << ATTEMPTS_BITS | self.attempts as u64;
        low = low << COUNT_BITS | self.permits_out as u64;
        low = low << COUNT_BITS | self.tally.calls as u64;
        low = low << COUNT_BITS | self.tally.failed as u64;
        low = low << COUNT_BITS | self.tally.slow as u64;
        low = low << STATE_BITS | self.state as u64;
        (self.at.as_u64() as u128) << 64 | low as u128
    }

    pub(super) const fn unpack(word: u128) -> Self {
        let low = word as u64;
        Self {
            state: State::ALL[(low & 0b111) as usize],
            tally: Tally { slow: count(low, 0), failed: count(low, 1), calls: count(low, 2) },
            permits_out: count(low, 3),
            attempts: (low >> (STATE_BITS + 4 * COUNT_BITS)) as u8 & MAX_ATTEMPTS,
            generation: Generation::new((low >> (64 - GENERATION_BITS)) as u32),
            at: Nanos::new((word >> 64) as u64),
        }
    }
}

const fn count(low: u64, field: u32) -> u8 {
    (low >> (STATE_BITS + field * COUNT_BITS)) as u8 & MAX_PERMITS
}

const STATE_BITS: u32 = 3;
const COUNT_BITS: u32 = 7;
const ATTEMPTS_BITS: u32 = 4;
pub(super) const GENERATION_BITS: u32 = 29;
/// As many calls as half-open can count.
pub(super) const MAX_PERMITS: u8 = (1 << COUNT_BITS) - 1;
/// After so many failed recoveries the wait grows no more: doubled each time, 16 384 times the first one.
pub(super) const MAX_ATTEMPTS: u8 = (1 << ATTEMPTS_BITS) - 1;

const _: () = assert!(STATE_BITS + 4 * COUNT_BITS + ATTEMPTS_BITS + GENERATION_BITS == 64);

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::{Generation, MAX_ATTEMPTS, MAX_PERMITS, State, Status, Tally};
    use crate::Nanos;

    proptest! {
        #[test]
        fn a_word_says_what_was_packed(
            state in 0..6_usize,
            generation in any::<u32>(),
            attempts in 0..=MAX_ATTEMPTS,
            at in any::<u64>(),
            counts in [0..=MAX_PERMITS, 0..=MAX_PERMITS, 0..=MAX_PERMITS, 0..=MAX_PERMITS],
        ) {
            let [permits_out, calls, failed, slow] = counts;
            let (generation, at) = (Generation::new(generation), Nanos::new(at));
            let tally = Tally { calls, failed, slow };
            let status = Status { state: State::ALL[state], generation, attempts, at, permits_out, tally };
            prop_assert_eq!(Status::unpack(status.pack()), status);
        }

        #[test]
        fn the_next_generation_is_newer_also_after_the_last_number(number in any::<u32>(), steps in 1..1_000_000_u32) {
            let old = Generation::new(number);
            let new = Generation::new(number.wrapping_add(steps));
            prop_assert!(new.is_newer_than(old) && !old.is_newer_than(new) && !old.is_newer_than(old));
            prop_assert_eq!(old.next().previous(), old);
        }
    }
}
