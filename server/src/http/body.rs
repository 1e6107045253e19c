//! The content of a request, read past: this server never needs it, but must know where it ends.

use super::{
    Reject,
    chunked::{ChunkDecoder, Passed},
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

    /// Passes over the part of the body at the front of `input`.
    pub fn advance(&mut self, input: &[u8]) -> Result<Passed, Reject> {
        match self {
            Body::Length(left) if *left <= input.len() as u64 => Ok(Passed::Ended(*left as usize)),
            Body::Length(left) => {
                *left -= input.len() as u64;
                Ok(Passed::All)
            }
            Body::Chunked(decoder) => decoder.advance(input),
        }
    }
}
