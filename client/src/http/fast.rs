//! The road for the usual answer: one whose head is like the last one of its kind.
//!
//! A server's answers differ in a date, a counter, a length; the rest repeats byte by byte. So a head that was read in full is remembered as
//! fixed text with gaps, one gap for each value that cannot change what the head means, or whose change is understood:
//!
//! ```text
//! HTTP/1.1 429 Too Many Requests⏎Date:░░░░░░░⏎Content-Length:▒▒▒⏎RateLimit:░░░░░⏎Connection: keep-alive⏎⏎
//! └────────── fixed ────────────────┘└ free ┘└─── fixed ───┘└length┘└─ fixed ─┘└free┘└───────── fixed ────────┘
//! ```
//!
//! A head with the same text around the gaps, and with legal values in them, means what the full parser would say, by construction: the parser
//! takes nothing from a free value, a length or a `Retry-After` is read by the same function, and the fixed text, the same for both, ends in the
//! first blank line that either has. Anything else goes to the full parser. No byte is taken on trust, not even in a free value.
//!
//! Rejected: a checksum of the head (equal sums are not equal heads), and learning only a head's length (it says nothing about framing).

use super::head::{Framing, Head, MAX_HEAD, number, retry_after, trimmed};
use memchr::memchr;
use std::ops::Range;

/// The heads seen last, one for each class of status, shared by a thread's connections.
#[derive(Debug)]
pub struct Hints {
    known: [Option<Known>; CLASSES],
    strict: bool,
}

/// A head that was read in full.
#[derive(Debug)]
struct Known {
    text: Vec<u8>,
    gaps: Vec<Gap>,
    meaning: Head,
}

/// A value within [`Known::text`], from behind the colon to before the CR.
#[derive(Debug)]
struct Gap {
    value: Range<usize>,
    says: Says,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// Nothing that the client asks about.
    Nothing,
    /// The one and only `Content-Length`, a single number.
    Length,
    /// The one and only `Retry-After`.
    RetryAfter,
}

impl Default for Hints {
    fn default() -> Self {
        Hints { known: [const { None }; CLASSES], strict: false }
    }
}

impl Hints {
    /// Knows no head yet.
    pub fn new() -> Self {
        Hints::default()
    }

    /// Never learns: each head is read in full. To check the other kind against.
    pub fn strict() -> Self {
        Hints { strict: true, ..Hints::default() }
    }

    /// The head at the start of `bytes` and its length, if it is like a known one.
    #[inline]
    pub(super) fn recognise(&mut self, bytes: &[u8]) -> Option<(Head, usize)> {
        self.known[class(bytes)?].as_mut()?.recognise(bytes)
    }

    /// Remembers a head in place of the last one of its class.
    pub(super) fn learn(&mut self, text: &[u8], meaning: Head) {
        if let Some(class) = class(text)
            && !self.strict
        {
            let known = self.known[class].get_or_insert_with(|| Known { text: Vec::new(), gaps: Vec::new(), meaning });
            known.learn(text, meaning);
        }
    }
}

impl Known {
    #[inline]
    fn recognise(&mut self, bytes: &[u8]) -> Option<(Head, usize)> {
        if bytes.starts_with(&self.text) {
            return Some((self.meaning, self.text.len()));
        }
        self.recognise_with_gaps(bytes)
    }

    fn recognise_with_gaps(&mut self, bytes: &[u8]) -> Option<(Head, usize)> {
        let mut meaning = self.meaning;
        let mut rest = bytes;
        let mut fixed_from = 0;
        for gap in &self.gaps {
            rest = rest.strip_prefix(&self.text[fixed_from..gap.value.start])?;
            fixed_from = gap.value.end;
            // The value before is the likely one, if its CR follows too.
            if rest.starts_with(&self.text[gap.value.start..=gap.value.end]) {
                rest = &rest[gap.value.len()..];
                continue;
            }
            // What ends it must be its CR, with which the fixed text goes on.
            let (value, after) = rest.split_at(plain_length(rest)?);
            rest = after;
            gap.says.change(value, &mut meaning)?;
            // A date is new once a second and then stays: it becomes the likely one. A value of another length would move all that follows.
            if gap.says == Says::Nothing && value.len() == gap.value.len() {
                self.text[gap.value.clone()].copy_from_slice(value);
            }
        }
        rest = rest.strip_prefix(&self.text[fixed_from..])?;
        // Longer values could make it longer than a head may be.
        let length = bytes.len() - rest.len();
        (length <= MAX_HEAD).then_some((meaning, length))
    }

