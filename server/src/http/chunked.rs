//! The chunked coding, decoded strictly (RFC 9112 section 7.1), to be thrown away or passed on.
//!
//! ```text
//!          hex          ;          BWS                     =
//!   Size ──────► Size ─────► ExtName ⇄ ExtBws ──► ExtName ───► ExtValue / ExtQuoted ──► ExtEnd
//!    │CR                     │CR                                  │CR        (to ExtName at ;)
//!    ▼                       ▼                                    ▼
//!   SizeLf ──LF, size > 0──► Data ──► DataCr ──► DataLf ──► Size
//!      └─────LF, size = 0──► TrailerStart ──CR──► EndLf ──LF──► done
//!                               │ ▲
//!                      tchar    ▼ └──LF── TrailerLf ◄──CR── TrailerValue
//!                            TrailerName ──:────────────────────►
//! ```
//!
//! httparse has a decoder for chunk sizes; it takes an empty size for zero and any octet for an extension, which is how requests have been
//! smuggled, so it isn't used. One byte at a time, one transition each: what has arrived decides, never how it was cut. The data itself is passed over
//! in one step.

use super::{
    Reject,
    fields::{is_field_byte, is_tchar},
};

/// 16 hex digits are 64 bits; leading zeros count.
const SIZE_DIGITS: u16 = 16;
/// Bytes of extensions in all chunks of one body together. Nobody sends any; without a bound one could send nothing else.
const EXTENSION_BYTES: u16 = 1024;
/// Bytes of the trailer section, without the empty line that ends it.
pub const TRAILER_BYTES: u16 = 4096;

/// A decoder for one body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkDecoder {
    state: State,
    /// Of the size line: digits so far.
    digits: u16,
    /// Extension bytes, then trailer bytes, that may still come.
    extension_left: u16,
    trailer_left: u16,
    /// Size of this chunk while it is read, then the bytes of it still to come.
    chunk_left: u64,
    /// Content that may still come, this chunk not included.
    content_left: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    /// Whitespace after the size: an extension must follow.
    SizeBws,
    /// After `;`, before the name.
    ExtStart,
    ExtName,
    /// Whitespace after a name: `=`, `;` must follow.
    ExtNameBws,
    /// After `=`, before the value.
    ExtValueStart,
    ExtToken,
    ExtQuoted,
    ExtEscape,
    /// After the closing quote.
    ExtQuoteEnd,
    /// Whitespace after a value: `;` must follow.
    ExtValueBws,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

impl State {
    #[inline]
    fn is_trailer(self) -> bool {
        matches!(self, State::TrailerStart | State::TrailerName | State::TrailerValue | State::TrailerLf)
    }
}

/// What [`ChunkDecoder::advance`] made of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// All of them belong to the body, and there is more to come.
    All,
    /// The body ended after so many bytes.
    Ended(usize),
}

