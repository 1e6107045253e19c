//! What becomes of a gate when the run is over.

use std::fmt;

use super::Gate;
use crate::report::number::precise;

/// A gate and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The gate.
    pub gate: Gate,
    /// What became of it.
    pub judgement: Judgement,
}

/// What became of a gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Judgement {
    /// It held.
    Held {
        /// What was measured, in the unit of the bound.
        value: f64,
    },
    /// It broke: the run fails.
    Broke {
        /// What was measured, in the unit of the bound.
        value: f64,
    },
    /// There was nothing to judge it by, and the run fails by that too: a gate over what never happens would hold for ever.
    Unmeasured(Unmeasured),
    /// The run was stopped before its end: what it would have become, nobody knows.
    Interrupted,
}

/// Why there was nothing to judge a gate by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmeasured {
    /// There was nothing of the kind: no denial whose time could be too long.
    Nothing,
    /// A closed loop has no schedule to be behind of.
    ClosedLoop,
}

impl Judged {
    /// Whether the run fails by it.
    pub const fn is_broken(&self) -> bool {
        matches!(self.judgement, Judgement::Broke { .. } | Judgement::Unmeasured(_))
    }
}

/// The expression, what came of it, and the value.
impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gate, judgement } = self;
        let (metric, unit) = (gate.metric(), gate.bound().unit());
        match judgement {
            Judgement::Held { value } => write!(f, "--fail-if '{gate}' held: {metric} is {}{unit}", precise(*value)),
            Judgement::Broke { value } => write!(f, "--fail-if '{gate}' broke: {metric} is {}{unit}", precise(*value)),
            Judgement::Unmeasured(Unmeasured::Nothing) => {
                write!(f, "--fail-if '{gate}' broke: nothing was measured for {metric}")
            }
            Judgement::Unmeasured(Unmeasured::ClosedLoop) => write!(
                f,
                "--fail-if '{gate}' broke: nothing was measured for {metric}, a closed loop has no schedule (give -R, --stages or --think)"
            ),
            Judgement::Interrupted => {
                write!(f, "--fail-if '{gate}' was not judged: the run was stopped before its end")
            }
        }
    }
}
