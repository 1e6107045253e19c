//! From the bytes that an upstream sends to the bytes that the client gets.

use super::super::{CloseReason, chunked::Passed, date, decimal, response::Persistence, scan::HeadScan};
use super::{AnswerHead, Coding, Malformed, Relay, Source, fields::push};

/// Reads the answer to one request, interim answers before it included.
#[derive(Debug)]
pub struct AnswerReader {
    asked: Asked,
    stage: Stage,
    /// The beginning of a head.
    kept: Vec<u8>,
    interim: u8,
    status: Option<u16>,
}

/// What of a request matters for its answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// HEAD: no content, whatever the fields say.
    pub head_only: bool,
    /// The client speaks HTTP/1.0: no chunks, no interim answers.
    pub http10: bool,
    /// The client waits for `100 Continue`.
    pub continues: bool,
}

/// What the client is told besides what the upstream says.
#[derive(Debug)]
pub struct Terms {
    /// Whether its connection stays.
    pub persistence: Persistence,
    /// Field lines to add.
    pub fields: Vec<u8>,
    /// For an answer without one.
    pub date: [u8; date::LENGTH],
}

#[derive(Debug)]
enum Stage {
    Head(HeadScan),
    Content { relay: Relay, keeps: bool, closes: bool },
    Done { keeps: bool, closes: bool },
}

/// How far an answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// No final head yet.
    Awaited,
    /// Content is still to come.
    Begun {
        /// Only the end of the connection can tell the client where the answer ends.
        until_close: bool,
    },
    /// All of it has been passed on.
    Done {
        /// Whether the upstream's connection may carry another request.
        keeps: bool,
        /// Whether the client's connection has to close.
        closes: bool,
    },
}

impl AnswerReader {
    /// For the answer to a request of which `asked` is known.
    pub fn new(asked: Asked) -> AnswerReader {
        AnswerReader { asked, stage: Stage::Head(HeadScan::default()), kept: Vec::new(), interim: 0, status: None }
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        match self.stage {
            Stage::Head(_) => Progress::Awaited,
            Stage::Content { ref relay, .. } => Progress::Begun { until_close: relay.is_endless() },
            Stage::Done { keeps, closes } => Progress::Done { keeps, closes },
        }
    }

    /// The status of the final head, once that is there.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// Bytes of a head that is not complete.
    pub fn kept_bytes(&self) -> usize {
        self.kept.len()
    }

    /// Whether not a byte has come.
    pub fn is_untouched(&self) -> bool {
        matches!(self.stage, Stage::Head(_)) && self.kept.is_empty() && self.interim == 0
    }

    /// Reads what has arrived and appends to `out` what the client is to get. `terms` is asked once, when the final head is complete.
    pub fn take(&mut self, bytes: &[u8], terms: impl FnOnce() -> Terms, out: &mut Vec<u8>) -> Result<(), Malformed> {
        if self.kept.is_empty() {
            let consumed = self.advance(bytes, terms, out)?;
            self.kept.extend_from_slice(&bytes[consumed..]);
        } else {
            let mut kept = std::mem::take(&mut self.kept);
            kept.extend_from_slice(bytes);
            let consumed = self.advance(&kept, terms, out)?;
            kept.drain(..consumed);
            self.kept = kept;
        }
        Ok(())
    }

    /// The upstream closed. Whether the answer is complete.
    pub fn on_close(&mut self, out: &mut Vec<u8>) -> bool {
        match &mut self.stage {
            Stage::Head(_) => false,
            Stage::Content { relay, closes, .. } => {
                let complete = relay.on_close(out);
                if complete {
                    self.stage = Stage::Done { keeps: false, closes: *closes };
                }
                complete
            }
            Stage::Done { .. } => true,
        }
    }

