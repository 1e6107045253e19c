//! What a client gets through the gate: answers in any framing, read without leniency.

use crate::support::peer::{Ending, Peer};
use crate::upstream::{chunks, field, find};

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    pub status: u16,
    pub head: String,
    /// Decoded.
    pub body: Vec<u8>,
    pub trailer: String,
}

impl Got {
    pub fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }

    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("a text")
    }

    /// What a shed client is told: in one to three seconds.
    pub fn retries_soon(&self) -> bool {
        matches!(self.field("Retry-After"), Some("1" | "2" | "3"))
    }

    pub fn closes(&self) -> bool {
        self.field("Connection") == Some("close")
    }
}

/// Reads one answer; `Err` is how the connection ended before the end of it.
pub fn try_get(peer: &mut Peer, to_head: bool) -> Result<Got, Ending> {
    let head = loop {
        if let Some(end) = find(peer.received(), b"\r\n\r\n") {
            break String::from_utf8(peer.take(end + 4)).expect("ASCII");
        }
        peer.receive()?;
    };
    let line = head.lines().next().unwrap_or_default();
    let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
    let status: u16 = status.unwrap_or_else(|| panic!("{line:?} is no status line"));
    let mut got = Got { status, head, body: Vec::new(), trailer: String::new() };
    for name in ["Content-Length", "Transfer-Encoding", "Connection", "Date"] {
        let lines = got.head.lines().filter(|line| line.to_lowercase().starts_with(&(name.to_lowercase() + ":")));
        assert!(lines.count() <= 1, "{name} is repeated in {got:?}");
    }
    let bare = to_head || status < 200 || status == 204 || status == 304;
    match (got.field("Transfer-Encoding"), got.field("Content-Length")) {
        (Some(_), Some(_)) => panic!("two framings in {got:?}"),
        _ if bare => {}
        (Some(coding), None) => {
            assert_eq!(coding, "chunked");
            (got.body, got.trailer) = chunks(peer)?;
        }
        (None, Some(length)) => {
            let length = length.parse().expect("a number");
            while peer.received().len() < length {
                peer.receive()?;
            }
            got.body = peer.take(length);
        }
        (None, None) => {
            assert!(got.closes(), "nothing says where {got:?} ends");
            loop {
                match peer.receive() {
                    Ok(()) => {}
                    Err(Ending::Closed | Ending::Truncated) => break,
                    Err(ending) => return Err(ending),
                }
            }
            got.body = peer.take(peer.received().len());
        }
    }
    Ok(got)
}

/// Reads one answer.
pub fn get(peer: &mut Peer) -> Got {
    try_get(peer, false).unwrap_or_else(|ending| panic!("{ending:?} instead of an answer"))
}

/// Sends a request and reads its answer.
pub fn ask(peer: &mut Peer, request: &str) -> Got {
    peer.send(request);
    get(peer)
}
