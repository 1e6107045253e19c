//! A table that is too small never allows more than the bound, and a flood of ids buys nobody anything.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_assert, proptest};
use proptest::sample::select;
use tollgate_limiter::{Algorithm, Capacity, Decision, DeniedBy, Limiter, Nanos, Quota, Settings, WhenFull};

use crate::model::Log;
use crate::traffic::{any_quota, cases, gap, quota, settings, tiny};

const START: u64 = 10_000_000_000;

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn displaced_clients_are_never_allowed_more_than_their_bound(
        (quota, requests) in any_quota().prop_flat_map(|quota| {
            let cost = select(vec![1_u32, 1, 1, 2, 5]);
            (Just(quota), vec((0..40_u8, cost, gap(quota.period().as_u64() / 16)), 1..300))
        }),
        when_full in select(vec![WhenFull::Remember, WhenFull::Refuse]),
    ) {
        let limiter = Limiter::new(&tiny(&[quota], when_full)).expect("possible");
        let (mut logs, mut now) = (vec![Log::default(); 40], START);
        for (client, cost, after) in requests {
            now += after;
            // A handful of clients ask most of the time, so that they are displaced and come back.
            let client = if client >= 20 { client % 3 } else { client };
            if let Decision::Allow { delay, .. } = limiter.decide_n(limiter.key(&[client]), cost, Nanos::new(now)) {
                logs[usize::from(client)].add(now + delay.as_u64(), u64::from(cost));
            }
        }
        let period = quota.period().as_u64();
        let together = if quota.algorithm() == Algorithm::LeakyBucket { 4 } else { 0 };
        for log in logs {
            for window in [1, period / 2 + 1, period, 2 * period] {
                let bound = quota.worst_case(Nanos::new(window)) + together;
                prop_assert!(log.most_in(window) <= bound, "more than {bound} in {window} ns: {log:?}");
            }
        }
    }
}

/// What a client that always asks gets in ten periods, while so many new ids come between two of its requests.
fn admitted_in_a_flood(quota: Quota, when_full: WhenFull, clients: u64, ids_between: u64) -> Log {
    let capacity = Capacity::clients(clients).expect("more than none");
    let limiter = Limiter::new(&Settings { capacity, when_full, ..settings(&[quota]) }).expect("possible");
    let watched = limiter.key(b"watched");
    let (mut log, mut id) = (Log::default(), 0_u64);
    let step = quota.period().as_u64() / 20;
    for turn in 0..200 {
        let now = Nanos::new(START + turn * step);
        if let Decision::Allow { delay, .. } = limiter.decide(watched, now) {
            log.add(now.saturating_add(delay).as_u64(), 1);
        }
        for _ in 0..ids_between {
            id += 1;
            let _ = limiter.decide(limiter.key(&id.to_le_bytes()), now);
        }
    }
    log
}

#[test]
fn a_flood_of_random_ids_never_gives_a_watched_client_more() {
    for algorithm in Algorithm::ALL {
        for when_full in [WhenFull::Remember, WhenFull::Refuse] {
            for (clients, ids_between) in [(1, 1), (1, 30), (100, 50), (1_000, 500)] {
                let quota = quota("5/5s", algorithm);
                let log = admitted_in_a_flood(quota, when_full, clients, ids_between);
                let what = format!("{algorithm}, {when_full}, {ids_between} ids between, room for {clients}");
                assert!(log.most_in(5_000_000_000) <= quota.worst_case(quota.period()), "{what}: {log:?}");
            }
        }
    }
}

#[test]
fn a_table_that_forgets_can_be_flooded_for_quota() {
    for algorithm in Algorithm::ALL {
        let quota = quota("5/5s", algorithm);
        let log = admitted_in_a_flood(quota, WhenFull::Forget, 1, 30);
        assert!(
            log.most_in(5_000_000_000) > quota.worst_case(quota.period()),
            "{algorithm}: the flood no longer works"
        );
    }
}

#[test]
fn who_came_first_stays_when_the_table_refuses() {
    let limiter = Limiter::new(&tiny(&["2/1h".parse().expect("possible")], WhenFull::Refuse)).expect("possible");
    let now = Nanos::from_secs(1);
    for id in 0..12_u8 {
        assert!(limiter.decide(limiter.key(&[id]), now).is_allow(), "room for client {id}");
    }
    let newcomer = limiter.decide(limiter.key(b"newcomer"), now);
    assert!(matches!(newcomer, Decision::Deny { by: DeniedBy::Full(0), .. }), "{newcomer:?}");
    for id in 0..12_u8 {
        assert!(limiter.decide(limiter.key(&[id]), now).is_allow(), "client {id} is still there");
    }
}

#[test]
fn who_expires_first_goes_and_is_denied_until_its_debt_is_over_when_the_table_remembers() {
    let limiter = Limiter::new(&tiny(&["2/1h".parse().expect("possible")], WhenFull::Remember)).expect("possible");
    for id in 0..12_u8 {
        assert!(limiter.decide(limiter.key(&[id]), Nanos::from_secs(1 + u64::from(id))).is_allow());
    }
    let now = Nanos::from_secs(100);
    assert!(limiter.decide(limiter.key(b"newcomer"), now).is_allow());
    let Decision::Deny { retry_after, by: DeniedBy::Debt(0) } = limiter.decide(limiter.key(&[0]), now) else {
        panic!("client 0 is in debt");
    };
    let over = now.saturating_add(retry_after);
    let debt = Nanos::from_secs(3_601);
    assert!(over >= debt && over <= debt.saturating_add(Nanos::from_secs(1)), "until {over}");
    assert!(limiter.decide(limiter.key(&[1]), now).is_allow(), "client 1 is still there");
}
