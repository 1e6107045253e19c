//! The left-hand side of a gate: what can be judged, by name.
//!
//! A name is read by looking for it among the names of all metrics. So what is printed reads back, and the list that a wrong name is
//! answered with can't forget one.

use std::fmt;

use hdrhistogram::Histogram;

use super::bound::Unit;
use super::judge::Unmeasured;
use crate::record::Times;
use crate::report::fairness::Fairness;
use crate::report::outcome_key;
use crate::report::quantiles::{of_all, value_at};
use crate::report::verdict::rate_ratio;
use crate::{Outcome, Summary};

/// Something measured that a gate can be put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// A time of answers: `denied.p99`, `service.max`.
    Time {
        /// Which answers.
        of: Class,
        /// From when they are measured.
        clock: Timer,
        /// Which point of the distribution.
        point: Point,
    },
    /// How late requests were sent: `lateness.p99`.
    Lateness(Point),
    /// Requests planned.
    Planned,
    /// Requests sent.
    Requests,
    /// Whole answers.
    Responses,
    /// What broke.
    Errors,
    /// Requests that ended in this way.
    Ended(Outcome),
    /// Whole answers per second.
    Rate,
    /// Sent over offered.
    RateRatio,
    /// Jain's index.
    Jain,
}

/// Which answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Whatever their status.
    All,
    /// Those allowed.
    Allowed,
    /// Those denied.
    Denied,
    /// Those with another status.
    Other,
}

/// From when the time of an answer is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// From when its request was due.
    Latency,
    /// From when its request was sent.
    Service,
}

/// A point of a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// The mean.
    Mean,
    /// The value that so many ten-thousandths don't exceed.
    Quantile(u16),
    /// The longest.
    Max,
}

impl Metric {
    /// Everything that has a name.
    pub fn all() -> impl Iterator<Item = Self> {
        let times = Class::ALL.into_iter().flat_map(|of| {
            let clocks = [Timer::Latency, Timer::Service].into_iter();
            clocks.flat_map(move |clock| Point::ALL.into_iter().map(move |point| Self::Time { of, clock, point }))
        });
        let lateness = Point::ALL.into_iter().map(Self::Lateness);
        let counts = [Self::Planned, Self::Requests, Self::Responses, Self::Errors].into_iter();
        let ended = Outcome::ALL.into_iter().map(Self::Ended);
        let rates = [Self::Rate, Self::RateRatio, Self::Jain];
        times.chain(lateness).chain(counts).chain(ended).chain(rates)
    }

    /// By its name, or by a longer one that says what names leave out: `all.latency.p999` for `p99.9`.
    pub(super) fn read(name: &str) -> Option<Self> {
        Self::all().find(|metric| metric.is_called(name))
    }

    fn is_called(self, name: &str) -> bool {
        let point_of_time = |of: Class, clock: Timer| {
            let rest = match of {
                Class::All => name.strip_prefix("all.").unwrap_or(name),
                class => name.strip_prefix(class.prefix())?,
            };
            match clock {
                Timer::Latency => Some(rest.strip_prefix("latency.").unwrap_or(rest)),
                Timer::Service => rest.strip_prefix("service."),
            }
        };
        match self {
            Self::Time { of, clock, point } => point_of_time(of, clock).is_some_and(|rest| point.is_called(rest)),
            Self::Lateness(point) => name.strip_prefix("lateness.").is_some_and(|rest| point.is_called(rest)),
            plain => name == plain.to_string(),
        }
    }

    /// Whether it can be compared with a number in this unit.
    pub(super) const fn takes(self, unit: Unit) -> bool {
        match self {
            Self::Time { .. } | Self::Lateness(_) => unit.is_time(),
            Self::RateRatio | Self::Jain => matches!(unit, Unit::One | Unit::Percent),
            Self::Rate => matches!(unit, Unit::One | Unit::Kilo | Unit::Mega),
            Self::Planned | Self::Requests | Self::Responses | Self::Errors | Self::Ended(_) => !unit.is_time(),
        }
    }

