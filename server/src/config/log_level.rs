//! How much is logged.

use std::fmt;
use std::str::FromStr;

/// From this severity on, lines are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// What ends the process.
    Error,
    /// What an operator should look at.
    Warn,
    /// What an operator may want to know.
    #[default]
    Info,
    /// What a developer may want to know.
    Debug,
}

/// A text that names no severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLevelError;

impl LogLevel {
    /// Every severity, most severe first.
    pub const ALL: [LogLevel; 4] = [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug];

    /// The filter that tracing takes.
    pub fn filter(self) -> tracing::level_filters::LevelFilter {
        use tracing::level_filters::LevelFilter;
        match self {
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
        })
    }
}

impl FromStr for LogLevel {
    type Err = LogLevelError;

    fn from_str(text: &str) -> Result<LogLevel, LogLevelError> {
        LogLevel::ALL.into_iter().find(|level| level.to_string() == text).ok_or(LogLevelError)
    }
}

impl fmt::Display for LogLevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write error, warn, info or debug")
    }
}

impl std::error::Error for LogLevelError {}
