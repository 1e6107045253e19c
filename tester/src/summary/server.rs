//! The server under test, at the end of a trial.

use std::fmt;

use tollgate_client::Nanos;

/// The server, as it was found at the end of a trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Server {
    /// What became of it.
    pub fate: Fate,
    /// What it uses; `None` if it isn't a process that can be watched, or no longer one.
    pub usage: Option<Usage>,
    /// Whether it was started anew, before or within the trial.
    pub restarted: bool,
}

/// What became of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It runs and answers.
    Alive,
    /// It ended by itself.
    Exited {
        /// With this code.
        code: i32,
    },
    /// It was ended.
    Killed {
        /// By this signal.
        signal: i32,
    },
    /// It runs and doesn't answer.
    Hung,
    /// It ended, and only whoever started it knows how.
    Gone,
}

/// What a process uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// Resident memory, in bytes.
    pub rss: u64,
    /// Open descriptors.
    pub descriptors: u64,
    /// Threads.
    pub threads: u64,
    /// CPU time for each request that was answered; `None` if none was.
    pub cpu_per_request: Option<Nanos>,
}

impl Fate {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Exited { .. } => "exited",
            Self::Killed { .. } => "killed",
            Self::Hung => "hung",
            Self::Gone => "gone",
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alive | Self::Hung | Self::Gone => f.write_str(self.name()),
            Self::Exited { code } => write!(f, "exited with code {code}"),
            Self::Killed { signal } => write!(f, "killed by signal {signal}"),
        }
    }
}
