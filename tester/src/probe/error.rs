//! Why a probe has no finding.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use tollgate_client::Nanos;
use tollgate_client::http::Malformed;
use tollgate_client::plan::PlanError;
use tollgate_client::plan::parse::show_duration;

/// Why a probe has no finding. One line when printed, and it says what to do.
#[derive(Debug)]
pub enum ProbeError {
    /// The URL, or the place of the id, can't be.
    Request(PlanError),
    /// Nobody knows the host.
    Unknown {
        /// Its name.
        host: String,
        /// What the resolver said.
        error: io::Error,
    },
    /// It can't be connected to, or connections break.
    Unreachable {
        /// Where.
        address: SocketAddr,
        /// What the kernel said.
        error: io::Error,
    },
    /// It says nothing.
    Silent {
        /// Where.
        address: SocketAddr,
        /// How long an answer was waited for.
        waited: Nanos,
    },
    /// What comes back is no HTTP.
    NotHttp {
        /// From where.
        address: SocketAddr,
        /// What is wrong with it.
        malformed: Malformed,
    },
    /// An answer that says neither that the request was admitted nor that it was denied.
    Status {
        /// Its status.
        status: u16,
    },
    /// No denial, however often an id asked.
    NoLimiter {
        /// How often it did.
        requests: u32,
        /// In how long.
        within: Nanos,
    },
    /// A fresh id was denied at its first request.
    NothingAdmitted,
    /// Nothing of the quota has come back in time.
    NoReturn {
        /// What a fresh id was admitted.
        admitted: u32,
        /// How long it was watched.
        waited: Nanos,
    },
    /// The probe was at its end before it could tell anything.
    TooShort,
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Unknown { host, error } => {
                write!(f, "the URL's host \"{}\" has no address ({error}): check its name", host.escape_debug())
            }
            Self::Unreachable { address, error } => {
                write!(f, "cannot talk to {address} ({error}): is the server running, and the URL right?")
            }
            Self::Silent { address, waited } => {
                write!(f, "{address} gave no answer within {}: is it a web server, and alive?", show(*waited))
            }
            Self::NotHttp { address, malformed } => {
                write!(f, "{address} sends what is no HTTP/1.x answer ({malformed}): is the URL right?")
            }
            Self::Status { status } => write!(
                f,
                "an answer has status {status}: a probe understands 2xx as admitted, 429 and 503 as denied; choose a path that answers so"
            ),
            Self::NoLimiter { requests, within } => write!(
                f,
                "no limiter seen: {requests} requests of one id in {} were all admitted; raise the number of requests, or check where the id goes (--id)",
                show(*within)
            ),
            Self::NothingAdmitted => f.write_str(
                "a fresh id is denied at its first request: the quota may be everybody's and used up, or nobody is admitted; try again later",
            ),
            Self::NoReturn { admitted, waited } => write!(
                f,
                "{admitted} admitted, and then nothing for {}: the window is longer, or denials are for ever; raise --for",
                show(*waited)
            ),
            Self::TooShort => f.write_str("the time or the requests were used up before anything could be told: raise --for or the number of requests"),
        }
    }
}

impl std::error::Error for ProbeError {}

impl From<PlanError> for ProbeError {
    fn from(error: PlanError) -> Self {
        Self::Request(error)
    }
}

/// To three digits.
pub(super) fn show(span: Nanos) -> String {
    let digits = span.as_u64().checked_ilog10().map_or(0, |digits| digits.saturating_sub(2));
    let step = 10u64.pow(digits);
    show_duration(Nanos::new((span.as_u64() + step / 2) / step * step))
}
