//! Peers that leave: half, in the middle, or as soon as they have come.

use super::kind::Ask;
use super::script::{Script, Step};
use super::seen::Due;

/// Asks, and says that it sends no more: the server has to answer or to end it, and must not take the one for a reset.
pub(super) fn half_closer(ask: &mut Ask<'_>) -> Script {
    let requests = ask.rng.usize(0..8);
    let mut bytes = ask.get().repeat(requests);
    // One in four ends in the middle of a further one.
    let is_cut = ask.rng.u8(..4) == 0;
    if is_cut {
        let further = ask.get();
        bytes.extend_from_slice(&further[..ask.rng.usize(1..further.len())]);
    }
    let cut = if is_cut { " and a part of one" } else { "" };
    let steps = [Step::Send(bytes), Step::Finish];
    Script::new(format!("half closed after {requests} requests{cut}"), steps, Due::OrderlyEnd)
}

/// Resets the connection at any byte of a request.
pub(super) fn resetter(ask: &mut Ask<'_>) -> Script {
    let mut bytes = ask.request("POST", "Content-Length: 20\r\n");
    bytes.extend_from_slice(&[b'x'; 20]);
    bytes.truncate(ask.rng.usize(..=bytes.len()));
    Script::new(format!("a reset after {} bytes", bytes.len()), [Step::Send(bytes), Step::Reset], Due::Nothing)
}

/// Comes and goes without a word.
pub(super) fn silent_visitor() -> Script {
    Script::new("a connection without a byte", [Step::Close], Due::Nothing)
}

/// Comes, asks, is answered, and goes.
pub(super) fn short_visitor(ask: &mut Ask<'_>) -> Script {
    Script::send("a connection for one request", ask.get(), Due::Answers(1))
}
