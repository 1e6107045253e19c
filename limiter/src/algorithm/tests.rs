//! What the table takes for granted about every algorithm's states.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use super::{Algorithm, Meter, Rule, State, Step};
use crate::slot::{self, Content};
use crate::{Ladder, Nanos, Quota};

fn quota() -> impl Strategy<Value = Quota> {
    let period = select(vec![20_u64, 999_983, 1_000_000_000, 5_000_000_000, 366 * 86_400_000_000_000]);
    (select(&Algorithm::ALL[..]), 1..=19_u32, period)
        .prop_map(|(algorithm, limit, period)| Quota::with(limit, Nanos::new(period), algorithm).expect("possible"))
}

/// Spans between requests, and costs.
fn requests() -> impl Strategy<Value = Vec<(u64, u32)>> {
    vec((prop_oneof![Just(0), 0..30_u64, 0..3_000_000_000_u64], 0..=4_u32), 1..40)
}

/// The state that these requests leave behind, some of them given back, and the instant of the last one.
fn after<R: Rule>(rule: R, requests: &[(u64, u32)]) -> (State, Nanos) {
    requests.iter().fold((0, Nanos::from_secs(1)), |(state, now), (gap, cost)| {
        let now = now.saturating_add(Nanos::new(*gap));
        if gap % 5 == 4 {
            return (rule.refund(state, *cost, now, now).unwrap_or(state), now);
        }
        match rule.step(state, now, *cost) {
            Step::Allow(state) => (state, now),
            Step::Deny { .. } | Step::Never => (state, now),
        }
    })
}

fn check<R: Rule>(rule: R, requests: &[(u64, u32)], later: &[(u64, u32)]) -> Result<(), TestCaseError> {
    let (mut state, now) = after(rule, requests);
    let word = slot::confirmed(u32::MAX, state);
    prop_assert_eq!(slot::content(word), Content::Confirmed(state), "a state never reads as a pending slot");
    prop_assert_eq!(slot::tag(word), u32::MAX);

    // Expired, it goes on like a state that never was.
    let (mut fresh, mut now) = (0, now.max(rule.expires(state)));
    for (gap, cost) in later {
        now = now.saturating_add(Nanos::new(*gap));
        match (rule.step(state, now, *cost), rule.step(fresh, now, *cost)) {
            (Step::Allow(old), Step::Allow(new)) => {
                prop_assert_eq!(rule.grant(old, now, *cost), rule.grant(new, now, *cost));
                (state, fresh) = (old, new);
            }
            (old, new) => prop_assert_eq!(old, new),
        }
    }
    Ok(())
}

fn repacked<R: Rule>(rule: R) -> R {
    R::unpack(rule.pack())
}

proptest! {
    #[test]
    fn an_expired_state_goes_on_like_no_state_at_all(quota in quota(), first in requests(), later in requests()) {
        match Meter::new(&quota) {
            Meter::Sliding(rule) => check(rule, &first, &later)?,
            Meter::Fixed(rule) => check(rule, &first, &later)?,
            Meter::Token(rule) => check(rule, &first, &later)?,
            Meter::Leaky(rule) => check(rule, &first, &later)?,
        }
    }

    #[test]
    fn a_rule_survives_its_packing(quota in quota()) {
        match Meter::new(&quota) {
            Meter::Sliding(rule) => prop_assert_eq!(repacked(rule), rule),
            Meter::Fixed(rule) => prop_assert_eq!(repacked(rule), rule),
            Meter::Token(rule) => prop_assert_eq!(repacked(rule), rule),
            Meter::Leaky(rule) => prop_assert_eq!(repacked(rule), rule),
        }
    }

    #[test]
    fn an_expired_place_on_the_ladder_is_the_ground(first in vec(0..40_u64, 1..40), later in vec(0..40_u64, 1..40)) {
        let ladder = Ladder::new(3, Nanos::new(20), &[Nanos::new(5), Nanos::new(50)]).expect("possible");
        let (mut state, mut now) = (0, 1_000);
        for gap in first {
            now += gap;
            let banned = Ladder::banned(state, Nanos::new(now)).is_some();
            prop_assert_eq!(ladder.strike(state, Nanos::new(now)).is_none(), banned, "a ban isn't prolonged");
            state = ladder.strike(state, Nanos::new(now)).unwrap_or(state);
        }
        let mut fresh = 0;
        now = now.max(ladder.expires(state).as_u64());
        for gap in later {
            now += gap;
            state = ladder.strike(state, Nanos::new(now)).unwrap_or(state);
            fresh = ladder.strike(fresh, Nanos::new(now)).unwrap_or(fresh);
            prop_assert_eq!(Ladder::banned(state, Nanos::new(now)), Ladder::banned(fresh, Nanos::new(now)));
        }
    }
}

#[test]
fn a_pending_word_is_pending_whatever_the_instant() {
    for now in [0, 1, 1 << 20, u64::MAX >> 8, u64::MAX] {
        for nonce in [0, 1, u32::MAX] {
            let word = slot::pending(7, Nanos::new(now), nonce);
            assert!(slot::state(word).is_none() && slot::tag(word) == 7 && word != slot::EMPTY);
            let Content::Pending { since } = slot::content(word) else { panic!("{now}, {nonce}") };
            let since_start_over = now % (1 << 56);
            assert!(since.as_u64() <= since_start_over && since_start_over - since.as_u64() < 1 << 20, "{now}");
        }
    }
}

#[test]
fn no_pending_word_comes_again_within_a_million_claims() {
    let now = Nanos::from_secs(5);
    let words = (0..1 << 20).map(|nonce| slot::pending(7, now, nonce)).collect::<std::collections::HashSet<_>>();
    assert_eq!(words.len(), 1 << 20);
}

/// A rule at its limits: the last instants before time stands still never read as pending either.
#[test]
fn the_last_state_of_all_is_no_pending_slot() {
    for algorithm in Algorithm::ALL {
        for (limit, period) in [(1, 1), (1, 366 * 86_400_000_000_000), (5, 5), (5, 5_000_000_000), (19, 1_000_000_000)]
        {
            let quota = Quota::with(limit, Nanos::new(period), algorithm).expect("possible");
            let word = |state| slot::content(slot::confirmed(1, state));
            let last = |step| match step {
                Step::Allow(state) => assert_eq!(word(state), Content::Confirmed(state), "{algorithm}"),
                other => panic!("{algorithm}: {other:?}"),
            };
            match Meter::new(&quota) {
                Meter::Sliding(rule) => last(rule.step(0, Nanos::MAX, 1)),
                Meter::Fixed(rule) => last(rule.step(0, Nanos::MAX, 1)),
                Meter::Token(rule) => last(rule.step(0, Nanos::MAX, 1)),
                Meter::Leaky(rule) => last(rule.step(0, Nanos::MAX, 1)),
            }
        }
    }
}
