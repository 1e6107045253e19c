//! A raw answer beside what it is: how the tables in `bodies.rs` and `heads.rs` are read and checked.

use super::reading::{End, Reading, read};
use super::{Hints, Malformed};
use Comes::{AtClose, Bad, Last, Whole};

/// What the first answer of a connection comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comes {
    /// It is whole, with this status, and this much was left over.
    Whole(u16, usize),
    /// The same, and the connection ends after it.
    Last(u16, usize),
    /// It ended with the connection.
    AtClose(u16),
    Bad(Malformed),
}
pub fn check(start: &str, cases: &[(&str, Comes)]) {
    for (raw, expected) in cases {
        check_one(&format!("{start}{raw}"), false, *expected);
    }
}

pub fn check_to_head(cases: &[(&str, Comes)]) {
    for (raw, expected) in cases {
        check_one(raw, true, *expected);
    }
}

fn check_one(raw: &str, to_head: bool, expected: Comes) {
    let mut strict = Hints::strict();
    let mut warm = Hints::new();
    // The second reading with `warm` hints is the one that may go the fast road.
    for hints in [&mut strict, &mut warm] {
        for way in ["whole", "by the byte", "whole again"] {
            let size = if way == "by the byte" { 1 } else { raw.len().max(1) };
            let reading = read(raw.as_bytes().chunks(size), |_| to_head, hints);
            let shown: String = raw.chars().take(200).collect();
            assert_eq!(first(&reading, raw.len()), expected, "{way}: {shown:?}");
        }
    }
}

fn first(reading: &Reading, length: usize) -> Comes {
    match (reading.answers.first(), &reading.end) {
        (Some(seen), _) if !seen.closes => Whole(seen.status, length - seen.taken),
        (Some(seen), End::AtClose) => AtClose(seen.status),
        (Some(seen), _) => Last(seen.status, length - seen.taken),
        (None, End::Malformed(malformed)) => Bad(*malformed),
        (None, end) => panic!("no answer, yet {end:?}"),
    }
}
