//! One connection's answers: bytes as they come off the socket go in, whole answers come out, and "not an answer" is a value.
//!
//! ```text
//! Between        ── part of a head ────────────────────────► Head
//! Head           ── more of it ────────────────────────────► Head
//! Between, Head  ── the end of an interim head (1xx) ──────► Between
//! Between, Head  ── the end of a final head ───────────────► Body
//! Body           ── more of it ────────────────────────────► Body
//! Body           ── its end ───────────────────────────────► Between, and out comes an answer
//! ```
//!
//! A load client throws bodies away, so they are counted as they pass and never kept. Only a head that is split over reads is copied; the
//! usual answer, in one read and like the one before it, is recognised by [`Hints`] at the price of a comparison. Both roads lead to the
//! same value: the fuzz target `answers` compares them.
//!
//! Rejected: to search for the blank line and `Content-Length:` and take the rest on trust, as fast clients do. It is no faster than comparing
//! with the last head, and it is wrong about the first server that says `Transfer-Encoding`.

mod chunked;
mod fast;
mod head;
mod malformed;
#[cfg(test)]
mod tests;

use chunked::Chunked;
pub use fast::Hints;
use head::{Framing, Head};
pub use malformed::Malformed;

/// The parser of one connection's answers. It takes at most 64 bytes, and while a head is half read, what there is of it.
///
/// ```
/// use tollgate_client::http::{Answers, Hints, Progress};
///
/// let mut answers = Answers::default();
/// let mut hints = Hints::new();
/// let read = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 429 Too";
/// let Ok(Progress::Answer(answer)) = answers.next(read, false, &mut hints) else { panic!("it is whole") };
/// assert_eq!((answer.status, answer.consumed, answer.closes), (200, 40, false));
/// assert_eq!(answers.next(&read[40..], false, &mut hints), Ok(Progress::NeedMore));
/// ```
#[derive(Debug, Default)]
pub struct Answers {
    state: State,
    /// Interim answers since the last final one.
    interim: u8,
}

/// What became of the bytes given to [`Answers::next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All of them were taken, and the answer isn't whole yet.
    NeedMore,
    /// The answer is whole; the bytes after its `consumed` were not looked at.
    Answer(Answer),
}

/// One final answer, its body already gone by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200 to 999: statuses above 599 are nonsense, but reported as they came.
    pub status: u16,
    /// How many of the bytes just given were this answer's, interim answers before it included; 0 from [`Answers::finish`].
    pub consumed: usize,
    /// The connection ends after this answer: bytes behind it are nobody's.
    pub closes: bool,
    /// `Retry-After`, if there is one such field and it is in seconds.
    pub retry_after: Option<u32>,
}

#[derive(Debug, Default)]
enum State {
    /// Nothing has come since the last answer, interim or final.
    #[default]
    Between,
    /// The beginning of a head, never empty and never longer than [`head::MAX_HEAD`].
    Head(Vec<u8>),
    /// The head is understood; how much of the body is still to come.
    Body(Answer, Body),
}

impl Answers {
    /// Takes a prefix of `bytes`, up to the end of one answer. `to_head`: the request that is being answered was a `HEAD`.
    ///
    /// After an error the connection is of no more use; what was left in the parser is unspecified.
    #[inline]
    pub fn next(&mut self, bytes: &[u8], to_head: bool, hints: &mut Hints) -> Result<Progress, Malformed> {
        let mut at = 0;
        let (mut answer, mut body) = match self.state {
            State::Body(answer, body) => (answer, body),
            _ => match self.final_head(bytes, &mut at, hints)? {
                Some(head) => begin(&head, to_head),
                None => return Ok(Progress::NeedMore),
            },
        };
        if let Some(taken) = body.take(&bytes[at..])? {
            self.become_between();
            answer.consumed = at + taken;
            Ok(Progress::Answer(answer))
        } else {
            self.state = State::Body(answer, body);
            Ok(Progress::NeedMore)
        }
    }

