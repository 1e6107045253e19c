//! What the bytes of a whole connection come to. The fuzz target includes this file too.

use super::{Answers, Hints, Malformed, Progress};

/// All that a caller can learn about a connection, apart from how its bytes were split.
#[derive(Debug, PartialEq, Eq)]
pub struct Reading {
    pub answers: Vec<Seen>,
    pub end: End,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub status: u16,
    pub closes: bool,
    pub retry_after: Option<u32>,
    /// How many bytes of the connection were taken when it was whole.
    pub taken: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// The peer closed between two answers.
    Clean,
    /// An answer said that it was the last.
    Last,
    /// The close was the end of the last answer.
    AtClose,
    Malformed(Malformed),
}

/// Reads a connection that brings `pieces` and is then closed; the nth answer is to a `HEAD` where `to_head(n)`.
pub fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>, to_head: impl Fn(usize) -> bool, hints: &mut Hints) -> Reading {
    let mut answers = Answers::default();
    let mut seen: Vec<Seen> = Vec::new();
    let mut taken = 0;
    for mut piece in pieces {
        while !piece.is_empty() {
            let answer = match answers.next(piece, to_head(seen.len()), hints) {
                Ok(Progress::Answer(answer)) => answer,
                Ok(Progress::NeedMore) => {
                    assert!(!answers.is_between(), "something of an answer has come");
                    taken += piece.len();
                    break;
                }
                Err(malformed) => return Reading { answers: seen, end: End::Malformed(malformed) },
            };
            assert!(answers.is_between(), "the answer was whole");
            taken += answer.consumed;
            piece = &piece[answer.consumed..];
            let (status, closes, retry_after) = (answer.status, answer.closes, answer.retry_after);
            seen.push(Seen { status, closes, retry_after, taken });
            if closes {
                return Reading { answers: seen, end: End::Last };
            }
        }
    }
    let end = match answers.finish() {
        Ok(None) => End::Clean,
        Ok(Some(answer)) => {
            let (status, closes, retry_after) = (answer.status, answer.closes, answer.retry_after);
            seen.push(Seen { status, closes, retry_after, taken });
            End::AtClose
        }
        Err(malformed) => End::Malformed(malformed),
    };
    Reading { answers: seen, end }
}
