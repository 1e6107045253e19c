//! Policies without HTTP: keys and instants in, decisions out.

use std::collections::HashSet;
use std::net::IpAddr;

use proptest::prelude::*;
use tollgate_limiter::{Algorithm, Capacity, Decision, DeniedBy, Ladder, Limiter, Nanos, Quota, Settings, WhenFull};

use super::*;

fn limiter_for(clients: u64, when_full: WhenFull, quotas: &[&str], bans: Option<Ladder>) -> Limiter {
    let quota = |text: &&str| {
        let typed: crate::config::TypedQuota = text.parse().expect("a quota");
        typed.build(Algorithm::FixedWindow).expect("a quota")
    };
    let quotas: Vec<Quota> = quotas.iter().map(quota).collect();
    let capacity = Capacity::clients(clients).expect("a capacity");
    Limiter::new(&Settings { quotas, capacity, when_full, bans, ..Settings::default() }).expect("a limiter")
}

fn limiter(quotas: &[&str]) -> Limiter {
    limiter_for(1000, WhenFull::Remember, quotas, None)
}

fn policy(name: &str, quotas: &[&str]) -> Policy {
    let client_id = ClientIdSource::Header(name.to_owned());
    Policy { name: name.to_owned(), client_id, missing: Missing::Reject, limiter: limiter(quotas) }
}

fn ids_per_peer(most: &str, clients: u64) -> IdsPerPeer {
    ids_per_peer_that(WhenFull::Forget, most, clients)
}

/// One whose table of those who were seen does this when it is full.
fn ids_per_peer_that(when_full: WhenFull, most: &str, clients: u64) -> IdsPerPeer {
    let once = format!("1/{}", most.split_once('/').expect("N/PERIOD").1);
    IdsPerPeer {
        peer: ClientIdSource::PeerIp,
        seen: limiter_for(clients, when_full, &[&once], None),
        fresh: limiter_for(clients, WhenFull::Remember, &[most], None),
    }
}

/// A first policy with others behind it.
struct Gate {
    first: Limiter,
    policies: Policies,
}

impl Gate {
    fn new(first: Limiter, further: Vec<Policy>) -> Gate {
        Gate { first, policies: Policies::new(further, None) }
    }

    /// The keys of a client with these ids, the first one by the first policy.
    fn keys(&self, ids: &[&str]) -> Keys {
        let mut keys = Keys::alone(self.first.key(ids[0].as_bytes()));
        for ((key, policy), id) in keys.further.iter_mut().zip(self.policies.further()).zip(&ids[1..]) {
            *key = (!id.is_empty()).then(|| policy.limiter.key(id.as_bytes()));
        }
        keys
    }

    fn decide(&self, ids: &[&str], at: u64) -> Decision {
        self.policies.decide(&self.first, &self.keys(ids), 1, at_second(at))
    }

    fn peek(&self, ids: &[&str], at: u64) -> Decision {
        self.policies.peek(&self.first, &self.keys(ids), 1, at_second(at))
    }
}

fn at_second(second: u64) -> Nanos {
    Nanos::from_secs(100 + second)
}

fn remaining(decision: Decision) -> (u32, u8) {
    match decision {
        Decision::Allow { remaining, quota_index, .. } => (remaining, quota_index),
        denied @ Decision::Deny { .. } => panic!("{denied:?}"),
    }
}

fn denial(decision: Decision) -> (u64, DeniedBy) {
    match decision {
        Decision::Deny { retry_after, by } => (retry_after.as_secs_ceil(), by),
        allowed @ Decision::Allow { .. } => panic!("{allowed:?}"),
    }
}

#[test]
fn a_denial_by_one_policy_charges_none() {
    let gate = Gate::new(limiter(&["5/5s"]), vec![policy("address", &["2/10s"]), policy("tenant", &["9/1h", "3/20s"])]);
    assert_eq!(remaining(gate.decide(&["7", "a", "t"], 0)), (1, 8), "the address has the fewest left");
    assert_eq!(remaining(gate.decide(&["7", "a", "t"], 0)), (0, 8));
    for _ in 0..9 {
        assert_eq!(denial(gate.decide(&["7", "a", "t"], 1)), (9, DeniedBy::Quota(8)));
    }
    assert_eq!(remaining(gate.peek(&["7", "b", "t"], 1)), (0, 17), "one is left to the tenant, and was to be charged");
    assert_eq!(remaining(gate.decide(&["7", "b", "t"], 1)), (0, 17));
    assert_eq!(denial(gate.decide(&["7", "c", "t"], 1)), (19, DeniedBy::Quota(17)));
    assert_eq!(remaining(gate.decide(&["7", "c", ""], 1)), (1, 0), "three of five were charged, whoever else denied");
}

