//! What the exit code says.

use std::process::ExitCode;

/// How the program ended. The codes are the same in all of Tollgate's programs; 4 and 6 are the tester's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It ran, to its end or until somebody stopped it, and its numbers add up.
    Done,
    /// It could not run, or not write what it found.
    CouldNotRun,
    /// The command line is wrong.
    Usage,
    /// A `--fail-if` broke, or there was nothing to judge it by.
    GateBroke,
    /// `--require-valid`, and the client itself was the bottleneck.
    NotValid,
    /// A request was lost or counted twice: a bug of the client, and no number can be trusted.
    Unbalanced,
}

/// What is known when a run is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Findings {
    /// The ledgers' residual is 0.
    pub balanced: bool,
    /// Somebody stopped it.
    pub interrupted: bool,
    /// `--require-valid` was given and the verdict isn't VALID.
    pub invalid: bool,
    /// A `--fail-if` broke, or there was nothing to judge it by.
    pub gate_broke: bool,
}

impl Exit {
    /// The worst of what was found. Numbers that don't add up make all else worthless, and numbers that aren't valid the gates. Part of a
    /// run says nothing about the whole, so an interrupted one is only asked whether it adds up.
    pub const fn after(found: Findings) -> Self {
        match found {
            Findings { balanced: false, .. } => Self::Unbalanced,
            Findings { interrupted: true, .. } => Self::Done,
            Findings { invalid: true, .. } => Self::NotValid,
            Findings { gate_broke: true, .. } => Self::GateBroke,
            _ => Self::Done,
        }
    }

    /// The number that a script sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::CouldNotRun => 1,
            Self::Usage => 2,
            Self::GateBroke => 3,
            Self::NotValid => 5,
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
    use super::{Exit, Findings};

    #[test]
    fn the_worst_finding_decides_and_an_interrupted_run_is_only_asked_whether_it_adds_up() {
        let fine = Findings { balanced: true, interrupted: false, invalid: false, gate_broke: false };
        let cases = [
            (fine, 0),
            (Findings { gate_broke: true, ..fine }, 3),
            (Findings { invalid: true, ..fine }, 5),
            (Findings { invalid: true, gate_broke: true, ..fine }, 5),
            (Findings { balanced: false, invalid: true, gate_broke: true, ..fine }, 70),
            (Findings { interrupted: true, invalid: true, gate_broke: true, ..fine }, 0),
            (Findings { interrupted: true, balanced: false, ..fine }, 70),
        ];
        for (found, code) in cases {
            assert_eq!(Exit::after(found).code(), code, "{found:?}");
        }
    }
}
