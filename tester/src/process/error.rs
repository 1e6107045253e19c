//! Why there is no server to test.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tollgate_client::Nanos;

use super::Condition;

/// Why there is no server to test, and what to change.
#[derive(Debug)]
pub enum StartError {
    /// The command line is empty.
    Empty,
    /// A quotation mark of the command line has no partner, or a backslash stands at its end.
    Quotes {
        /// The command line.
        line: String,
    },
    /// The program can't be run.
    Program {
        /// As it stands in the command line.
        program: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// Something else answers at the address already.
    Taken(SocketAddr),
    /// It ended before anybody could connect to it.
    Ended {
        /// How.
        condition: Condition,
        /// The last lines of its output.
        last_lines: Vec<String>,
    },
    /// It runs, and has not said where it listens.
    Unannounced {
        /// How long it was given.
        within: Nanos,
        /// The last lines of its output.
        last_lines: Vec<String>,
    },
    /// It runs, and nobody can connect to it.
    Unreachable {
        /// Where that was tried.
        address: SocketAddr,
        /// How long it was given.
        within: Nanos,
        /// The last attempt.
        source: io::Error,
        /// The last lines of its output.
        last_lines: Vec<String>,
    },
    /// There is no process of this number.
    NoProcess {
        /// The number.
        pid: u32,
        /// What the kernel said.
        source: io::Error,
    },
    /// Somebody else started the server, so only they can start it again.
    NotOurs,
    /// This machine doesn't give what a server under watch takes: a pipe, a thread, a process.
    Machine(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str(
                "--server is empty: give the command line of the server, such as 'tollgate --listen 127.0.0.1:0'",
            ),
            Self::Quotes { line } => {
                write!(f, "--server {line:?}: a quotation mark has no partner, or a backslash nothing behind it")
            }
            Self::Program { program, source } => {
                write!(f, "--server: {program:?} can't be run: {source}; {}", advice(program, source.kind()))
            }
            Self::Taken(address) => write!(
                f,
                "something listens on {address} already: stop it, or let the server take a free port (--listen 127.0.0.1:0), \
                 or leave --server out to test what runs there"
            ),
            Self::Ended { condition, last_lines } => {
                write!(f, "the server {condition} before it listened; its last lines:{}", Lines(last_lines))
            }
            Self::Unannounced { within, last_lines } => write!(
                f,
                "the server has not said where it listens, waited for up to {:.1} s (a line such as \"listening on \
                 http://127.0.0.1:8080\"): give its URL beside --server; its last lines:{}",
                within.as_secs_f64(),
                Lines(last_lines)
            ),
            Self::Unreachable { address, within, source, last_lines } => write!(
                f,
                "nobody could connect to the server at {address} within {:.1} s: {source}; does it listen there? its last lines:{}",
                within.as_secs_f64(),
                Lines(last_lines)
            ),
            Self::NoProcess { pid, source } => {
                write!(f, "--pid {pid}: {source}; give the number of the server's process, or leave it out")
            }
            Self::NotOurs => f.write_str(
                "a server that somebody else started can't be started again: give its command line with --server",
            ),
            Self::Machine(source) => write!(f, "this machine doesn't let the server be started and watched: {source}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Program { source, .. }
            | Self::Unreachable { source, .. }
            | Self::NoProcess { source, .. }
            | Self::Machine(source) => Some(source),
            _ => None,
        }
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::Machine(error)
    }
}

/// What to do about a program that can't be run.
fn advice(program: &str, kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound if program.contains('/') => "is the path right, seen from this folder?",
        ErrorKind::NotFound => "it is in no folder of PATH: write its path, such as './target/release/tollgate'",
        ErrorKind::PermissionDenied => "it has to be an executable file: chmod +x",
        _ => "is it a program for this machine?",
    }
}

/// Lines of output, indented below what is said about them.
struct Lines<'l>(&'l [String]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(" (it said nothing)");
        }
        self.0.iter().skip(self.0.len().saturating_sub(SHOWN)).try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// More of them would push the sentence they belong to off the screen.
const SHOWN: usize = 20;
