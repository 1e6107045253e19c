//! A trial: one load test with parameters of its own, from being drawn to being judged.
//!
//! ```text
//!   Space ──draw──► Trial { number, seed, scenario, load } ──work──► Work ──run──► Seen ──judge──► failures
//!   (what the command line allows)                    (the scenario's data)            (the scenario's rule, and what holds for all)
//! ```
//!
//! A trial is a pure function of the space, the master seed and its number: whoever has the command line and the number can run it again.

mod draw;
mod eyes;
mod judge;
mod load;
mod plan;
mod run;
mod shrink;
pub mod space;
mod warm_up;

pub use judge::judge;
pub use load::{LONGEST, Load, Setting, SettingError};
pub use plan::Target;
pub(crate) use run::promised_wait;
pub use run::{Bench, Seen, TrialError, run};
pub use shrink::shrink;
pub use space::{Space, Span};
pub use warm_up::warm_up;

use crate::scenario::{Around, Scenario, Work};

/// One load test, before it runs.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Its place in the loop, from 1.
    pub number: u64,
    /// What the plan's seed and everything else random in it is made from.
    pub seed: u64,
    /// What is tried.
    pub scenario: &'static Scenario,
    /// How much of it.
    pub load: Load,
}

impl Trial {
    /// What it does: the scenario's data.
    pub fn work(&self, around: &Around<'_>) -> Work {
        (self.scenario.work)(&self.load, around)
    }
}