    /// The peer has closed the connection: the answer that only the close could end, none if nothing of one had come.
    pub fn finish(&mut self) -> Result<Option<Answer>, Malformed> {
        let Answers { state, interim } = std::mem::take(self);
        match state {
            State::Body(answer, Body::UntilClose) => Ok(Some(answer)),
            State::Between if interim == 0 => Ok(None),
            State::Between | State::Head(_) | State::Body(..) => Err(Malformed::Truncated),
        }
    }

    /// Nothing of the next answer has come, not even an interim answer.
    pub fn is_between(&self) -> bool {
        matches!(self.state, State::Between) && self.interim == 0
    }

    /// Reads heads until one is not interim, and moves `at` behind it.
    #[inline]
    fn final_head(&mut self, bytes: &[u8], at: &mut usize, hints: &mut Hints) -> Result<Option<Head>, Malformed> {
        loop {
            let rest = &bytes[*at..];
            let recognised = if matches!(self.state, State::Between) { hints.recognise(rest) } else { None };
            let read = match recognised {
                Some(read) => Some(read),
                None => self.read_head(rest, hints)?,
            };
            let Some((head, length)) = read else { return Ok(None) };
            *at += length;
            if !head.is_interim() {
                return Ok(Some(head));
            }
            if self.interim == MAX_INTERIM {
                return Err(Malformed::TooManyInterim);
            }
            self.interim += 1;
        }
    }

    /// Reads a head the long way: it is new, or split over reads. Gives it and how many of `bytes` it took.
    #[cold]
    fn read_head(&mut self, bytes: &[u8], hints: &mut Hints) -> Result<Option<(Head, usize)>, Malformed> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let State::Head(kept) = &mut self.state else {
            let Some(end) = head::end(bytes, 0)? else {
                self.state = State::Head(bytes.to_vec());
                return Ok(None);
            };
            let head = Head::parse(&bytes[..end])?;
            hints.learn(&bytes[..end], head);
            return Ok(Some((head, end)));
        };
        let before = kept.len();
        // In pieces, so that little of what follows the head is copied with it.
        for piece in bytes.chunks(PIECE) {
            let searched = kept.len();
            kept.extend_from_slice(piece);
            if let Some(end) = head::end(kept, searched)? {
                let head = Head::parse(&kept[..end])?;
                hints.learn(&kept[..end], head);
                self.state = State::Between;
                return Ok(Some((head, end - before)));
            }
        }
        Ok(None)
    }

    /// `self.state = Between` and `self.interim = 0`, without a store to what the usual answer never changed.
    #[inline]
    fn become_between(&mut self) {
        if !matches!(self.state, State::Between) {
            self.state = State::Between;
        }
        self.interim = 0;
    }
}

/// What a body still holds back.
#[derive(Clone, Copy, Debug)]
enum Body {
    Length(u64),
    Chunked(Chunked),
    UntilClose,
}

impl Body {
    /// Lets `bytes` pass. How many were the body's if it ended within them, none if it took them all and goes on.
    #[inline]
    fn take(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        match self {
            Body::Length(left) if *left <= bytes.len() as u64 => Ok(Some(*left as usize)),
            Body::Length(left) => {
                *left -= bytes.len() as u64;
                Ok(None)
            }
            Body::Chunked(chunked) => chunked.take(bytes),
            Body::UntilClose => Ok(None),
        }
    }
}

/// How an answer with this head goes on: RFC 9112, section 6.3.
#[inline]
fn begin(head: &Head, to_head: bool) -> (Answer, Body) {
    let body = match head.framing {
        _ if to_head || head.has_no_body() => Body::Length(0),
        Framing::Length(length) => Body::Length(length),
        Framing::Chunked => Body::Chunked(Chunked::default()),
        Framing::UntilClose => Body::UntilClose,
    };
    let closes = head.closes || matches!(body, Body::UntilClose);
    (Answer { status: head.status, consumed: 0, closes, retry_after: head.retry_after }, body)
}

/// More interim answers than this before a final one are a flood. No server has a reason for a second.
const MAX_INTERIM: u8 = 16;

/// Larger than what is usually missing of a head, much smaller than a read.
const PIECE: usize = 256;

const _: () = assert!(size_of::<Answers>() <= 64, "a hundred thousand connections hold one each");
