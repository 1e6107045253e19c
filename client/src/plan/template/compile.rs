//! From a text with placeholders to bytes with slots.
//!
//! Where a text stands decides what is done to it. In the target of a URL everything that isn't a URL character is percent-encoded, texts
//! from files down to the unreserved ones, so that none of them can end the parameter it stands in. In a header nothing can be encoded, so control
//! characters are refused. A body may be anything. Nothing typed or read can therefore add a line to a head.

use super::{Slot, Value, digits, id_width};
use crate::plan::error::{PlanError, Problem};
use crate::plan::parse::{Decimal, read_count, read_decimal};
use crate::plan::picker::{Picker, STEEPEST};
use crate::plan::random::Stream;
use crate::plan::stop::Stop;
use crate::plan::texts::{Texts, percent_encode};
use crate::plan::zipf::Zipf;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where in a request a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Target,
    Header,
    Body,
}

/// A compiled text.
#[derive(Clone, Debug, Default)]
pub(super) struct Piece {
    pub(super) bytes: Vec<u8>,
    pub(super) slots: Vec<Slot>,
}

/// What placeholders refer to.
#[derive(Debug)]
pub(super) struct Compiler<'a> {
    pub(super) seed: u64,
    pub(super) stop: Stop,
    pub(super) picker: &'a Picker,
    /// Random placeholders so far: each has a stream of its own.
    draws: u64,
    /// Files so far: each has a stream of its own, so that several columns come from the same line.
    files: Vec<PathBuf>,
}

impl Piece {
    pub(super) fn literal(&mut self, bytes: impl AsRef<[u8]>) {
        self.bytes.extend_from_slice(bytes.as_ref());
    }

    pub(super) fn append(&mut self, piece: Piece) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&piece.bytes);
        self.slots.extend(piece.slots.into_iter().map(|slot| Slot { at: slot.at + start, ..slot }));
    }

    /// Adds a number of so many digits, or a text if they are 0.
    pub(super) fn slot(&mut self, width: usize, value: Value) {
        self.slots.push(Slot { at: self.bytes.len(), width, value });
        self.bytes.resize(self.bytes.len() + width, b'0');
    }

    pub(super) fn names_id(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot.value, Value::Id | Value::IdText(_)))
    }

    /// Whether all requests have the same number of bytes here.
    pub(super) fn is_fixed(&self) -> bool {
        self.slots.iter().all(|slot| slot.width > 0)
    }
}

impl<'a> Compiler<'a> {
    pub(super) fn new(seed: u64, stop: Stop, picker: &'a Picker) -> Compiler<'a> {
        Compiler { seed, stop, picker, draws: 0, files: Vec::new() }
    }

    /// Compiles one text.
    pub(super) fn compile(&mut self, flag: &'static str, place: Place, text: &[u8]) -> Result<Piece, PlanError> {
        let refused = |shown: &[u8], problem| PlanError::new(flag, String::from_utf8_lossy(shown), problem);
        let mut piece = Piece::default();
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            let twice = text.get(at + 1) == Some(&byte);
            match byte {
                b'{' | b'}' if twice => {
                    place.literal(byte, &mut piece.bytes);
                    at += 2;
                }
                b'{' => {
                    let length = text[at..].iter().position(|&byte| byte == b'}');
                    let length = length.ok_or_else(|| refused(&text[at..], Problem::LoneBrace))?;
                    let inner = &text[at + 1..at + length];
                    let (width, value) = self
                        .placeholder(place, &String::from_utf8_lossy(inner))
                        .map_err(|problem| refused(&text[at..=at + length], problem))?;
                    piece.slot(width, value);
                    at += length + 1;
                }
                b'}' => return Err(refused(&text[..=at], Problem::LoneBrace)),
                _ if place.refuses(byte) => return Err(refused(text, Problem::Control)),
                _ => {
                    place.literal(byte, &mut piece.bytes);
                    at += 1;
                }
            }
        }
        Ok(piece)
    }

