//! Where keys live, and what becomes of claims that were left in the middle.

use proptest::prelude::{any, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::{Change, GROUPS, NoSlot, Place, SLOTS_PER_LINE, Shard, Steps};
use crate::algorithm::State;
use crate::slot;
use crate::sync::Ordering;
use crate::{Nanos, WhenFull};

proptest! {
    #[test]
    fn a_slot_knows_its_owner(group in 1..=u32::MAX / 4, fraction in any::<u32>(), tag in 1..=u32::MAX) {
        let place = Place::new(group, fraction, tag);
        for index in 0..CANDIDATES {
            prop_assert_eq!(place.of_owner(index, tag).owner(), place.owner(), "from candidate {}", index);
        }
    }

    #[test]
    fn one_tag_has_the_same_candidates_or_none_in_common(
        group in 1..=1_000_u32,
        tag in 1..=u32::MAX,
        fractions in any::<(u32, u32)>(),
    ) {
        let (one, other) = (Place::new(group, fractions.0, tag), Place::new(group, fractions.1, tag));
        let lines = |place: Place| [0, 1, 2].map(|group| place.line(group));
        let shared = lines(one).iter().filter(|line| lines(other).contains(line)).count();
        prop_assert_eq!(shared, if one.owner() == other.owner() { GROUPS } else { 0 });
    }

    #[test]
    fn every_candidate_lies_in_its_own_group(group in prop_oneof![1..=9_u32, 1..=u32::MAX / 4], fraction in any::<u32>(), tag in 1..=u32::MAX) {
        let place = Place::new(group, fraction, tag);
        for part in 0..GROUPS {
            let line = place.line(part);
            prop_assert!(line / group as usize == part, "line {line} in group {part} of {group}");
        }
    }
}

#[test]
fn a_client_has_twelve_candidates() {
    assert_eq!((CANDIDATES, SLOTS_PER_LINE, GROUPS), (12, 4, 3));
}

/// Lets everybody in once, for good.
struct Once;

impl Steps for Once {
    type Answer = bool;

    fn step(&self, state: State, _: Nanos) -> Change<bool> {
        if state == 0 { Change::Write(true, 1) } else { Change::Keep(false) }
    }

    fn expires(&self, _: State) -> Nanos {
        Nanos::MAX
    }
}

fn shard_and_place() -> (Shard, Place) {
    let shard = Shard::new(1).expect("some memory");
    let place = Place::new(shard.group, 0, 7);
    (shard, place)
}

#[test]
fn an_abandoned_claim_is_respected_for_a_second_and_not_for_longer() {
    let (shard, place) = shard_and_place();
    let since = Nanos::from_secs(10);
    for index in 0..CANDIDATES {
        let somebody = slot::pending(100 + index as u32, since, index as u32);
        shard.slot(&place, index).store(somebody, Ordering::Relaxed);
    }
    let claim = |millis| shard.claim(&place, Nanos::from_millis(millis), WhenFull::Remember, &Once);
    assert!(matches!(claim(10_900), Err(NoSlot::Full(_))), "all slots are being claimed");
    assert_eq!(claim(11_100), Ok(true), "nobody is coming back for them");
}

#[test]
fn a_claim_that_finds_its_debt_leaves_nothing_behind() {
    let (shard, place) = shard_and_place();
    let (now, over) = (Nanos::from_secs(10), Nanos::from_secs(20));
    shard.slot(&place, 3).store(slot::pending(place.tag, now, 0), Ordering::Relaxed);
    shard.debts.record(place.owner(), over);
    assert_eq!(shard.claim(&place, now, WhenFull::Remember, &Once), Err(NoSlot::Debt(over)));
    assert_eq!(shard.slot(&place, 3).load(Ordering::Relaxed), slot::EMPTY);
}

const CANDIDATES: usize = GROUPS * SLOTS_PER_LINE;
