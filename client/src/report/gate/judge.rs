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
    /// It can't be told.
    NotJudged(Unjudged),
}

/// Why a gate can't be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unjudged {
    /// The run was stopped before its end: what it would have become, nobody knows.
    Interrupted,
    /// A closed loop has no schedule to be behind of.
    ClosedLoop,
    /// There was nothing of the kind: no denial whose time could be too long.
    NothingMeasured,
}

impl Judged {
    /// Whether the run fails by it.
    pub const fn is_broken(&self) -> bool {
        matches!(self.judgement, Judgement::Broke { .. })
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
            Judgement::NotJudged(why) => write!(f, "--fail-if '{gate}' was not judged: {why}"),
        }
    }
}

impl fmt::Display for Unjudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupted => "the run was stopped before its end",
            Self::ClosedLoop => "a closed loop has no schedule (give a --rate)",
            Self::NothingMeasured => "nothing of the kind was measured",
        })
    }
}
