//! What is said about clients by name, shadow quotas, and temporary bans on their ladder.

use proptest::collection::vec;
use proptest::prelude::{prop_assert_eq, proptest};
use tollgate_limiter::{Algorithm, Decision, DeniedBy, Ladder, Limiter, Nanos, Override, Settings, WhenFull};

use crate::traffic::{cases, limiter, quota, settings, tiny};

const SECOND: u64 = 1_000_000_000;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn passes(limiter: &Limiter, id: &str, now: Nanos) -> usize {
    (0..100).filter(|_| limiter.decide(limiter.key(id.as_bytes()), now).is_allow()).count()
}

#[test]
fn a_client_falls_under_the_quotas_that_name_it() {
    let default = [quota("5/5s", Algorithm::SlidingWindow)];
    let gold = vec![quota("50/5s", Algorithm::FixedWindow), quota("20/1s", Algorithm::TokenBucket)];
    let limiter = Limiter::new(&Settings {
        overrides: vec![
            Override { ids: names(&["ann", "bob"]), quotas: gold.clone() },
            Override { ids: names(&["cy"]), quotas: vec![quota("1/1h", Algorithm::SlidingWindow)] },
        ],
        allow: names(&["health"]),
        deny: names(&["mallory"]),
        shards: 3,
        ..settings(&default)
    })
    .expect("possible");
    let now = Nanos::from_secs(1);
    for (id, quotas, admitted) in [
        ("ann", &gold[..], 20),
        ("bob", &gold[..], 20),
        ("cy", &[quota("1/1h", Algorithm::SlidingWindow)][..], 1),
        ("health", &[], 100),
        ("mallory", &[], 0),
        ("anyone", &default[..], 5),
        ("", &default[..], 5),
    ] {
        assert_eq!(limiter.quotas(limiter.key(id.as_bytes())), quotas, "{id}");
        assert_eq!(passes(&limiter, id, now), admitted, "{id}");
    }
    let never = Decision::Deny { retry_after: Nanos::MAX, by: DeniedBy::List };
    assert_eq!(limiter.decide(limiter.key(b"mallory"), now), never);
    assert_eq!(limiter.peek(limiter.key(b"mallory"), 0, now), never);
    let Decision::Allow { remaining: u32::MAX, .. } = limiter.peek(limiter.key(b"health"), u32::MAX, now) else {
        panic!("no limit for the allow list");
    };
}

#[test]
fn a_shadow_quota_counts_and_reports_but_does_not_deny() {
    let enforced = quota("5/5s", Algorithm::SlidingWindow);
    let tighter = quota("2/5s", Algorithm::FixedWindow).shadow();
    let limiter = limiter(&[tighter, enforced]);
    let key = limiter.key(b"alice");
    let now = Nanos::from_secs(1);
    let answers: Vec<_> = (0..6).map(|_| limiter.decide(key, now)).collect();
    for (index, answer) in answers.iter().enumerate() {
        match answer {
            Decision::Allow { would_deny, remaining, quota_index, .. } => {
                assert_eq!(
                    (*would_deny, *remaining, *quota_index),
                    (index >= 2, 4 - index as u32, 1),
                    "request {index}"
                );
            }
            Decision::Deny { by, .. } => assert_eq!((index, *by), (5, DeniedBy::Quota(1))),
        }
    }
}

