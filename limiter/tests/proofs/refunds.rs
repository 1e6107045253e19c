//! A refund gives back what is still owed and no more: what was *not* given back stays within the bound.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, proptest};
use tollgate_limiter::{Algorithm, Decision, Nanos, Quota};

use crate::model::Log;
use crate::traffic::{any_quota, at, cases, gap, limiter, quota};

const START: u64 = 10_000_000_000;

#[derive(Clone, Copy, Debug)]
enum Event {
    Request {
        cost: u32,
    },
    /// Of the charge so many charges ago, that many of its units.
    Refund {
        back: usize,
        units: u32,
    },
}

fn events(quota: &Quota) -> impl Strategy<Value = Vec<(Event, u64)>> + use<> {
    let request = (1..=3_u32).prop_map(|cost| Event::Request { cost });
    let refund = (0..6_usize, 1..=3_u32).prop_map(|(back, units)| Event::Refund { back, units });
    let event = (any::<bool>(), request, refund).prop_map(|(which, a, b)| if which { a } else { b });
    vec((event, gap(quota.period().as_u64() / 2)), 1..120)
}

/// [`events`], each with an instant of its own within some periods.
fn jumping(quota: &Quota) -> impl Strategy<Value = Vec<(Event, u64)>> + use<> {
    let period = quota.period().as_u64();
    let instant = (0..3_u64, gap(period)).prop_map(move |(periods, off)| START + periods * period + off);
    events(quota)
        .prop_flat_map(move |events| {
            let instants = vec(instant.clone(), events.len());
            (Just(events), instants)
        })
        .prop_map(|(events, instants)| events.into_iter().map(|(event, _)| event).zip(instants).collect())
}

struct Charge {
    at: Nanos,
    dated: u64,
    leaves: u64,
    units: u32,
    refunded: bool,
}

