//! Why it can't go on. One line each, and an exit code.

use std::fmt;
use std::io;
use std::path::PathBuf;

use tollgate_client::plan::PlanError;
use tollgate_client::program::{Answer, Unreachable};

use super::exit::Exit;
use super::meant::SERVICE;
use super::tell::say;
use crate::oracle::PromiseError;
use crate::oracle::log::LogError;
use crate::probe::ProbeError;
use crate::process::StartError;
use crate::scenario::{Needs, Scenario};
use crate::summary::SummaryError;
use crate::trial::TrialError;

/// Why it can't go on.
#[derive(Debug)]
pub enum Failure {
    /// The command line asks for help, or is wrong.
    Answer(Answer),
    /// What the limiter is said to promise is no promise.
    Promise(PromiseError),
    /// An option can't be made into a plan.
    Plan(PlanError),
    /// There is nothing to send requests to.
    Target(Unreachable),
    /// The server can't be started.
    Server(StartError),
    /// A trial can't be carried out.
    Trial(TrialError),
    /// A result can't be written.
    Summary(SummaryError),
    /// A log can't be read.
    Log(PathBuf, LogError),
    /// The server can't be probed.
    Probe(ProbeError),
    /// `verify` without a limit to verify.
    NoPromise,
    /// What these scenarios need isn't there, such as the first one.
    Missing(&'static Scenario),
    /// The trial that is to be shrunk passes.
    Passes(u64),
    /// The terminal, or the system's randomness, can't be used.
    System(io::Error),
}

impl Failure {
    /// What a script sees.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Answer(Answer::Help(_)) => Exit::Passed,
            Self::Answer(Answer::Wrong(_)) | Self::Promise(_) | Self::Plan(_) | Self::NoPromise | Self::Missing(_) => {
                Exit::Usage
            }
            _ => Exit::CouldNotRun,
        }
    }

    /// Says it: a help that was asked for on stdout, all else in a line on stderr.
    pub fn tell(&self) {
        match self {
            Self::Answer(Answer::Help(text)) => _ = text.print(),
            wrong => say(format_args!("tollgate-tester: {wrong}")),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(answer) => answer.fmt(f),
            Self::Promise(error) => error.fmt(f),
            Self::Plan(error) => error.fmt(f),
            Self::Target(error) => error.fmt(f),
            Self::Server(error) => error.fmt(f),
            Self::Trial(error) => error.fmt(f),
            Self::Summary(error) => error.fmt(f),
            Self::Log(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Probe(error) => error.fmt(f),
            Self::NoPromise => {
                f.write_str("--limit none: there is nothing to verify, give the limit that was promised")
            }
            Self::Missing(Scenario { name, needs: Needs::Service, .. }) => write!(
                f,
                "--scenarios {name}: it takes a gate in front of the tester's own service, write --server 'tollgate --upstream {SERVICE} ...'"
            ),
            Self::Missing(Scenario { name, .. }) => write!(
                f,
                "--scenarios {name}: only a server that the tester started can be restarted, give its command line with --server"
            ),
            Self::Passes(trial) => {
                write!(f, "trial {trial} passes: shrink one that fails, by the same options and seed")
            }
            Self::System(error) => {
                write!(f, "the terminal or the system doesn't play along ({error}): try again with </dev/null")
            }
        }
    }
}

macro_rules! from {
    ($($error:ty => $variant:ident),* $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })*
    };
}

from! {
    Answer => Answer,
    PromiseError => Promise,
    PlanError => Plan,
    StartError => Server,
    TrialError => Trial,
    SummaryError => Summary,
    ProbeError => Probe,
}
