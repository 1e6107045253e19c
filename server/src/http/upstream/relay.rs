//! Content on its way through: read in the framing it came in, written in the framing it leaves in.
//!
//! ```text
//!   Length(n) ───┐                ┌──▶ Raw      as it is: the head has said how long, or the connection ends with it
//!   Chunked   ───┼── the content ─┤
//!   UntilClose ──┘                └──▶ Chunked  each piece a chunk; the last one only if the content was complete
//! ```
//!
//! That the last chunk is written by whoever saw the end, and by nobody else, is what lets the receiver tell a whole answer from half of one.

use super::super::{
    Reject,
    chunked::{ChunkDecoder, Passed, Piece, TRAILER_BYTES},
};
use super::fields::{may_trail, push};

/// Where content ends in what it is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// After so many bytes.
    Length(u64),
    /// After the last of its chunks; more content than this is too much.
    Chunked {
        /// Bytes of content.
        most: u64,
    },
    /// Where the connection ends.
    UntilClose,
}

/// How content is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Raw,
    /// In chunks.
    Chunked,
}

/// One message's content on its way.
#[derive(Debug)]
pub struct Relay {
    from: From,
    to: Coding,
    /// The trailer section, to be passed on when it is complete. The decoder bounds it.
    trailer: Vec<u8>,
}

#[derive(Debug)]
enum From {
    Length(u64),
    Chunked(ChunkDecoder),
    UntilClose,
}

impl Relay {
    /// From `source` to `to`.
    pub fn new(source: Source, to: Coding) -> Relay {
        let from = match source {
            Source::Length(length) => From::Length(length),
            Source::Chunked { most } => From::Chunked(ChunkDecoder::new(most)),
            Source::UntilClose => From::UntilClose,
        };
        Relay { from, to, trailer: Vec::new() }
    }

    /// Passes on the content at the front of `input`.
    pub fn pass(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Passed, Reject> {
        let to = self.to;
        match &mut self.from {
            From::UntilClose => {
                write(to, input, out);
                Ok(Passed::All)
            }
            From::Length(left) => {
                let length = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= length as u64;
                write(to, &input[..length], out);
                if *left > 0 {
                    return Ok(Passed::All);
                }
                self.finish(out);
                Ok(Passed::Ended(length))
            }
            From::Chunked(decoder) => {
                let trailer = &mut self.trailer;
                let passed = decoder.decode(input, |piece| match piece {
                    Piece::Data(data) => write(to, data, out),
                    Piece::Trailer(part) => trailer.extend_from_slice(part),
                })?;
                if passed != Passed::All {
                    self.finish(out);
                }
                Ok(passed)
            }
        }
    }

    /// The connection that the content came from has ended. Says whether the content has, too.
    pub fn on_close(&mut self, out: &mut Vec<u8>) -> bool {
        let complete = matches!(self.from, From::UntilClose);
        if complete {
            self.finish(out);
        }
        complete
    }

    /// Whether only the end of the connection can end what is written.
    pub fn is_endless(&self) -> bool {
        self.to == Coding::Raw && !matches!(self.from, From::Length(_))
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if self.to == Coding::Raw {
            return;
        }
        out.extend_from_slice(b"0\r\n");
        if !self.trailer.is_empty() {
            self.trailer.extend_from_slice(b"\r\n");
            let before = out.len();
            let mut fields = [httparse::EMPTY_HEADER; MOST_TRAILERS];
            // One that cannot be read, or is too long, may be discarded (RFC 9110 section 6.5.1).
            if let Ok(httparse::Status::Complete((_, fields))) = httparse::parse_headers(&self.trailer, &mut fields) {
                fields.iter().filter(|field| may_trail(field.name)).for_each(|field| push(out, field));
            }
            // Written anew, `a:b` has grown by a space, and whoever comes next may hold it to the same bound.
            if out.len() - before > usize::from(TRAILER_BYTES) {
                out.truncate(before);
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn write(to: Coding, data: &[u8], out: &mut Vec<u8>) {
    if data.is_empty() {
        return;
    }
    match to {
        Coding::Raw => out.extend_from_slice(data),
        Coding::Chunked => {
            push_size(out, data.len());
            out.extend_from_slice(data);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// The size line of a chunk.
fn push_size(out: &mut Vec<u8>, size: usize) {
    let digits = (usize::BITS - size.leading_zeros()).div_ceil(4).max(1);
    out.extend((0..digits).rev().map(|digit| b"0123456789abcdef"[size >> (4 * digit) & 15]));
    out.extend_from_slice(b"\r\n");
}

/// Fields of a trailer section.
const MOST_TRAILERS: usize = 32;
