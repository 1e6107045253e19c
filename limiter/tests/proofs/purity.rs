//! A denial changes nothing, peek changes nothing, a request of no cost changes nothing.

use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use proptest::sample::select;
use tollgate_limiter::{Decision, DeniedBy, Ladder, Limiter, Nanos, Settings, WhenFull};

use crate::traffic::{cases, limiter, settings, stack_and_traffic, timed, tiny};

proptest! {
    #![proptest_config(cases(500))]

    /// Twins: one sees all requests, the other only those that were let through.
    #[test]
    fn denied_requests_and_peeks_leave_no_trace(
        (quotas, requests) in stack_and_traffic(30, 120),
        when_full in select(vec![None, Some(WhenFull::Remember), Some(WhenFull::Refuse)]),
        backwards in any::<bool>(),
    ) {
        let settings = when_full.map_or_else(|| settings(&quotas), |rule| tiny(&quotas, rule));
        let (limiter, twin) = (Limiter::new(&settings).expect("possible"), Limiter::new(&settings).expect("possible"));
        for (index, (request, now)) in timed(1_000_000_000, &requests).enumerate() {
            let back = if backwards && index % 3 == 1 { request.after / 2 + 1 } else { 0 };
            let now = now.saturating_sub(Nanos::new(back));
            let key = limiter.key(&[request.client]);
            let _ = limiter.peek(limiter.key(&[request.client ^ 1]), 1 + request.cost, now);
            let _ = limiter.decide_n(key, 0, now);
            let decision = limiter.decide_n(key, request.cost, now);
            if decision.is_allow() {
                prop_assert_eq!(decision, twin.decide_n(key, request.cost, now));
            }
        }
    }

    #[test]
    fn peek_answers_as_the_decision_does(
        (quotas, requests) in stack_and_traffic(30, 120),
        when_full in select(vec![None, Some(WhenFull::Remember), Some(WhenFull::Refuse), Some(WhenFull::Forget)]),
        bans in any::<bool>(),
    ) {
        let base = when_full.map_or_else(|| settings(&quotas), |rule| tiny(&quotas, rule));
        let rungs = [Nanos::from_millis(1), Nanos::from_secs(3)];
        let bans = bans.then(|| Ladder::new(2, Nanos::from_secs(1), &rungs).expect("possible"));
        let limiter = Limiter::new(&Settings { bans, ..base }).expect("possible");
        for (request, now) in timed(1_000_000_000, &requests) {
            let key = limiter.key(&[request.client]);
            let peeked = limiter.peek(key, request.cost, now);
            prop_assert_eq!(peeked, limiter.peek(key, request.cost, now), "peeking twice");
            prop_assert_eq!(peeked, limiter.decide_n(key, request.cost, now));
        }
    }

    #[test]
    fn no_cost_always_passes_and_too_high_a_cost_never(
        (quotas, requests) in stack_and_traffic(30, 120),
        when_full in select(vec![WhenFull::Remember, WhenFull::Refuse]),
    ) {
        let limiter = Limiter::new(&tiny(&quotas, when_full)).expect("possible");
        for (request, now) in timed(1_000_000_000, &requests) {
            let key = limiter.key(&[request.client]);
            let _ = limiter.decide_n(key, request.cost, now);
            for lag in [0, 1, 1_000_000_000] {
                let now = now.saturating_sub(Nanos::new(lag));
                let Decision::Allow { remaining, .. } = limiter.decide_n(key, 0, now) else { panic!("no cost is denied") };
                prop_assert_eq!(remaining > 0, limiter.peek(key, 1, now).is_allow(), "{} remaining", remaining);
                if quotas.iter().any(|quota| !quota.is_shadow()) {
                    let answer = limiter.decide_n(key, u32::MAX, now);
                    prop_assert!(matches!(answer, Decision::Deny { retry_after: Nanos::MAX, by: DeniedBy::Cost(_) }), "{answer:?}");
                }
            }
        }
    }
}

#[test]
fn a_client_that_was_only_looked_at_takes_no_slot() {
    let settings = tiny(&["1/1h".parse().expect("possible")], WhenFull::Refuse);
    let limiter = Limiter::new(&settings).expect("possible");
    let now = Nanos::from_secs(1);
    for id in 0..1_000_u32 {
        let key = limiter.key(&id.to_le_bytes());
        assert!(limiter.peek(key, 1, now).is_allow() && limiter.decide_n(key, 0, now).is_allow());
        assert!(!limiter.decide_n(key, 2, now).is_allow());
    }
    let admitted = (0..1_000_u32).filter(|id| limiter.decide(limiter.key(&id.to_be_bytes()), now).is_allow()).count();
    assert_eq!(admitted, 12, "as many as there are slots");
}

#[test]
fn no_cost_passes_a_token_bucket_also_by_a_clock_that_lags() {
    let quota = crate::traffic::quota("1/10s", tollgate_limiter::Algorithm::TokenBucket);
    let limiter = limiter(&[quota]);
    let key = limiter.key(b"alice");
    assert!(limiter.decide(key, Nanos::from_secs(100)).is_allow());
    assert!(limiter.decide_n(key, 0, Nanos::from_secs(50)).is_allow());
}
