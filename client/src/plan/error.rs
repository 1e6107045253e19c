//! A setting that cannot be: which flag, what it said, and what would be possible.

use std::fmt;
use std::path::PathBuf;

/// Why a plan cannot be made. One line when printed, and it names the flag to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError {
    /// The flag as users type it, such as `--pick`.
    pub flag: &'static str,
    /// The text, or the part of it that is wrong.
    pub text: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Not a whole number with an optional `k` or `M`.
    NotACount,
    /// Not a whole number with a unit of time.
    NotADuration,
    /// A fraction where whole numbers are taken.
    Fraction,
    /// Not a number such as `0.2`.
    NotADecimal,
    /// Outside of what is taken; both ends as they would be typed.
    OutOfRange {
        /// The smallest value that is taken.
        least: String,
        /// The largest value that is taken.
        most: String,
    },
    /// None of the possible forms, which are these.
    NotOneOf(&'static str),
    /// The smaller end of a range comes second.
    Backwards,
    /// A ramp or stages whose rate is 0 from beginning to end.
    NeverAnything,
    /// `-R A:B` without an end.
    RampWithoutEnd,
    /// `--think` and a picker that would give a client's turn to another.
    PickWithThink,
    /// A file that can't be read.
    Unreadable(PathBuf, std::io::ErrorKind),
    /// A file, or the column of it, without a single text.
    NoTexts(PathBuf),
    /// A file of 4 GiB or more.
    FileTooLarge(PathBuf),
    /// A line of a file with fewer columns than asked for.
    NoColumn {
        /// The file.
        file: PathBuf,
        /// Its line, from 1.
        line: usize,
    },
    /// A file's text holds a control character and is to go into a header.
    ControlInFile {
        /// The file.
        file: PathBuf,
        /// The text.
        found: String,
    },
    /// A control character in a URL, header or method.
    Control,
    /// `{` that nothing closes, or a `}` that closes nothing.
    LoneBrace,
    /// Not an address that requests can be sent to.
    Url(UrlProblem),
    /// Not a token (RFC 9110 section 5.6.2).
    NotAToken,
    /// No colon in a header.
    NotAHeader,
    /// A header that the client computes.
    OwnHeader,
}

/// What is wrong with a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlProblem {
    /// `https://` or stranger.
    Scheme,
    /// Nothing, or not a name or address.
    Host,
    /// Not 1 to 65535.
    Port,
    /// `user@` in front of the host.
    User,
    /// `#` and what follows it.
    Fragment,
}

impl PlanError {
    pub(super) fn new(flag: &'static str, text: impl Into<String>, problem: Problem) -> PlanError {
        PlanError { flag, text: text.into(), problem }
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.text.chars().take(SHOWN_CHARS).collect();
        let more = if shown.len() < self.text.len() { "…" } else { "" };
        write!(f, "{} \"{}{more}\": {}", self.flag, shown.escape_debug(), self.problem)
    }
}

impl std::error::Error for PlanError {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::NotACount => f.write_str("not a number: write a whole number, with k or M if you like, like 250k"),
            Problem::NotADuration => f.write_str(
                "not a duration: write a whole number and us, ms, s, m or h, like 500ms (a bare number is seconds)",
            ),
            Problem::Fraction => {
                f.write_str("fractions are not taken: use a smaller unit, like 1500ms for 1.5s or 1500 for 1.5k")
            }
            Problem::NotADecimal => f.write_str("not a number: write one with at most six decimals, like 0.2"),
            Problem::OutOfRange { least, most } => write!(f, "must be between {least} and {most}"),
            Problem::NotOneOf(forms) => write!(f, "unknown: write {forms}"),
            Problem::Backwards => f.write_str("the smaller end of a range comes first"),
            Problem::NeverAnything => f.write_str("a rate of 0 throughout sends nothing: let it rise above 0"),
            Problem::RampWithoutEnd => {
                f.write_str("a ramp needs an end: add -d, like -d 30s, or write --stages 30s@A:B")
            }
            Problem::PickWithThink => f.write_str(
                "with --think each client sends under its own id: drop --pick, or use rr, uniform or file:PATH",
            ),
            Problem::Unreadable(file, why) => write!(f, "cannot read {}: {why}", file.display()),
            Problem::NoTexts(file) => write!(f, "{} holds no texts: one per line, or CSV", file.display()),
            Problem::FileTooLarge(file) => write!(f, "{} is larger than 4 GiB: split it", file.display()),
            Problem::NoColumn { file, line } => {
                write!(
                    f,
                    "no such column in line {line} of {}: count from 1, or name one of the first line",
                    file.display()
                )
            }
            Problem::ControlInFile { file, found } => write!(
                f,
                "{} holds \"{}\", whose control characters cannot go into a header: clean it, or send it in the query",
                file.display(),
                found.escape_debug()
            ),
            Problem::Control => {
                f.write_str("control characters are not sent: remove them, or write them as %XX in a URL")
            }
            Problem::LoneBrace => {
                f.write_str("a brace without its other half: write {{ or }} for one that is meant literally")
            }
            Problem::Url(problem) => write!(f, "{problem}"),
            Problem::NotAToken => f.write_str("not a name: letters, digits and !#$%&'*+-.^_`|~ only"),
            Problem::NotAHeader => f.write_str("not a header: write 'Name: value'"),
            Problem::OwnHeader => f.write_str("the client computes this header itself: leave it out"),
        }
    }
}

impl fmt::Display for UrlProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UrlProblem::Scheme => "only http:// is spoken: put a proxy in front for anything else",
            UrlProblem::Host => "no host to connect to: write http://HOST[:PORT]/PATH",
            UrlProblem::Port => "the port must be between 1 and 65535",
            UrlProblem::User => "a user in the URL is not sent: use -H 'Authorization: ...'",
            UrlProblem::Fragment => "a fragment is never sent: remove it, or write # as %23",
        })
    }
}

/// Long enough to recognise what one typed, short enough for a line.
const SHOWN_CHARS: usize = 80;
