//! The rate of an open loop over time, and its integral Λ: how many requests are due by time t.
//!
//! ```text
//!   rate │      ____            Λ │          ______
//!        │     /    │             │        _/
//!        │    /     │             │      _/            arrivals are points u = 0, 1, 2, … (or a Poisson
//!        │ __/      │____         │  ___/              process of rate 1) on the Λ axis; each is due at Λ⁻¹(u)
//!        └───────────────── t     └───────────────── t
//! ```
//!
//! One map makes every shape of load out of the same unit process, exactly and without drift: a leg of the profile is at most a
//! parabola in Λ and has a closed inverse. Rejected: adding 1/rate(now) to a running time, which drifts on ramps and cannot leave a
//! stage of rate 0.

use super::error::{PlanError, Problem};
use super::parse::{FASTEST, LONGEST, read_count, read_duration, show_count, show_duration};
use crate::clock::Nanos;
use std::fmt;
use std::str::FromStr;

/// A rate over time. Somewhere it is above 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    shape: Shape,
    /// In order of time, each beginning where the one before ended.
    legs: Vec<Leg>,
    /// When the last leg ends, exactly; `None` for a constant rate.
    end: Option<Nanos>,
}

/// The rate as typed after `-R`: a number, or a ramp that goes over the whole duration of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// Requests per second in total.
    Constant(u64),
    /// From the first to the second, linearly.
    Ramp(u64, u64),
}

/// One stage of `--stages`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// How long it lasts.
    pub span: Nanos,
    /// Requests per second at its beginning.
    pub from: u64,
    /// Requests per second at its end.
    pub to: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    Rate(Rate),
    Stages(Vec<Stage>),
}

/// A stage in floats: seconds and requests.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Leg {
    start: f64,
    end: f64,
    from: f64,
    /// By how much the rate grows per second.
    slope: f64,
    /// Λ at the start and at the end.
    due_before: f64,
    due_after: f64,
}

impl Rate {
    /// This rate over a run of length `after`.
    pub fn over(self, after: Option<Nanos>) -> Result<Profile, PlanError> {
        let refused = |problem| PlanError::new("-R", self.to_string(), problem);
        let stage = match (self, after) {
            (Rate::Constant(0) | Rate::Ramp(0, 0), _) => return Err(refused(Problem::NeverAnything)),
            (Rate::Constant(rate), _) => Stage { span: LONGEST, from: rate, to: rate },
            (Rate::Ramp(..), None) => return Err(refused(Problem::RampWithoutEnd)),
            (Rate::Ramp(from, to), Some(span)) => Stage { span, from, to },
        };
        let (mut legs, mut end) = legs(&[stage]);
        if let (Rate::Constant(_), Some(leg)) = (self, legs.first_mut()) {
            (leg.end, leg.due_after, end) = (f64::INFINITY, f64::INFINITY, None);
        }
        Ok(Profile { shape: Shape::Rate(self), legs, end })
    }
}

impl Profile {
    /// Stages one after the other.
    pub fn stages(stages: Vec<Stage>) -> Result<Profile, PlanError> {
        let (legs, end) = legs(&stages);
        let profile = Profile { shape: Shape::Stages(stages), legs, end };
        if profile.legs.last().is_some_and(|leg| leg.due_after > 0.0) {
            Ok(profile)
        } else {
            Err(PlanError::new(STAGES, profile.to_string(), Problem::NeverAnything))
        }
    }

    /// Whether this was typed as `--stages` rather than as `-R`.
    pub fn is_stages(&self) -> bool {
        matches!(self.shape, Shape::Stages(_))
    }

    /// When the profile is over; `None` for a constant rate, which never is.
    pub fn end(&self) -> Option<Nanos> {
        self.end
    }

    /// Λ(t): requests due before `t`.
    pub fn due_by(&self, t: Nanos) -> f64 {
        let t = t.as_secs_f64();
        match self.legs.iter().find(|leg| t < leg.end) {
            Some(leg) => leg.due_by(t),
            None => self.legs.last().map_or(0.0, |leg| leg.due_after),
        }
    }

    /// Λ⁻¹(u): the latest time at which no more than `u` requests were due, so that nothing falls into a stage of rate 0; `None` after the end.
    ///
    /// It never decreases as `u` grows, but for the last bit of a float: a nanosecond, rounded.
    pub fn when(&self, u: f64) -> Option<Nanos> {
        let leg = self.legs.iter().find(|leg| u < leg.due_after)?;
        Some(nanos(leg.when(u)))
    }
}

