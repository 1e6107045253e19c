//! What the exit code says.

use std::process::ExitCode;

use crate::summary::Kind;

/// How the program ended. The codes are the same in all of Tollgate's programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every trial passed.
    Passed,
    /// It could not run, or not write what it found.
    CouldNotRun,
    /// The command line is wrong.
    Usage,
    /// A rule was broken, or the server grew.
    RuleBroke,
    /// A violation of the limit was proven.
    Violation,
    /// Trials ran, and none gave a result that can be believed.
    NotValid,
    /// The server crashed or hung.
    Crashed,
    /// A request was lost or counted twice: a bug of the tester.
    Unbalanced,
}

impl Exit {
    /// The worst of what was found. A ledger that doesn't balance makes all else worthless; a server that is gone explains the rest.
    pub fn after(found: impl IntoIterator<Item = Kind>) -> Self {
        let exit = |kind| match kind {
            Kind::Unbalanced => Self::Unbalanced,
            Kind::Crash | Kind::Hang => Self::Crashed,
            Kind::Violation => Self::Violation,
            Kind::Growth | Kind::Rule => Self::RuleBroke,
        };
        let severity = |exit: &Self| match exit {
            Self::Unbalanced => 4,
            Self::Crashed => 3,
            Self::Violation => 2,
            Self::RuleBroke => 1,
            _ => 0,
        };
        found.into_iter().map(exit).max_by_key(severity).unwrap_or(Self::Passed)
    }

    /// The number that a script sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::CouldNotRun => 1,
            Self::Usage => 2,
            Self::RuleBroke => 3,
            Self::Violation => 4,
            Self::NotValid => 5,
            Self::Crashed => 6,
            Self::Unbalanced => 70,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_decides() {
        use Kind::{Crash, Growth, Hang, Rule, Unbalanced, Violation};
        let cases: [(&[Kind], u8); 6] = [
            (&[], 0),
            (&[Growth, Rule], 3),
            (&[Rule, Violation], 4),
            (&[Violation, Hang, Rule], 6),
            (&[Crash], 6),
            (&[Crash, Unbalanced, Violation], 70),
        ];
        for (found, code) in cases {
            assert_eq!(Exit::after(found.iter().copied()).code(), code, "{found:?}");
        }
    }
}
