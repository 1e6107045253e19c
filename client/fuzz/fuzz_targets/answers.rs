//! Any bytes, read as answers: the fast road against the full parser, and the whole against its pieces.
//! `cd client && cargo +nightly fuzz run answers fuzz/corpus/answers fuzz/seeds/answers`
//!
//! The input's first byte says which requests were `HEAD`, its second how the rest is split; the rest is two connections, of which the first warms the
//! hints that the second is read with. They are separated by `\0\0`, so that the fuzzer can move answers from one to the other.
#![no_main]

#[path = "../../src/http/tests/reading.rs"]
mod reading;

use libfuzzer_sys::fuzz_target;
use reading::{Reading, read};
use tollgate_client::http::{Answers, Hints, Malformed, Progress};

fuzz_target!(|input: &[u8]| {
    let [heads, seed, connections @ ..] = input else { return };
    let (first, second) = match connections.windows(2).position(|pair| pair == [0, 0]) {
        Some(at) => (&connections[..at], &connections[at + 2..]),
        None => (connections, connections),
    };
    let mut hints = Hints::new();
    for connection in [first, second, first] {
        let full = whole(connection, *heads, &mut Hints::strict());
        assert_eq!(whole(connection, *heads, &mut hints), full, "the fast road differs");
        assert_eq!(split(connection, *heads, *seed, &mut hints), full, "the pieces differ");
        assert_eq!(split(connection, *heads, *seed, &mut Hints::strict()), full, "the pieces differ, read in full");
    }
});

fn whole(connection: &[u8], heads: u8, hints: &mut Hints) -> Reading {
    read([connection].into_iter(), to_head(heads), hints)
}

/// In pieces of the fuzzer's choice: all of one length, or of pseudo-random ones.
fn split(mut rest: &[u8], heads: u8, seed: u8, hints: &mut Hints) -> Reading {
    let mut state = u32::from(seed);
    let pieces = std::iter::from_fn(|| {
        let length = if seed < 32 {
            1 + seed
        } else {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            1 + (state >> 26) as u8
        };
        let (piece, after) = rest.split_at(rest.len().min(usize::from(length)));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    });
    read(pieces, to_head(heads), hints)
}

fn to_head(heads: u8) -> impl Fn(usize) -> bool {
    move |n| heads & (1 << (n % 8)) != 0
}
