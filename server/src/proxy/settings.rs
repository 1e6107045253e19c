//! What the operator says about an upstream.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tollgate_limiter::breaker::CircuitBreaker;

use crate::overload::OverloadSettings;
use crate::overload::class::Rule;

/// An upstream.
#[derive(Clone, Debug)]
pub struct ProxySettings {
    /// Its servers; at least one.
    pub servers: Vec<ProxyServer>,
    /// The Host of requests that have none (HTTP/1.0).
    pub host: String,
    /// Requests that one core has under way there at a time.
    pub max_in_flight: usize,
    /// Where the next ones wait.
    pub queue: Queue,
    /// How long each thing may take.
    pub timeouts: UpstreamTimeouts,
    /// What happens when more comes than it can do.
    pub overload: OverloadSettings,
    /// Which requests matter how much.
    pub priorities: Vec<Rule>,
}

/// One server, and what says whether it may be called.
#[derive(Clone, Debug)]
pub struct ProxyServer {
    /// Where it is.
    pub address: SocketAddr,
    /// One for all cores.
    pub breaker: Arc<CircuitBreaker>,
}

/// The requests of one core that wait for others to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// So many at most; one more is shed.
    pub max: usize,
    /// For so long at most; then they are shed.
    pub timeout: Duration,
}

impl Default for Queue {
    fn default() -> Queue {
        Queue { max: 512, timeout: Duration::from_millis(100) }
    }
}

/// How long an upstream may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpstreamTimeouts {
    /// To accept a connection.
    pub connect: Duration,
    /// From the end of a request to the head of its answer.
    pub response_head: Duration,
    /// Without a byte: in the middle of an answer, or between two.
    pub idle: Duration,
    /// For a whole exchange.
    pub total: Duration,
}

impl Default for UpstreamTimeouts {
    fn default() -> UpstreamTimeouts {
        let seconds = Duration::from_secs;
        UpstreamTimeouts { connect: seconds(1), response_head: seconds(10), idle: seconds(60), total: seconds(600) }
    }
}

impl ProxySettings {
    /// Requests under way at a time, unless said otherwise.
    pub const MAX_IN_FLIGHT: usize = 1024;
}
