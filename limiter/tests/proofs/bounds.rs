//! Never more than the bound in any window, the bound is reached, and nobody is denied without need.

use proptest::prelude::{Just, Strategy, any, prop_assert, proptest};
use tollgate_limiter::{Algorithm, Decision, DeniedBy, Limiter, Nanos, Quota};

use crate::model::Log;
use crate::traffic::{cases, limiter, passed, quota, quota_and_traffic, timed};

proptest! {
    #![proptest_config(cases(700))]

    #[test]
    fn no_window_holds_more_than_the_bound(
        (quota, requests) in quota_and_traffic(1, 120),
        start in 0..10_000_000_000_u64,
        window in any::<u64>(),
    ) {
        let (limiter, mut log) = (limiter(&[quota]), Log::default());
        let key = limiter.key(b"alice");
        for (request, now) in timed(start, &requests) {
            let decision = limiter.decide_n(key, request.cost, now);
            if let Decision::Allow { delay, .. } = decision {
                prop_assert!(delay <= quota.max_delay());
                log.add(now.saturating_add(delay).as_u64(), u64::from(request.cost));
            }
        }
        // The units of one request leave a leaky bucket together.
        let largest = log.0.iter().map(|(_, units)| units - 1).max().unwrap_or(0);
        let together = if quota.algorithm() == Algorithm::LeakyBucket { largest } else { 0 };
        let period = quota.period().as_u64();
        for window in [1, period / 7 + 1, period - 1, period, period + 1, 2 * period, 3 * period + 1, window % (4 * period) + 1] {
            let bound = quota.worst_case(Nanos::new(window)) + together;
            prop_assert!(log.most_in(window) <= bound, "{} in {window} ns, above {bound}: {log:?}", log.most_in(window));
        }
    }

    #[test]
    fn whoever_is_denied_has_used_the_quota_up((quota, requests) in quota_and_traffic(1, 120), start in 0..10_000_000_000_u64) {
        let (limiter, mut log) = (limiter(&[quota]), Log::default());
        let key = limiter.key(b"alice");
        for (request, now) in timed(start, &requests) {
            match limiter.decide_n(key, request.cost, now) {
                Decision::Allow { delay, .. } => log.add(now.saturating_add(delay).as_u64(), u64::from(request.cost)),
                Decision::Deny { by: DeniedBy::Cost(0), .. } => prop_assert!(u64::from(request.cost) > holds(&quota)),
                denial => prop_assert!(is_needed(&quota, &log, now.as_u64(), request.cost), "{denial:?} at {now} after {log:?}"),
            }
        }
    }
}

/// The largest cost that a fresh client's request may have.
fn holds(quota: &Quota) -> u64 {
    let (limit, period) = (u128::from(quota.limit()), u128::from(quota.period().as_u64()));
    match quota.algorithm() {
        // One leaves at once, and those that follow it within the delay. An interval is a little long, so a whole number of them may not fit.
        Algorithm::LeakyBucket => {
            ((u128::from(quota.max_delay().as_u64()) * limit).saturating_sub(limit) / period) as u64 + 1
        }
        _ => u64::from(quota.burst()),
    }
}

/// Whether the quota was used up a resolution before `now`, in exact arithmetic: spans are multiplied by the limit.
fn is_needed(quota: &Quota, log: &Log, now: u64, cost: u32) -> bool {
    let (limit, period) = (i128::from(quota.limit()), i128::from(quota.period().as_u64()));
    let late = i128::from(quota.resolution().as_u64());
    let earlier = (i128::from(now) - late) * limit;
    let cost = i128::from(cost);
    match quota.algorithm() {
        Algorithm::SlidingWindow => {
            let used = log.units(|instant| i128::from(instant) + period + late > i128::from(now));
            i128::from(used) + cost > limit
        }
        Algorithm::FixedWindow => {
            let used = log.0.iter().fold((i128::MIN / 2, 0), |(opened, used), (instant, units)| {
                let within = i128::from(*instant) - opened < period;
                if within { (opened, used + i128::from(*units)) } else { (i128::from(*instant), i128::from(*units)) }
            });
            i128::from(now) - used.0 < period && used.1 + cost > limit
        }
        Algorithm::TokenBucket => {
            // When everything is paid off, one unit each period / limit.
            let paid = log.0.iter().fold(0, |paid: i128, (instant, units)| {
                paid.max(i128::from(*instant) * limit) + i128::from(*units) * period
            });
            paid.max(earlier) + cost * period > earlier + i128::from(quota.burst()) * period
        }
        Algorithm::LeakyBucket => {
            let free = log.0.last().map_or(0, |(left, _)| i128::from(*left) * limit + period);
            free.max(earlier) + (cost - 1) * period > earlier + i128::from(quota.max_delay().as_u64()) * limit
        }
    }
}