    /// What it is compared with, for who wrote something else.
    pub(super) const fn takes_in_words(self) -> &'static str {
        match self {
            Self::Time { .. } | Self::Lateness(_) => "a time with its unit, like 20ms, 500us or 1.5s",
            Self::RateRatio | Self::Jain => "a part of 1, like 0.99 or 99%",
            Self::Rate => "a number per second, like 50k",
            _ => "a count, like 100 or 10k, or a part of the planned requests, like 0.1%",
        }
    }

    /// Its value: in nanoseconds, parts of 1, events per second, or ones; a count as a part of the planned requests if `unit` asks for that.
    pub(super) fn value(self, unit: Unit, summary: &Summary, fairness: Option<&Fairness>) -> Result<f64, Unmeasured> {
        let total = &summary.total;
        let ledger = &total.ledger;
        let count = match self {
            Self::Time { of, clock, point } => return point.of(&of.times(summary, clock)),
            Self::Lateness(_) if summary.offered_rate.is_none() => return Err(Unmeasured::ClosedLoop),
            Self::Lateness(point) => return point.of(&total.lateness),
            Self::RateRatio if summary.offered_rate.is_none() => return Err(Unmeasured::ClosedLoop),
            Self::RateRatio => return rate_ratio(summary).ok_or(Unmeasured::Nothing),
            Self::Jain => return fairness.map(|fairness| fairness.jain).ok_or(Unmeasured::Nothing),
            Self::Rate if summary.duration.as_u64() == 0 => return Err(Unmeasured::Nothing),
            Self::Rate => return Ok(ledger.answers() as f64 / summary.duration.as_secs_f64()),
            Self::Planned => ledger.planned,
            Self::Requests => ledger.sent,
            Self::Responses => ledger.answers(),
            Self::Errors => ledger.errors(),
            Self::Ended(outcome) => ledger.count(outcome),
        };
        match unit {
            Unit::Percent if ledger.planned == 0 => Err(Unmeasured::Nothing),
            Unit::Percent => Ok(count as f64 / ledger.planned as f64),
            _ => Ok(count as f64),
        }
    }
}

impl Class {
    const ALL: [Self; 4] = [Self::All, Self::Allowed, Self::Denied, Self::Other];

    const fn prefix(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Allowed => "allowed.",
            Self::Denied => "denied.",
            Self::Other => "other.",
        }
    }

    fn times(self, summary: &Summary, clock: Timer) -> Histogram<u64> {
        let clock: fn(&Times) -> &Histogram<u64> = match clock {
            Timer::Latency => |times| &times.latency,
            Timer::Service => |times| &times.service,
        };
        match self {
            Self::All => of_all(&summary.total, clock),
            Self::Allowed => clock(&summary.total.allowed).clone(),
            Self::Denied => clock(&summary.total.denied).clone(),
            Self::Other => clock(&summary.total.other).clone(),
        }
    }
}

impl Point {
    /// All that have a name.
    pub(super) const ALL: [Self; 9] = [
        Self::Quantile(5_000),
        Self::Quantile(7_500),
        Self::Quantile(9_000),
        Self::Quantile(9_500),
        Self::Quantile(9_900),
        Self::Quantile(9_990),
        Self::Quantile(9_999),
        Self::Max,
        Self::Mean,
    ];

    /// With or without the point, as JSON keys can't have one.
    fn is_called(self, name: &str) -> bool {
        let own = self.to_string();
        name == own || name == own.replace('.', "")
    }

    fn of(self, times: &Histogram<u64>) -> Result<f64, Unmeasured> {
        if times.is_empty() {
            return Err(Unmeasured::Nothing);
        }
        Ok(match self {
            Self::Mean => times.mean(),
            Self::Quantile(parts) => value_at(times, f64::from(parts) / 1e4).as_u64() as f64,
            Self::Max => times.max() as f64,
        })
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time { of, clock, point } => {
                let class = of.prefix();
                let clock = if *clock == Timer::Service { "service." } else { "" };
                write!(f, "{class}{clock}{point}")
            }
            Self::Lateness(point) => write!(f, "lateness.{point}"),
            Self::Planned => f.write_str("planned"),
            Self::Requests => f.write_str("requests"),
            Self::Responses => f.write_str("responses"),
            Self::Errors => f.write_str("errors"),
            Self::Ended(outcome) => f.write_str(outcome_key(*outcome)),
            Self::Rate => f.write_str("rate"),
            Self::RateRatio => f.write_str("rate_ratio"),
            Self::Jain => f.write_str("jain"),
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean => f.write_str("mean"),
            Self::Max => f.write_str("max"),
            Self::Quantile(parts) => write!(f, "p{}", f64::from(*parts) / 100.0),
        }
    }
}
