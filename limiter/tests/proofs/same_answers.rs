//! The same answers as an exact model gives, with one shard or many, one by one or in a batch.

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_assert_eq, proptest};
use proptest::sample::select;
use tollgate_limiter::{Algorithm, Decision, DeniedBy, Limiter, Nanos, Quota, Settings};

use crate::model::{Answer, Exact, GRID, exact_quota};
use crate::traffic::{cases, limiter, settings, stack_and_traffic, timed};

fn exact_stack() -> impl Strategy<Value = Vec<Quota>> {
    let one =
        (select(&Algorithm::ALL[..]), 1..=5_u32, 1..=40_u64, 1..=8_u32).prop_map(|(algorithm, limit, size, more)| {
            let quota = exact_quota(algorithm, limit, size);
            match algorithm {
                Algorithm::TokenBucket => quota.with_burst(more).expect("possible"),
                Algorithm::LeakyBucket => {
                    quota.with_max_delay(Nanos::new(u64::from(more - 1) * 7 * GRID)).expect("possible")
                }
                Algorithm::SlidingWindow | Algorithm::FixedWindow => quota,
            }
        });
    vec(
        (one, any::<bool>(), any::<bool>()).prop_map(|(quota, a, b)| if a && b { quota.shadow() } else { quota }),
        1..=4,
    )
}

/// Every quota is asked alone; only if all that are enforced agree, all that agree are charged.
fn intersection(clients: &mut [Exact], quotas: &[Quota], now: u64, cost: u32) -> Decision {
    let answers: Vec<Answer> = clients.iter().map(|client| client.ask(now, cost)).collect();
    let enforced = || (0_u8..).zip(&answers).filter(|(index, _)| !quotas[usize::from(*index)].is_shadow());
    let mut denial: Option<Decision> = None;
    for (index, answer) in enforced() {
        let (wait, by) = match *answer {
            Answer::Allow { .. } => continue,
            Answer::Deny { retry_after } => (Nanos::new(retry_after), DeniedBy::Quota(index)),
            Answer::Never => (Nanos::MAX, DeniedBy::Cost(index)),
        };
        if !matches!(denial, Some(Decision::Deny { retry_after, .. }) if retry_after >= wait) {
            denial = Some(Decision::Deny { retry_after: wait, by });
        }
    }
    if let Some(denial) = denial {
        return denial;
    }
    clients.iter_mut().for_each(|client| client.charge(now, cost));
    let grants = || {
        enforced().filter_map(|(index, answer)| match answer {
            Answer::Allow { remaining, delay } => Some((*remaining, *delay, index)),
            Answer::Deny { .. } | Answer::Never => None,
        })
    };
    let tightest = grants().min_by_key(|(remaining, _, index)| (*remaining, *index));
    Decision::Allow {
        remaining: tightest.map_or(u32::MAX, |(remaining, ..)| remaining),
        // Checked in `retry_after`.
        reset_after: Nanos::ZERO,
        delay: Nanos::new(grants().map(|(_, delay, _)| delay).max().unwrap_or(0)),
        quota_index: tightest.map_or(0, |(.., index)| index),
        would_deny: answers.iter().any(|answer| !matches!(answer, Answer::Allow { .. })),
    }
}

fn without_reset(decision: Decision) -> Decision {
    match decision {
        Decision::Allow { remaining, delay, quota_index, would_deny, .. } => {
            Decision::Allow { remaining, reset_after: Nanos::ZERO, delay, quota_index, would_deny }
        }
        denial @ Decision::Deny { .. } => denial,
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn stacked_quotas_answer_as_each_alone_together_and_a_denial_charges_none(
        quotas in exact_stack(),
        requests in vec((0..4_u32, 0..12_u64, any::<bool>()), 1..60),
    ) {
        let limiter = limiter(&quotas);
        let key = limiter.key(b"alice");
        let mut clients: Vec<Exact> = quotas.iter().map(|quota| Exact::new(*quota)).collect();
        let mut now = 16_382 * GRID;
        for (cost, ticks, far) in requests {
            now += ticks * GRID * if far { 700 } else { 1 };
            let cost = if cost == 0 { 1 } else { cost };
            let decision = limiter.decide_n(key, cost, Nanos::new(now));
            prop_assert_eq!(without_reset(decision), intersection(&mut clients, &quotas, now, cost), "cost {} at {}", cost, now);
        }
    }

    #[test]
    fn many_shards_answer_as_one((quotas, requests) in stack_and_traffic(60, 150), shards in 2..=64_usize) {
        let one = limiter(&quotas);
        let many = Limiter::new(&Settings { shards, ..settings(&quotas) }).expect("possible");
        for (request, now) in timed(1_000_000_000, &requests) {
            let id = [request.client];
            prop_assert_eq!(one.decide_n(one.key(&id), request.cost, now), many.decide_n(many.key(&id), request.cost, now));
        }
    }

    #[test]
    fn a_batch_is_decided_as_one_by_one(
        (quotas, requests) in stack_and_traffic(20, 10),
        batches in vec(vec(0..20_u8, 0..50), 1..8),
    ) {
        let (limiter, twin) = (limiter(&quotas), limiter(&quotas));
        for ((_, now), clients) in timed(1_000_000_000, &requests).zip(batches) {
            let keys: Vec<_> = clients.iter().map(|client| limiter.key(&[*client])).collect();
            let mut decisions = vec![Decision::Deny { retry_after: Nanos::MAX, by: DeniedBy::List }; keys.len()];
            limiter.decide_batch(&keys, now, &mut decisions);
            let one_by_one: Vec<_> = keys.iter().map(|key| twin.decide(*key, now)).collect();
            prop_assert_eq!(decisions, one_by_one);
        }
    }
}