/// Searches every schedule of up to `limit` requests at each of `instants` seconds for the fullest window.
fn fullest_found(quota: Quota, instants: u32, window: Nanos) -> u64 {
    let choices = u64::from(quota.limit()) + 1;
    let schedules = 0..choices.pow(instants);
    let fullest = |schedule: u64| {
        let (limiter, mut log) = (limiter(&[quota]), Log::default());
        let key = limiter.key(b"alice");
        for second in 0..instants {
            let now = Nanos::from_secs(u64::from(second));
            for _ in 0..schedule / choices.pow(second) % choices {
                if let Decision::Allow { delay, .. } = limiter.decide(key, now) {
                    log.add(now.saturating_add(delay).as_u64(), 1);
                }
            }
        }
        log.most_in(window.as_u64())
    };
    schedules.map(fullest).max().unwrap_or(0)
}

#[test]
fn every_bound_is_reached_by_a_schedule_and_exceeded_by_none() {
    use Algorithm::{FixedWindow, LeakyBucket, SlidingWindow, TokenBucket};
    let closed = |period: Nanos| period.saturating_add(Nanos::new(1));
    for (text, algorithm, instants, bound) in [
        ("2/3s", SlidingWindow, 7, 2),
        ("3/3s", SlidingWindow, 5, 3),
        ("2/3s", FixedWindow, 7, 2 * 2 - 1),
        ("3/3s", FixedWindow, 5, 2 * 3 - 1),
        ("2/2s", TokenBucket, 7, 2 + 2),
        ("3/3s", TokenBucket, 5, 3 + 3),
        ("3/3s", LeakyBucket, 5, 3 + 1),
    ] {
        let quota = quota(text, algorithm);
        let window = match algorithm {
            SlidingWindow | FixedWindow => quota.period(),
            TokenBucket | LeakyBucket => closed(quota.period()),
        };
        assert_eq!(quota.worst_case(window), bound, "{text} by {algorithm}: as stated");
        assert_eq!(fullest_found(quota, instants, window), bound, "{text} by {algorithm}: as found");
    }
}

/// An interval of 3⅓ ns isn't whole in any unit: over four thousand million of them what it is rounded by shows.
#[test]
fn an_interval_is_rounded_up_and_a_large_burst_is_back_within_the_resolution() {
    let bucket = quota("3/10ns", Algorithm::TokenBucket).with_burst(u32::MAX).expect("possible");
    let limiter = limiter(&[bucket]);
    let (key, start) = (limiter.key(b"alice"), 1_000);
    assert!(limiter.decide_n(key, u32::MAX, Nanos::new(start)).is_allow());
    let full = start + u64::from(u32::MAX) * 10 / 3;
    assert!(!limiter.peek(key, u32::MAX, Nanos::new(full - 1)).is_allow(), "a nanosecond early");
    assert!(!limiter.peek(key, u32::MAX, Nanos::new(full + 1)).is_allow(), "some are late");
    assert!(limiter.peek(key, u32::MAX, Nanos::new(full + bucket.resolution().as_u64())).is_allow());
}

fn steady(quota: &Quota) -> impl Strategy<Value = u64> + use<> {
    let interval = quota.period().as_u64().div_ceil(u64::from(quota.limit())) + 1;
    Just(interval)
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn a_client_that_keeps_the_pace_is_never_denied(
        (quota, interval) in crate::traffic::any_quota().prop_flat_map(|quota| (Just(quota), steady(&quota))),
        start in 0..10_000_000_000_u64,
    ) {
        let limiter: Limiter = limiter(&[quota]);
        let key = limiter.key(b"alice");
        // A window's unit comes back a resolution late at worst.
        let interval = if quota.algorithm() == Algorithm::SlidingWindow { interval + quota.resolution().as_u64() } else { interval };
        for turn in 0..200 {
            prop_assert!(passed(limiter.decide(key, Nanos::new(start + turn * interval)), 1) == 1, "at turn {turn}");
        }
    }
}
