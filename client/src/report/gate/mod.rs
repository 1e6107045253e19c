//! `--fail-if 'denied.p99>5ms'`: a condition under which a run fails.
//!
//! ```text
//!   denied . service . p99      >      5ms
//!   └─class  └─clock   └─point  └ > >= < <=
//!   errors                      >      0.1%
//! ```
//!
//! The expression says when the run *fails*, not what is hoped for: `allowed<100` fails a run that allowed 99. A name that nobody knows is
//! refused before the run starts, and a gate for which nothing was measured (`denied.p99` when nobody was denied) breaks: silence is no proof.
//! (k6 takes any name for a metric that will perhaps come, and a threshold that is misspelt or never fed then never fails.)

mod bound;
mod judge;
mod metric;

use std::fmt;
use std::str::FromStr;

pub use bound::{Bound, Unit};
pub use judge::{Judged, Judgement, Unmeasured};
pub use metric::{Class, Metric, Point, Timer};

use super::fairness::Fairness;
use crate::Summary;

/// A condition under which a run fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    metric: Metric,
    comparison: Comparison,
    bound: Bound,
}

/// How a value is compared with the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
}

/// Why a text is no gate. What was typed is in quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GateError {
    /// There is no `>`, `>=`, `<` or `<=` in it.
    NoComparison {
        /// All of it.
        text: String,
    },
    /// Nothing has the name on the left.
    UnknownName {
        /// The name.
        name: String,
    },
    /// What is on the right can't be compared with what is on the left.
    WrongBound {
        /// What is on the left.
        metric: Metric,
        /// What is on the right.
        bound: String,
    },
}

impl Gate {
    /// What is judged.
    pub const fn metric(&self) -> Metric {
        self.metric
    }

    /// What it is compared with.
    pub const fn bound(&self) -> Bound {
        self.bound
    }

    /// Judges a finished run.
    pub fn judge(self, summary: &Summary, fairness: Option<&Fairness>) -> Judged {
        let judgement = if summary.interrupted {
            Judgement::Interrupted
        } else {
            match self.metric.value(self.bound.unit(), summary, fairness) {
                Err(why) => Judgement::Unmeasured(why),
                Ok(value) => {
                    let value = self.bound.in_its_unit(value);
                    let breaks = self.comparison.holds(value, self.bound.number());
                    if breaks { Judgement::Broke { value } } else { Judgement::Held { value } }
                }
            }
        };
        Judged { gate: self, judgement }
    }
}

impl Comparison {
    /// All of them; of two that start alike, the longer one first.
    const ALL: [Self; 4] = [Self::AtLeast, Self::AtMost, Self::Above, Self::Below];

    const fn sign(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
        }
    }

    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Above => value > bound,
            Self::AtLeast => value >= bound,
            Self::Below => value < bound,
            Self::AtMost => value <= bound,
        }
    }
}

impl FromStr for Gate {
    type Err = GateError;

    fn from_str(text: &str) -> Result<Self, GateError> {
        let (comparison, name, bound) = text
            .find(['<', '>'])
            .and_then(|place| {
                let (name, rest) = text.split_at(place);
                let comparison = Comparison::ALL.into_iter().find(|comparison| rest.starts_with(comparison.sign()))?;
                Some((comparison, name.trim(), rest[comparison.sign().len()..].trim()))
            })
            .ok_or_else(|| GateError::NoComparison { text: text.to_owned() })?;
        let metric = Metric::read(name).ok_or_else(|| GateError::UnknownName { name: name.to_owned() })?;
        let bound = Bound::read(bound)
            .filter(|bound| metric.takes(bound.unit()))
            .ok_or_else(|| GateError::WrongBound { metric, bound: bound.to_owned() })?;
        Ok(Self { metric, comparison, bound })
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.metric, self.comparison.sign(), self.bound)
    }
}

impl fmt::Display for GateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoComparison { text } => {
                write!(
                    f,
                    "--fail-if '{text}': no comparison: write a name, one of > >= < <=, and a bound, like 'p99>20ms'"
                )
            }
            Self::UnknownName { name } => {
                let plain: Vec<String> = Metric::all()
                    .filter(|metric| !metric.takes(Unit::Millis))
                    .map(|metric| metric.to_string())
                    .collect();
                let points: Vec<String> = Point::ALL.iter().map(Point::to_string).collect();
                write!(
                    f,
                    "--fail-if: nothing is called '{name}'; there are {}, and of times [allowed.|denied.|other.][service.] or lateness. \
                     before one of {}, like denied.p99",
                    plain.join(", "),
                    points.join(", ")
                )
            }
            Self::WrongBound { metric, bound } => {
                write!(f, "--fail-if: {metric} can't be compared with '{bound}': write {}", metric.takes_in_words())
            }
        }
    }
}

impl std::error::Error for GateError {}

#[cfg(test)]
mod tests;