    fn learn(&mut self, text: &[u8], meaning: Head) {
        self.meaning = meaning;
        self.text.clear();
        self.text.extend_from_slice(text);
        self.gaps.clear();
        let mut line_from = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let line_to = line_from + line.len() - b"\r\n".len();
            // The status line has no gaps, and the blank line no colon.
            if line_from > 0
                && let Some(colon) = memchr(b':', line)
                && let Some(says) = Says::of(&line[..colon])
            {
                self.gaps.push(Gap { value: line_from + colon + 1..line_to, says });
            }
            line_from += line.len();
        }
        // What is said twice, or as a list, is not understood here: it stays fixed.
        for says in [Says::Length, Says::RetryAfter] {
            let once = self.gaps.iter().filter(|gap| gap.says == says).count() == 1;
            self.gaps.retain(|gap| {
                gap.says != says || (once && says.change(&text[gap.value.clone()], &mut self.meaning).is_some())
            });
        }
    }
}

impl Says {
    /// What may change in the value of this field; none if its every byte may decide framing.
    fn of(name: &[u8]) -> Option<Says> {
        if name.eq_ignore_ascii_case(b"content-length") {
            Some(Says::Length)
        } else if name.eq_ignore_ascii_case(b"retry-after") {
            Some(Says::RetryAfter)
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") || name.eq_ignore_ascii_case(b"connection") {
            None
        } else {
            Some(Says::Nothing)
        }
    }

    /// Changes what a head means to what it means with this value; none if the full parser has to judge.
    #[inline]
    fn change(self, value: &[u8], meaning: &mut Head) -> Option<()> {
        match self {
            Says::Nothing => {}
            Says::Length => meaning.framing = Framing::Length(number(trimmed(value))?),
            Says::RetryAfter => meaning.retry_after = retry_after(value),
        }
        Some(())
    }
}

/// How much plain text `bytes` begin with. A tab ends it too: it is legal in a value, but left to the full parser.
#[inline]
fn plain_length(bytes: &[u8]) -> Option<usize> {
    let (words, last) = bytes.as_chunks::<8>();
    let in_words =
        words.iter().enumerate().find_map(|(n, word)| Some(8 * n + first_unplain(u64::from_le_bytes(*word))?));
    in_words.or_else(|| Some(8 * words.len() + last.iter().position(|byte| *byte < b' ' || *byte == DELETE)?))
}

/// The first of eight bytes, the lowest one first, that is below a space or is [`DELETE`].
///
/// A subtraction borrows only from bytes above one that is marked rightly, so the lowest mark is always right
/// (Anderson, *Bit Twiddling Hacks*, "Determine if a word has a byte less than n").
#[inline]
fn first_unplain(word: u64) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    let controls = word.wrapping_sub(ONES * b' ' as u64) & !word;
    let not_delete = word ^ (ONES * DELETE as u64);
    let deletes = not_delete.wrapping_sub(ONES) & !not_delete;
    let marks = (controls | deletes) & TOPS;
    (marks != 0).then(|| marks.trailing_zeros() as usize / 8)
}

/// The one control character above the space.
const DELETE: u8 = 0x7f;

/// The first digit of the status, which stands at the same place in every answer, without its zone bits.
#[inline]
fn class(bytes: &[u8]) -> Option<usize> {
    bytes.get(b"HTTP/1.1 ".len()).map(|digit| usize::from(digit % CLASSES as u8))
}

/// 1xx to 5xx, and three for nonsense. A power of two.
const CLASSES: usize = 8;
