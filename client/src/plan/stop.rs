//! When a run ends by itself: after a time, after a number of requests, or whichever comes first.

use super::error::PlanError;
use super::parse::{LONGEST, count, duration};
use crate::clock::Nanos;

/// The end of a run. With neither it goes on until a key is pressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stop {
    /// No request is due at this time or later.
    pub after: Option<Nanos>,
    /// Requests with n at or above this number don't exist.
    pub requests: Option<u64>,
}

impl Stop {
    /// Reads `-d`: a time, or `0` for "until stopped".
    pub fn parse_after(text: &str) -> Result<Option<Nanos>, PlanError> {
        let after = duration("-d", text, Nanos::default(), LONGEST)?;
        Ok((after > Nanos::default()).then_some(after))
    }

    /// Reads `-n`: a count of at least 1.
    pub fn parse_requests(text: &str) -> Result<u64, PlanError> {
        count("-n", text, 1, u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_of_zero_means_until_stopped() {
        assert_eq!(Stop::parse_after("0"), Ok(None));
        assert_eq!(Stop::parse_after("10"), Ok(Some(Nanos::from_secs(10))));
        assert!(Stop::parse_after("soon").unwrap_err().to_string().starts_with("-d \"soon\": not a duration"));
    }

    #[test]
    fn a_run_of_no_requests_is_refused() {
        assert_eq!(Stop::parse_requests("10k"), Ok(10_000));
        assert!(Stop::parse_requests("0").unwrap_err().to_string().starts_with("-n \"0\": must be between 1 and"));
    }
}
