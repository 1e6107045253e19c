//! How a connection is closed so that the last answer arrives.

use tollgate_limiter::Nanos;

use crate::socket::{Event, Socket};

/// Passes over what still comes, until the peer has closed too or `span` is over: a close with input unread, or still to come, makes the
/// kernel reset the connection, and a reset destroys what the peer has not read yet. To be called when all output is gone.
pub(crate) async fn linger<S: Socket>(socket: &mut S, span: Nanos) {
    socket.finish();
    socket.hold(false);
    let until = socket.now().saturating_add(span);
    socket.deadline(until);
    let mut budget = LINGER_BYTES;
    while budget > 0 {
        match socket.event().await {
            Event::Input => {
                while let Some(passed) = socket.read(<[u8]>::len) {
                    budget = budget.saturating_sub(passed);
                }
            }
            Event::End | Event::Expired | Event::Failed => break,
            _ => {}
        }
    }
}

/// What is passed over at most before a connection is closed for good.
const LINGER_BYTES: usize = 1 << 20;
