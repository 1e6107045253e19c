//! Quotas as text, and those that can't be.

use proptest::prelude::{any, prop_assert_eq, proptest};
use proptest::sample::select;
use tollgate_limiter::{Algorithm, Capacity, Ladder, Limiter, Nanos, Override, Quota, QuotaError, Settings};

use crate::traffic::{cases, quota, settings};

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn a_quota_reads_what_it_prints(
        limit in 1..=u32::MAX,
        period in any::<u64>(),
        unit in select(vec![1, 1_000, 1_000_000, 1_000_000_000, 60_000_000_000, 3_600_000_000_000, 86_400_000_000_000_u64]),
        algorithm in select(&Algorithm::ALL[..]),
    ) {
        let year = 366 * 86_400_000_000_000;
        let period = (period % (year / unit) + 1) * unit;
        if let Ok(quota) = Quota::with(limit, Nanos::new(period), algorithm) {
            prop_assert_eq!(Quota::with_algorithm_of(&quota.to_string(), algorithm), Ok(quota));
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,12}", numbers in "[0-9kM]{0,21}/[0-9]{0,21}(ns|us|ms|s|m|h|d|é)?") {
        for text in [text, numbers] {
            if let Ok(quota) = text.parse::<Quota>() {
                prop_assert_eq!(quota.to_string().parse(), Ok(quota));
            }
        }
    }
}

#[test]
fn a_quota_is_written_in_several_ways() {
    for (text, printed) in [
        ("5/5s", "5/5s"),
        ("10/s", "10/1s"),
        ("10/m", "10/1m"),
        ("3/90", "3/90s"),
        ("3/90s", "3/90s"),
        (" 3 / 120s ", "3/2m"),
        ("7/250ms", "7/250ms"),
        ("7/2000us", "7/2ms"),
        ("1/24h", "1/1d"),
        ("2/1500000001ns", "2/1500000001ns"),
    ] {
        let quota: Quota = text.parse().expect(text);
        assert_eq!(quota.to_string(), printed, "{text}");
    }
    assert_eq!(quota("2k/s", Algorithm::FixedWindow).limit(), 2_000);
    assert_eq!(quota("3M/1m", Algorithm::TokenBucket).limit(), 3_000_000);
}

#[test]
fn a_quota_that_cannot_be_says_why_and_what_to_do() {
    use Algorithm::{FixedWindow, LeakyBucket, SlidingWindow, TokenBucket};
    for (text, algorithm, error) in [
        ("", SlidingWindow, "`` is not a quota: write N/PERIOD"),
        ("5", SlidingWindow, "`5` is not a quota: write N/PERIOD"),
        ("5/", SlidingWindow, "is not a quota"),
        ("/5s", SlidingWindow, "is not a quota"),
        ("k/5s", FixedWindow, "is not a quota"),
        ("-5/5s", SlidingWindow, "is not a quota"),
        ("+5/5s", SlidingWindow, "is not a quota"),
        ("5/5y", SlidingWindow, "units ns us ms s m h d"),
        ("5/1.5s", SlidingWindow, "is not a quota"),
        ("4294967296/5s", FixedWindow, "N up to 4294967295"),
        ("99999999999999999999/5s", FixedWindow, "N up to 4294967295"),
        ("0/5s", SlidingWindow, "lets nobody pass: use at least 1, or the deny list"),
        ("5/0s", SlidingWindow, "a period of 0s is out of range: use more than 0 and at most 366d"),
        ("5/367d", TokenBucket, "a period of 367d is out of range"),
        ("5/99999999999999999d", TokenBucket, "out of range: use more than 0 and at most 366d"),
        (
            "20/5s",
            SlidingWindow,
            "remembers at most 19 admissions per client, not 20: use fixed-window, token-bucket or leaky-bucket",
        ),
        ("11/10ns", TokenBucket, "11/10ns is more than one per nanosecond: use a longer period or fixed-window"),
        ("11/10ns", LeakyBucket, "more than one per nanosecond"),
    ] {
        let refused = Quota::with_algorithm_of(text, algorithm).expect_err(text).to_string();
        assert!(refused.contains(error), "{text} by {algorithm}: {refused}");
    }
    assert!(quota("4294967295/366d", FixedWindow).limit() == u32::MAX);
    assert!(quota("19/1ns", SlidingWindow).resolution() > Nanos::ZERO);
}

