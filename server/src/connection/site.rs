//! What all connections of one core and one listener have in common.

use std::net::IpAddr;
use std::time::Duration;

use tollgate_limiter::Nanos;

use crate::complaints::Complaints;
use crate::service::Service;

/// How long each thing may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first byte of a request's head to its last: then 408.
    pub head: Duration,
    /// Between requests.
    pub idle: Duration,
    /// For the peer to make room for an output (at most 32 KiB and one answer).
    pub write: Duration,
    /// From a head to the end of its content: then 408.
    pub body: Duration,
    /// For the peer to close after we said that we are done.
    pub linger: Duration,
    /// From the signal to the end of the process.
    pub drain: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        let seconds = Duration::from_secs;
        Timeouts {
            head: seconds(5),
            idle: seconds(60),
            write: seconds(10),
            body: seconds(30),
            linger: seconds(2),
            drain: seconds(10),
        }
    }
}

/// What the connections of one core and one listener share.
#[derive(Debug)]
pub(crate) struct Site {
    pub service: Service,
    pub head: Nanos,
    pub idle: Nanos,
    pub write: Nanos,
    pub body: Nanos,
    pub linger: Nanos,
    complaints: Complaints,
}

impl Site {
    pub fn new(service: Service, timeouts: &Timeouts) -> Site {
        Site {
            service,
            head: timeouts.head.into(),
            idle: timeouts.idle.into(),
            write: timeouts.write.into(),
            body: timeouts.body.into(),
            linger: timeouts.linger.into(),
            complaints: Complaints::default(),
        }
    }

    /// Logs why a connection was closed, unless there was such a line a moment ago.
    #[cold]
    pub fn complain(&self, now: Nanos, peer: Option<IpAddr>, why: &str) {
        if let Some(unsaid) = self.complaints.due(now) {
            let peer = peer.map_or_else(|| "unknown".to_owned(), |peer| peer.to_string());
            tracing::warn!(%peer, unsaid, "a connection was closed: {why}");
        }
    }

    /// Whether this peer may say on whose behalf it has connected. If not, that is logged.
    pub fn may_introduce(&self, now: Nanos, peer: Option<IpAddr>) -> bool {
        let may = peer.is_some_and(|address| self.service.trusts(address));
        if !may {
            self.complain(now, peer, "this address may not send PROXY headers: name it in trusted-proxies");
        }
        may
    }

    pub fn service(&self) -> &Service {
        &self.service
    }
}
