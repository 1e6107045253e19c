//! Why a trial failed.

/// One reason why a trial failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What sort.
    pub kind: Kind,
    /// In a sentence: `killed by signal 11`.
    pub text: String,
    /// What proves or explains it: a witness, the server's last log lines.
    pub lines: Vec<String>,
    /// What came of another try.
    pub again: Again,
}

/// Sorts of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The server ended.
    Crash,
    /// The server no longer answers.
    Hang,
    /// The limiter broke its promise.
    Violation,
    /// Memory, descriptors or threads of the server grew more than they may.
    Growth,
    /// Requests are missing or were counted twice: a fault of the tester.
    Unbalanced,
    /// The scenario's own rule was broken.
    Rule,
}

/// Whether a failure comes again when its trial is run again with the same seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Not tried.
    Untried,
    /// It does.
    Repeats,
    /// It didn't.
    Flaky,
}

impl Failure {
    /// One that nobody tried to repeat, with nothing to show for it.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), lines: Vec::new(), again: Again::Untried }
    }
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Crash, Self::Hang, Self::Violation, Self::Growth, Self::Unbalanced, Self::Rule];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Hang => "hang",
            Self::Violation => "violation",
            Self::Growth => "growth",
            Self::Unbalanced => "unbalanced",
            Self::Rule => "rule",
        }
    }
}

impl Again {
    /// Its name in reports; none if nobody tried.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Untried => None,
            Self::Repeats => Some("repeats"),
            Self::Flaky => Some("flaky"),
        }
    }
}