#[test]
fn of_several_denials_the_longest_is_told() {
    let gate = Gate::new(limiter(&["1/5s"]), vec![policy("address", &["1/10s"]), policy("tenant", &["1/7s"])]);
    assert!(gate.decide(&["7", "a", "t"], 0).is_allow());
    assert_eq!(denial(gate.decide(&["7", "a", "t"], 1)), (9, DeniedBy::Quota(8)));
    assert_eq!(denial(gate.decide(&["7", "b", "t"], 1)), (6, DeniedBy::Quota(16)));
    assert_eq!(denial(gate.decide(&["7", "b", "u"], 1)), (4, DeniedBy::Quota(0)));
    assert_eq!(denial(gate.peek(&["7", "a", "t"], 1)), (9, DeniedBy::Quota(8)));
    assert_eq!(denial(gate.peek(&["7", "b", "u"], 1)), (4, DeniedBy::Quota(0)));
    assert_eq!(denial(gate.peek(&["8", "b", "t"], 1)), (6, DeniedBy::Quota(16)));
}

#[test]
fn whoever_waits_waits_for_the_slowest() {
    let leaky = |quota: &str| format!("{quota},leaky-bucket,max-delay=1m");
    let gate =
        |first: &str, further: &str| Gate::new(limiter(&[&leaky(first)]), vec![policy("address", &[&leaky(further)])]);
    let delay = |decision| match decision {
        Decision::Allow { delay, .. } => delay.as_secs_ceil(),
        Decision::Deny { .. } => panic!("{decision:?}"),
    };
    for (first, further) in [("1/2s", "1/5s"), ("1/5s", "1/2s")] {
        let gate = gate(first, further);
        assert_eq!([0; 3].map(|at| delay(gate.decide(&["7", "a"], at))), [0, 5, 10], "{first} and {further}");
        assert_eq!(delay(gate.peek(&["7", "a"], 0)), 15);
    }
    let gate = gate("1/2s", "1/5s");
    assert!(gate.decide(&["7", "a"], 0).is_allow());
    assert_eq!(delay(gate.decide(&["7", ""], 0)), 2, "the first policy's own queue");
}

/// Between the look and the charge another core has used up what was there: the charge alone, without a look before it.
#[test]
fn those_charged_before_the_one_that_denies_give_back() {
    for by_ids in [false, true] {
        let mut gate = Gate::new(limiter(&["5/5s"]), vec![policy("address", &["3/5s"]), policy("tenant", &["1/1h"])]);
        gate.policies.ids_per_peer = Some(ids_per_peer("1/1h", 1000));
        let peer = IpAddr::from([192, 0, 2, 1]);
        let keys = |tenant, id: &[u8]| {
            let at_peer = gate.policies.ids_per_peer().map(|ids| ids.keys(peer, id));
            Keys { peer: at_peer, ..gate.keys(&["7", "a", tenant]) }
        };
        let charge = |keys: &Keys| gate.policies.charge(&gate.first, keys, 1, at_second(0));
        assert!(charge(&keys("t", b"7")).is_allow());
        let (again, place) = if by_ids { (keys("u", b"8"), place::IDS_PER_PEER) } else { (keys("t", b"7"), 16) };
        for _ in 0..9 {
            assert_eq!(denial(charge(&again)), (3600, DeniedBy::Quota(place)));
        }
        assert_eq!(
            remaining(gate.peek(&["7", "", ""], 0)),
            (3, 0),
            "one charge remains, and the one that was looked for"
        );
        assert_eq!(remaining(gate.peek(&["x", "a", ""], 0)), (1, 8));
        assert_eq!(remaining(gate.peek(&["x", "b", "u"], 0)), (0, 16), "the untouched tenant has its one");
    }
}

