//! Why there is no report. One line each, and an exit code.

use std::fmt;
use std::io;

use crate::cli::Answer;
use crate::plan::PlanError;
use crate::program::conflict::Conflict;
use crate::program::exit::Exit;
use crate::program::output::OutputError;
use crate::program::target::Unreachable;

/// Why there is no report, or not all of it.
#[derive(Debug)]
pub enum Failure {
    /// The command line asks for something else, or is wrong.
    Answer(Answer),
    /// Options contradict one another.
    Conflict(Conflict),
    /// An option can't be made into a plan.
    Plan(PlanError),
    /// There is nothing to send requests to.
    Target(Unreachable),
    /// A report can't be written.
    Output(OutputError),
    /// The terminal, or the system's randomness, can't be used.
    System(io::Error),
    /// The engine couldn't start or go on.
    Engine(io::Error),
    /// The question was left open.
    NoAnswer,
}

impl Failure {
    /// What a script sees.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Answer(Answer::Help(_)) => Exit::Done,
            Self::Answer(Answer::Wrong(_)) | Self::Conflict(_) | Self::Plan(_) => Exit::Usage,
            Self::Target(_) | Self::Output(_) | Self::System(_) | Self::Engine(_) | Self::NoAnswer => Exit::CouldNotRun,
        }
    }

    /// Says it: a help that was asked for on stdout, all else in a line on stderr. Nobody listening changes nothing.
    pub fn tell(&self) {
        let _ = match self {
            Self::Answer(Answer::Help(text)) => text.print(),
            wrong => io::Write::write_fmt(&mut io::stderr(), format_args!("tollgate-client: {wrong}\n")),
        };
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(answer) => answer.fmt(f),
            Self::Conflict(conflict) => conflict.fmt(f),
            Self::Plan(error) => error.fmt(f),
            Self::Target(unreachable) => unreachable.fmt(f),
            Self::Output(error) => error.fmt(f),
            Self::System(error) => {
                write!(f, "the terminal or the system doesn't play along ({error}): try --plain </dev/null")
            }
            Self::Engine(error) => write!(f, "cannot send ({error}): try fewer connections (-c) or threads (-t)"),
            Self::NoAnswer => f.write_str("the question was left open: answer it, or give --clients"),
        }
    }
}

impl From<Answer> for Failure {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

impl From<Conflict> for Failure {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(conflict)
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        Self::Plan(error)
    }
}

impl From<Unreachable> for Failure {
    fn from(unreachable: Unreachable) -> Self {
        Self::Target(unreachable)
    }
}

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Self {
        Self::Output(error)
    }
}
