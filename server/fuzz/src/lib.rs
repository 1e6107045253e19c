//! What must hold for any bytes that a peer sends, whatever they are and however they are cut into reads:
//!
//! 1. nothing panics, and no more is consumed than was given;
//! 2. answers, and the reason for closing, are the same for every way to cut the bytes;
//! 3. a session asks for more only while what it left unconsumed can still become a head, and never fills its output beyond its bound;
//! 4. where requests begin and end is what a second parser, written from RFC 9112 alone ([`oracle`]), says.
//!
//! The fuzz targets feed this with random bytes, the server's tests with the seeds in `seeds/` and with generated requests.
//!
//! ```text
//! cd server && mkdir -p fuzz/corpus/session && RUSTC_BOOTSTRAP=1 cargo fuzz run session fuzz/corpus/session fuzz/seeds/session -- -max_total_time=600
//! ```
//!
//! Answers of an upstream have checks of their own, [`answers`], and so have PROXY headers, [`proxy_header`].
//!
//! Input of a target: one byte chooses the service, one says how many cuts follow, each cut is one byte (the length of a read), and what remains is
//! what the peer sends; the last read gets all that is left.

pub mod answers;
pub mod oracle;
pub mod proxy_header;

use std::{cell::RefCell, sync::Arc};

use oracle::Frame;
use tollgate::{
    http::{
        CloseReason, Limits, Progress, Request,
        body::Body,
        chunked::{ChunkDecoder, Passed},
        scan::HeadScan,
    },
    identity::ClientIdSource,
    service::{LimitedStatus, Service, ServiceSettings},
    session::{Next, OUT_BYTES, Session},
};
use tollgate_limiter::{Algorithm, Capacity, Limiter, Nanos, Quota, Settings};

/// Everything a peer got from one run.
#[derive(Debug, PartialEq, Eq)]
pub struct Transcript {
    /// All answers, without `100 Continue`, which depends on what has arrived by when.
    pub answers: Vec<u8>,
    /// Why the connection closed.
    pub end: CloseReason,
}

/// Feeds `input` to a new session in reads of the given lengths, the rest in one; then the end of input. Checks 1 and 3 on the way.
pub fn run(service: &Service, input: &[u8], cuts: &[usize], start: Nanos) -> Transcript {
    let mut session = Session::new(Some(std::net::Ipv4Addr::LOCALHOST.into()));
    let mut driver =
        Driver { session: &mut session, service, now: start, kept: Vec::new(), out: Vec::new(), sent: Vec::new() };
    let mut rest = input;
    let mut end = None;
    for length in cuts.iter().copied().chain([input.len()]) {
        let (read, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        end = driver.receive(read);
        if end.is_some() {
            break;
        }
    }
    let end = end.unwrap_or_else(|| driver.end_of_input());
    Transcript { answers: without_continues(&driver.sent), end }
}

struct Driver<'a> {
    session: &'a mut Session,
    service: &'a Service,
    now: Nanos,
    kept: Vec<u8>,
    out: Vec<u8>,
    sent: Vec<u8>,
}

impl Driver<'_> {
    fn receive(&mut self, read: &[u8]) -> Option<CloseReason> {
        self.kept.extend_from_slice(read);
        loop {
            let turn = self.session.on_bytes(&self.kept, self.now, self.service, &mut self.out);
            assert!(turn.consumed <= self.kept.len(), "consumed more than given");
            self.kept.drain(..turn.consumed);
            self.flush();
            match turn.next {
                Next::Read => {
                    assert!(
                        self.kept.len() < Limits::default().head_bytes,
                        "asks for more although the head is too long"
                    );
                    return None;
                }
                Next::Flush => {}
                Next::Wait(span) => self.wait(span),
                Next::Close(reason) | Next::Linger(reason) => return Some(reason),
            }
        }
    }

    fn end_of_input(&mut self) -> CloseReason {
        loop {
            match self.session.on_eof(self.now, self.service, &mut self.out) {
                Next::Close(reason) | Next::Linger(reason) => {
                    self.flush();
                    return reason;
                }
                Next::Wait(span) => {
                    self.wait(span);
                    if let Some(reason) = self.receive(&[]) {
                        return reason;
                    }
                }
                other => panic!("{other:?} after the end of input"),
            }
        }
    }

    fn wait(&mut self, span: Nanos) {
        assert!(span > Nanos::ZERO, "waits for nothing");
        self.now = self.now.saturating_add(span);
    }

    fn flush(&mut self) {
        assert!(self.out.len() < OUT_BYTES + LONGEST_ANSWER, "output beyond its bound");
        self.sent.append(&mut self.out);
    }
}

/// That of a batch of 256 decisions.
const LONGEST_ANSWER: usize = 32 * 1024;

fn without_continues(sent: &[u8]) -> Vec<u8> {
    const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut answers = Vec::with_capacity(sent.len());
    let mut rest = sent;
    while let Some(byte) = rest.first() {
        if let Some(after) = rest.strip_prefix(CONTINUE) {
            rest = after;
        } else {
            answers.push(*byte);
            rest = &rest[1..];
        }
    }
    answers
}

