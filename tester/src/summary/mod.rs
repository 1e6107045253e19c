//! What became of all trials, in files that are whole at any moment.
//!
//! ```text
//!                            ┌─► text ─► test_summary.txt   totals, failures, a line for each trial
//!   Entry ──► History ───────┤
//!     │       (totals,       └─► page ─► --html             plots, in one file that needs nothing else
//!     │       first, last,
//!     │       failed, plots)
//!     └────────────────────────► json ─► --json             a line for each trial
//! ```
//!
//! The loop hands over an [`Entry`] after each trial. Memory and the two rewritten files are bounded, for weeks: totals count everything,
//! single trials are kept up to a number, plots become coarser. The JSON lines grow with the trials, as they are asked to.
//! Rendering makes text from a history and touches no file; `file` writes what it is given and knows nothing of trials.
//!
//! A disk that is full or a folder that can't be written is told to the caller, who goes on: nothing that was written before is harmed,
//! and the next trial tries again, with all there is to say.

mod admitted;
mod course;
mod entry;
mod error;
mod failure;
mod file;
mod history;
mod json;
mod page;
mod server;
mod shorten;
mod text;
mod thinned;
mod totals;

use std::path::PathBuf;

pub use admitted::Admitted;
pub use course::{Course, Point};
pub use entry::{Ending, Entry, Header, Promise, Verdict};
pub use error::{FileError, SummaryError};
pub use failure::{Again, Failure, Kind};
pub use json::SCHEMA;
pub use server::{Fate, Server, Usage};
pub use thinned::{Merge, Thinned};
pub use totals::Totals;

use file::{Appended, Replaced};
use history::History;

/// Which files there are to be.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// `--summary`.
    pub text: Option<PathBuf>,
    /// `--json`.
    pub json: Option<PathBuf>,
    /// `--html`.
    pub html: Option<PathBuf>,
}

/// All trials so far, and the files that tell of them.
#[derive(Debug)]
pub struct Summary {
    history: History,
    text: Option<Replaced>,
    json: Option<Appended>,
    html: Option<Replaced>,
}

impl Summary {
    /// Nothing has happened yet, and nothing is written.
    pub fn new(header: Header, files: &Files) -> Self {
        Self {
            history: History::new(header),
            text: files.text.as_deref().map(Replaced::new),
            json: files.json.as_deref().map(Appended::new),
            html: files.html.as_deref().map(Replaced::new),
        }
    }

    /// A trial is over: remembers it, and writes.
    ///
    /// # Errors
    ///
    /// As [`Summary::write`]. The trial is remembered all the same.
    pub fn add(&mut self, entry: &Entry) -> Result<(), SummaryError> {
        self.history.add(entry);
        let json = match &mut self.json {
            Some(file) => {
                file.line(&json::line(&self.history.header, entry)).map_err(|error| FileError::lines(file, error))
            }
            None => Ok(()),
        };
        SummaryError::of([json, self.write_text(), self.write_html()])
    }

    /// Writes what there is to say: before the first trial, so that a path that can't be written is told before hours have passed.
    ///
    /// # Errors
    ///
    /// When a file can't be written. It is as it was, the others are written, and the next call writes all that this one could not.
    pub fn write(&mut self) -> Result<(), SummaryError> {
        let json = match &mut self.json {
            Some(file) => file.flush().map_err(|error| FileError::lines(file, error)),
            None => Ok(()),
        };
        SummaryError::of([json, self.write_text(), self.write_html()])
    }

    /// What all trials add up to.
    pub const fn totals(&self) -> &Totals {
        &self.history.totals
    }

    /// `test_summary.txt`, as it is written.
    pub fn text(&self) -> String {
        text::render(&self.history)
    }

    /// The page, as it is written.
    pub fn html(&self) -> String {
        page::render(&self.history)
    }

    fn write_text(&self) -> Result<(), FileError> {
        match &self.text {
            Some(file) => file.write(&self.text()).map_err(|error| FileError::replaced("--summary", file, error)),
            None => Ok(()),
        }
    }

    fn write_html(&self) -> Result<(), FileError> {
        match &self.html {
            Some(file) => file.write(&self.html()).map_err(|error| FileError::replaced("--html", file, error)),
            None => Ok(()),
        }
    }
}
