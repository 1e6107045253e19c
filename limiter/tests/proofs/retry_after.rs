//! The numbers in an answer are exact: `retry_after`, `reset_after`, `remaining`, `delay`.

use proptest::prelude::{any, prop_assert, prop_assert_eq, prop_assert_ne, proptest};
use proptest::sample::select;
use tollgate_limiter::{Algorithm, Decision, DeniedBy, Key, Ladder, Limiter, Nanos, Quota, Settings, WhenFull};

use crate::traffic::{at, cases, limiter, quota, quota_and_traffic, settings, stack_and_traffic, timed, tiny};

const NANO: Nanos = Nanos::new(1);

/// A ladder on which a few denials ban, for less or more than a quota's denial takes.
fn ladder() -> Ladder {
    Ladder::new(3, Nanos::from_secs(2), &[Nanos::new(500), Nanos::from_millis(1), Nanos::from_secs(9)])
        .expect("possible")
}

/// Whoever is denied would be denied until a nanosecond before `retry_after` and pass at it.
fn check_retry(limiter: &Limiter, key: Key, cost: u32, now: Nanos) -> Result<(), proptest::test_runner::TestCaseError> {
    let denial = limiter.decide_n(key, cost, now);
    let Decision::Deny { retry_after, by } = denial else { return Ok(()) };
    if retry_after == Nanos::MAX {
        prop_assert!(matches!(by, DeniedBy::Cost(_) | DeniedBy::List), "{denial:?}");
        return Ok(());
    }
    prop_assert!(retry_after > Nanos::ZERO, "denied with {denial:?}");
    let passes = at(now, retry_after);
    prop_assert!(!limiter.peek(key, cost, passes.saturating_sub(NANO)).is_allow(), "{denial:?}: passes too early");
    let then = limiter.peek(key, cost, passes);
    prop_assert!(then.is_allow(), "{denial:?}, then {then:?}");
    Ok(())
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn whoever_is_denied_passes_at_retry_after_and_not_a_nanosecond_before(
        (quotas, requests) in stack_and_traffic(2, 80),
        bans in any::<bool>(),
    ) {
        let bans = bans.then(ladder);
        let limiter = Limiter::new(&Settings { bans, ..settings(&quotas) }).expect("possible settings");
        for (request, now) in timed(1_000_000_000, &requests) {
            check_retry(&limiter, limiter.key(&[request.client]), request.cost, now)?;
        }
    }

    #[test]
    fn a_full_table_says_exactly_when_there_is_room_or_the_debt_is_over(
        (quotas, requests) in stack_and_traffic(40, 120),
        when_full in select(vec![WhenFull::Remember, WhenFull::Refuse]),
    ) {
        let limiter = Limiter::new(&tiny(&quotas, when_full)).expect("possible settings");
        for (request, now) in timed(1_000_000_000, &requests) {
            check_retry(&limiter, limiter.key(&[request.client]), request.cost, now)?;
        }
    }

    #[test]
    fn after_reset_after_the_quota_is_whole_again_and_not_a_nanosecond_before(
        (quota, requests) in quota_and_traffic(1, 80),
    ) {
        let limiter = limiter(&[quota]);
        let (key, fresh) = (limiter.key(b"alice"), limiter.key(b"nobody"));
        for (request, now) in timed(1_000_000_000, &requests) {
            let Decision::Allow { reset_after, .. } = limiter.decide_n(key, request.cost, now) else { continue };
            if reset_after == Nanos::ZERO {
                continue;
            }
            // What one unit may do tells a whole quota from any other; a leaky bucket shows it by the delay.
            let reset = at(now, reset_after);
            prop_assert_eq!(limiter.peek(key, 1, reset), limiter.peek(fresh, 1, reset));
            let before = reset.saturating_sub(NANO);
            prop_assert_ne!(limiter.peek(key, 1, before), limiter.peek(fresh, 1, before));
        }
    }

    #[test]
    fn remaining_is_how_many_more_requests_pass((quotas, requests) in stack_and_traffic(2, 60)) {
        let limiter = limiter(&quotas);
        let mut last = (limiter.key(&[0]), Nanos::from_secs(1));
        for (request, now) in timed(1_000_000_000, &requests) {
            last = (limiter.key(&[request.client]), now);
            let _ = limiter.decide_n(last.0, request.cost, now);
        }
        let (key, now) = last;
        let Decision::Allow { remaining, .. } = limiter.decide_n(key, 0, now) else { unreachable!("no cost always passes") };
        if quotas.iter().all(Quota::is_shadow) {
            prop_assert_eq!(remaining, u32::MAX);
            return Ok(());
        }
        for left in (0..remaining).rev() {
            let Decision::Allow { remaining, .. } = limiter.decide(key, now) else { panic!("{left} more would pass") };
            prop_assert_eq!(remaining, left);
        }
        prop_assert!(!limiter.decide(key, now).is_allow(), "one more than remained");
    }
}

#[test]
fn whoever_asks_all_the_time_is_let_in_no_later() {
    for algorithm in Algorithm::ALL {
        let quota = quota("3/1s", algorithm);
        let quota = if algorithm == Algorithm::LeakyBucket {
            quota.with_max_delay(Nanos::ZERO).expect("possible")
        } else {
            quota
        };
        let limiter = limiter(&[quota]);
        let key = limiter.key(b"alice");
        let start = Nanos::from_secs(7);
        while limiter.decide(key, start).is_allow() {}
        let Decision::Deny { retry_after, .. } = limiter.decide(key, start) else { panic!("just denied") };
        for part in 0..10_000 {
            let now = at(start, Nanos::new(retry_after.as_u64() * part / 10_000));
            let Decision::Deny { retry_after: rest, .. } = limiter.decide(key, now) else {
                panic!("too early, at {now}")
            };
            assert_eq!(at(now, rest), at(start, retry_after), "{algorithm}");
        }
        assert!(limiter.decide(key, at(start, retry_after)).is_allow(), "{algorithm}");
    }
}

#[test]
fn a_leaky_bucket_sends_requests_off_evenly_spaced_and_denies_who_would_wait_too_long() {
    let quota = quota("10/1s", Algorithm::LeakyBucket).with_max_delay(Nanos::from_millis(250)).expect("possible");
    let limiter = limiter(&[quota]);
    let key = limiter.key(b"alice");
    let delay = |millis| match limiter.decide(key, Nanos::from_millis(millis)) {
        Decision::Allow { delay, .. } => Some(delay),
        Decision::Deny { .. } => None,
    };
    for (now, leaves) in [
        (1_000, Some(1_000)),
        (1_000, Some(1_100)),
        (1_000, Some(1_200)),
        (1_000, None),
        (1_049, None),
        (1_050, Some(1_300)),
        (1_300, Some(1_400)),
        (1_600, Some(1_600)),
    ] {
        assert_eq!(delay(now), leaves.map(|leaves| Nanos::from_millis(leaves - now)), "at {now} ms");
    }
}