#[test]
fn an_offender_climbs_the_ladder_and_a_quiet_one_is_forgiven() {
    let rungs = [Nanos::from_secs(10), Nanos::from_secs(60)];
    let bans = Some(Ladder::new(2, Nanos::from_secs(30), &rungs).expect("possible"));
    let limiter =
        Limiter::new(&Settings { bans, ..settings(&[quota("1/1h", Algorithm::FixedWindow)]) }).expect("possible");
    let key = limiter.key(b"alice");
    assert!(limiter.decide(key, Nanos::from_secs(1)).is_allow());
    let quota = |until: u64| (DeniedBy::Quota(0), until);
    let ban = |until: u64| (DeniedBy::Ban, until);
    // The quota has room again at 3 601 s: until then a ban that ends earlier isn't what the client waits for.
    for (now, answer) in [
        (3_000, quota(3_601)),
        (3_029, quota(3_601)), // second strike: banned until 3 039
        (3_038, quota(3_601)), // banned: no strike
        (3_039, quota(3_601)),
        (3_069, quota(3_601)), // too late to be a second one
        (3_070, quota(3_601)), // second strike: banned until 3 130
        (3_130, quota(3_601)),
        (3_550, quota(3_601)), // forgiven by now
        (3_551, quota(3_601)), // banned until 3 561
        (3_580, quota(3_601)),
        (3_581, ban(3_641)), // the second rung again
        (3_602, ban(3_641)),
        (3_640, ban(3_641)),
    ] {
        let Decision::Deny { retry_after, by } = limiter.decide(key, Nanos::from_secs(now)) else { panic!("at {now}") };
        assert_eq!((by, now + retry_after.as_u64() / SECOND), answer, "at {now} s");
    }
    assert!(limiter.decide(key, Nanos::from_secs(3_641)).is_allow());
}

#[test]
fn a_ban_by_hand_holds_until_its_end_or_its_pardon() {
    let bans = Some(Ladder::new(9, Nanos::from_secs(30), &[Nanos::from_secs(10)]).expect("possible"));
    let limiter =
        Limiter::new(&Settings { bans, ..settings(&[quota("9/1s", Algorithm::FixedWindow)]) }).expect("possible");
    let (alice, bob, at) = (limiter.key(b"alice"), limiter.key(b"bob"), Nanos::from_secs);
    assert!(limiter.ban(alice, at(100), at(5)) && limiter.ban(bob, at(100), at(5)));
    let banned = |secs| Decision::Deny { retry_after: at(secs), by: DeniedBy::Ban };
    assert_eq!(limiter.decide(alice, at(5)), banned(95));
    assert_eq!(limiter.decide(alice, at(99)), banned(1));
    assert!(limiter.decide(alice, at(100)).is_allow());
    assert!(limiter.ban(bob, at(6), at(6)), "an instant that has passed is a pardon");
    assert!(limiter.decide(bob, at(6)).is_allow());
    let without = crate::traffic::limiter(&[quota("9/1s", Algorithm::FixedWindow)]);
    assert!(!without.ban(without.key(b"alice"), at(100), at(5)), "there is no ladder to put it on");
}

#[test]
fn a_pardon_leaves_the_rung() {
    let rungs = [Nanos::from_secs(10), Nanos::from_secs(600)];
    let bans = Some(Ladder::new(1, Nanos::from_secs(30), &rungs).expect("possible"));
    let limiter =
        Limiter::new(&Settings { bans, ..settings(&[quota("1/1s", Algorithm::FixedWindow)]) }).expect("possible");
    let (key, at) = (limiter.key(b"alice"), Nanos::from_secs);
    for (now, rung) in [(5, 10), (6, 600)] {
        assert!(limiter.ban(key, at(now), at(now)) && limiter.decide(key, at(now)).is_allow());
        let _strike = limiter.decide(key, at(now));
        assert_eq!(limiter.decide(key, at(now)), Decision::Deny { retry_after: at(rung), by: DeniedBy::Ban });
    }
}

#[test]
fn only_a_quota_that_is_used_up_counts_as_a_strike() {
    let bans = Some(Ladder::new(1, Nanos::from_secs(30), &[Nanos::from_secs(60)]).expect("possible"));
    let limiter =
        Limiter::new(&Settings { bans, ..settings(&[quota("2/1s", Algorithm::FixedWindow)]) }).expect("possible");
    let (key, now) = (limiter.key(b"alice"), Nanos::from_secs(5));
    let too_much = Decision::Deny { retry_after: Nanos::MAX, by: DeniedBy::Cost(0) };
    assert_eq!((limiter.decide_n(key, 3, now), limiter.decide_n(key, 3, now)), (too_much, too_much));
    assert!(limiter.decide(key, now).is_allow(), "who asked for too much isn't banned");
}

