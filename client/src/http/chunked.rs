//! The chunked coding (RFC 9112, section 7.1), decoded only as far as it takes to find its end.
//!
//! Data is skipped by the chunk, lines are walked by the byte: a byte and a state give the next state, so it cannot matter where a read ends.

use super::Malformed;

/// Where in a chunked body the connection is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chunked {
    at: At,
    /// Bytes of the size line; after the last one, of the trailers too.
    line: u32,
}

#[derive(Clone, Copy, Debug, Default)]
enum At {
    /// Before the first digit of a size.
    #[default]
    Size,
    /// After at least one.
    Digits(u64),
    /// White space after the size: an extension or the end of the line follows.
    Space(u64),
    /// In a chunk extension, which is ignored.
    Extension(u64),
    SizeLf(u64),
    Data(u64),
    DataCr,
    DataLf,
    /// Before a trailer field or the blank line.
    Trailer,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
}

impl Chunked {
    /// Lets `bytes` pass. How many were the body's if it ended within them, none if it took them all and goes on.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        let mut rest = bytes;
        while let [byte, after @ ..] = rest {
            if let At::Data(left) = self.at {
                let skipped = left.min(rest.len() as u64);
                self.at = if left == skipped { At::DataCr } else { At::Data(left - skipped) };
                rest = &rest[skipped as usize..];
                continue;
            }
            rest = after;
            match self.at.step(*byte)? {
                Some(next) => self.at = next,
                None => return Ok(Some(bytes.len() - rest.len())),
            }
            self.bound_line()?;
        }
        Ok(None)
    }

    /// Counts the bytes of lines, which are what a server could send without end.
    fn bound_line(&mut self) -> Result<(), Malformed> {
        self.line = match self.at {
            At::Data(_) | At::DataCr | At::DataLf => 0,
            _ => self.line + 1,
        };
        match self.at {
            At::Size | At::Digits(_) | At::Space(_) | At::Extension(_) if self.line > MAX_SIZE_LINE => {
                Err(Malformed::ChunkSize)
            }
            At::Trailer | At::TrailerName | At::TrailerValue if self.line > MAX_TRAILERS => Err(Malformed::Trailer),
            _ => Ok(()),
        }
    }
}

impl At {
    /// The transitions on a byte that isn't data; none is the end of the body.
    fn step(self, byte: u8) -> Result<Option<At>, Malformed> {
        let next = match (self, byte) {
            (At::Size, _) => At::Digits(digit(0, byte)?),
            (At::Digits(size) | At::Space(size) | At::Extension(size), b'\r') => At::SizeLf(size),
            (At::Digits(size) | At::Space(size), b';') => At::Extension(size),
            (At::Digits(size) | At::Space(size), b' ' | b'\t') => At::Space(size),
            (At::Digits(size), _) => At::Digits(digit(size, byte)?),
            (At::Extension(size), _) if is_value_byte(byte) => At::Extension(size),
            (At::SizeLf(0), b'\n') => At::Trailer,
            (At::SizeLf(size), b'\n') => At::Data(size),
            (At::Space(_) | At::Extension(_) | At::SizeLf(_), _) => return Err(Malformed::ChunkSize),

            (At::DataCr, b'\r') => At::DataLf,
            (At::DataLf, b'\n') => At::Size,
            (At::Data(_) | At::DataCr | At::DataLf, _) => return Err(Malformed::ChunkEnd),

            (At::Trailer, b'\r') => At::EndLf,
            (At::TrailerName, b':') => At::TrailerValue,
            (At::Trailer | At::TrailerName, _) if is_token_byte(byte) => At::TrailerName,
            (At::TrailerValue, b'\r') => At::TrailerLf,
            (At::TrailerValue, _) if is_value_byte(byte) => At::TrailerValue,
            (At::TrailerLf, b'\n') => At::Trailer,
            (At::EndLf, b'\n') => return Ok(None),
            (At::Trailer | At::TrailerName | At::TrailerValue | At::TrailerLf | At::EndLf, _) => {
                return Err(Malformed::Trailer);
            }
        };
        Ok(Some(next))
    }
}

/// One more hexadecimal digit of a size.
fn digit(size: u64, byte: u8) -> Result<u64, Malformed> {
    let digit = (byte as char).to_digit(16).ok_or(Malformed::ChunkSize)?;
    size.checked_mul(16).map(|size| size | u64::from(digit)).ok_or(Malformed::ChunkSize)
}

/// What may stand in a field's name (RFC 9110, section 5.6.2).
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What may stand in a field's value (RFC 9110, section 5.5).
fn is_value_byte(byte: u8) -> bool {
    (byte >= b' ' && byte != 0x7f) || byte == b'\t'
}

/// For a size with its extension: no known extension is a tenth as long.
const MAX_SIZE_LINE: u32 = 4 << 10;

/// All trailers together, as much as a head.
const MAX_TRAILERS: u32 = super::head::MAX_HEAD as u32;