proptest! {
    #![proptest_config(cases(700))]

    #[test]
    fn what_was_not_given_back_never_exceeds_the_bound(
        (quota, events) in any_quota().prop_flat_map(|quota| (Just(quota), events(&quota))),
    ) {
        let limiter = limiter(&[quota]);
        let key = limiter.key(b"alice");
        let (mut charges, mut now) = (Vec::<Charge>::new(), START);
        for (event, after) in events {
            now += after;
            let instant = Nanos::new(now);
            match event {
                Event::Request { cost } => {
                    if let Decision::Allow { delay, .. } = limiter.decide_n(key, cost, instant) {
                        charges.push(Charge {
                            at: instant,
                            dated: now,
                            leaves: now + delay.as_u64(),
                            units: cost,
                            refunded: false,
                        });
                    }
                }
                Event::Refund { back, units } => {
                    let Some(charge) = charges.iter_mut().rev().nth(back).filter(|charge| !charge.refunded) else { continue };
                    let units = units.min(charge.units);
                    limiter.refund(key, units, charge.at, instant);
                    charge.units -= units;
                    charge.refunded = true;
                }
            }
        }
        let mut log = Log::default();
        charges.iter().for_each(|charge| log.add(charge.leaves, u64::from(charge.units)));
        let together = if quota.algorithm() == Algorithm::LeakyBucket { 2 } else { 0 };
        let period = quota.period().as_u64();
        for window in [1, period / 4 + 1, period / 2 + 1, period, period + 1, 2 * period] {
            let (most, bound) = (log.most_in(window), quota.worst_case(Nanos::new(window)) + together);
            prop_assert!(most <= bound, "{most} in {window} ns, above {bound}: {log:?}");
        }
    }

    /// Decisions and refunds at instants in any order: as though what was given back had never been let through.
    #[test]
    fn what_was_not_given_back_never_exceeds_the_bound_by_clocks_that_go_back(
        (quota, events) in any_quota().prop_flat_map(|quota| (Just(quota), jumping(&quota))),
    ) {
        let limiter = limiter(&[quota]);
        let key = limiter.key(b"alice");
        let (mut charges, mut latest, mut behind) = (Vec::<Charge>::new(), 0, 0);
        for (event, now) in events {
            match event {
                Event::Request { cost } => {
                    if let Decision::Allow { delay, .. } = limiter.decide_n(key, cost, Nanos::new(now)) {
                        latest = now.max(latest);
                        // An admission by a clock that lags counts by the one that is furthest ahead.
                        let stands = charges.iter().filter(|charge| charge.units > 0).map(|charge| charge.dated);
                        let dated = stands.max().unwrap_or(0).max(now);
                        let leaves = now + delay.as_u64();
                        charges.push(Charge { at: Nanos::new(now), dated, leaves, units: cost, refunded: false });
                    }
                }
                Event::Refund { back, units } => {
                    let Some(charge) = charges.iter_mut().rev().nth(back).filter(|charge| !charge.refunded) else { continue };
                    let units = units.min(charge.units);
                    limiter.refund(key, units, charge.at, Nanos::new(now));
                    charge.units -= units;
                    charge.refunded = true;
                    behind += latest - now.min(latest);
                }
            }
        }
        let leaky = quota.algorithm() == Algorithm::LeakyBucket;
        let mut log = Log::default();
        charges.iter().for_each(|charge| log.add(if leaky { charge.leaves } else { charge.dated }, u64::from(charge.units)));
        let together = if leaky { 2 } else { 0 };
        // A token bucket knows no instants: it gives back too much by as much as the clocks of refunds lag.
        let refilled = if quota.algorithm() == Algorithm::TokenBucket { behind } else { 0 };
        let period = quota.period().as_u64();
        for window in [1, period / 4 + 1, period / 2 + 1, period, period + 1, 2 * period] {
            let (most, bound) = (log.most_in(window), quota.worst_case(Nanos::new(window + refilled)) + together);
            prop_assert!(most <= bound, "{most} in {window} ns, above {bound}: {log:?}");
        }
    }

    #[test]
    fn no_refund_makes_a_client_better_off_than_a_new_one(
        (quota, events) in any_quota().prop_flat_map(|quota| (Just(quota), events(&quota))),
        odd in vec((any::<u32>(), any::<u64>(), any::<u64>()), 0..8),
    ) {
        let limiter = limiter(&[quota]);
        let (key, nobody) = (limiter.key(b"alice"), limiter.key(b"nobody"));
        let mut now = START;
        for (event, after) in events {
            now += after;
            match event {
                Event::Request { cost } => drop(limiter.decide_n(key, cost, Nanos::new(now))),
                // Nobody checks that there was such a charge.
                Event::Refund { back, units } => limiter.refund(key, units, Nanos::new(now - back as u64), Nanos::new(now)),
            }
        }
        for (units, charged_at, instant) in odd {
            limiter.refund(key, units, Nanos::new(charged_at), Nanos::new(instant));
        }
        let mut more = 0;
        while limiter.decide(key, Nanos::new(now)).is_allow() {
            more += 1;
        }
        let mut whole = 0;
        while limiter.decide(nobody, Nanos::new(now)).is_allow() {
            whole += 1;
        }
        prop_assert!(more <= whole, "{more} pass at once, and {whole} for a new client");
    }

    #[test]
    fn a_refund_at_once_makes_room_for_the_same_cost(
        (quota, costs) in any_quota().prop_flat_map(|quota| (Just(quota), vec(1..=4_u32, 1..8))),
        after in any::<u32>(),
    ) {
        let limiter = limiter(&[quota]);
        let key = limiter.key(b"alice");
        let now = Nanos::new(START);
        // A leaky bucket gives back only the charge of a request that left at once.
        let costs = if quota.algorithm() == Algorithm::LeakyBucket { &costs[..1] } else { &costs };
        for cost in costs {
            if limiter.decide_n(key, *cost, now).is_allow() {
                limiter.refund(key, *cost, now, now);
                prop_assert!(limiter.peek(key, *cost, at(now, lateness(&quota))).is_allow(), "cost {cost}");
            }
        }
        // What was never charged can't be given back.
        let unknown = limiter.key(&after.to_le_bytes());
        limiter.refund(unknown, 5, now, now);
        prop_assert_eq!(limiter.peek(unknown, 1, now), limiter.peek(limiter.key(b"nobody"), 1, now));
    }
}

#[test]
fn a_refund_goes_to_every_quota_of_the_client() {
    let quotas = [Algorithm::FixedWindow, Algorithm::SlidingWindow, Algorithm::TokenBucket];
    let limiter = limiter(&quotas.map(|algorithm| quota("3/10s", algorithm)));
    let (key, now) = (limiter.key(b"alice"), Nanos::from_secs(10));
    assert!(limiter.decide_n(key, 3, now).is_allow() && !limiter.decide(key, now).is_allow());
    limiter.refund(key, 2, now, now);
    let now = at(now, limiter.quotas(key)[1].resolution());
    assert!(limiter.decide_n(key, 2, now).is_allow() && !limiter.decide(key, now).is_allow());
}

