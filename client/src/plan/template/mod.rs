//! The request: rendered once, then copied and patched.
//!
//! ```text
//!   bytes   GET /?clientId=000000 HTTP/1.1␍␊Host: localhost:8080␍␊ …
//!   slots                  ^^^^^^ Id, 6 digits
//! ```
//!
//! Numbers are padded with zeros to the width of their largest, so that no length ever changes and a request is one copy and a few digits.
//! Texts from files have lengths of their own; with one of them a request is pieced together, and its Content-Length, if a text stands in the body, is
//! computed. Control characters never get this far: what is typed and what is read are refused before (see `compile`).

mod compile;
mod request;
mod url;

pub use request::{IdPlace, RequestSettings, body};

use super::Planned;
use super::error::PlanError;
use super::hash::PlanHash;
use super::picker::Picker;
use super::random::{Stream, below};
use super::stop::Stop;
use super::texts::Texts;
use super::zipf::Zipf;
use std::sync::Arc;

/// A request with places for what changes.
#[derive(Clone, Debug)]
pub struct Template {
    /// The whole request; digits of slots are zeros, texts are absent.
    bytes: Vec<u8>,
    /// In order of place.
    slots: Vec<Slot>,
    /// Whether all slots are numbers.
    fixed: bool,
    head_only: bool,
    host: String,
    port: u16,
}

/// A place in the bytes of a template.
#[derive(Clone, Debug)]
struct Slot {
    at: usize,
    /// Digits of a number; 0 for a text.
    width: usize,
    value: Value,
}

/// What goes into a slot.
#[derive(Clone, Debug)]
enum Value {
    /// The client's number.
    Id,
    /// The request's number.
    Seq,
    /// Any of `count` numbers from `least` on.
    Rand { stream: Stream, least: u64, count: u64 },
    /// Rank 1 is `least`.
    Zipf { stream: Stream, least: u64, zipf: Zipf },
    /// The client's own text.
    IdText(Arc<Texts>),
    /// Any of a file's texts.
    AnyText { stream: Stream, texts: Arc<Texts> },
    /// The length of the body: so much and its texts, which are the slots from `.1` on.
    Length(usize, usize),
}

impl Template {
    pub(super) fn new(
        settings: &RequestSettings,
        seed: u64,
        stop: Stop,
        picker: &Picker,
    ) -> Result<Template, PlanError> {
        request::assemble(settings, seed, stop, picker)
    }

    /// Appends one whole request, head and body. Allocates nothing once `out` has the capacity.
    #[inline]
    pub fn render(&self, planned: &Planned, out: &mut Vec<u8>) {
        if !self.fixed {
            return self.piece_together(planned, out);
        }
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let request = &mut out[start..];
        for slot in &self.slots {
            put_digits(slot.value.number(planned), &mut request[slot.at..slot.at + slot.width]);
        }
    }

    /// Whether the answers have no body because the method is HEAD.
    pub fn method_is_head(&self) -> bool {
        self.head_only
    }

    /// The host to connect to: a name or an address, an IPv6 one without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn piece_together(&self, planned: &Planned, out: &mut Vec<u8>) {
        let mut copied = 0;
        for slot in &self.slots {
            out.extend_from_slice(&self.bytes[copied..slot.at]);
            copied = slot.at + slot.width;
            if let Value::Length(plain, first) = slot.value {
                put_length(
                    plain + self.slots[first..].iter().map(|slot| slot.value.text(planned).len()).sum::<usize>(),
                    out,
                );
            } else if slot.width == 0 {
                out.extend_from_slice(slot.value.text(planned));
            } else {
                let start = out.len();
                out.extend_from_slice(&self.bytes[slot.at..copied]);
                put_digits(slot.value.number(planned), &mut out[start..]);
            }
        }
        out.extend_from_slice(&self.bytes[copied..]);
    }

    pub(super) fn hash(&self, hash: &mut PlanHash) {
        hash.field("request", &self.bytes);
        for slot in &self.slots {
            hash.number("at", slot.at as u64);
            hash.number("width", slot.width as u64);
            match &slot.value {
                Value::Id => hash.field("value", "id"),
                Value::Seq => hash.field("value", "seq"),
                Value::Rand { least, count, .. } => {
                    hash.number("least", *least);
                    hash.number("count", *count);
                }
                Value::Zipf { least, zipf, .. } => {
                    hash.number("least", *least);
                    zipf.hash(hash);
                }
                Value::IdText(texts) => texts.hash("id text", hash),
                Value::AnyText { texts, .. } => texts.hash("any text", hash),
                Value::Length(..) => hash.field("value", "length"),
            }
        }
    }
}

impl Value {
    #[inline]
    fn number(&self, planned: &Planned) -> u64 {
        match self {
            Value::Id => planned.id.into(),
            Value::Seq => planned.n,
            Value::Rand { stream, least, count } => least + below(stream.word(planned.n), *count),
            Value::Zipf { stream, least, zipf } => least + zipf.rank(*stream, planned.n) - 1,
            Value::IdText(_) | Value::AnyText { .. } | Value::Length(..) => 0,
        }
    }

    /// The text, empty if this is a number.
    fn text(&self, planned: &Planned) -> &[u8] {
        match self {
            Value::IdText(texts) => texts.text(planned.id),
            Value::AnyText { stream, texts } => texts.text(below(stream.word(planned.n), texts.len().into()) as u32),
            _ => &[],
        }
    }
}

/// Fills the place with the last digits of a number.
#[inline]
fn put_digits(mut number: u64, place: &mut [u8]) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Appends a number without padding.
fn put_length(length: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + digits(length as u64), 0);
    put_digits(length as u64, &mut out[start..]);
}

/// How many digits a number has.
fn digits(number: u64) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

/// Digits of the largest id.
pub(super) fn id_width(picker: &Picker) -> usize {
    digits(picker.ids() - 1)
}

#[cfg(test)]
mod tests;
