//! How long the content of a request is (RFC 9112 section 6), or why that cannot be said.
//!
//! Where two readers may differ about where a request ends, the second one can be talked into seeing a request that the first did not: so
//! there is one acceptable way to say it, and everything else is a [`Reject`].

use super::{Reject, fields::list};

/// Where the content of a request ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// There is no content.
    #[default]
    Empty,
    /// This many bytes, at least one.
    Length(u64),
    /// In chunks, until an empty one.
    Chunked,
}

/// Where the content of an answer ends, if it may have any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerFraming {
    /// After this many bytes.
    Length(u64),
    /// In chunks, until an empty one.
    Chunked,
    /// Where the connection does.
    UntilClose,
}

/// Gathers the field lines that frame a message, in any order.
#[derive(Clone, Copy, Debug, Default)]
pub struct FramingFields {
    length: Option<u64>,
    coding: Option<Coding>,
}

/// All members of Transfer-Encoding so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    /// No member yet; the field line was empty.
    Nothing,
    /// Exactly `chunked`.
    Chunked,
    /// Other codings, and `chunked` not yet.
    Other,
    /// Other codings, then `chunked`.
    OtherThenChunked,
    /// `chunked` followed by something.
    ChunkedNotFinal,
}

impl FramingFields {
    /// A Content-Length line. A list of equal values might be collapsed (RFC 9112 section 6.3); we take the other choice given and reject.
    pub fn content_length(&mut self, value: &[u8]) -> Result<(), Reject> {
        if self.length.is_some() || (value.contains(&b',') && list(value).count() > 1) {
            return Err(Reject::ContentLengthRepeated);
        }
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err(Reject::ContentLength);
        }
        // Saturates: a length beyond 2^64 is too large in any case, and must not wrap around (RFC 9110 section 8.6).
        let length =
            value.iter().fold(0u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
        self.length = Some(length);
        Ok(())
    }

    /// A Transfer-Encoding line; several lines are one list.
    pub fn transfer_encoding(&mut self, value: &[u8]) {
        let before = self.coding.unwrap_or(Coding::Nothing);
        let after =
            list(value).fold(before, |coding, member| match (coding, member.eq_ignore_ascii_case(b"chunked")) {
                (Coding::Nothing, true) => Coding::Chunked,
                (Coding::Nothing | Coding::Other, false) => Coding::Other,
                (Coding::Other, true) => Coding::OtherThenChunked,
                (Coding::Chunked | Coding::OtherThenChunked | Coding::ChunkedNotFinal, _) => Coding::ChunkedNotFinal,
            });
        self.coding = Some(after);
    }

    /// What Content-Length says.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The framing of an answer that may have content. Where the fields contradict each other an answer could be taken for two.
    pub fn settle_answer(self, http10: bool) -> Result<AnswerFraming, Reject> {
        match (self.coding, self.length) {
            (None, Some(length)) => Ok(AnswerFraming::Length(length)),
            (None, None) => Ok(AnswerFraming::UntilClose),
            (Some(Coding::Chunked), None) if !http10 => Ok(AnswerFraming::Chunked),
            (Some(_), _) if http10 => Err(Reject::TransferEncodingIn10),
            (Some(_), Some(_)) => Err(Reject::TwoFramings),
            (Some(_), None) => Err(Reject::TransferCoding),
        }
    }

    /// The framing that the fields amount to, content of more than `body_bytes` refused.
    pub fn settle(self, http10: bool, body_bytes: u64) -> Result<Framing, Reject> {
        match (self.coding, self.length) {
            (None, None | Some(0)) => Ok(Framing::Empty),
            (None, Some(length)) if length > body_bytes => Err(Reject::BodyTooLarge),
            (None, Some(length)) => Ok(Framing::Length(length)),
            (Some(_), _) if http10 => Err(Reject::TransferEncodingIn10),
            (Some(_), Some(_)) => Err(Reject::TwoFramings),
            (Some(Coding::Chunked), None) => Ok(Framing::Chunked),
            (Some(Coding::OtherThenChunked), None) => Err(Reject::TransferCoding),
            (Some(Coding::Nothing | Coding::Other | Coding::ChunkedNotFinal), None) => Err(Reject::ChunkedNotFinal),
        }
    }
}