#[test]
fn own_denials_count_towards_a_ban_whoever_else_denies() {
    let ladder = Ladder::new(3, Nanos::from_secs(60), &[Nanos::from_secs(600)]).expect("a ladder");
    let first = limiter_for(1000, WhenFull::Remember, &["1/5s"], Some(ladder));
    let gate = Gate::new(first, vec![policy("address", &["1/10s"])]);
    assert!(gate.decide(&["7", "a"], 0).is_allow());
    for _ in 0..9 {
        assert_eq!(denial(gate.decide(&["8", "a"], 0)), (10, DeniedBy::Quota(8)), "not the fault of client 8");
        assert_eq!(denial(gate.peek(&["7", "a"], 0)).1, DeniedBy::Quota(8), "a look is no strike");
    }
    assert_eq!(denial(gate.decide(&["7", "a"], 0)).1, DeniedBy::Quota(8));
    assert_eq!(denial(gate.decide(&["7", "a"], 0)).1, DeniedBy::Quota(8));
    assert_eq!(denial(gate.decide(&["7", "a"], 0)), (600, DeniedBy::Ban));
    assert!(gate.decide(&["8", "b"], 0).is_allow());
}

#[test]
fn on_many_threads_no_quota_is_exceeded() {
    let gate = Gate::new(limiter(&["40/1h"]), vec![policy("address", &["50/1h"]), policy("tenant", &["100/1h"])]);
    // Four clients, three addresses and two tenants, in every combination.
    let asked: Vec<[String; 3]> = (0..24).map(|n| [n % 4, n / 4 % 3, n / 12].map(|id: usize| id.to_string())).collect();
    let passed_on_one = || {
        let mut passed = vec![0; asked.len()];
        for round in 0..20 {
            for n in (0..asked.len()).map(|n| (n * 7 + round) % 24) {
                let [client, address, tenant] = &asked[n];
                passed[n] += u32::from(gate.decide(&[client, address, tenant], 0).is_allow());
            }
        }
        passed
    };
    let all: Vec<Vec<u32>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(passed_on_one)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread")).collect()
    });
    let passed_by = |which: usize, id: &str| -> u32 {
        let of = |n: usize| all.iter().map(|passed| passed[n]).sum::<u32>();
        (0..24).filter(|&n| asked[n][which] == id).map(of).sum()
    };
    for (which, quota, ids) in [(0, 40, 4), (1, 50, 3), (2, 100, 2)] {
        for id in 0..ids {
            let passed = passed_by(which, &id.to_string());
            assert!(passed <= quota, "{passed} of policy {which}, id {id}");
        }
    }
    let all_passed: u32 = (0..3).map(|id| passed_by(1, &id.to_string())).sum();
    assert!(all_passed > 75, "only {all_passed} of the 150 that the addresses have");
}

mod ids {
    use super::*;

    /// Whether `peer` may use `id`, as a gate asks: a look, then the entry.
    fn uses(ids: &IdsPerPeer, peer: u8, id: u32, now: Nanos) -> bool {
        let keys = ids.keys(IpAddr::from([192, 0, 2, peer]), &id.to_be_bytes());
        let looked = !matches!(ids.look(keys, now), Look::OneTooMany(_));
        let entered = ids.enter(keys, now).is_ok();
        assert_eq!(looked, entered, "nobody else was there");
        entered
    }

    use ids_per_peer::Look;

    #[test]
    fn new_ids_are_bounded_by_peer_and_known_ones_go_on() {
        let ids = ids_per_peer("3/1m", 1000);
        let used = |peer, range: std::ops::Range<u32>, second| -> Vec<bool> {
            range.map(|id| uses(&ids, peer, id, at_second(second))).collect()
        };
        assert_eq!(used(1, 0..5, 0), [true, true, true, false, false]);
        assert_eq!(used(1, 0..5, 59), [true, true, true, false, false], "a minute isn't over");
        assert_eq!(used(2, 0..5, 0), [true, true, true, false, false], "another peer has ids of its own");
        let keys = ids.keys(IpAddr::from([192, 0, 2, 1]), &9_u32.to_be_bytes());
        let by = DeniedBy::Quota(place::IDS_PER_PEER);
        assert_eq!(
            ids.look(keys, at_second(20)),
            Look::OneTooMany(Decision::Deny { retry_after: Nanos::from_secs(40), by })
        );
        assert_eq!(used(1, 5..9, 60), [true, true, true, false], "a minute is over");
    }

    #[test]
    fn a_peer_with_as_many_ids_as_it_may_have_is_never_denied() {
        let ids = ids_per_peer("3/1m", 1000);
        for second in 0..1000 {
            // At odd moments, so that each is new at another one.
            for id in (0..3).filter(|id| (second * 7 + id * 13) % 5 < 2) {
                assert!(uses(&ids, 1, id as u32, at_second(second)), "id {id} after {second} s");
            }
        }
    }

