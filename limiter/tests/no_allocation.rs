//! Nothing is allocated once a limiter is built: not for new clients, floods, denials, bans, batches or refunds. Nor by a breaker, in any state.

use allocation_counter::measure;
use tollgate_limiter::breaker::{CircuitBreaker, Config, Outcome, SlidingWindowType};
use tollgate_limiter::{
    Algorithm, Capacity, Decision, DeniedBy, Ladder, Limiter, Nanos, Override, Quota, Settings, WhenFull,
};

fn settings(when_full: WhenFull) -> Settings {
    let stack = Algorithm::ALL.map(|algorithm| Quota::with(5, Nanos::from_secs(5), algorithm).expect("possible"));
    let rungs = [Nanos::from_secs(1), Nanos::from_secs(60)];
    Settings {
        quotas: stack.to_vec(),
        capacity: Capacity::clients(1_000).expect("more than none"),
        shards: 4,
        when_full,
        overrides: vec![Override { ids: vec!["gold".to_owned()], quotas: vec![stack[1].shadow(), stack[2]] }],
        allow: vec!["health".to_owned()],
        deny: vec!["mallory".to_owned()],
        bans: Some(Ladder::new(3, Nanos::from_secs(10), &rungs).expect("possible")),
        seed: 7,
    }
}

#[test]
fn a_built_limiter_never_allocates() {
    for when_full in WhenFull::ALL {
        let limiter = Limiter::new(&settings(when_full)).expect("possible");
        let mut decisions = [Decision::Deny { retry_after: Nanos::MAX, by: DeniedBy::List }; 50];
        let (mut allowed, mut denied) = (0, 0);
        let info = measure(|| {
            for turn in 0..1_500_u64 {
                let now = Nanos::from_millis(1_000 + turn);
                let newcomer = limiter.key(&turn.to_le_bytes());
                let regulars = [b"gold".as_slice(), b"health", b"mallory", b"a", b"b"].map(|id| limiter.key(id));
                for key in regulars.into_iter().chain([newcomer]) {
                    match limiter.decide_n(key, (turn % 3) as u32, now) {
                        Decision::Allow { .. } => allowed += 1,
                        Decision::Deny { .. } => denied += 1,
                    }
                    let _ = limiter.peek(key, 1, now);
                    limiter.refund(key, 1, now, now);
                    assert!(limiter.quotas(key).len() < 5);
                }
                let keys: [_; 50] = core::array::from_fn(|id| limiter.key(&[id as u8]));
                limiter.decide_batch(&keys, now, &mut decisions);
                let _ = limiter.ban(newcomer, now, now);
                let _ = limiter.set_quota(0, &"4/5s".parse().expect("possible"));
            }
        });
        assert!(allowed > 1_000 && denied > 1_000, "{allowed} allowed, {denied} denied");
        assert_eq!((info.count_total, info.bytes_total), (0, 0), "{when_full}");
    }
}

#[test]
fn a_limiter_takes_the_memory_that_it_says() {
    for (clients, shards) in [(1_u64, 1), (1_000, 1), (1_000, 64), (1_000_000, 2)] {
        let capacity = Capacity::clients(clients).expect("in range");
        let settings = Settings { capacity, shards, ..Settings::default() };
        let mut limiter = None;
        let info = measure(|| limiter = Some(Limiter::new(&settings).expect("possible")));
        let stated = limiter.expect("built").memory_bytes() as i64;
        assert!(info.bytes_current >= stated, "{} held, {stated} stated", info.bytes_current);
        // The promise is kept with all that goes around the tables.
        let promise = 32 * clients + 4_096 * shards as u64;
        assert!(info.bytes_current as u64 <= promise, "{} held, {promise} promised", info.bytes_current);
    }
}

#[test]
fn a_built_breaker_never_allocates() {
    for sliding_window_type in [SlidingWindowType::CountBased, SlidingWindowType::TimeBased] {
        let breaker = CircuitBreaker::new(&Config { sliding_window_type, ..Config::gateway() }).expect("possible");
        let mut transitions = 0;
        let info = measure(|| {
            for millis in 0..100_000 {
                let now = Nanos::from_millis(millis);
                let outcome = if millis % 30_000 < 15_000 { Outcome::Failure } else { Outcome::Success };
                if let Ok(permit) = breaker.try_acquire(now) {
                    transitions += u32::from(permit.transition().is_some());
                    transitions += u32::from(permit.record(outcome, now).is_some());
                }
                let _ = breaker.snapshot(now);
            }
        });
        assert!(transitions > 6, "{transitions} transitions");
        assert_eq!((info.count_total, info.bytes_total), (0, 0), "{sliding_window_type:?}");
    }
}

#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(vec![1_u8; 100])).count_total, 1);
}
