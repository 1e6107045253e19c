//! The content of a slot, as one 128-bit word.
//!
//! ```text
//!   empty        0
//!   confirmed    | state: 96                                  | tag: 32 |   the algorithm's state of the client with that tag
//!   pending      | all ones: 40 | since: 36 (ms) | nonce: 20  | tag: 32 |   somebody is about to confirm that client here
//! ```
//!
//! No algorithm's state begins with 40 ones. *Since* and *nonce* make each pending word unique for as long as anyone could still hold an
//! older one: a slot would have to see a million claims within the same millisecond.

use crate::Nanos;
use crate::algorithm::State;

/// What a word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Empty,
    Confirmed(State),
    Pending { since: Nanos },
}

pub(crate) const EMPTY: u128 = 0;

pub(crate) const fn tag(word: u128) -> u32 {
    word as u32
}

pub(crate) const fn confirmed(tag: u32, state: State) -> u128 {
    debug_assert!(state >> PENDING_SHIFT != PENDING_MARK);
    (state << TAG_BITS) | tag as u128
}

pub(crate) const fn pending(tag: u32, since: Nanos, nonce: u32) -> u128 {
    let since = (since.as_u64() >> SINCE_SHIFT) & ((1 << SINCE_BITS) - 1);
    let nonce = nonce & ((1 << NONCE_BITS) - 1);
    let state = (PENDING_MARK << PENDING_SHIFT) | ((since as u128) << NONCE_BITS) | nonce as u128;
    (state << TAG_BITS) | tag as u128
}

/// The state of a word known to belong to a client, unless it is pending.
pub(crate) const fn state(word: u128) -> Option<State> {
    let state = word >> TAG_BITS;
    if state >> PENDING_SHIFT == PENDING_MARK { None } else { Some(state) }
}

pub(crate) const fn content(word: u128) -> Content {
    if word == EMPTY {
        return Content::Empty;
    }
    match state(word) {
        Some(state) => Content::Confirmed(state),
        None => Content::Pending {
            since: Nanos::new((((word >> (TAG_BITS + NONCE_BITS)) as u64) & ((1 << SINCE_BITS) - 1)) << SINCE_SHIFT),
        },
    }
}

/// The lowest bits: comparing the tags of a line is what every decision does first.
const TAG_BITS: u32 = 32;
const PENDING_SHIFT: u32 = 56;
const PENDING_MARK: u128 = (1 << 40) - 1;
const SINCE_BITS: u32 = 36;
/// 2^20 ns, about a millisecond; 36 bits of them are more than two years, after which they start again.
const SINCE_SHIFT: u32 = 20;
const NONCE_BITS: u32 = 20;

const _: () = assert!(PENDING_SHIFT == SINCE_BITS + NONCE_BITS && PENDING_SHIFT + 40 + TAG_BITS == u128::BITS);
