//! Whole probes of simulated limiters, in simulated time.

mod simulation;

use tollgate_client::Nanos;

use super::inquiry::inquire;
use super::scope::Scope;
use super::{Algorithm, Confidence, Denials, Finding, ProbeError, Quota};
use simulation::{Limiter, Link, Simulation};

const NEAR: Link =
    Link { shortest: Nanos::from_micros(80), jitter: Nanos::from_micros(400), one_in: 0, stall: Nanos::ZERO };
const FAR: Link = Link { shortest: Nanos::from_millis(8), jitter: Nanos::from_millis(4), ..NEAR };
/// As when four threads want each of two CPUs: one step in eight waits for up to 40 ms.
const BUSY: Link = Link { one_in: 8, stall: Nanos::from_millis(40), ..NEAR };

/// Each stalls at other moments.
const SEEDS: u64 = 2;

fn probe(limiter: Limiter, link: Link, seed: u64) -> Result<Finding, ProbeError> {
    inquire(&mut Simulation::new(limiter, link, seed))
}

fn quota(limit: u32, millis: u64) -> Quota {
    Quota { limit, window: Nanos::from_millis(millis) }
}

/// A limiter, what it is, its limit, its burst, and what denials cost.
fn cases() -> Vec<(Limiter, Algorithm, Quota, u32, Denials)> {
    let five = quota(5, 1_000);
    vec![
        (Limiter::log(five), Algorithm::SlidingWindow, five, 5, Denials::Free),
        (Limiter::log(five).charging(), Algorithm::SlidingWindow, five, 5, Denials::Charged),
        (Limiter::log(quota(2, 300)), Algorithm::SlidingWindow, quota(2, 300), 2, Denials::Free),
        (Limiter::log(quota(100, 10_000)), Algorithm::SlidingWindow, quota(100, 10_000), 100, Denials::Free),
        (Limiter::window(five), Algorithm::FixedWindow, five, 5, Denials::Free),
        (Limiter::window(quota(30, 5_000)), Algorithm::FixedWindow, quota(30, 5_000), 30, Denials::Free),
        (Limiter::aligned(five, Nanos::from_millis(730)), Algorithm::AlignedWindow, five, 5, Denials::Free),
        (Limiter::aligned(five, Nanos::from_millis(70)), Algorithm::AlignedWindow, five, 5, Denials::Free),
        (Limiter::bucket(five, 5), Algorithm::Bucket, five, 5, Denials::Free),
        (Limiter::bucket(five, 5).charging(), Algorithm::Bucket, five, 5, Denials::Charged),
        (Limiter::bucket(quota(10, 60_000), 3), Algorithm::Bucket, quota(10, 60_000), 3, Denials::Free),
        (Limiter::counter(five), Algorithm::SlidingCounter, five, 5, Denials::Free),
        (Limiter::counter(five).charging(), Algorithm::SlidingCounter, five, 5, Denials::Charged),
        (
            Limiter::counter(quota(20, 2_000)).charging(),
            Algorithm::SlidingCounter,
            quota(20, 2_000),
            20,
            Denials::Charged,
        ),
    ]
}

#[test]
fn every_algorithm_is_recognised_from_near() {
    recognises_all_of_them(NEAR, 1);
}

#[test]
fn every_algorithm_is_recognised_from_afar() {
    recognises_all_of_them(FAR, 1);
}

#[test]
fn every_algorithm_is_recognised_on_a_busy_machine() {
    for seed in 1..=SEEDS {
        recognises_all_of_them(BUSY, seed);
    }
}

fn recognises_all_of_them(link: Link, seed: u64) {
    for (limiter, algorithm, quota, burst, denials) in cases() {
        let what = format!("{limiter:?} over {link:?}, seed {seed}");
        let finding = probe(limiter, link, seed).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(finding.algorithm.value, algorithm, "{what}:\n{finding}");
        assert_eq!((finding.quota.value, finding.burst.value), (quota, burst), "{what}:\n{finding}");
        assert_eq!((finding.denials.value, finding.scope.value), (denials, Scope::Id), "{what}:\n{finding}");
        assert!(finding.algorithm.confidence > Confidence::Low, "{what}:\n{finding}");
        assert!(finding.requests < 20_000 && finding.took < Nanos::from_secs(60), "{what}:\n{finding}");
    }
}

#[test]
fn a_bucket_that_refills_while_it_is_emptied_is_not_taken_for_a_larger_one() {
    for (rate, burst) in [(200, 100), (1_000, 50)] {
        let finding = probe(Limiter::bucket(quota(rate, 1_000), burst), NEAR, 3).expect("a finding");
        assert_eq!(finding.algorithm.value, Algorithm::Bucket, "{finding}");
        assert!(finding.burst.value.abs_diff(burst) <= 1, "{finding}");
        let Quota { limit, window } = finding.quota.value;
        let found = f64::from(limit) / window.as_secs_f64();
        assert!((found / f64::from(rate) - 1.0).abs() < 0.03, "{finding}");
    }
}

#[test]
fn with_a_limit_of_one_all_are_the_same() {
    let one = quota(1, 500);
    for limiter in [Limiter::log(one), Limiter::window(one), Limiter::bucket(one, 1)] {
        let finding = probe(limiter, NEAR, 4).expect("a finding");
        assert_eq!(
            (finding.algorithm.value, finding.quota.value),
            (Algorithm::OneAtATime, one),
            "{limiter:?}\n{finding}"
        );
    }
}

#[test]
fn a_finding_is_six_aligned_lines() {
    let shown = probe(Limiter::log(quota(5, 1_000)), NEAR, 5).expect("a finding").to_string();
    let starts: Vec<&str> = shown.lines().map(|line| line.get(..28).unwrap_or(line).trim_end()).collect();
    assert_eq!(
        starts[..5],
        [
            "limit      5 per 1s",
            "burst      5",
            "algorithm  sliding window",
            "denials    cost nothing",
            "scope      per id, over all"
        ]
    );
    assert!(starts[5].starts_with("took "), "{shown}");
}
