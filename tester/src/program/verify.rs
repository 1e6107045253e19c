//! What needs no loop: a log that was saved, and a limiter that nobody has described.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use tollgate_client::plan::{IdPlace, RequestSettings};
use tollgate_client::{Clock, Nanos};

use super::exit::Exit;
use super::failure::Failure;
use super::meant;
use crate::cli::Promised;
use crate::oracle::log::LogError;
use crate::oracle::{self, History, Verdict};
use crate::probe::{self, Limits, Target};

/// Checks a log against a promise.
///
/// # Errors
///
/// When the log can't be read, or the promise is none.
pub fn verify(log: &Path, promised: &Promised) -> Result<Exit, Failure> {
    let promise = meant::promise(promised)?.ok_or(Failure::NoPromise)?;
    let unread = |error| Failure::Log(log.to_owned(), error);
    let file = File::open(log).map_err(|error| unread(LogError::Io(error)))?;
    // Whoever saved a log doesn't say what its clients did before.
    let report = oracle::log::verify(BufReader::new(file), promise, History::Unknown).map_err(unread)?;
    println!("{report}");
    Ok(if matches!(report.verdict, Verdict::Violation(_)) { Exit::Violation } else { Exit::Passed })
}

/// Tells what limits a server.
///
/// # Errors
///
/// When it can't be told.
pub fn probe(url: &str, id: &IdPlace, most: Nanos) -> Result<Exit, Failure> {
    let request = RequestSettings { url: url.to_owned(), id: id.clone(), ..RequestSettings::default() };
    let limits = Limits { time: most, ..Limits::default() };
    let finding = probe::run(&Target::new(request)?, &limits, &Clock::start())?;
    println!("{finding}");
    Ok(Exit::Passed)
}
