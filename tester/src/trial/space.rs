//! What trials are drawn from: a range or a list for each value.

use std::fmt;

use tollgate_client::Nanos;
use tollgate_client::plan::parse::{count, duration};
use tollgate_client::plan::{Affinity, Arrival, Pick, PlanError};

use super::load::{DEEPEST, FASTEST, LONGEST, MOST_CONNECTIONS, SHORTEST};
use crate::scenario::Scenario;

/// The ranges and lists that trials are drawn from.
#[derive(Clone, Debug)]
pub struct Space {
    /// Simulated clients.
    pub clients: Span,
    /// Connections.
    pub connections: Span,
    /// Requests per second.
    pub rate: Span,
    /// Nanoseconds.
    pub duration: Span,
    /// Requests in flight on a connection.
    pub pipeline: Span,
    /// How evenly requests come.
    pub arrivals: Vec<Arrival>,
    /// Whose they are.
    pub picks: Vec<Pick>,
    /// Requests per connection; 0 for no end.
    pub churns: Vec<u32>,
    /// Whether clients stay on one thread.
    pub affinities: Vec<Affinity>,
    /// What is tried.
    pub scenarios: Vec<&'static Scenario>,
}

/// From one number to another, both included; at least 1, and not backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    least: u64,
    most: u64,
}

/// Why a range can't be read.
#[derive(Debug)]
pub enum SpanError {
    /// One of the numbers isn't one.
    Number(PlanError),
    /// The first is larger than the second.
    Backwards {
        /// The flag.
        flag: &'static str,
        /// As typed.
        text: String,
    },
}

impl Span {
    /// From `least` to `most`; the other way round if that is how they are ordered.
    pub const fn new(least: u64, most: u64) -> Self {
        assert!(least >= 1 && least <= most, "a range goes upwards, from 1 at least");
        Self { least, most }
    }

    /// The value at `u` of [0, 1): evenly spread over orders of magnitude, because 10 and 100 differ as much as 1000 and 10 000 do.
    pub fn at(self, u: f64) -> u64 {
        let (least, beyond) = (self.least as f64, self.most as f64 + 1.0);
        let value = (least.ln() + u * (beyond.ln() - least.ln())).exp();
        (value as u64).clamp(self.least, self.most)
    }

    /// The larger end.
    pub const fn most(self) -> u64 {
        self.most
    }

    /// This value, or the end that is nearest to it.
    pub const fn nearest(self, value: u64) -> u64 {
        if value < self.least {
            self.least
        } else if value > self.most {
            self.most
        } else {
            value
        }
    }

    fn read(
        flag: &'static str,
        text: &str,
        number: impl Fn(&str) -> Result<u64, PlanError>,
    ) -> Result<Self, SpanError> {
        let (least, most) = text.split_once(':').unwrap_or((text, text));
        let (least, most) = (number(least).map_err(SpanError::Number)?, number(most).map_err(SpanError::Number)?);
        if least > most {
            return Err(SpanError::Backwards { flag, text: text.to_owned() });
        }
        Ok(Self { least, most })
    }
}

/// Reads `--clients`.
pub fn clients(text: &str) -> Result<Span, SpanError> {
    Span::read("--clients", text, |text| count("--clients", text, 1, u32::MAX.into()))
}

/// Reads `--connections`.
pub fn connections(text: &str) -> Result<Span, SpanError> {
    Span::read("--connections", text, |text| count("--connections", text, 1, MOST_CONNECTIONS))
}

/// Reads `--rate`.
pub fn rate(text: &str) -> Result<Span, SpanError> {
    Span::read("--rate", text, |text| count("--rate", text, 1, FASTEST))
}

/// Reads `--pipeline`.
pub fn pipeline(text: &str) -> Result<Span, SpanError> {
    Span::read("--pipeline", text, |text| count("--pipeline", text, 1, DEEPEST))
}

/// Reads `--duration`.
pub fn length(text: &str) -> Result<Span, SpanError> {
    Span::read("--duration", text, |text| duration("--duration", text, SHORTEST, LONGEST).map(Nanos::as_u64))
}

impl fmt::Display for SpanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(error) => error.fmt(f),
            Self::Backwards { flag, text } => write!(f, "{flag} {text}: goes backwards, write the smaller one first"),
        }
    }
}

impl std::error::Error for SpanError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_spread_over_orders_of_magnitude_and_reaches_both_ends() {
        let span = Span::new(1, 10_000);
        assert_eq!([0.0, 0.25, 0.5, 0.75, 0.999_99].map(|u| span.at(u)), [1, 10, 100, 1_000, 10_000]);
        assert_eq!(Span::new(7, 7).at(0.5), 7);
        let seen: std::collections::BTreeSet<u64> =
            (0..100).map(|n| Span::new(1, 4).at(f64::from(n) / 100.0)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4]);
    }

    #[test]
    fn ranges_are_two_numbers_or_one() {
        assert_eq!(clients("10:1k").unwrap(), Span::new(10, 1_000));
        assert_eq!(rate("50k").unwrap(), Span::new(50_000, 50_000));
        assert_eq!(length("500ms:2s").unwrap(), Span::new(500_000_000, 2_000_000_000));
        for (told, line) in [
            (clients("9:3").unwrap_err(), "--clients 9:3: goes backwards, write the smaller one first"),
            (rate("fast").unwrap_err(), "--rate \"fast\": "),
            (pipeline("0:3").unwrap_err(), "--pipeline \"0\": "),
        ] {
            assert!(told.to_string().starts_with(line), "{told}");
        }
    }
}
