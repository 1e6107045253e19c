//! What a proxy says before the first request.

use super::{Next, Session, Stage};
use crate::{
    http::{CloseReason, scan::HeadScan},
    proxy_protocol::{self, Progress},
    service::Peer,
};

impl Session {
    /// Reads the header, and takes the client that it names for the peer. Whoever sends something else gets no answer: it is no HTTP that it speaks.
    #[cold]
    #[inline(never)]
    pub(super) fn on_preamble(&mut self, rest: &[u8], consumed: &mut usize) -> Option<Next> {
        match proxy_protocol::read(rest) {
            Progress::NeedMore => Some(Next::Read),
            Progress::Header { consumed: length, source } => {
                *consumed += length;
                if let Some(address) = source {
                    self.peer = Peer::Address(address);
                }
                self.stage = Stage::Head(HeadScan::default());
                None
            }
            Progress::Malformed(why) => {
                let reason = CloseReason::NotProxied(why);
                self.stage = Stage::Closed(reason);
                Some(Next::Close(reason))
            }
        }
    }
}
