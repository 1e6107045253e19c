//! No quota, cost or instant overflows or panics, however extreme. (Tests are built with overflow checks.)

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_assert, prop_oneof, proptest};
use proptest::sample::select;
use tollgate_limiter::{Algorithm, Decision, DeniedBy, Ladder, Limiter, Nanos, Quota, Settings, WhenFull};

use crate::traffic::{cases, tiny};

/// 0, 1, powers of two and their neighbours, the largest, and sometimes anything.
fn extreme() -> impl Strategy<Value = u64> {
    prop_oneof![
        1 => select(vec![0, 1, u64::MAX - 1, u64::MAX]),
        4 => (0..64_u32, -1..=1_i64).prop_map(|(power, off)| (1_u64 << power).saturating_add_signed(off)),
        1 => any::<u64>(),
    ]
}

fn extreme_quota() -> impl Strategy<Value = Quota> {
    let parts = (select(&Algorithm::ALL[..]), extreme(), extreme(), extreme(), any::<bool>());
    parts.prop_filter_map("impossible", |(algorithm, limit, period, more, sliding)| {
        let limit = if algorithm == Algorithm::SlidingWindow && sliding { limit % 19 + 1 } else { limit };
        let year = 366 * 86_400_000_000_000;
        let period = Nanos::new(if period > year { year - period % 7 } else { period });
        let quota = Quota::with(u32::try_from(limit).ok()?, period, algorithm).ok()?;
        let quota = match algorithm {
            Algorithm::TokenBucket => quota.with_burst(more as u32).unwrap_or(quota),
            Algorithm::LeakyBucket => quota.with_max_delay(Nanos::new(more)).unwrap_or(quota),
            Algorithm::SlidingWindow | Algorithm::FixedWindow => quota,
        };
        Some(if more % 5 == 0 { quota.shadow() } else { quota })
    })
}

proptest! {
    #![proptest_config(cases(1_200))]

    #[test]
    fn nothing_overflows_and_no_answer_is_nonsense(
        quotas in vec(extreme_quota(), 1..=2),
        swaps in vec(extreme_quota(), 2),
        bans in any::<bool>(),
        when_full in select(&WhenFull::ALL[..]),
        steps in vec((0..9_u8, 0..20_u8, extreme(), extreme(), extreme()), 1..60),
    ) {
        let year = Nanos::from_secs(366 * 86_400);
        let ladder = Ladder::new(2, year, &[Nanos::new(1), year]).expect("possible");
        let base = tiny(&quotas, when_full);
        let limiter = Limiter::new(&Settings { bans: bans.then_some(ladder), ..base }).expect("possible");
        for (turn, (what, client, cost, now, other)) in steps.into_iter().enumerate() {
            let (key, cost, now, other) = (limiter.key(&[client]), cost as u32, Nanos::new(now), Nanos::new(other));
            match what {
                0 => limiter.refund(key, cost, other, now),
                1 => drop(limiter.ban(key, other, now)),
                2 => drop(limiter.set_quota(0, &swaps[turn % 2])),
                3 => {
                    let bound = quotas[0].worst_case(other);
                    prop_assert!(bound >= u64::from(other > Nanos::ZERO && quotas[0].limit() > 1) || other == Nanos::ZERO);
                }
                _ => match limiter.decide_n(key, cost, now) {
                    Decision::Allow { delay, quota_index, .. } => {
                        prop_assert!(usize::from(quota_index) < quotas.len());
                        prop_assert!(delay <= Nanos::from_secs(86_400));
                    }
                    Decision::Deny { retry_after, by } => {
                        prop_assert!(cost > 0 || by == DeniedBy::Ban, "no cost, and {by:?}");
                        prop_assert!(retry_after > Nanos::ZERO || now >= Nanos::new(1 << 55), "{by:?}, at once");
                    }
                },
            }
        }
    }

    #[test]
    fn no_instant_lets_more_than_the_quota_pass_at_once(quota in extreme_quota(), now in extreme(), costs in vec(1..=u32::MAX, 1..20)) {
        let limiter = Limiter::new(&tiny(&[quota], WhenFull::Remember)).expect("possible");
        if quota.is_shadow() || quota.algorithm() == Algorithm::LeakyBucket {
            return Ok(());
        }
        let mut admitted = 0;
        for cost in costs.into_iter().chain([1; 20]) {
            let cost = cost % quota.burst().saturating_add(1).max(2);
            if limiter.decide_n(limiter.key(b"alice"), cost, Nanos::new(now)).is_allow() {
                admitted += u64::from(cost);
            }
        }
        prop_assert!(admitted <= u64::from(quota.burst()), "{admitted} at once by {quota}");
    }
}
