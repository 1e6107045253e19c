//! Where a head ends, found once.
//!
//! httparse starts again at the first byte each time it is called, which makes a head that arrives byte by byte quadratic work. So nothing is
//! parsed before the empty line has arrived, and the search for it continues where it stopped. The search goes from LF to LF, which is also
//! all it takes to see that each of them follows a CR.

use super::{Limits, Reject};

/// Empty lines skipped before one request line. RFC 9112 section 2.2 asks for at least one; old clients send one after a body.
const EMPTY_LINES: u8 = 2;

/// What the bytes so far amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// No verdict yet.
    NeedMore,
    /// An empty line before the request line, this many bytes: skip it and scan again.
    Skip(usize),
    /// The head is complete and this long, its final empty line included.
    Head(usize),
    /// No head can begin like this.
    Reject(Reject),
}

/// How far the search for the end of one head has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeadScan {
    /// Bytes looked at; never more than the bytes given.
    searched: u32,
    /// Where the line that contains `searched` begins.
    line: u32,
    /// Empty lines skipped since the last request.
    empty_lines: u8,
}

impl HeadScan {
    /// Looks at what is new in `input`, which begins where the head begins and holds everything given before.
    #[inline]
    pub fn advance(&mut self, input: &[u8], limits: &Limits) -> Scanned {
        let Some(&first) = input.first() else {
            return Scanned::NeedMore;
        };
        if !first.is_ascii_uppercase()
            && let Some(verdict) = self.unusual_start(first, input)
        {
            return verdict;
        }
        let window = &input[..input.len().min(limits.head_bytes)];
        let mut from = self.searched as usize;
        let mut line = self.line as usize;
        while let Some(found) = memchr::memchr(b'\n', &window[from..]) {
            let lf = from + found;
            if lf == 0 || window[lf - 1] != b'\r' {
                return Scanned::Reject(Reject::BareLf);
            }
            if lf - 1 == line {
                return Scanned::Head(lf + 1);
            }
            from = lf + 1;
            line = from;
        }
        if input.len() >= limits.head_bytes {
            return Scanned::Reject(if line == 0 { Reject::RequestLineTooLong } else { Reject::HeadTooLong });
        }
        self.searched = window.len() as u32;
        self.line = line as u32;
        Scanned::NeedMore
    }

    /// Ready for the next head; `HeadScan::default()` with the empty lines forgotten.
    #[inline]
    pub fn reset(&mut self) {
        *self = HeadScan::default();
    }

    /// Verdicts that the first byte or two settle. `None`: an unusual method, scanned like any other.
    #[cold]
    fn unusual_start(&mut self, first: u8, input: &[u8]) -> Option<Scanned> {
        match (first, input.get(1)) {
            (b'\r', None) => Some(Scanned::NeedMore),
            (b'\r', Some(b'\n')) if self.empty_lines == EMPTY_LINES => Some(Scanned::Reject(Reject::EmptyLines)),
            (b'\r', Some(b'\n')) => {
                self.empty_lines += 1;
                Some(Scanned::Skip(2))
            }
            (b'\r', Some(_)) => Some(Scanned::Reject(Reject::BareCr)),
            (b'\n', _) => Some(Scanned::Reject(Reject::BareLf)),
            // RFC 8446 section 5.1: a record of type handshake (22).
            (0x16, _) => Some(Scanned::Reject(Reject::TlsOnPlainPort)),
            _ if super::fields::is_tchar(first) => None,
            _ => Some(Scanned::Reject(Reject::RequestLine)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that have been looked at are not looked at again, or a head that arrives byte by byte would be quadratic work: the end of a head that
    /// appears among them goes unseen.
    #[test]
    fn the_search_goes_on_where_it_stopped() {
        let mut scan = HeadScan::default();
        assert_eq!(scan.advance(b"GET / HTTP/1.1\r\nHost: h", &Limits::default()), Scanned::NeedMore);
        let changed = b"GET / HTTP/1.1\r\n\r\nst: h\r\n";
        assert_eq!(scan.advance(changed, &Limits::default()), Scanned::NeedMore);
        let complete = b"GET / HTTP/1.1\r\n\r\nst: h\r\n\r\n";
        assert_eq!(scan.advance(complete, &Limits::default()), Scanned::Head(complete.len()));
    }
}
