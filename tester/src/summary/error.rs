//! What can go wrong: a file takes nothing.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::{error, fmt};

use super::file::{Appended, Replaced};

/// Some of the files could not be written.
#[derive(Debug)]
pub struct SummaryError {
    /// One or more.
    pub files: Vec<FileError>,
}

/// A file that could not be written. What it had is still in it.
#[derive(Debug)]
pub struct FileError {
    /// The option that named it.
    pub flag: &'static str,
    /// Where it is, or would be.
    pub path: PathBuf,
    /// What the system said.
    pub error: io::Error,
    /// Lines that it will never have, because it took none for too long.
    pub lost: u64,
}

impl SummaryError {
    pub(super) fn of(written: [Result<(), FileError>; 3]) -> Result<(), Self> {
        let files: Vec<_> = written.into_iter().filter_map(Result::err).collect();
        if files.is_empty() { Ok(()) } else { Err(Self { files }) }
    }
}

impl FileError {
    pub(super) fn replaced(flag: &'static str, file: &Replaced, error: io::Error) -> Self {
        Self { flag, path: file.path().to_owned(), error, lost: 0 }
    }

    pub(super) fn lines(file: &Appended, error: io::Error) -> Self {
        Self { flag: "--json", path: file.path().to_owned(), error, lost: file.lost() }
    }

    /// What to do about it.
    fn advice(&self) -> &'static str {
        match self.error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room on its disk",
            ErrorKind::FileTooLarge => "raise ulimit -f",
            ErrorKind::NotFound => "make the folder",
            _ => "name a place that can be written",
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { flag, path, error, lost } = self;
        write!(f, "{flag} {}: cannot write ({error}): {}, the next trial tries again", path.display(), self.advice())?;
        if *lost > 0 {
            write!(f, "; {lost} lines are lost")?;
        }
        Ok(())
    }
}

impl fmt::Display for SummaryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, file) in self.files.iter().enumerate() {
            write!(f, "{}{file}", if place == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl error::Error for FileError {}

impl error::Error for SummaryError {}