/// What was given back to a clock that is ahead stays charged, or the window before it would be forgotten: each step with whether it passes.
#[test]
fn a_refund_that_a_lagging_clock_finds_mints_nothing() {
    use Algorithm::{FixedWindow, SlidingWindow};
    let (ask, refund) = (|at, passes| (at, None, passes), |charged_at, now| (now, Some(charged_at), true));
    for (what, text, algorithm, steps) in [
        (
            "a charge that had left when the newest came",
            "1/50ms",
            SlidingWindow,
            vec![ask(1_000, true), ask(1_055, true), refund(1_000, 1_045), ask(1_056, false)],
        ),
        (
            "the only one in the window of a clock that is ahead",
            "2/50ms",
            SlidingWindow,
            vec![ask(1_000, true), ask(1_010, true), refund(1_010, 1_055), ask(1_045, true), ask(1_045, false)],
        ),
        (
            "the newest, which had pushed another one out of memory",
            "1/50ms",
            SlidingWindow,
            vec![ask(1_000, true), ask(1_055, true), refund(1_055, 1_055), ask(1_045, false), ask(1_056, true)],
        ),
        (
            "the one that opened the window, at its opening",
            "2/50ms",
            FixedWindow,
            vec![ask(1_000, true), ask(1_049, true), refund(1_000, 1_000), ask(1_049, false), ask(1_050, true)],
        ),
        (
            "all of a window, and the one before was full",
            "2/50ms",
            FixedWindow,
            vec![ask(1_000, true), ask(1_049, true), ask(1_050, true), refund(1_050, 1_050), ask(1_049, false)],
        ),
    ] {
        let limiter = limiter(&[quota(text, algorithm)]);
        let key = limiter.key(b"alice");
        for (now, charged_at, passes) in steps {
            match charged_at {
                Some(charged_at) => limiter.refund(key, 1, Nanos::from_millis(charged_at), Nanos::from_millis(now)),
                None => {
                    let passed = limiter.decide(key, Nanos::from_millis(now)).is_allow();
                    assert_eq!(passed, passes, "{algorithm}, {what}: at {now} ms");
                }
            }
        }
    }
}

/// A sliding window counts in ticks, and so gives back.
fn lateness(quota: &Quota) -> Nanos {
    if quota.algorithm() == Algorithm::SlidingWindow { quota.resolution() } else { Nanos::ZERO }
}

/// The ways in which a refund could break a bound, each with what passes afterwards.
#[test]
fn a_refund_never_lifts_a_client_above_what_is_owed() {
    use Algorithm::{FixedWindow, LeakyBucket, SlidingWindow, TokenBucket};
    let (second, none) = (Nanos::from_secs, 0);
    for (what, algorithm, charges, refund, now, passes) in [
        ("the newest of three", SlidingWindow, vec![10, 11, 12], 12, 12, 1),
        ("the oldest of three", SlidingWindow, vec![10, 11, 12], 10, 12, 1),
        ("one that has left the window", SlidingWindow, vec![10, 18, 19], 10, 21, 1),
        ("a charge of this window", FixedWindow, vec![10, 11, 12], 12, 12, 1),
        ("the one that opened the window, others stay", FixedWindow, vec![10, 19, 19], 10, 19, none),
        ("one of three at once", FixedWindow, vec![10, 10, 10], 10, 10, 1),
        ("the only one", FixedWindow, vec![10], 10, 11, 3),
        ("a charge of the window before", FixedWindow, vec![10, 20, 20, 20], 10, 20, none),
        ("a charge at once", TokenBucket, vec![10, 10, 10], 10, 10, 1),
        ("a charge half paid off", TokenBucket, vec![10, 10, 10], 10, 11, 1),
        ("a charge paid off", TokenBucket, vec![10, 20, 20, 20], 10, 20, none),
        ("the only one in the queue", LeakyBucket, vec![10], 10, 10, 4),
        ("one that others wait behind", LeakyBucket, vec![10, 10], 10, 10, 2),
    ] {
        let text = if algorithm == LeakyBucket { "3/9s" } else { "3/10s" };
        let quota = quota(text, algorithm);
        let limiter = limiter(&[quota]);
        let key = limiter.key(b"alice");
        for charge in &charges {
            assert!(limiter.decide(key, second(*charge)).is_allow(), "{what}: the charge at {charge} s");
        }
        limiter.refund(key, 1, second(refund), second(now));
        let now = at(second(now), lateness(&quota));
        let more = core::iter::repeat_with(|| limiter.decide(key, now)).take_while(|decision| decision.is_allow());
        assert_eq!(more.count(), passes, "{algorithm}, {what}");
    }
}