    fn placeholder(&mut self, place: Place, inner: &str) -> Result<(usize, Value), Problem> {
        let parts: Vec<&str> = inner.split(':').collect();
        match parts[..] {
            ["id"] => self.id(place),
            ["seq"] => Ok((self.stop.requests.map_or(SEQ_DIGITS, |n| digits(n.saturating_sub(1))), Value::Seq)),
            ["rand", least, most] => {
                let (least, most) = range(least, most, MOST_NUMBER)?;
                Ok((digits(most), Value::Rand { stream: self.draw(), least, count: most - least + 1 }))
            }
            ["zipf", exponent, least, most] => {
                let exponent = read_decimal(exponent, Decimal::ZERO, STEEPEST)?;
                let (least, most) = range(least, most, MOST_RANKS)?;
                let zipf = Zipf::new(exponent, most - least + 1);
                Ok((digits(most), Value::Zipf { stream: self.draw(), least, zipf }))
            }
            // A path may hold colons, a column doesn't.
            ["csv", _, _, ..] => {
                let (file, column) = inner["csv:".len()..].rsplit_once(':').unwrap_or_default();
                let texts = Texts::column(Path::new(file), column)?;
                let texts = place.texts(&texts, Path::new(file))?;
                Ok((0, Value::AnyText { stream: self.line(Path::new(file)), texts }))
            }
            _ => Err(Problem::NotOneOf(PLACEHOLDERS)),
        }
    }

    fn id(&self, place: Place) -> Result<(usize, Value), Problem> {
        match self.picker.texts() {
            Some(texts) => Ok((0, Value::IdText(place.texts(texts, Path::new("the file of --pick"))?))),
            None => Ok((id_width(self.picker), Value::Id)),
        }
    }

    fn draw(&mut self) -> Stream {
        self.draws += 1;
        Stream::new(self.seed, Stream::TEMPLATE + 2 * self.draws)
    }

    fn line(&mut self, file: &Path) -> Stream {
        let known = self.files.iter().position(|known| known == file);
        let number = known.unwrap_or_else(|| {
            self.files.push(file.to_owned());
            self.files.len() - 1
        });
        Stream::new(self.seed, Stream::TEMPLATE + 2 * number as u64 + 1)
    }
}

impl Place {
    /// Whether a byte that was typed cannot be sent here.
    fn refuses(self, byte: u8) -> bool {
        match self {
            Place::Target => byte.is_ascii_control(),
            Place::Header => byte.is_ascii_control() && byte != b'\t',
            Place::Body => false,
        }
    }

    /// Appends a byte that was typed.
    fn literal(self, byte: u8, out: &mut Vec<u8>) {
        if self == Place::Target && !b"%:/?[]@!$&'()*+,;=".contains(&byte) {
            percent_encode(byte, out);
        } else {
            out.push(byte);
        }
    }

    /// Texts of a file as they are sent here.
    fn texts(self, texts: &Texts, file: &Path) -> Result<Arc<Texts>, Problem> {
        match self {
            Place::Target => Ok(Arc::new(texts.percent_encoded())),
            Place::Header => match texts.iter().find(|text| text.iter().any(|&byte| Place::Header.refuses(byte))) {
                Some(text) => {
                    let found = String::from_utf8_lossy(text).into_owned();
                    Err(Problem::ControlInFile { file: file.to_owned(), found })
                }
                None => Ok(Arc::new(texts.clone())),
            },
            Place::Body => Ok(Arc::new(texts.clone())),
        }
    }
}

fn range(least: &str, most: &str, limit: u64) -> Result<(u64, u64), Problem> {
    let (least, most) = (read_count(least, 0, limit)?, read_count(most, 0, limit)?);
    if least <= most { Ok((least, most)) } else { Err(Problem::Backwards) }
}

const PLACEHOLDERS: &str = "{id}, {seq}, {rand:1:1000}, {zipf:1.1:1:1000} or {csv:FILE:COLUMN}, and {{ or }} for a brace that is meant literally";
/// Width of `{seq}` without `-n`: three hundred years at a million a second.
const SEQ_DIGITS: usize = 16;
/// Largest number in `{rand}`: 18 digits.
const MOST_NUMBER: u64 = 999_999_999_999_999_999;
/// Largest number in `{zipf}`: ranks are floats on the way and must be exact.
const MOST_RANKS: u64 = 1 << 52;
