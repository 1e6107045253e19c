//! What is wrong with a configuration, where, and what to do about it: one line per problem, all problems at once.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where a setting was typed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A line of the configuration file, counted from 1.
    Line(usize),
    /// The command line, or several settings together: the problem's subject says which.
    Flags,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it was typed.
    pub place: Place,
    /// The key or flag, with its value where that helps: `timeouts.head = "soon"`, `--limit 5/0s`.
    pub subject: String,
    /// What is wrong and what to do.
    pub what: String,
}

/// Why there is no configuration to run with.
#[derive(Debug)]
pub enum ConfigError {
    /// The file cannot be read.
    Unreadable {
        /// The file, as typed.
        path: PathBuf,
        /// Why not, and the cure.
        what: String,
    },
    /// Settings are wrong.
    Wrong {
        /// The file that [`Place::Line`] refers to, if there was one.
        path: Option<PathBuf>,
        /// At least one problem, in the order of the file.
        problems: Vec<Problem>,
    },
}

impl Problem {
    /// A problem at `place`; `what` may be any error that names its cure.
    pub fn new(place: Place, subject: impl Into<String>, what: impl fmt::Display) -> Problem {
        Problem { place, subject: subject.into(), what: what.to_string() }
    }

    /// A problem with the command line, or with settings that only the whole shows.
    pub fn with_flags(subject: impl Into<String>, what: impl fmt::Display) -> Problem {
        Problem::new(Place::Flags, subject, what)
    }

    fn show(&self, path: Option<&Path>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.place, path) {
            (Place::Line(line), Some(path)) => write!(f, "{}:{line}: ", path.display())?,
            (Place::Line(line), None) => write!(f, "line {line}: ")?,
            (Place::Flags, _) => {}
        }
        write!(f, "{}: {}", self.subject, self.what)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Unreadable { path, what } => write!(f, "tollgate: {}: {what}", path.display()),
            ConfigError::Wrong { path, problems } => {
                for (at, problem) in problems.iter().take(MOST_SHOWN).enumerate() {
                    f.write_str(if at == 0 { "tollgate: " } else { "\ntollgate: " })?;
                    problem.show(path.as_deref(), f)?;
                }
                match problems.len().saturating_sub(MOST_SHOWN) {
                    0 => Ok(()),
                    more => write!(f, "\ntollgate: and {more} more"),
                }
            }
        }
    }
}

impl std::error::Error for ConfigError {}

/// A value as it may be shown in a line of text: quoted, control characters escaped, cut at 40 characters.
pub(crate) fn quoted(value: &str) -> String {
    let mut shown: String = value.chars().take(LONGEST_VALUE).collect();
    if value.chars().nth(LONGEST_VALUE).is_some() {
        shown.push('…');
    }
    format!("{shown:?}")
}

/// A screen of problems; the rest are usually the same mistake again.
const MOST_SHOWN: usize = 20;

/// Enough to recognise a value by.
const LONGEST_VALUE: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line_that_starts_with_where() {
        let error = ConfigError::Wrong {
            path: Some("gate.toml".into()),
            problems: vec![
                Problem::new(Place::Line(7), "timeouts.head", "must not be negative"),
                Problem::with_flags("--cores 9", "too many"),
            ],
        };
        let text = "tollgate: gate.toml:7: timeouts.head: must not be negative\ntollgate: --cores 9: too many";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn a_file_full_of_mistakes_does_not_flood_the_terminal() {
        let problems = (1..=1000).map(|line| Problem::new(Place::Line(line), "x", "y")).collect();
        let text = ConfigError::Wrong { path: None, problems }.to_string();
        assert_eq!(text.lines().count(), MOST_SHOWN + 1);
        assert!(text.ends_with("and 980 more"));
    }

    #[test]
    fn a_quoted_value_cannot_move_the_cursor() {
        assert_eq!(quoted("\u{1b}[2Jhi"), "\"\\u{1b}[2Jhi\"");
        assert_eq!(quoted(&"x".repeat(500)).chars().count(), 43);
    }
}
