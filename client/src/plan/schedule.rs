//! When requests are due.
//!
//! In a closed loop: whenever a connection is free. In an open loop: at the points of a unit-rate process mapped through the inverse of
//! the profile's Λ (see [`Profile`]). With think time: each client by itself (see [`Think`]).
//!
//! A Poisson process needs the sum of all gaps before a point, so whoever wants request n walks past the n before it, and every worker
//! walks past everybody's. That is one logarithm, about 5 ns, per request and worker; the price buys a plan that is the same, to the last bit, for
//! any number of workers. Rejected: a thinned process per worker (cheaper, but another plan for each number of workers), and sums kept at
//! checkpoints (memory that grows with the run).

use super::error::{PlanError, Problem};
use super::profile::Profile;
use super::random::{Stream, exponential};
use super::stop::Stop;
use super::think::Think;
use crate::clock::Nanos;
use std::fmt;
use std::str::FromStr;

/// When requests are due.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// The next request follows an answer: as fast as the server allows.
    Closed,
    /// Requests are due at times that don't depend on the server.
    Open {
        /// The total rate over time.
        rate: Profile,
        /// How evenly.
        arrival: Arrival,
    },
    /// Each client pauses between its requests; their sum is an open loop.
    Think(Think),
}

/// How arrivals are spread around the rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arrival {
    /// As many independent people would: gaps are exponential.
    #[default]
    Poisson,
    /// Evenly.
    Constant,
}

/// Walks along an open loop's arrivals, forwards only.
#[derive(Clone, Debug)]
pub(super) struct Arrivals<'a> {
    profile: &'a Profile,
    arrival: Arrival,
    gaps: Stream,
    /// Poisson only: the unit process' position after so many gaps.
    position: f64,
    gaps_passed: u64,
    /// Points of the unit process at or beyond this one are after the end.
    horizon: f64,
}

impl<'a> Arrivals<'a> {
    pub(super) fn new(profile: &'a Profile, arrival: Arrival, stop: Stop, seed: u64) -> Arrivals<'a> {
        let end = [profile.end(), stop.after].into_iter().flatten().min();
        let horizon = end.map_or(f64::INFINITY, |end| profile.due_by(end));
        let gaps = Stream::new(seed, Stream::ARRIVAL);
        Arrivals { profile, arrival, gaps, position: 0.0, gaps_passed: 0, horizon }
    }

    /// When request n is due; `None` if the schedule is over by then. A later call must not ask for an earlier request.
    ///
    /// Constant: request n is at u = n, so that a stage of 10 s at 1k sends 10 000 requests, the first at once. Poisson: after n + 1 gaps.
    pub(super) fn due(&mut self, n: u64) -> Option<Nanos> {
        let point = match self.arrival {
            Arrival::Constant => n as f64,
            Arrival::Poisson => {
                while self.gaps_passed <= n && self.position < self.horizon {
                    self.position += exponential(self.gaps.word(self.gaps_passed));
                    self.gaps_passed += 1;
                }
                self.position
            }
        };
        if point < self.horizon { self.profile.when(point) } else { None }
    }
}

impl FromStr for Arrival {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Arrival, PlanError> {
        match text {
            "poisson" => Ok(Arrival::Poisson),
            "constant" => Ok(Arrival::Constant),
            _ => Err(PlanError::new("--arrival", text, Problem::NotOneOf("poisson or constant"))),
        }
    }
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Arrival::Poisson => "poisson",
            Arrival::Constant => "constant",
        })
    }
}

