//! Reading what flags take.

use std::fmt;

use tollgate_client::Nanos;
use tollgate_client::plan::PlanError;
use tollgate_client::plan::parse::{count, duration};

use super::Scenarios;
use crate::scenario::{self, UnknownScenario};
use crate::summary::Kind;
use crate::trial::LONGEST;

/// How late a used unit may come back; `None` if denials aren't judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag(pub Option<Nanos>);

/// No failure is of this kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKind(String);

/// Reads `--lag`.
pub fn lag(text: &str) -> Result<Lag, PlanError> {
    if text == "never" {
        Ok(Lag(None))
    } else {
        duration("--lag", text, Nanos::ZERO, LONGEST).map(|lag| Lag(Some(lag)))
    }
}

/// Reads `--tick`.
pub fn tick(text: &str) -> Result<Nanos, PlanError> {
    duration("--tick", text, Nanos::ZERO, LONGEST)
}

/// Reads `--for`.
pub fn span(text: &str) -> Result<Nanos, PlanError> {
    duration("--for", text, Nanos::from_millis(1), LONGEST)
}

/// Reads one of `--stop-on`.
pub fn kind(text: &str) -> Result<Kind, UnknownKind> {
    Kind::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| UnknownKind(text.to_owned()))
}

/// Reads `--pid`.
pub fn pid(text: &str) -> Result<u32, PlanError> {
    count("--pid", text, 1, i32::MAX as u64).map(|pid| pid as u32)
}

/// Reads `--seed`.
pub fn seed(text: &str) -> Result<u64, PlanError> {
    count("--seed", text, 0, u64::MAX)
}

/// Reads the number of a trial.
pub fn trial(text: &str) -> Result<u64, PlanError> {
    count("TRIAL", text, 1, u64::MAX)
}

/// Reads `--trials`.
pub fn trials(text: &str) -> Result<u64, PlanError> {
    count("--trials", text, 1, u64::MAX)
}

/// Reads `--retries`.
pub fn retries(text: &str) -> Result<u32, PlanError> {
    count("--retries", text, 0, 100).map(|retries| retries as u32)
}

/// Reads one of `--churn`.
pub fn churn(text: &str) -> Result<u32, PlanError> {
    count("--churn", text, 0, u32::MAX.into()).map(|churn| churn as u32)
}

/// Reads `--scenarios`.
pub fn scenarios(text: &str) -> Result<Scenarios, UnknownScenario> {
    match text {
        "all" => Ok(Scenarios(scenario::all().collect())),
        names => names.split(',').map(str::parse).collect::<Result<_, _>>().map(Scenarios),
    }
}

impl fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--stop-on {:?}: write some of {}", self.0, Kind::ALL.map(Kind::name).join(", "))
    }
}

impl std::error::Error for UnknownKind {}