/// Services that differ in what matters to a session; the quotas are small so that denials happen.
pub fn services() -> Vec<Service> {
    let leaky = Quota::new(5, Nanos::from_secs(1))
        .and_then(|quota| quota.with_algorithm(Algorithm::LeakyBucket))
        .and_then(|quota| quota.with_max_delay(Nanos::from_millis(300)))
        .expect("a leaky bucket");
    let two = Quota::new(2, Nanos::from_secs(5)).expect("a quota");
    [
        (two, ServiceSettings::default()),
        (leaky, ServiceSettings::default()),
        (
            two,
            ServiceSettings {
                client_id: ClientIdSource::Header("X-Client".to_owned()),
                limited_status: LimitedStatus::TooManyRequests,
                ratelimit_headers: false,
                ..ServiceSettings::default()
            },
        ),
        (two, ServiceSettings { decide: true, ..ServiceSettings::default() }),
    ]
    .map(|(quota, settings)| {
        let limiter = Limiter::new(&Settings {
            quotas: vec![quota],
            capacity: Capacity::clients(1000).expect("a capacity"),
            ..Settings::default()
        });
        Service::new(Arc::new(limiter.expect("a limiter")), settings)
    })
    .into()
}

thread_local! {
    /// One set of services for many runs. Each run starts an hour after the start of the one before, when every quota is whole again.
    static SERVICES: RefCell<(Vec<Service>, Nanos)> = RefCell::new((services(), Nanos::ZERO));
}

/// Checks 1 to 4 on the input of a fuzz target.
pub fn check_session(data: &[u8]) {
    let [choice, cuts, data @ ..] = data else {
        return;
    };
    let (cuts, input) = data.split_at(usize::from(*cuts).min(data.len()));
    let cuts: Vec<usize> = cuts.iter().map(|&length| usize::from(length)).collect();
    check_cuts(usize::from(*choice), input, &cuts);
}

/// Checks 1 to 4 on `input`: whole, cut as given, and byte by byte.
pub fn check_cuts(choice: usize, input: &[u8], cuts: &[usize]) {
    SERVICES.with_borrow_mut(|(services, now)| {
        if *now > LIFETIME {
            (*services, *now) = (self::services(), Nanos::ZERO);
        }
        let service = &services[choice % services.len()];
        let mut transcript = |cuts: &[usize]| {
            *now = now.saturating_add(Nanos::from_secs(3600));
            run(service, input, cuts, *now)
        };
        let whole = transcript(&[]);
        assert_eq!(whole, transcript(cuts), "cut at {cuts:?}");
        // Quadratic in the length of a head, hence the bound.
        if input.len() <= 512 {
            assert_eq!(whole, transcript(&vec![1; input.len()]), "byte by byte");
        }
    });
    let ours = frames(input);
    let theirs = oracle::frames(input, Limits::default().head_bytes, Limits::default().headers);
    assert!(oracle::agree(&ours, &theirs), "ours {ours:?}, by the RFC {theirs:?}");
}

/// Where our parser says that requests begin and end.
pub fn frames(input: &[u8]) -> Vec<Frame> {
    let limits = Limits::default();
    let mut frames = Vec::new();
    let mut rest = input;
    let mut scan = HeadScan::default();
    loop {
        match Request::receive(&mut scan, rest, &limits, None) {
            Progress::NeedMore => {
                frames.push(Frame::Incomplete);
                return frames;
            }
            Progress::Skip { consumed } => rest = &rest[consumed..],
            Progress::Reject(_) => {
                frames.push(Frame::Rejected);
                return frames;
            }
            Progress::Request { request, consumed } => {
                rest = &rest[consumed..];
                let content = match Body::new(request.framing, limits.body_bytes).map(|mut body| body.advance(rest)) {
                    None => 0,
                    Some(Ok(Passed::Ended(length))) => length,
                    Some(Ok(Passed::All)) => {
                        frames.push(Frame::Incomplete);
                        return frames;
                    }
                    Some(Err(_)) => {
                        frames.push(Frame::Rejected);
                        return frames;
                    }
                };
                frames.push(Frame::Request {
                    head: consumed,
                    content,
                    http10: request.http10,
                    close: request.connection.close,
                });
                rest = &rest[content..];
                scan.reset();
            }
        }
    }
}

/// The chunk decoder alone: the same for every way to cut, and what the oracle says.
pub fn check_chunked(data: &[u8]) {
    let [cuts, data @ ..] = data else {
        return;
    };
    let (cuts, input) = data.split_at(usize::from(*cuts).min(data.len()));
    let decode = |cuts: &mut dyn Iterator<Item = usize>| {
        let mut decoder = ChunkDecoder::new(CONTENT_BYTES);
        let mut at = 0;
        for length in cuts.chain([input.len()]) {
            let end = input.len().min(at + length);
            match decoder.advance(&input[at..end]) {
                Ok(Passed::All) => at = end,
                Ok(Passed::Ended(length)) => {
                    assert!(length <= end - at, "consumed more than given");
                    return Ok(Some(at + length));
                }
                Err(reject) => return Err(reject),
            }
        }
        Ok(None)
    };
    let whole = decode(&mut std::iter::empty());
    assert_eq!(whole, decode(&mut cuts.iter().map(|&length| usize::from(length))), "cut at {cuts:?}");
    assert_eq!(whole, decode(&mut std::iter::repeat_n(1, input.len())), "byte by byte");
    let theirs = oracle::chunked(input, CONTENT_BYTES);
    match (whole, theirs) {
        (Ok(Some(ours)), oracle::Content::Complete(theirs)) => assert_eq!(ours, theirs),
        (Err(_), oracle::Content::Malformed) | (Ok(None), oracle::Content::Incomplete) => {}
        // We may see in the middle of a line what the oracle sees at its end.
        (Err(_), oracle::Content::Incomplete) => {}
        (ours, theirs) => panic!("ours {ours:?}, by the RFC {theirs:?}"),
    }
}

const CONTENT_BYTES: u64 = 1 << 16;
/// Two years: well within what a limiter is made for.
const LIFETIME: Nanos = Nanos::from_secs(2 * 365 * 86_400);
