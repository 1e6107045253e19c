//! The two statuses that a denial may have.

use std::{fmt, str::FromStr};

/// The status of a denial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LimitedStatus {
    /// 503, the default.
    #[default]
    ServiceUnavailable,
    /// 429 (RFC 6585 section 4).
    TooManyRequests,
}

/// A status that is neither 429 nor 503.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitedStatusError(String);

impl fmt::Display for LimitedStatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a denial is answered with 429 or 503, not with {:?}", self.0)
    }
}

impl std::error::Error for LimitedStatusError {}

impl FromStr for LimitedStatus {
    type Err = LimitedStatusError;

    fn from_str(text: &str) -> Result<LimitedStatus, LimitedStatusError> {
        match text {
            "503" => Ok(LimitedStatus::ServiceUnavailable),
            "429" => Ok(LimitedStatus::TooManyRequests),
            other => Err(LimitedStatusError(other.to_owned())),
        }
    }
}

impl fmt::Display for LimitedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LimitedStatus::ServiceUnavailable => "503",
            LimitedStatus::TooManyRequests => "429",
        })
    }
}

impl LimitedStatus {
    /// Code and phrase.
    pub fn status(self) -> &'static str {
        match self {
            LimitedStatus::ServiceUnavailable => "503 Service Unavailable",
            LimitedStatus::TooManyRequests => "429 Too Many Requests",
        }
    }
}
