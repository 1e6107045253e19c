//! Rules that scenarios share, and how a broken one reads.

use std::fmt;

use tollgate_client::{Nanos, Outcome};

use crate::hostile::Treatment;
use crate::trial::{Seen, promised_wait};

/// What should have held and didn't.
#[derive(Clone, Debug, PartialEq)]
pub enum Broken {
    /// Requests were sent and have no answer.
    Unanswered {
        /// Sent.
        requests: u64,
        /// Answered.
        responses: u64,
    },
    /// Answers with a status that is neither allowed nor denied.
    OtherStatus {
        /// So many.
        count: u64,
        /// Such as this one.
        status: u16,
    },
    /// Allowed requests took too long.
    Slow {
        /// The 99th percentile of their latency.
        p99: Nanos,
        /// Allowed.
        most: Nanos,
    },
    /// The server, not the client, kept the rate from being reached.
    Behind {
        /// Answers per request that was due.
        ratio: f64,
        /// Expected.
        least: f64,
    },
    /// Clients that can't have used up anything were denied.
    DeniedNewcomers {
        /// So many.
        denied: u64,
    },
    /// The service behind the gate is well, and nobody is let through.
    NotBack {
        /// Requests that were due.
        offered: u64,
        /// Since when.
        from: Nanos,
    },
    /// Answers had to wait for slow ones of another path.
    HeldUp {
        /// The 90th percentile of how long the allowed took since they were sent.
        p90: Nanos,
        /// What the slow path takes.
        slow: Nanos,
    },
    /// After a restart nobody was answered.
    SilentSinceRestart,
    /// Rude peers weren't treated as they should be.
    Treated(Box<Treatment>),
}

/// Every request was answered, by allowed or denied. A limiter that promised to hold requests back may do so for longer than the client
/// waits: then, and only then, a time-out is no missing answer.
pub fn answered(seen: &Seen) -> Result<(), Broken> {
    let ledger = &seen.summary.total.ledger;
    let promise = seen.report.as_ref().map(|report| &report.promise);
    let may_be_held_back = promised_wait(promise, &seen.work.load) >= seen.work.timeout;
    let held_back = if may_be_held_back { ledger.count(Outcome::TimedOut) } else { 0 };
    let (requests, responses) = (ledger.sent, ledger.answers() + held_back);
    if responses < requests {
        return Err(Broken::Unanswered { requests, responses });
    }
    understood(seen)
}

/// Every answer was either allowed or denied.
pub fn understood(seen: &Seen) -> Result<(), Broken> {
    let total = &seen.summary.total;
    let count = total.other.latency.len();
    let strange = |status: &u16| !(200..300).contains(status) && ![429, 503].contains(status);
    match total.statuses.iter().map(|(status, _)| status).find(strange) {
        Some(status) if count > 0 => Err(Broken::OtherStatus { count, status }),
        _ => Ok(()),
    }
}

/// The 99th percentile of what the allowed waited is at most this.
pub fn in_time(seen: &Seen, most: Nanos) -> Result<(), Broken> {
    let p99 = Nanos::new(seen.summary.total.allowed.latency.value_at_quantile(0.99));
    if p99 > most { Err(Broken::Slow { p99, most }) } else { Ok(()) }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unanswered { requests, responses } => {
                write!(f, "{requests} requests sent, {responses} answered: {} missing", requests - responses)
            }
            Self::OtherStatus { count, status } => {
                write!(f, "{count} answers are neither allowed nor denied, such as {status}")
            }
            Self::Slow { p99, most } => write!(
                f,
                "the allowed waited {:.1} ms (p99), at most {:.1} ms expected",
                p99.as_secs_f64() * 1e3,
                most.as_secs_f64() * 1e3
            ),
            Self::Behind { ratio, least } => {
                write!(
                    f,
                    "{:.1} % of what was due was answered, at least {:.1} % expected",
                    ratio * 100.0,
                    least * 100.0
                )
            }
            Self::DeniedNewcomers { denied } => write!(f, "{denied} clients were denied their first request"),
            Self::NotBack { offered, from } => write!(
                f,
                "the service was well again, and of {offered} requests that were due from {:.1} s on none was allowed",
                from.as_secs_f64()
            ),
            Self::HeldUp { p90, slow } => write!(
                f,
                "the allowed took {:.0} ms (p90) since they were sent, while another path took {:.0} ms",
                p90.as_secs_f64() * 1e3,
                slow.as_secs_f64() * 1e3
            ),
            Self::SilentSinceRestart => f.write_str("nobody was answered after the restart"),
            Self::Treated(treatment) => {
                write!(f, "{treatment}")?;
                treatment.examples.iter().try_for_each(|example| write!(f, "; {example}"))
            }
        }
    }
}
