//! The head of an answer, read with the suspicion that a stranger deserves.

use std::fmt;
use std::mem::MaybeUninit;

use httparse::Header;

use super::super::{
    Limits, Reject,
    fields::list,
    framing::{AnswerFraming, FramingFields},
    scan::{HeadScan, Scanned},
};
use super::{Source, fields::Nominated};

/// A head. Borrows from the bytes it was read from.
#[derive(Debug)]
pub struct AnswerHead<'h, 'b> {
    /// 100 to 599.
    pub status: u16,
    /// The phrase after it; may be empty.
    pub phrase: &'b str,
    /// All fields, in order.
    pub fields: &'h [Header<'b>],
    /// Those for this hop only.
    pub nominated: Nominated<'b>,
    /// Where the content ends; `None`: there is none, whatever the fields say.
    pub content: Option<Source>,
    /// What Content-Length says, of the content or, without one, of what it would have been.
    pub length: Option<u64>,
    /// Whether another request may follow on this connection.
    pub keeps: bool,
}

/// What an upstream sent is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The head is longer than [`LIMITS`] allow.
    HeadTooLong,
    /// The head is none.
    Head,
    /// Where the content ends cannot be said.
    Framing,
    /// The content is not framed as the head says.
    Content,
    /// More interim answers than anybody sends.
    Interim,
    /// 101 although nobody asked to switch.
    Switch,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::HeadTooLong => "the head of its answer is too long",
            Malformed::Head => "what it sent is no HTTP/1.x answer",
            Malformed::Framing => "where its answer ends is ambiguous",
            Malformed::Content => "the content of its answer is malformed",
            Malformed::Interim => "it sends interim answers without end",
            Malformed::Switch => "it switched protocols unasked",
        })
    }
}

impl<'b> AnswerHead<'_, 'b> {
    /// Reads the head at the front of `input` and hands it to `then`; gives its length, too. `None`: it is not complete. `head_only` says
    /// that the request was HEAD.
    pub fn receive<T>(
        scan: &mut HeadScan,
        input: &'b [u8],
        head_only: bool,
        then: impl FnOnce(&AnswerHead<'_, 'b>) -> T,
    ) -> Result<Option<(T, usize)>, Malformed> {
        match scan.advance(input, &LIMITS) {
            Scanned::NeedMore => Ok(None),
            Scanned::Head(length) => AnswerHead::parse(&input[..length], head_only, then).map(|it| Some((it, length))),
            Scanned::Reject(Reject::RequestLineTooLong | Reject::HeadTooLong) => Err(Malformed::HeadTooLong),
            Scanned::Skip(_) | Scanned::Reject(_) => Err(Malformed::Head),
        }
    }

    fn parse<T>(head: &'b [u8], head_only: bool, then: impl FnOnce(&AnswerHead<'_, 'b>) -> T) -> Result<T, Malformed> {
        let mut fields = [const { MaybeUninit::uninit() }; Limits::MAX_HEADERS];
        let mut answer = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        match config.parse_response_with_uninit_headers(&mut answer, head, &mut fields) {
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => return Err(Malformed::HeadTooLong),
            Ok(httparse::Status::Partial) | Err(_) => return Err(Malformed::Head),
        }
        let (Some(status @ 100..600), Some(minor)) = (answer.code, answer.version) else {
            return Err(Malformed::Head);
        };
        let fields = &*answer.headers;
        let nominated = Nominated::of(fields).map_err(|_| Malformed::Head)?;
        let http10 = minor == 0;
        let framing = framing(fields)?;
        let settled = framing.settle_answer(http10).map_err(|_| Malformed::Framing)?;
        let bare = status < 200 || status == 204;
        let content = (!head_only && !bare && status != 304).then_some(match settled {
            AnswerFraming::Length(length) => Source::Length(length),
            AnswerFraming::Chunked => Source::Chunked { most: u64::MAX },
            AnswerFraming::UntilClose => Source::UntilClose,
        });
        // One that announces content where there can be none may send it all the same, and that must not meet the next request.
        let honest = !bare || matches!(settled, AnswerFraming::UntilClose | AnswerFraming::Length(0));
        let keeps = match http10 {
            true => nominated.has("keep-alive") && !nominated.has("close"),
            false => !nominated.has("close"),
        };
        Ok(then(&AnswerHead {
            status,
            phrase: answer.reason.unwrap_or_default(),
            fields,
            nominated,
            content,
            length: framing.length(),
            keeps: keeps && honest && content != Some(Source::UntilClose),
        }))
    }
}

fn framing(fields: &[Header<'_>]) -> Result<FramingFields, Malformed> {
    let mut framing = FramingFields::default();
    for field in fields {
        if field.name.eq_ignore_ascii_case("content-length") {
            framing.content_length(field.value).map_err(|_| Malformed::Framing)?;
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            if list(field.value).next().is_none() {
                return Err(Malformed::Framing);
            }
            framing.transfer_encoding(field.value);
        }
    }
    Ok(framing)
}

/// What an answer may have: twice the head of a request, for cookies.
pub const LIMITS: Limits =
    Limits { head_bytes: 16 << 10, headers: Limits::MAX_HEADERS, body_bytes: u64::MAX, id_bytes: 0 };
