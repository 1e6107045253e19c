//! How a server is, or how it ended.

use std::fmt;

use rustix::process::{Signal, WaitIdStatus};
use tollgate_client::Nanos;

/// How a server is, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It runs, and answered when it was last asked.
    Alive,
    /// It runs and answers nothing, for this long.
    Hung(Nanos),
    /// It ended by itself, with this exit code.
    Exited(i32),
    /// A signal ended it.
    Killed {
        /// Its number.
        signal: i32,
        /// Whether the kernel wrote a core file.
        core: bool,
    },
    /// A server that somebody else started has ended; how, only its parent was told.
    Gone,
}

impl Condition {
    /// There is no process any more.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Exited(_) | Self::Killed { .. } | Self::Gone)
    }

    /// What the kernel says of a child that has ended.
    pub(super) fn from_status(status: &WaitIdStatus) -> Self {
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Self::Exited(code),
            (None, Some(signal)) => Self::Killed { signal, core: status.dumped() },
            (None, None) => Self::Gone,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Alive => f.write_str("is alive"),
            Self::Hung(span) => write!(f, "has answered nothing for {:.1} s", span.as_secs_f64()),
            Self::Exited(code) => write!(f, "exited with code {code}"),
            Self::Killed { signal, core } => {
                write!(f, "was killed by {}{}", Named(signal), if core { ", core dumped" } else { "" })
            }
            Self::Gone => f.write_str("has ended"),
        }
    }
}

/// A signal by the name that people know.
struct Named(i32);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(signal, _)| signal.as_raw() == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

/// Those that end servers.
const NAMES: [(Signal, &str); 12] = [
    (Signal::ABORT, "SIGABRT"),
    (Signal::BUS, "SIGBUS"),
    (Signal::FPE, "SIGFPE"),
    (Signal::HUP, "SIGHUP"),
    (Signal::ILL, "SIGILL"),
    (Signal::INT, "SIGINT"),
    (Signal::KILL, "SIGKILL"),
    (Signal::PIPE, "SIGPIPE"),
    (Signal::SEGV, "SIGSEGV"),
    (Signal::SYS, "SIGSYS"),
    (Signal::TERM, "SIGTERM"),
    (Signal::TRAP, "SIGTRAP"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_reads_as_the_end_of_a_sentence() {
        for (condition, said) in [
            (Condition::Alive, "is alive"),
            (Condition::Hung(Nanos::from_millis(5_250)), "has answered nothing for 5.2 s"),
            (Condition::Exited(101), "exited with code 101"),
            (Condition::Killed { signal: 11, core: true }, "was killed by SIGSEGV, core dumped"),
            (Condition::Killed { signal: 40, core: false }, "was killed by signal 40"),
            (Condition::Gone, "has ended"),
        ] {
            assert_eq!(condition.to_string(), said);
        }
    }
}