    #[test]
    fn ipv6_peers_of_one_network_are_one_peer() {
        let ids = ids_per_peer("1/1m", 1000);
        let uses =
            |peer: &str, id: &[u8]| ids.enter(ids.keys(peer.parse().expect("an address"), id), at_second(0)).is_ok();
        assert!(uses("2001:db8::1", b"a") && !uses("2001:db8::2", b"b") && uses("2001:db8:0:1::1", b"b"));
        assert!(uses("192.0.2.1", b"a") && !uses("::ffff:192.0.2.1", b"b") && uses("192.0.2.2", b"b"));
    }

    /// The worst that the bound allows, which this reaches: see the front page of `ids_per_peer`.
    #[test]
    fn three_windows_meet_in_a_stretch_of_one() {
        let ids = ids_per_peer("5/1000s", 1000);
        let mut new = 0;
        let mut use_new = |count: u32, second: u64| {
            assert!((new..new + count).all(|id| uses(&ids, 1, id, at_second(second))));
            new += count;
        };
        use_new(1, 0); // opens a window
        use_new(4, 998);
        use_new(5, 1000);
        // The stretch from here on: all that was new in the last 1000 seconds is still known, and soon a window opens.
        assert_eq!((1..10).filter(|&id| uses(&ids, 1, id, at_second(1997))).count(), 9);
        let use_new = |count: u32| assert!((10..10 + count).all(|id| uses(&ids, 1, id, at_second(2000))));
        use_new(5);
        assert!((20..99).all(|id| !uses(&ids, 1, id, at_second(2996))), "14 is 3N - 1");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// However a peer rotates, in a table however full: at most 2N - 1 new ids and 3N - 1 ids in any stretch of T.
        #[test]
        fn no_rotation_exceeds_the_bound(
            most in 1_u32..5,
            clients in prop::sample::select(&[4_u64, 1000][..]),
            when_full in prop::sample::select(&WhenFull::ALL[..]),
            uses_of_ids in prop::collection::vec((0_u32..30, 0_u8..2, 0_u64..40), 1..250),
        ) {
            let ids = ids_per_peer_that(when_full, &format!("{most}/100s"), clients);
            let mut passed: [Vec<(u64, u32)>; 2] = Default::default();
            let mut second = 0;
            for (id, peer, later) in uses_of_ids {
                second += later;
                // Others take room in the table.
                uses(&ids, 200 + peer, id, at_second(second));
                if uses(&ids, peer, id, at_second(second)) {
                    passed[usize::from(peer)].push((second, id));
                }
            }
            for passed in &passed {
                for &(start, _) in passed {
                    let stretch = || passed.iter().filter(|(at, _)| (start..start + 100).contains(at));
                    let distinct: HashSet<u32> = stretch().map(|(_, id)| *id).collect();
                    prop_assert!(distinct.len() < 3 * most as usize, "{distinct:?} from {start} of {passed:?}");
                    // Not used for T: new, whatever is still known.
                    let is_new = |&&(at, id): &&(u64, u32)| {
                        !passed.iter().any(|&(before, its)| its == id && before < at && before + 100 > at)
                    };
                    let new: HashSet<u32> = stretch().filter(is_new).map(|(_, id)| *id).collect();
                    prop_assert!(new.len() < 2 * most as usize, "{new:?} new from {start} of {passed:?}");
                }
            }
        }
    }

    #[test]
    fn on_many_threads_no_more_ids_are_new_than_there_may_be() {
        let ids = ids_per_peer("50/1h", 1000);
        let used: HashSet<u32> = std::thread::scope(|scope| {
            let rotate = |thread: u32| {
                let ids = &ids;
                // Half of the ids are those of the other threads, too.
                (0..400).map(move |n| if n % 2 == 0 { n } else { 1000 * thread + n }).filter(move |&id| {
                    let keys = ids.keys(IpAddr::from([192, 0, 2, 1]), &id.to_be_bytes());
                    ids.enter(keys, at_second(0)).is_ok()
                })
            };
            let threads: Vec<_> =
                (0..4).map(|thread| scope.spawn(move || rotate(thread).collect::<Vec<_>>())).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect()
        });
        assert!(used.len() <= 50, "{}", used.len());
        assert!(used.iter().all(|&id| uses(&ids, 1, id, at_second(1))), "all of them are known");
    }
}