impl Leg {
    fn due_by(&self, t: f64) -> f64 {
        let x = t - self.start;
        self.due_before + x * (self.from + self.slope * x / 2.0)
    }

    /// Solves from·x + slope·x²/2 = u − due_before for x, in the form that doesn't cancel when the slope is small.
    fn when(&self, u: f64) -> f64 {
        let more = u - self.due_before;
        if more <= 0.0 {
            return self.start;
        }
        if self.slope == 0.0 {
            return self.start + more / self.from;
        }
        let rate = (self.from * self.from + 2.0 * self.slope * more).max(0.0).sqrt();
        (self.start + 2.0 * more / (self.from + rate)).min(self.end)
    }
}

fn legs(stages: &[Stage]) -> (Vec<Leg>, Option<Nanos>) {
    let (mut start, mut due) = (Nanos::default(), 0.0);
    let leg = |stage: &Stage| {
        let (seconds, from, to) = (stage.span.as_secs_f64(), stage.from as f64, stage.to as f64);
        let end = start.saturating_add(stage.span);
        let due_after = due + (from + to) * seconds / 2.0;
        let leg = Leg {
            start: start.as_secs_f64(),
            end: end.as_secs_f64(),
            from,
            slope: (to - from) / seconds,
            due_before: due,
            due_after,
        };
        (start, due) = (end, due_after);
        leg
    };
    let legs = stages.iter().filter(|stage| stage.span > Nanos::default()).map(leg).collect();
    (legs, Some(start))
}

fn nanos(seconds: f64) -> Nanos {
    Nanos::new((seconds * 1e9) as u64)
}

impl FromStr for Rate {
    type Err = PlanError;

    /// `50k` or `1k:50k`.
    fn from_str(text: &str) -> Result<Rate, PlanError> {
        let number = |part| read_count(part, 0, FASTEST).map_err(|problem| PlanError::new("-R", text, problem));
        let rate = match text.split_once(':') {
            Some((from, to)) => Rate::Ramp(number(from)?, number(to)?),
            None => Rate::Constant(number(text)?),
        };
        match rate {
            Rate::Constant(0) | Rate::Ramp(0, 0) => Err(PlanError::new("-R", text, Problem::NeverAnything)),
            rate => Ok(rate),
        }
    }
}

impl FromStr for Stage {
    type Err = PlanError;

    /// `10s@1k` or `30s@1k:50k`.
    fn from_str(text: &str) -> Result<Stage, PlanError> {
        let refused = |problem| PlanError::new(STAGES, text, problem);
        let (span, rate) =
            text.split_once('@').ok_or_else(|| refused(Problem::NotOneOf("TIME@RATE or TIME@FROM:TO")))?;
        let (from, to) = rate.split_once(':').unwrap_or((rate, rate));
        let number = |part| read_count(part, 0, FASTEST).map_err(refused);
        let span = read_duration(span, Nanos::from_micros(1), LONGEST).map_err(refused)?;
        Ok(Stage { span, from: number(from)?, to: number(to)? })
    }
}

impl FromStr for Profile {
    type Err = PlanError;

    /// Stages: `10s@1k,30s@1k:50k,5s@0`. (For `-R` see [`Rate`], which needs the duration too.)
    fn from_str(text: &str) -> Result<Profile, PlanError> {
        Profile::stages(text.split(',').map(Stage::from_str).collect::<Result<_, _>>()?)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Rate::Constant(rate) => f.write_str(&show_count(rate)),
            Rate::Ramp(from, to) => write!(f, "{}:{}", show_count(from), show_count(to)),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = if self.from == self.to { Rate::Constant(self.from) } else { Rate::Ramp(self.from, self.to) };
        write!(f, "{}@{rate}", show_duration(self.span))
    }
}

impl fmt::Display for Profile {
    /// As typed after `-R` or `--stages`; stages are told by their `@`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shape {
            Shape::Rate(rate) => write!(f, "{rate}"),
            Shape::Stages(stages) => {
                let texts: Vec<String> = stages.iter().map(Stage::to_string).collect();
                f.write_str(&texts.join(","))
            }
        }
    }
}

const STAGES: &str = "--stages";

#[cfg(test)]
mod tests;
