//! What must hold for any bytes that an upstream sends, whatever they are and however they are cut into reads:
//!
//! 1. nothing panics, and what is kept of an unfinished head is bounded;
//! 2. the verdict, and what the client gets of it (chunks joined), are the same for every way to cut the bytes;
//! 3. the client gets one head with one framing, and content that is complete if, and only if, the answer was.

use tollgate::http::{
    chunked::{ChunkDecoder, Passed, Piece},
    response::Persistence,
    upstream::{AnswerReader, Malformed, Progress, Terms, head::LIMITS, reader::Asked},
};

/// What became of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How far the reader came, or why no further.
    pub progress: Result<Progress, Malformed>,
    /// Heads as the client got them, the final one last.
    pub heads: Vec<u8>,
    /// Content as the client got it, and the trailer section.
    pub content: Vec<u8>,
}

/// Checks 1 to 3 on the input of the fuzz target: one byte says what was asked, one how many cuts follow.
pub fn check_answers(data: &[u8]) {
    let [choice, cuts, data @ ..] = data else {
        return;
    };
    let (cuts, input) = data.split_at(usize::from(*cuts).min(data.len()));
    let cuts: Vec<usize> = cuts.iter().map(|&length| usize::from(length)).collect();
    let asked = Asked { head_only: choice & 1 > 0, http10: choice & 2 > 0, continues: choice & 4 > 0 };
    check(asked, input, &cuts);
}

/// Checks 1 to 3 on `input`: whole, cut as given, and byte by byte.
pub fn check(asked: Asked, input: &[u8], cuts: &[usize]) -> Outcome {
    let whole = read(asked, input, &[]);
    assert_eq!(whole, read(asked, input, cuts), "cut at {cuts:?}");
    if input.len() <= 512 {
        assert_eq!(whole, read(asked, input, &vec![1; input.len()]), "byte by byte");
    }
    whole
}

fn read(asked: Asked, input: &[u8], cuts: &[usize]) -> Outcome {
    let mut reader = AnswerReader::new(asked);
    let (mut out, mut rest, mut told) = (Vec::new(), input, 0);
    let mut verdict = Ok(());
    for length in cuts.iter().copied().chain([input.len()]) {
        let (part, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        let terms = || {
            told += 1;
            Terms { persistence: Persistence::Keep, fields: b"X-Added: 1\r\n".to_vec(), date: [b'd'; 29] }
        };
        verdict = verdict.and_then(|()| reader.take(part, terms, &mut out));
        assert!(
            reader.kept_bytes() < LIMITS.head_bytes || verdict.is_err(),
            "asks for more although the head is too long"
        );
    }
    if verdict.is_ok() {
        reader.on_close(&mut out);
    }
    let progress = verdict.map(|()| reader.progress());
    assert_eq!(told, usize::from(reader.progress() != Progress::Awaited), "one answer, one head");
    let (heads, content) = apart(&out, asked, progress);
    Outcome { progress, heads, content }
}

/// Takes apart what the client got. Checks 3.
fn apart(out: &[u8], asked: Asked, progress: Result<Progress, Malformed>) -> (Vec<u8>, Vec<u8>) {
    let mut rest = out;
    let mut last = &out[..0];
    while rest.starts_with(b"HTTP/1.1 ") {
        let end = rest.windows(4).position(|window| window == b"\r\n\r\n").expect("heads are written whole") + 4;
        (last, rest) = rest.split_at(end);
        if !last.starts_with(b"HTTP/1.1 1") {
            break;
        }
        assert!(!asked.http10, "an interim answer for HTTP/1.0");
    }
    let heads = out[..out.len() - rest.len()].to_vec();
    let text = String::from_utf8_lossy(last).to_ascii_lowercase();
    let field = |name: &str| text.lines().filter_map(|line| line.strip_prefix(name)).collect::<Vec<_>>();
    let (lengths, codings) = (field("content-length: "), field("transfer-encoding: "));
    assert!(lengths.len() + codings.len() <= 1, "{text}");
    let done = matches!(progress, Ok(Progress::Done { .. }));
    let bare = asked.head_only || ["204", "304"].iter().any(|status| text.starts_with(&format!("http/1.1 {status}")));
    if bare || text.is_empty() || text.starts_with("http/1.1 1") {
        assert!(rest.is_empty(), "content where there is none");
        return (heads, Vec::new());
    }
    if codings.is_empty() {
        match lengths.first().map(|length| length.parse::<u64>().expect("digits")) {
            Some(length) => assert_eq!(length == rest.len() as u64, done || length == 0, "{text}"),
            None => assert!(asked.http10 && text.contains("connection: close"), "nothing says where {text} ends"),
        }
        return (heads, rest.to_vec());
    }
    let mut content = Vec::new();
    let passed = ChunkDecoder::new(u64::MAX).decode(rest, |piece| match piece {
        Piece::Data(part) | Piece::Trailer(part) => content.extend_from_slice(part),
    });
    match passed.expect("our own chunks") {
        Passed::Ended(length) => assert!(done && length == rest.len(), "more than a whole answer, or an early end"),
        Passed::All => assert!(!done, "a whole answer without its last chunk"),
    }
    (heads, content)
}
