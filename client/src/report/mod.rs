//! What a run is told as, from a finished [`Summary`]: to people, to programs, and to whoever has to say yes or no.
//!
//! ```text
//!                            ┌─► Display        the final report, 100 columns at most
//!   Summary ──► Report::new ─┼─► write_json     one object, schema `tollgate-client/1`
//!               (verdict,    └─► is_broken ...  exit codes
//!                fairness,
//!                gates)      Interval  ──► series::write   one line of JSON each
//!                            Histogram ──► hgrm::write     for the plotter of hdrhistogram.org
//! ```
//!
//! Nothing here opens a file, reads a clock or knows of exit codes: text comes back, or goes into a [`Write`].

mod fairness;
mod gate;
pub mod hgrm;
mod json;
pub mod number;
mod quantiles;
mod reason;
pub mod series;
mod text;
mod verdict;

#[cfg(test)]
mod example;

use std::io::{self, Write};

pub use fairness::{Fairness, NAMED, Named};
pub use gate::{Bound, Class, Comparison, Gate, GateError, Judged, Judgement, Metric, Point, Timer, Unit, Unmeasured};
pub use json::SCHEMA;
pub use quantiles::Quantiles;
pub use reason::{Reason, Validity};
pub use verdict::{Verdict, rate_ratio};

use crate::{Outcome, Summary};

/// A summary and all that is concluded from it. `Display` is the final report as text.
#[derive(Clone, Debug)]
pub struct Report<'s> {
    summary: &'s Summary,
    verdict: Verdict,
    fairness: Option<Fairness>,
    gates: Vec<Judged>,
}

impl<'s> Report<'s> {
    /// Draws the conclusions. Reads the list of clients once.
    pub fn new(summary: &'s Summary, gates: &[Gate]) -> Self {
        let fairness = Fairness::of(&summary.clients);
        let gates = gates.iter().map(|gate| gate.judge(summary, fairness.as_ref())).collect();
        Self { summary, verdict: Verdict::of(summary), fairness, gates }
    }

    /// How far the run can be believed.
    pub const fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// How evenly the clients were served; `None` if nobody was answered.
    pub const fn fairness(&self) -> Option<&Fairness> {
        self.fairness.as_ref()
    }

    /// What became of the gates, in the order in which they were given.
    pub fn gates(&self) -> &[Judged] {
        &self.gates
    }

    /// Writes one line of JSON. Its schema is `schema/summary.json`.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        json::write(self, out)
    }
}

/// An outcome's name where programs read it: in JSON and in gates.
pub const fn outcome_key(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allowed => "allowed",
        Outcome::Denied => "denied",
        Outcome::Other => "other",
        Outcome::TimedOut => "timed_out",
        Outcome::Refused => "refused",
        Outcome::ResetBefore => "reset_before",
        Outcome::ResetWithin => "reset_within",
        Outcome::EndOfFile => "end_of_file",
        Outcome::Malformed => "malformed",
        Outcome::Shed => "shed",
        Outcome::Aborted => "aborted",
    }
}
