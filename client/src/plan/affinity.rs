//! Whether a client keeps to a worker.

use super::error::{PlanError, Problem};
use std::fmt;
use std::str::FromStr;

/// Which worker sends a client's requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Affinity {
    /// Any: worker w takes the requests n ≡ w (mod workers).
    #[default]
    Spray,
    /// Always the same: worker w takes the requests of ids ≡ w (mod workers).
    Sticky,
}

impl FromStr for Affinity {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Affinity, PlanError> {
        match text {
            "spray" => Ok(Affinity::Spray),
            "sticky" => Ok(Affinity::Sticky),
            _ => Err(PlanError::new("--affinity", text, Problem::NotOneOf("spray or sticky"))),
        }
    }
}

impl fmt::Display for Affinity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Affinity::Spray => "spray",
            Affinity::Sticky => "sticky",
        })
    }
}