#[test]
fn a_setting_that_cannot_be_says_why_and_what_to_do() {
    use Algorithm::{LeakyBucket, SlidingWindow, TokenBucket};
    let day = Nanos::from_secs(86_400);
    let refusals: [(Result<Quota, QuotaError>, &str); 6] = [
        (quota("5/5s", TokenBucket).with_burst(0), "a burst of 0 is out of range: use at least 1"),
        (quota("1/366d", TokenBucket).with_burst(40), "a burst of 40 is out of range"),
        (quota("5/5s", SlidingWindow).with_burst(5), "sliding-window has no burst: drop it, or use token-bucket"),
        (quota("5/5s", TokenBucket).with_max_delay(day), "token-bucket has no max-delay: drop it, or use leaky-bucket"),
        (quota("5/5s", LeakyBucket).with_max_delay(day.saturating_add(Nanos::new(1))), "use at most 1d"),
        (quota("100/1s", TokenBucket).with_algorithm(SlidingWindow), "remembers at most 19"),
    ];
    for (refused, error) in refusals {
        let refused = refused.expect_err(error).to_string();
        assert!(refused.contains(error), "{refused}");
    }
    assert!(
        "no-such"
            .parse::<Algorithm>()
            .expect_err("no algorithm")
            .to_string()
            .contains("use sliding-window, fixed-window")
    );

    let base = || settings(&[quota("5/5s", SlidingWindow)]);
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let many = vec![quota("5/5s", SlidingWindow); 9];
    let tier = |quotas: &[Quota]| vec![Override { ids: ids(&["a"]), quotas: quotas.to_vec() }];
    for (settings, error) in [
        (Settings { quotas: vec![], ..base() }, "0 quotas for one client: use 1 to 8"),
        (Settings { quotas: many.clone(), ..base() }, "9 quotas for one client: use 1 to 8"),
        (Settings { overrides: tier(&[]), ..base() }, "0 quotas for one client"),
        (Settings { overrides: tier(&many), ..base() }, "9 quotas for one client"),
        (Settings { shards: 0, ..base() }, "0 shards: use 1 to 1024, best one per core"),
        (Settings { shards: 1_025, ..base() }, "1025 shards"),
        (Settings { allow: ids(&["a"]), deny: ids(&["a"]), ..base() }, "client `a` is listed twice"),
        (Settings { allow: ids(&["b", "b"]), ..base() }, "client `b` is listed twice"),
        (Settings { deny: ids(&["a"]), overrides: tier(&many[..1]), ..base() }, "client `a` is listed twice"),
    ] {
        let refused = Limiter::new(&settings).expect_err(error).to_string();
        assert!(refused.contains(error), "{refused}");
    }
    for clients in [0, (1 << 32) + 1] {
        assert!(Capacity::clients(clients).expect_err("out of range").to_string().contains("use 1 to 4294967296"));
    }
    let minute = Nanos::from_secs(60);
    for (strikes, within, rungs, error) in [
        (0, minute, vec![minute], "at least 1 strike"),
        (1, Nanos::ZERO, vec![minute], "at least 1 strike within more than 0"),
        (1, minute, vec![], "1 to 8 rungs"),
        (1, minute, vec![minute; 9], "1 to 8 rungs"),
        (1, minute, vec![Nanos::ZERO], "longer than 0"),
        (1, minute, vec![minute, Nanos::from_secs(59)], "no shorter than the one before"),
    ] {
        let refused = Ladder::new(strikes, within, &rungs).expect_err(error).to_string();
        assert!(refused.contains(error), "{refused}");
    }
}
