//! Exchanges in a file, to be judged later or by others.
//!
//! Text, a line for each: `grep` finds a client, a spreadsheet opens it, and the log of another client is soon turned into one. (Packed
//! records would take half the room, and a tool to look at.) Times are nanoseconds since the start of the run; a request that was never
//! sent has no connection, one without an answer no status. The last line counts the others: without it the log was cut off.
//!
//! ```text
//! tollgate exchanges 1
//! n,id,connection,due,sent,done,outcome,status
//! 0,17,3,1000000,1000420,1201337,allowed,200
//! 1,4,,1500000,1500000,1500000,shed,
//! end,2
//! ```

use std::fmt;
use std::io::{self, BufRead, BufWriter, Read, Write};
use std::str::FromStr;

use tollgate_client::{Exchange, Nanos, Outcome};

use super::{History, Oracle, Promise, Report};

/// Writes a log. Without [`Writer::finish`] it is one that was cut off.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: BufWriter<W>,
    written: u64,
}

/// Why a log can't be read.
#[derive(Debug)]
pub enum LogError {
    /// What the kernel says.
    Io(io::Error),
    /// The first line isn't that of a log, or of a later version.
    NotALog,
    /// A line that is none of a log.
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Longer than any line of a log.
    TooLong,
    /// Not text.
    NotText,
    /// More or fewer columns than the heading has.
    Columns,
    /// The column of this name isn't what it should be.
    Column(&'static str),
    /// Done before it was sent.
    Backwards,
    /// The last line counts more or fewer than there are.
    Count,
    /// Something after the last line.
    AfterEnd,
}

impl<W: Write> Writer<W> {
    /// Begins a log.
    ///
    /// # Errors
    ///
    /// When it can't be written.
    pub fn new(out: W) -> io::Result<Self> {
        let mut out = BufWriter::new(out);
        writeln!(out, "{FIRST}\n{HEADING}")?;
        Ok(Self { out, written: 0 })
    }

    /// One more.
    ///
    /// # Errors
    ///
    /// When it can't be written.
    pub fn write(&mut self, exchange: &Exchange) -> io::Result<()> {
        let Exchange { n, id, connection, due, sent, done, outcome, status } = *exchange;
        let (due, sent, done) = (due.as_u64(), sent.as_u64(), done.as_u64());
        write!(self.out, "{n},{id},")?;
        if connection != u32::MAX {
            write!(self.out, "{connection}")?;
        }
        write!(self.out, ",{due},{sent},{done},{},", outcome.name())?;
        if let Some(status) = status {
            write!(self.out, "{status}")?;
        }
        self.written += 1;
        self.out.write_all(b"\n")
    }