/// A piece of a body, as it lies in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'b> {
    /// Content.
    Data(&'b [u8]),
    /// A part of the trailer section, without the empty line that ends it.
    Trailer(&'b [u8]),
}

impl ChunkDecoder {
    /// A decoder for a body with at most `content_bytes` of content.
    pub fn new(content_bytes: u64) -> ChunkDecoder {
        ChunkDecoder {
            state: State::Size,
            digits: 0,
            extension_left: EXTENSION_BYTES,
            trailer_left: TRAILER_BYTES,
            chunk_left: 0,
            content_left: content_bytes,
        }
    }

    /// Passes over the part of the body at the front of `input`.
    pub fn advance(&mut self, input: &[u8]) -> Result<Passed, Reject> {
        self.decode(input, |_| {})
    }

    /// The same, with every piece of it shown to `take`.
    pub fn decode<'b>(&mut self, input: &'b [u8], mut take: impl FnMut(Piece<'b>)) -> Result<Passed, Reject> {
        let mut at = 0;
        while at < input.len() {
            if self.state == State::Data {
                let step = self.chunk_left.min((input.len() - at) as u64);
                let end = at + step as usize;
                self.chunk_left -= step;
                take(Piece::Data(&input[at..end]));
                at = end;
                if self.chunk_left == 0 {
                    self.state = State::DataCr;
                }
                continue;
            }
            let before = self.state;
            self.state = self.step(input[at])?;
            if self.state.is_trailer() && before != State::SizeLf {
                take(Piece::Trailer(&input[at..=at]));
            }
            at += 1;
            if self.state == State::Done {
                return Ok(Passed::Ended(at));
            }
        }
        Ok(Passed::All)
    }

    fn step(&mut self, byte: u8) -> Result<State, Reject> {
        match self.state {
            State::Size | State::SizeBws => self.size(byte),
            State::ExtStart
            | State::ExtName
            | State::ExtNameBws
            | State::ExtValueStart
            | State::ExtToken
            | State::ExtQuoted
            | State::ExtEscape
            | State::ExtQuoteEnd
            | State::ExtValueBws => self.extension(byte),
            State::SizeLf => self.size_end(byte),
            State::DataCr => expect(byte, b'\r', State::DataLf, Reject::ChunkEnd),
            State::DataLf => {
                self.digits = 0;
                self.chunk_left = 0;
                expect(byte, b'\n', State::Size, Reject::ChunkEnd)
            }
            State::TrailerStart | State::TrailerName | State::TrailerValue | State::TrailerLf => self.trailer(byte),
            State::EndLf => expect(byte, b'\n', State::Done, Reject::Trailer),
            State::Data | State::Done => unreachable!("decode() handles data, and stops when done"),
        }
    }

    fn size(&mut self, byte: u8) -> Result<State, Reject> {
        if self.state == State::Size
            && let Some(digit) = (byte as char).to_digit(16)
        {
            if self.digits == SIZE_DIGITS {
                return Err(Reject::ChunkSize);
            }
            self.digits += 1;
            self.chunk_left = self.chunk_left << 4 | u64::from(digit);
            return Ok(State::Size);
        }
        match byte {
            _ if self.digits == 0 => Err(Reject::ChunkSize),
            b'\r' if self.state == State::Size => Ok(State::SizeLf),
            b';' => self.spend_extension(State::ExtStart),
            b' ' | b'\t' => self.spend_extension(State::SizeBws),
            _ => Err(Reject::ChunkSize),
        }
    }

    fn size_end(&mut self, byte: u8) -> Result<State, Reject> {
        if byte != b'\n' {
            return Err(Reject::ChunkEnd);
        }
        if self.chunk_left == 0 {
            return Ok(State::TrailerStart);
        }
        self.content_left = self.content_left.checked_sub(self.chunk_left).ok_or(Reject::BodyTooLarge)?;
        Ok(State::Data)
    }

    /// `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`; whitespace must be followed by something.
    fn extension(&mut self, byte: u8) -> Result<State, Reject> {
        let space = byte == b' ' || byte == b'\t';
        let next = match (self.state, byte) {
            (State::ExtStart, _) if space => State::ExtStart,
            (State::ExtStart | State::ExtName, _) if is_tchar(byte) => State::ExtName,
            (State::ExtName | State::ExtNameBws, b'=') => State::ExtValueStart,
            (State::ExtName | State::ExtNameBws, _) if space => State::ExtNameBws,
            (State::ExtValueStart, _) if space => State::ExtValueStart,
            (State::ExtValueStart, b'"') => State::ExtQuoted,
            (State::ExtValueStart | State::ExtToken, _) if is_tchar(byte) => State::ExtToken,
            (State::ExtQuoted, b'"') => State::ExtQuoteEnd,
            (State::ExtQuoted, b'\\') => State::ExtEscape,
            (State::ExtQuoted | State::ExtEscape, _) if is_field_byte(byte) => State::ExtQuoted,
            (State::ExtToken | State::ExtQuoteEnd | State::ExtValueBws, _) if space => State::ExtValueBws,
            (State::ExtName | State::ExtNameBws | State::ExtToken | State::ExtQuoteEnd | State::ExtValueBws, b';') => {
                State::ExtStart
            }
            (State::ExtName | State::ExtToken | State::ExtQuoteEnd, b'\r') => return Ok(State::SizeLf),
            _ => return Err(Reject::ChunkExtension),
        };
        self.spend_extension(next)
    }

    fn trailer(&mut self, byte: u8) -> Result<State, Reject> {
        let next = match (self.state, byte) {
            (State::TrailerStart, b'\r') => return Ok(State::EndLf),
            (State::TrailerStart | State::TrailerName, _) if is_tchar(byte) => State::TrailerName,
            (State::TrailerName, b':') => State::TrailerValue,
            (State::TrailerValue, b'\r') => State::TrailerLf,
            (State::TrailerValue, _) if is_field_byte(byte) => State::TrailerValue,
            (State::TrailerLf, b'\n') => State::TrailerStart,
            _ => return Err(Reject::Trailer),
        };
        self.trailer_left = self.trailer_left.checked_sub(1).ok_or(Reject::Trailer)?;
        Ok(next)
    }

    fn spend_extension(&mut self, next: State) -> Result<State, Reject> {
        self.extension_left = self.extension_left.checked_sub(1).ok_or(Reject::ChunkExtension)?;
        Ok(next)
    }
}

fn expect(byte: u8, wanted: u8, next: State, otherwise: Reject) -> Result<State, Reject> {
    if byte == wanted { Ok(next) } else { Err(otherwise) }
}
