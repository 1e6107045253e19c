//! Peers that take their time: each holds what a server keeps for a connection, for as long as it is let.

use tollgate_client::Nanos;

use super::kind::Ask;
use super::script::{Reading, Script, Step};
use super::seen::Due;

/// A head that comes one byte at a time and has no end: no single byte is late.
pub(super) fn head(ask: &mut Ask<'_>) -> Script {
    let mut bytes = ask.get();
    bytes.truncate(bytes.len() - 2);
    let every = interval(&mut ask.rng);
    while bytes.len() < ENDLESS {
        bytes.extend_from_slice(b"X-More: and more\r\n");
    }
    // From anywhere in the head on: at once in the request line, or in the middle of a field.
    let rest = bytes.split_off(ask.rng.usize(..64));
    let steps = [Step::Send(bytes), Step::Drip { bytes: rest, every }];
    Script::new(format!("a head of a byte in {} ms", millis(every)), steps, Due::Nothing)
}

/// A body that comes one byte at a time.
pub(super) fn body(ask: &mut Ask<'_>) -> Script {
    let every = interval(&mut ask.rng);
    let is_chunked = ask.rng.bool();
    let (lines, body) = if is_chunked {
        ("Transfer-Encoding: chunked\r\n".to_owned(), b"1\r\nx\r\n".repeat(ENDLESS / 6))
    } else {
        (format!("Content-Length: {ENDLESS}\r\n"), vec![b'x'; ENDLESS])
    };
    let steps = [Step::Send(ask.request("POST", &lines)), Step::Drip { bytes: body, every }];
    let framing = if is_chunked { "chunked " } else { "" };
    Script::new(format!("a {framing}body of a byte in {} ms", millis(every)), steps, Due::Nothing)
}

/// Many answers asked for at once, and taken a few bytes at a time: what a server has ready, it has to keep.
pub(super) fn reader(ask: &mut Ask<'_>) -> Script {
    let batches = ask.rng.usize(10..50);
    let reading = Reading::Slow { bytes: ask.rng.usize(1..64), every: interval(&mut ask.rng) };
    let steps = [Step::Repeat { bytes: ask.get().repeat(BATCH), times: batches }];
    let script = Script::new(format!("{} requests and slow to read", batches * BATCH), steps, Due::Nothing);
    Script { reading, ..script }
}

fn interval(rng: &mut fastrand::Rng) -> Nanos {
    Nanos::from_millis(rng.u64(20..500))
}

fn millis(span: Nanos) -> u64 {
    span.as_u64() / 1_000_000
}

/// At the shortest interval, longer than any server should wait.
const ENDLESS: usize = 6_000;
/// Requests in one call to the kernel.
const BATCH: usize = 20;
