//! A quota changed while it runs: a window across the change holds no more than the most generous mixture of the quotas would allow.

use proptest::collection::vec;
use proptest::prelude::{prop_assert, proptest};
use proptest::sample::select;
use tollgate_limiter::{Algorithm, Decision, Nanos, Quota, SwapError};

use crate::model::Log;
use crate::traffic::{cases, gap, limiter, quota};

const PERIOD: u64 = 1_000_000;

/// The most in a window across changes between these quotas: the largest limit, the shortest period; for buckets the fastest rate and the
/// longest time to fill.
fn bound(quotas: &[Quota], window: u64) -> u64 {
    let limit = quotas.iter().map(|quota| u64::from(quota.limit())).max().unwrap_or(0);
    let period = quotas.iter().map(|quota| quota.period().as_u64()).min().unwrap_or(0);
    let interval = |quota: &Quota| quota.period().as_u64() as f64 / f64::from(quota.limit());
    let fastest = quotas.iter().map(interval).fold(f64::MAX, f64::min);
    let fill = quotas.iter().map(|quota| f64::from(quota.burst()) * interval(quota)).fold(0.0, f64::max);
    match quotas[0].algorithm() {
        Algorithm::SlidingWindow => limit * window.div_ceil(period),
        Algorithm::FixedWindow => limit * (window.div_ceil(period) + 1) - 1,
        Algorithm::TokenBucket => ((fill + window as f64) / fastest + 1e-6) as u64,
        Algorithm::LeakyBucket => (window as f64 / fastest + 1e-6) as u64 + 1,
    }
}

proptest! {
    #![proptest_config(cases(800))]

    #[test]
    fn a_window_across_a_change_holds_no_more_than_the_larger_bound(
        algorithm in select(&Algorithm::ALL[..]),
        limits in vec((1..=5_u32, 1..=3_u64), 2..4),
        requests in vec((gap(PERIOD / 2), 0..30_usize), 1..150),
    ) {
        let quotas: Vec<Quota> = limits
            .iter()
            .map(|(limit, periods)| {
                // A sliding window keeps its period, and takes any limit up to the one that it was built with.
                let sliding = algorithm == Algorithm::SlidingWindow;
                let (limit, periods) = if sliding { (*limit.min(&limits[0].0), 1) } else { (*limit, *periods) };
                Quota::with(limit, Nanos::new(periods * PERIOD), algorithm).expect("possible")
            })
            .collect();
        let limiter = limiter(&quotas[..1]);
        let (key, mut log, mut now) = (limiter.key(b"alice"), Log::default(), 10_000_000_000);
        for (after, swap) in requests {
            now += after;
            if let Some(quota) = quotas.get(swap) {
                limiter.set_quota(0, quota).expect("compatible");
            }
            if let Decision::Allow { delay, .. } = limiter.decide(key, Nanos::new(now)) {
                log.add(now + delay.as_u64(), 1);
            }
        }
        for window in [1, PERIOD / 2, PERIOD, 3 * PERIOD] {
            let (most, bound) = (log.most_in(window), bound(&quotas, window));
            prop_assert!(most <= bound, "{most} in {window} ns, above {bound}: {log:?}");
        }
    }
}

#[test]
fn what_a_client_has_used_stays_used_and_the_new_quota_counts_from_the_next_decision() {
    for algorithm in [Algorithm::SlidingWindow, Algorithm::FixedWindow, Algorithm::TokenBucket] {
        let limiter = limiter(&[quota("5/5s", algorithm)]);
        let key = limiter.key(b"alice");
        let now = Nanos::from_secs(10);
        let passes = |wanted: usize| (0..wanted).filter(|_| limiter.decide(key, now).is_allow()).count();
        assert_eq!(passes(3), 3, "{algorithm}");
        limiter.set_quota(0, &quota("3/5s", algorithm)).expect("compatible");
        // A bucket's debt is time: three fifths of the period, and so 1.8 of the three that fit now.
        let left = if algorithm == Algorithm::TokenBucket { 1 } else { 0 };
        assert_eq!(passes(10), left, "{algorithm}, now 3/5s");
        limiter.set_quota(0, &quota("5/5s", algorithm)).expect("compatible");
        let left = if algorithm == Algorithm::TokenBucket { 0 } else { 2 };
        assert_eq!(passes(10), left, "{algorithm}, 5/5s again");
    }
}

#[test]
fn a_refund_finds_what_a_lower_limit_no_longer_counts() {
    let limiter = limiter(&[quota("5/5s", Algorithm::SlidingWindow)]);
    let (key, at) = (limiter.key(b"alice"), Nanos::from_secs);
    assert!(limiter.decide_n(key, 4, at(10)).is_allow() && limiter.decide(key, at(11)).is_allow());
    limiter.set_quota(0, &quota("2/5s", Algorithm::SlidingWindow)).expect("compatible");
    limiter.refund(key, 4, at(10), at(11));
    let passes = (0..5).filter(|_| limiter.decide(key, at(12)).is_allow()).count();
    assert_eq!(passes, 1, "one of the two is used");
}

#[test]
fn a_quota_that_cannot_read_the_old_state_is_refused_and_the_old_one_stays() {
    use Algorithm::{FixedWindow, LeakyBucket, SlidingWindow, TokenBucket};
    for (old, new, index, result) in [
        (quota("5/5s", SlidingWindow), quota("4/5s", SlidingWindow), 0, Ok(())),
        (quota("5/5s", SlidingWindow), quota("6/5s", SlidingWindow), 0, Err(SwapError::Incompatible)),
        (quota("5/5s", SlidingWindow), quota("5/6s", SlidingWindow), 0, Err(SwapError::Incompatible)),
        (quota("5/5s", SlidingWindow), quota("5/5s", FixedWindow), 0, Err(SwapError::Incompatible)),
        (quota("5/5s", TokenBucket), quota("5/5s", LeakyBucket), 0, Err(SwapError::Incompatible)),
        (quota("5/5s", TokenBucket), quota("900/1m", TokenBucket), 0, Ok(())),
        (quota("5/5s", TokenBucket), quota("5/5s", TokenBucket).shadow(), 0, Err(SwapError::Incompatible)),
        (quota("5/5s", FixedWindow).shadow(), quota("5/5s", FixedWindow), 0, Err(SwapError::Incompatible)),
        (quota("5/5s", FixedWindow), quota("7/1s", FixedWindow), 1, Err(SwapError::Index)),
    ] {
        let limiter = limiter(&[old]);
        let before = limiter.peek(limiter.key(b"alice"), 1, Nanos::from_secs(1));
        assert_eq!(limiter.set_quota(index, &new), result, "{old} {} to {new} {}", old.algorithm(), new.algorithm());
        let after = limiter.peek(limiter.key(b"alice"), 1, Nanos::from_secs(1));
        assert_eq!(before == after, result.is_err(), "{old} to {new}");
    }
}