impl fmt::Display for Schedule {
    /// As flags would say it: `closed loop`, `-R 1k:5k --arrival poisson`, `--stages … --arrival …`, `--think …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Schedule::Closed => f.write_str("closed loop"),
            Schedule::Open { rate, arrival } if rate.is_stages() => write!(f, "--stages {rate} --arrival {arrival}"),
            Schedule::Open { rate, arrival } => write!(f, "-R {rate} --arrival {arrival}"),
            Schedule::Think(think) => write!(f, "--think {think}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::profile::Rate;

    const SEED: u64 = 7;

    fn gaps(requests: u64, rate: u64) -> Vec<f64> {
        let profile = Rate::Constant(rate).over(None).unwrap();
        let mut arrivals = Arrivals::new(&profile, Arrival::Poisson, Stop::default(), SEED);
        let times: Vec<f64> = (0..requests).map(|n| arrivals.due(n).unwrap().as_secs_f64()).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    #[test]
    fn poisson_gaps_are_exponential() {
        // Kolmogorov-Smirnov: the largest distance between the gaps' distribution and 1 − exp(−rate·gap); 1.63/√n is exceeded by 1 in 100
        // seeds. The mean of n exponentials has a standard error of 1/√n.
        let (n, rate) = (50_000_u64, 1_000_u64);
        let mut gaps = gaps(n + 1, rate);
        let mean = gaps.iter().sum::<f64>() / n as f64 * rate as f64;
        assert!((mean - 1.0).abs() < 3.0 / (n as f64).sqrt(), "the mean gap is {mean} of what it should be");
        gaps.sort_by(f64::total_cmp);
        let distance = (0_u32..).zip(&gaps).map(|(rank, gap)| {
            let expected = 1.0 - (-gap * rate as f64).exp();
            (expected - f64::from(rank) / n as f64).abs()
        });
        let distance = distance.fold(0.0, f64::max);
        assert!(distance < 1.63 / (n as f64).sqrt(), "distance {distance}");
    }

    #[test]
    fn one_poisson_gap_says_nothing_about_the_next() {
        let gaps = gaps(50_001, 1);
        let covariance = gaps.windows(2).map(|pair| (pair[0] - 1.0) * (pair[1] - 1.0)).sum::<f64>() / gaps.len() as f64;
        assert!(covariance.abs() < 3.0 / (gaps.len() as f64).sqrt(), "{covariance}");
    }

    #[test]
    fn the_first_poisson_request_comes_after_a_gap_too() {
        let profile = Rate::Constant(1).over(None).unwrap();
        let first =
            |seed| Arrivals::new(&profile, Arrival::Poisson, Stop::default(), seed).due(0).unwrap().as_secs_f64();
        let mean = (0..10_000).map(first).sum::<f64>() / 10_000.0;
        assert!((mean - 1.0).abs() < 0.03, "{mean}");
    }

    #[test]
    fn constant_arrivals_fill_each_stage_exactly() {
        let profile: Profile = "2s@10,5s@0,1s@10".parse().unwrap();
        let mut arrivals = Arrivals::new(&profile, Arrival::Constant, Stop::default(), SEED);
        let due: Vec<Nanos> = (0..100).map_while(|n| arrivals.due(n)).collect();
        assert_eq!(due.len(), 30);
        assert_eq!((due[0], due[19], due[20]), (Nanos::default(), Nanos::from_millis(1_900), Nanos::from_secs(7)));
    }

    #[test]
    fn poisson_arrivals_follow_a_ramp() {
        let profile = Rate::Ramp(0, 10_000).over(Some(Nanos::from_secs(10))).unwrap();
        let mut arrivals = Arrivals::new(&profile, Arrival::Poisson, Stop::default(), SEED);
        let due: Vec<Nanos> = (0..).map_while(|n| arrivals.due(n)).collect();
        assert!(due.is_sorted());
        for second in 1..=10 {
            let expected = profile.due_by(Nanos::from_secs(second));
            let found = due.iter().filter(|&&at| at < Nanos::from_secs(second)).count() as f64;
            assert!(
                (found - expected).abs() < 4.0 * expected.sqrt(),
                "{found} by second {second}, not about {expected}"
            );
        }
    }

    #[test]
    fn nothing_is_due_after_the_stop() {
        let profile = Rate::Constant(100).over(None).unwrap();
        let stop = Stop { after: Some(Nanos::from_secs(1)), requests: None };
        for arrival in [Arrival::Constant, Arrival::Poisson] {
            let mut arrivals = Arrivals::new(&profile, arrival, stop, SEED);
            let due: Vec<Nanos> = (0..1_000).map_while(|n| arrivals.due(n)).collect();
            assert!((70..=130).contains(&due.len()), "{} requests", due.len());
            assert!(due.iter().all(|&at| at < Nanos::from_secs(1)));
            assert_eq!(arrivals.due(1_000_000_000_000), None, "and a walk past the end is short");
        }
    }

    #[test]
    fn an_arrival_prints_as_it_is_read() {
        for arrival in [Arrival::Poisson, Arrival::Constant] {
            assert_eq!(arrival.to_string().parse(), Ok(arrival));
        }
        let error = "even".parse::<Arrival>().unwrap_err().to_string();
        assert_eq!(error, "--arrival \"even\": unknown: write poisson or constant");
    }
}
