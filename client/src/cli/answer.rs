//! What a command line comes to that isn't one to go by: the help, or what is wrong with it in one line that says what to do.

use std::fmt;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// What the command line came to, other than options to go by.
#[derive(Debug)]
pub enum Answer {
    /// The help or the version, to be printed as it is.
    Help(clap::Error),
    /// What is wrong, in a line.
    Wrong(String),
}

impl From<clap::Error> for Answer {
    fn from(error: clap::Error) -> Self {
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Self::Help(error),
            // Our own readers name the flag and say what to do; what clap puts around it would say it twice.
            ErrorKind::ValueValidation => match std::error::Error::source(&error) {
                Some(cause) => Self::Wrong(cause.to_string()),
                None => Self::Wrong(one_line(&error)),
            },
            ErrorKind::UnknownArgument => Self::Wrong(unknown(&error)),
            _ => Self::Wrong(one_line(&error)),
        }
    }
}

/// An argument that nobody knows. clap proposes one that is written alike; failing that, only to hand it over as a value, which helps nobody.
fn unknown(error: &clap::Error) -> String {
    match (error.get(ContextKind::SuggestedArg), error.get(ContextKind::InvalidArg)) {
        (None, Some(ContextValue::String(arg))) if arg.starts_with('-') => {
            format!("unexpected argument '{}' found: drop it, --help lists what there is", arg.escape_debug())
        }
        (None, Some(ContextValue::String(arg))) => {
            let arg = arg.escape_debug();
            format!("unexpected argument '{arg}' found: there is one URL, drop it, or quote a value that has spaces")
        }
        _ => one_line(error),
    }
}

/// The paragraphs of clap up to the usage, in one line.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines =
        text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    lines.join("; ").trim_start_matches("error: ").to_owned()
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Help(text) => text.fmt(f),
            Self::Wrong(line) => line.fmt(f),
        }
    }
}
