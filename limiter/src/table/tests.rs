//! Where keys live.

use proptest::prelude::{any, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::{CANDIDATES, GROUPS, Place, SLOTS_PER_LINE};

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
