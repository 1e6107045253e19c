//! Why it can't go on. One line each, and an exit code.

use std::fmt;
use std::io;
use std::path::PathBuf;

use tollgate_client::plan::PlanError;
use tollgate_client::program::Unreachable;

use super::exit::Exit;
use super::tell::say;
use crate::oracle::PromiseError;
use crate::oracle::log::LogError;
use crate::probe::ProbeError;
use crate::process::StartError;
use crate::summary::SummaryError;
use crate::trial::TrialError;

/// Why it can't go on.
#[derive(Debug)]
pub enum Failure {
    /// The command line asks for help, or is wrong.
    Line(clap::Error),
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
    /// Nothing but restarts of a server that somebody else started.
    NotOurs,
    /// The trial that is to be shrunk passes.
    Passes(u64),
    /// The terminal, or the system's randomness, can't be used.
    System(io::Error),
}

impl Failure {
    /// What a script sees.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Line(error) if !error.use_stderr() => Exit::Passed,
            Self::Line(_) | Self::Promise(_) | Self::Plan(_) | Self::NoPromise | Self::NotOurs => Exit::Usage,
            _ => Exit::CouldNotRun,
        }
    }

    /// Says it: a help that was asked for on stdout, all else in a line on stderr.
    pub fn tell(&self) {
        match self {
            Self::Line(help) if !help.use_stderr() => _ = help.print(),
            wrong => say(format_args!("tollgate-tester: {wrong}")),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(error) => f.write_str(&one_line(error)),
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
            Self::NotOurs => f.write_str(
                "--scenarios restart: only a server that the tester started can be restarted, give its command line with --server",
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

/// What is wrong, without clap's paragraphs around it.
fn one_line(error: &clap::Error) -> String {
    if let Some(cause) = std::error::Error::source(error) {
        // Our own readers name the flag and say what to do.
        return cause.to_string();
    }
    let text = error.to_string();
    let lines =
        text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    format!("{} (see tollgate-tester --help)", lines.join("; ").trim_start_matches("error: "))
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
    clap::Error => Line,
    PromiseError => Promise,
    PlanError => Plan,
    StartError => Server,
    TrialError => Trial,
    SummaryError => Summary,
    ProbeError => Probe,
}
