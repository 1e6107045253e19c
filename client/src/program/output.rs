//! Where the reports go. Files are made before the run: a path that can't be written is told at once, not after an hour.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, StderrLock, StdoutLock, Write};
use std::path::{Path, PathBuf};

use hdrhistogram::Histogram;

use crate::cli::Args;
use crate::engine::Interval;
use crate::report::{Report, hgrm, series};
use crate::summary::Summary;

/// All files, open.
#[derive(Debug, Default)]
pub struct Outputs {
    json: Option<Json>,
    series: Option<Sink>,
    hgrm: Option<Sink>,
}

/// Where the JSON report goes.
#[derive(Debug)]
enum Json {
    Stdout,
    File(Sink),
}

/// A file, and by which flag it was named.
#[derive(Debug)]
struct Sink {
    flag: &'static str,
    path: PathBuf,
    file: BufWriter<File>,
}

/// Something can't be written.
#[derive(Debug)]
pub struct OutputError {
    what: String,
    error: io::Error,
}

impl Outputs {
    /// Makes the files.
    ///
    /// # Errors
    ///
    /// When one can't be made.
    pub fn create(args: &Args) -> Result<Self, OutputError> {
        let sink = |flag, path: &Option<PathBuf>| path.as_deref().map(|path| Sink::create(flag, path)).transpose();
        let json = match args.json.as_deref() {
            Some(path) if path == Path::new("-") => Some(Json::Stdout),
            Some(path) => Some(Json::File(Sink::create("--json", path)?)),
            None => None,
        };
        Ok(Self { json, series: sink("--series", &args.series)?, hgrm: sink("--hgrm", &args.hgrm)? })
    }

    /// A line of the series.
    ///
    /// # Errors
    ///
    /// When the file takes no more.
    pub fn interval(&mut self, interval: &Interval) -> Result<(), OutputError> {
        match &mut self.series {
            Some(sink) => sink.write(|out| series::write(interval, out)),
            None => Ok(()),
        }
    }

    /// The reports of the whole run: the text to stdout, or to stderr if the JSON goes there.
    ///
    /// # Errors
    ///
    /// When one can't be written; the others are.
    pub fn finish(mut self, report: &Report<'_>, summary: &Summary) -> Result<(), OutputError> {
        let text = match self.json {
            Some(Json::Stdout) => to_stderr(|out| write!(out, "{report}")),
            _ => to_stdout(|out| write!(out, "{report}")),
        };
        let json = match &mut self.json {
            Some(Json::Stdout) => to_stdout(|out| report.write_json(out)),
            Some(Json::File(sink)) => sink.write(|out| report.write_json(out)),
            None => Ok(()),
        };
        let hgrm = match &mut self.hgrm {
            Some(sink) => sink.write(|out| hgrm::write(&latency(summary), out)),
            None => Ok(()),
        };
        text.and(json).and(hgrm)
    }
}

/// Of all answers, whatever they said.
fn latency(summary: &Summary) -> Histogram<u64> {
    let mut all = summary.total.allowed.latency.clone();
    all += &summary.total.denied.latency;
    all += &summary.total.other.latency;
    all
}

impl Sink {
    fn create(flag: &'static str, path: &Path) -> Result<Self, OutputError> {
        let refused = |error| OutputError { what: format!("{flag} {}", path.display()), error };
        let file = BufWriter::new(File::create(path).map_err(refused)?);
        Ok(Self { flag, path: path.to_owned(), file })
    }

    /// Writes and flushes: whoever follows the file sees whole lines.
    fn write(&mut self, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<(), OutputError> {
        let written = write(&mut self.file).and_then(|()| self.file.flush());
        written.map_err(|error| OutputError { what: format!("{} {}", self.flag, self.path.display()), error })
    }
}

fn to_stdout(write: impl FnOnce(&mut BufWriter<StdoutLock<'_>>) -> io::Result<()>) -> Result<(), OutputError> {
    let mut out = BufWriter::new(io::stdout().lock());
    unless_seen_enough("stdout", write(&mut out).and_then(|()| out.flush()))
}

fn to_stderr(write: impl FnOnce(&mut BufWriter<StderrLock<'_>>) -> io::Result<()>) -> Result<(), OutputError> {
    let mut out = BufWriter::new(io::stderr().lock());
    unless_seen_enough("stderr", write(&mut out).and_then(|()| out.flush()))
}

/// A reader that has seen enough, like `head`, is no failure.
fn unless_seen_enough(what: &str, written: io::Result<()>) -> Result<(), OutputError> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(OutputError { what: what.to_owned(), error }),
        _ => Ok(()),
    }
}

impl fmt::Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: cannot write ({}): name a place that can be written", self.what, self.error)
    }
}

impl std::error::Error for OutputError {}