#[test]
fn a_flood_of_offenders_buys_nobody_an_amnesty() {
    let bans = Some(Ladder::new(2, Nanos::from_secs(30), &[Nanos::from_secs(90)]).expect("possible"));
    let limiter = Limiter::new(&Settings { bans, ..tiny(&[quota("1/1s", Algorithm::FixedWindow)], WhenFull::Forget) });
    let limiter = limiter.expect("possible");
    let (alice, now) = (limiter.key(b"alice"), Nanos::from_secs(5));
    assert!(limiter.ban(alice, Nanos::from_secs(50), now));
    for id in 0..100_u32 {
        assert_eq!(passes(&limiter, &id.to_string(), now), 1);
    }
    assert_eq!(limiter.decide(alice, now), Decision::Deny { retry_after: Nanos::from_secs(45), by: DeniedBy::Ban });
    // Nor is there room for one more ban by hand.
    assert!(!limiter.ban(limiter.key(b"bob"), Nanos::from_secs(50), now));
}

/// The ladder as a list of what happened.
struct Offender {
    strikes: Vec<u64>,
    rung: usize,
    banned_until: u64,
}

impl Offender {
    fn denied(&mut self, now: u64, strikes: usize, within: u64, rungs: &[u64]) {
        let longest = rungs[rungs.len() - 1];
        let quiet_since = self.strikes.first().copied().unwrap_or(self.banned_until);
        if now >= quiet_since + longest.max(if self.strikes.is_empty() { 0 } else { within }) {
            self.rung = 0;
        }
        if self.strikes.first().is_some_and(|first| now >= first + within) {
            self.strikes.clear();
        }
        self.strikes.push(now);
        if self.strikes.len() == strikes {
            self.strikes.clear();
            self.banned_until = now + rungs[self.rung];
            self.rung = (self.rung + 1).min(rungs.len() - 1);
        }
    }
}

proptest! {
    #![proptest_config(cases(800))]

    #[test]
    fn bans_follow_the_ladder(
        strikes in 1..=4_usize,
        within in 1..=20_u64,
        mut rungs in vec(1..=30_u64, 1..=4),
        requests in vec(0..12_u64, 1..150),
    ) {
        rungs.sort_unstable();
        let spans: Vec<Nanos> = rungs.iter().map(|rung| Nanos::new(*rung)).collect();
        let bans = Some(Ladder::new(strikes as u16, Nanos::new(within), &spans).expect("possible"));
        // Only the first request ever passes.
        let quota = quota("1/366d", Algorithm::FixedWindow);
        let limiter = Limiter::new(&Settings { bans, ..settings(&[quota]) }).expect("possible");
        let key = limiter.key(b"alice");
        let _ = limiter.decide(key, Nanos::new(SECOND));
        let end = SECOND + quota.period().as_u64();
        let mut offender = Offender { strikes: vec![], rung: 0, banned_until: 0 };
        let mut now = SECOND;
        for after in requests {
            now += after;
            if now >= offender.banned_until {
                offender.denied(now, strikes, within, &rungs);
            }
            let _ = limiter.decide(key, Nanos::new(now));
            // The quota denies far longer, so only a request that costs nothing shows the ban.
            let rest = offender.banned_until.saturating_sub(now);
            let shown = match limiter.peek(key, 0, Nanos::new(now)) {
                Decision::Deny { retry_after, by: DeniedBy::Ban } => retry_after.as_u64(),
                Decision::Deny { .. } => u64::MAX,
                Decision::Allow { .. } => 0,
            };
            prop_assert_eq!(shown, rest, "at {}", now);
            prop_assert_eq!(
                limiter.peek(key, 1, Nanos::new(now)),
                Decision::Deny { retry_after: Nanos::new(end - now), by: DeniedBy::Quota(0) }
            );
        }
    }
}
