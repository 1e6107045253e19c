//! The content of a request, hardly ever needed; but where it ends must be known.

use super::{
    Reject,
    chunked::{ChunkDecoder, Passed, Piece},
    framing::Framing,
};

/// What is still to come of one body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked(ChunkDecoder),
}

impl Body {
    /// The body of a request framed like this; `None` when there is none. `content_bytes` bounds a chunked one; a longer Content-Length has
    /// been refused with the head.
    pub fn new(framing: Framing, content_bytes: u64) -> Option<Body> {
        match framing {
            Framing::Empty => None,
            Framing::Length(length) => Some(Body::Length(length)),
            Framing::Chunked => Some(Body::Chunked(ChunkDecoder::new(content_bytes))),
        }
    }

    /// The same body, when no byte of it has been read and no more than `content_bytes` are wanted. A Content-Length is left as it is.
    #[must_use]
    pub fn at_most(self, content_bytes: u64) -> Body {
        match self {
            Body::Length(length) => Body::Length(length),
            Body::Chunked(_) => Body::Chunked(ChunkDecoder::new(content_bytes)),
        }
    }

    /// Passes over the part of the body at the front of `input`.
    pub fn advance(&mut self, input: &[u8]) -> Result<Passed, Reject> {
        self.advance_with(input, |_| {})
    }

    /// The same, with the content, piece by piece, given to `take`.
    pub fn advance_with(&mut self, input: &[u8], mut take: impl FnMut(&[u8])) -> Result<Passed, Reject> {
        match self {
            Body::Length(left) if *left <= input.len() as u64 => {
                let end = *left as usize;
                take(&input[..end]);
                Ok(Passed::Ended(end))
            }
            Body::Length(left) => {
                *left -= input.len() as u64;
                take(input);
                Ok(Passed::All)
            }
            Body::Chunked(decoder) => decoder.decode(input, |piece| {
                if let Piece::Data(data) = piece {
                    take(data);
                }
            }),
        }
    }
}
