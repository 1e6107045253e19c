//! Which limiter is it? Asked from outside: its limit, window, burst and algorithm, what denials cost and whose quota it is.
//!
//! ```text
//!   inquiry ──► plan ──► Experiment ──► driver (sockets) ──► traces ──► fit: replay them through every model ──► verdict ──► Finding
//!      ▲                                                       │                      (which explains most?)
//!      └──────────── what to ask next ─────────────────────────┘
//! ```
//!
//! Experiments are data and so are their results; only the driver knows sockets. Nothing is read off a single measurement: every plausible
//! algorithm, with every plausible window, is replayed over all answers, and the one that leaves the fewest unexplained is the finding.
//! What the runner-up leaves unexplained is the confidence.
//!
//! Bounded by [`Limits`]. Ids are chosen at random, so that a second probe starts with quotas that nobody has used.
//!
//! Rejected: to believe `RateLimit` and `Retry-After` headers. They say what a limiter promises; a probe says what it does.
//!
//! ```no_run
//! use tollgate_client::Clock;
//! use tollgate_client::plan::RequestSettings;
//! use tollgate_tester::probe::{self, Limits, Target};
//!
//! let request = RequestSettings { url: "http://127.0.0.1:8080/".to_owned(), ..RequestSettings::default() };
//! let finding = probe::run(&Target::new(request)?, &Limits::default(), &Clock::start())?;
//! println!("{finding}");
//! # Ok::<(), probe::ProbeError>(())
//! ```

mod driver;
mod error;
mod experiment;
mod finding;
mod fit;
mod inquiry;
mod model;
mod plan;
mod roundest;
mod scope;
mod shaper;
mod target;
#[cfg(test)]
mod tests;
mod verdict;
mod windows;

use tollgate_client::Clock;

pub use error::ProbeError;
pub use finding::{Confidence, Denials, Finding, Judged, Quota};
pub use model::Algorithm;
pub use scope::Scope;
pub use target::{Limits, Target};

/// Finds out which limiter answers at `target`, within `limits`. Takes about four windows.
///
/// # Errors
///
/// When it can't be talked to, sends what a probe doesn't understand, or limits nobody within the limits.
pub fn run(target: &Target, limits: &Limits, clock: &Clock) -> Result<Finding, ProbeError> {
    inquiry::inquire(&mut driver::Driver::new(target, limits, clock))
}
