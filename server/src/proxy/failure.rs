//! How an exchange fails, and what the client hears of it.
//!
//! | event | answer |
//! |---|---|
//! | others are more important; no slot, and the queue is full, or it took too long there | 503 with `Retry-After` 1 to 3: shed |
//! | no server whose breaker permits a call, also while waiting | 503 with `Retry-After`: unavailable |
//! | connect refused, connection lost before the head of the answer | one more try if [`Failure::allows_retry`], then 502 |
//! | what came is no answer | 502 |
//! | connect, head or the whole too late | 504 |
//! | anything after the head went to the client | the connection closes, visibly in the middle |

use tollgate_limiter::Nanos;
use tollgate_limiter::breaker::Outcome;

use super::slots::Shed;
use crate::http::response::Plain;
use crate::http::upstream::Malformed;

/// Why there is no whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Shed(Shed),
    /// No breaker permits a call.
    Unavailable {
        /// When one may, if that is known.
        retry_after: Option<Nanos>,
    },
    /// We have no descriptors, or no ports.
    NoSocket,
    /// Refused, or unreachable.
    Connect,
    ConnectTimeout,
    /// The connection was lost.
    Lost {
        /// Before anything had come.
        silent: bool,
    },
    HeadTimeout,
    /// Nothing came for too long in the middle of the answer.
    Idle,
    /// The whole took too long.
    Total {
        /// Because of the client, which was to send, or to take.
        on_client: bool,
    },
    Malformed(Malformed),
}

impl Failure {
    /// Whether trying again cannot do the same thing twice; `repeatable`: the request is idempotent and without content.
    pub fn allows_retry(self, repeatable: bool) -> bool {
        match self {
            // Not a byte of the request has left.
            Failure::Connect => true,
            Failure::Lost { silent } => silent && repeatable,
            _ => false,
        }
    }

    /// What it says about the server that was called.
    pub fn outcome(self) -> Option<Outcome> {
        match self {
            Failure::Shed(_) | Failure::Unavailable { .. } | Failure::NoSocket => None,
            Failure::Total { on_client: true } => None,
            Failure::Connect | Failure::ConnectTimeout => Some(Outcome::Unreachable),
            Failure::Lost { .. } | Failure::HeadTimeout | Failure::Idle => Some(Outcome::Failure),
            Failure::Total { on_client: false } | Failure::Malformed(_) => Some(Outcome::Failure),
        }
    }

    /// Whether it was the server that ended an answer, and not one of our timeouts.
    pub fn is_cut_by_server(self) -> bool {
        matches!(self, Failure::Lost { .. } | Failure::Malformed(_))
    }

    /// Gives `tell` what the client is told, if it has been told nothing yet. The field is that of RFC 9209. `chance` spreads those who are to come
    /// back, or they would all come at once.
    pub fn answer(self, chance: u64, tell: impl FnOnce(Plain<'_>)) {
        let breaker_open;
        let (status, fields, body) = match self {
            Failure::Unavailable { retry_after } => {
                let after = retry_after.map(|span| format!("Retry-After: {}\r\n", span.as_secs_ceil().max(1)));
                breaker_open = after.unwrap_or_default() + BREAKER_OPEN;
                ("503 Service Unavailable", breaker_open.as_str(), "the service is failing: try again later\n")
            }
            Failure::Shed(_) => (
                "503 Service Unavailable",
                SHED[(chance % SHED.len() as u64) as usize],
                "too many requests are waiting for this service: try again in a moment\n",
            ),
            Failure::NoSocket => (
                "502 Bad Gateway",
                "Proxy-Status: tollgate; error=proxy_internal_error\r\n",
                "the service cannot be reached: the gate has no descriptors left\n",
            ),
            Failure::Connect => (
                "502 Bad Gateway",
                "Proxy-Status: tollgate; error=connection_refused\r\n",
                "the service cannot be reached\n",
            ),
            Failure::ConnectTimeout => (
                "504 Gateway Timeout",
                "Proxy-Status: tollgate; error=connection_timeout\r\n",
                "the service took too long to accept a connection\n",
            ),
            Failure::Lost { .. } => (
                "502 Bad Gateway",
                "Proxy-Status: tollgate; error=connection_terminated\r\n",
                "the service closed the connection before it answered\n",
            ),
            Failure::HeadTimeout | Failure::Idle | Failure::Total { .. } => (
                "504 Gateway Timeout",
                "Proxy-Status: tollgate; error=http_response_timeout\r\n",
                "the service took too long to answer\n",
            ),
            Failure::Malformed(_) => (
                "502 Bad Gateway",
                "Proxy-Status: tollgate; error=http_protocol_error\r\n",
                "the service sent what is no answer\n",
            ),
        };
        tell(Plain { status, kind: "text/plain", fields, body });
    }
}

const SHED: [&str; 3] = [
    "Retry-After: 1\r\nProxy-Status: tollgate; error=connection_limit_reached\r\n",
    "Retry-After: 2\r\nProxy-Status: tollgate; error=connection_limit_reached\r\n",
    "Retry-After: 3\r\nProxy-Status: tollgate; error=connection_limit_reached\r\n",
];
const BREAKER_OPEN: &str = "Proxy-Status: tollgate; error=destination_unavailable; details=\"breaker-open\"\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_sent_again_only_when_it_cannot_have_been_heard_or_does_no_harm() {
        assert!(Failure::Connect.allows_retry(false));
        assert!(Failure::Lost { silent: true }.allows_retry(true));
        assert!(!Failure::Lost { silent: true }.allows_retry(false), "a POST may have been heard");
        assert!(!Failure::Lost { silent: false }.allows_retry(true), "an answer had begun");
        for failure in [
            Failure::HeadTimeout,
            Failure::ConnectTimeout,
            Failure::Total { on_client: false },
            Failure::Shed(Shed::QueueFull),
        ] {
            assert!(!failure.allows_retry(true), "{failure:?}: again would take as long again");
        }
    }
}