    /// Ends it.
    ///
    /// # Errors
    ///
    /// When it can't be written.
    pub fn finish(mut self) -> io::Result<W> {
        writeln!(self.out, "{END},{}", self.written)?;
        self.out.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

/// Reads a log, an exchange at a time. Says whether it was whole; otherwise the last exchanges are missing.
///
/// # Errors
///
/// When it can't be read, or at the first line that is none of a log.
pub fn read(mut from: impl BufRead, mut exchange: impl FnMut(&Exchange)) -> Result<bool, LogError> {
    let mut line = String::new();
    for (number, expected) in [(1, FIRST), (2, HEADING)] {
        let is_line = next_line(&mut from, number, &mut line)?;
        if !is_line || line != expected {
            return Err(LogError::NotALog);
        }
    }
    let mut number = HEAD;
    while next_line(&mut from, number + 1, &mut line)? {
        number += 1;
        let at = |problem| LogError::Line { line: number, problem };
        if let Some(count) = line.strip_prefix(END).and_then(|rest| rest.strip_prefix(',')) {
            if count.parse() != Ok(number - HEAD - 1) {
                return Err(at(Problem::Count));
            }
            return match next_line(&mut from, number + 1, &mut line)? {
                true => Err(LogError::Line { line: number + 1, problem: Problem::AfterEnd }),
                false => Ok(true),
            };
        }
        exchange(&parse(&line).map_err(at)?);
    }
    Ok(false)
}

/// Judges a limiter by a log of exchanges with it. If that was cut off, no denial is judged.
///
/// # Errors
///
/// As [`read`].
pub fn verify(log: impl BufRead, promise: Promise, history: History) -> Result<Report, LogError> {
    let mut oracle = Oracle::new(promise, history);
    let is_whole = read(log, |exchange| oracle.exchange(exchange))?;
    Ok(if is_whole { oracle.finish() } else { oracle.cut_off() })
}

/// `false` at the end. A last line that isn't whole was cut off, so it isn't one.
fn next_line(from: &mut impl BufRead, number: u64, line: &mut String) -> Result<bool, LogError> {
    let at = |problem| LogError::Line { line: number, problem };
    let mut bytes = std::mem::take(line).into_bytes();
    bytes.clear();
    from.take(MOST_BYTES).read_until(b'\n', &mut bytes)?;
    if bytes.pop_if(|byte| *byte == b'\n').is_none() {
        return if bytes.len() as u64 == MOST_BYTES { Err(at(Problem::TooLong)) } else { Ok(false) };
    }
    *line = String::from_utf8(bytes).map_err(|_| at(Problem::NotText))?;
    Ok(true)
}

fn parse(line: &str) -> Result<Exchange, Problem> {
    let mut columns = line.split(',');
    let mut next = || columns.next().ok_or(Problem::Columns);
    let [n, id, connection, due, sent, done, outcome, status] =
        [next()?, next()?, next()?, next()?, next()?, next()?, next()?, next()?];
    if columns.next().is_some() {
        return Err(Problem::Columns);
    }
    let time = |name, text| number(name, text).map(Nanos::new);
    let exchange = Exchange {
        n: number("n", n)?,
        id: number("id", id)?,
        connection: if connection.is_empty() { u32::MAX } else { number("connection", connection)? },
        due: time("due", due)?,
        sent: time("sent", sent)?,
        done: time("done", done)?,
        outcome: Outcome::ALL.into_iter().find(|known| known.name() == outcome).ok_or(Problem::Column("outcome"))?,
        status: if status.is_empty() { None } else { Some(number("status", status)?) },
    };
    if exchange.id >= MOST_IDS {
        return Err(Problem::Column("id"));
    }
    if exchange.done < exchange.sent { Err(Problem::Backwards) } else { Ok(exchange) }
}

/// Digits and nothing else.
fn number<T: FromStr>(name: &'static str, text: &str) -> Result<T, Problem> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain).ok_or(Problem::Column(name))
}

impl From<io::Error> for LogError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the log can't be read: {error}"),
            Self::NotALog => {
                write!(f, "not a log of exchanges: the first two lines must be \"{FIRST}\" and \"{HEADING}\"")
            }
            Self::Line { line, problem } => write!(f, "line {line} of the log: {problem}"),
        }
    }
}

impl std::error::Error for LogError {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "longer than {MOST_BYTES} bytes"),
            Self::NotText => f.write_str("not UTF-8"),
            Self::Columns => write!(f, "must have the columns {HEADING}"),
            Self::Column("outcome") => {
                let names = Outcome::ALL.map(Outcome::name).join(", ");
                write!(f, "outcome must be one of {names}")
            }
            Self::Column("id") => write!(f, "id must be a whole number below {MOST_IDS}"),
            Self::Column(name) => write!(f, "{name} must be a whole number in its range"),
            Self::Backwards => f.write_str("done before it was sent"),
            Self::Count => f.write_str("counts other than there are exchanges before it"),
            Self::AfterEnd => f.write_str("comes after the end"),
        }
    }
}

const FIRST: &str = "tollgate exchanges 1";
const HEADING: &str = "n,id,connection,due,sent,done,outcome,status";
const END: &str = "end";
/// Lines before the first exchange.
const HEAD: u64 = 2;
/// Five numbers of 20 digits and the longest outcome take less.
const MOST_BYTES: u64 = 256;
/// As many clients as the load client has, at most. Each page of them that is seen takes 16 KB.
const MOST_IDS: u32 = 100_000_000;

#[cfg(test)]
mod tests;