    fn advance(&mut self, input: &[u8], terms: impl FnOnce() -> Terms, out: &mut Vec<u8>) -> Result<usize, Malformed> {
        let mut terms = Some(terms);
        let mut consumed = 0;
        loop {
            let rest = &input[consumed..];
            match &mut self.stage {
                Stage::Head(scan) => {
                    let (asked, status) = (self.asked, &mut self.status);
                    let read = AnswerHead::receive(scan, rest, asked.head_only, |head| {
                        let terms = if head.status >= 200 { terms.take() } else { None };
                        match terms {
                            Some(terms) => {
                                *status = Some(head.status);
                                Some(render(head, asked, &terms(), out))
                            }
                            None => {
                                interim(head, asked, out);
                                None
                            }
                        }
                        .ok_or(head.status)
                    })?;
                    let Some((read, length)) = read else { return Ok(consumed) };
                    consumed += length;
                    self.stage = match read {
                        Ok(stage) => stage,
                        Err(101) => return Err(Malformed::Switch),
                        Err(_) if self.interim == MOST_INTERIM => return Err(Malformed::Interim),
                        Err(_) => {
                            self.interim += 1;
                            Stage::Head(HeadScan::default())
                        }
                    };
                }
                Stage::Content { relay, keeps, closes } => {
                    match relay.pass(rest, out).map_err(|_| Malformed::Content)? {
                        Passed::All => return Ok(input.len()),
                        Passed::Ended(length) => {
                            consumed += length;
                            self.stage = Stage::Done { keeps: *keeps, closes: *closes };
                        }
                    }
                }
                Stage::Done { keeps, .. } => {
                    // Bytes after an answer belong to no request.
                    *keeps &= rest.is_empty();
                    return Ok(input.len());
                }
            }
        }
    }
}

/// Writes the head that the client gets.
fn render(head: &AnswerHead<'_, '_>, asked: Asked, terms: &Terms, out: &mut Vec<u8>) -> Stage {
    let coding = match head.content {
        Some(Source::Chunked { .. } | Source::UntilClose) if !asked.http10 => Coding::Chunked,
        _ => Coding::Raw,
    };
    let relay = head.content.map(|source| Relay::new(source, coding));
    let endless = relay.as_ref().is_some_and(Relay::is_endless);
    let persistence = match terms.persistence {
        Persistence::Keep | Persistence::KeepExplicitly if endless => Persistence::Close(CloseReason::Http10),
        other => other,
    };
    status_line(head, out);
    let mut dated = false;
    for field in head.fields {
        dated |= field.name.eq_ignore_ascii_case("date");
        if !head.nominated.ends_here(field) && !field.name.eq_ignore_ascii_case("content-length") {
            push(out, field);
        }
    }
    if !dated {
        for part in [&b"Date: "[..], &terms.date, b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
    match (coding, head.length) {
        (Coding::Chunked, _) => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        (Coding::Raw, Some(length)) if head.status != 204 => {
            out.extend_from_slice(b"Content-Length: ");
            decimal::push(out, length);
            out.extend_from_slice(b"\r\n");
        }
        (Coding::Raw, _) => {}
    }
    out.extend_from_slice(VIA);
    out.extend_from_slice(&terms.fields);
    out.extend_from_slice(persistence.field());
    out.extend_from_slice(b"\r\n");
    let closes = matches!(persistence, Persistence::Close(_));
    match relay {
        Some(relay) if head.content != Some(Source::Length(0)) => Stage::Content { relay, keeps: head.keeps, closes },
        _ => Stage::Done { keeps: head.keeps, closes },
    }
}

/// Passes on an interim answer, to a client that knows what that is.
fn interim(head: &AnswerHead<'_, '_>, asked: Asked, out: &mut Vec<u8>) {
    let wanted = head.status != 100 || asked.continues;
    if asked.http10 || !wanted || head.status == 101 {
        return;
    }
    status_line(head, out);
    let passed_on = |field: &&httparse::Header<'_>| {
        !head.nominated.ends_here(field) && !field.name.eq_ignore_ascii_case("content-length")
    };
    head.fields.iter().filter(passed_on).for_each(|field| push(out, field));
    out.extend_from_slice(b"\r\n");
}

fn status_line(head: &AnswerHead<'_, '_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal::push(out, head.status.into());
    for part in [b" ", head.phrase.as_bytes(), b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// 100, 102 and 103 may come before an answer, the last two again and again; not for ever.
const MOST_INTERIM: u8 = 16;
/// What each message says about having come through here (RFC 9110 section 7.6.3).
pub(super) const VIA: &[u8] = b"Via: 1.1 tollgate\r\n";
