//! How evenly the simulated clients were served.
//!
//! One number for all of them, Jain's index (Jain, Chiu and Hawe, 1984): 1 when every client was allowed equally often, 1/n when one of n
//! had everything. And a few clients by id, because an index says that somebody starves but not who.
//!
//! Clients that asked for nothing take no part. The list may have millions of entries, so it is read once and not copied: the median comes
//! from a histogram (exact up to 2047, to a thousandth above), the few from lists of [`NAMED`].

use hdrhistogram::Histogram;

use crate::summary::Served;

/// How evenly the clients were served.
#[derive(Clone, Debug, PartialEq)]
pub struct Fairness {
    /// Clients that asked at least once.
    pub asked: u64,
    /// Jain's index over the requests allowed to them: above 0, at most 1. 1 when nobody was allowed anything.
    pub jain: f64,
    /// The fewest requests that one of them was allowed.
    pub least: u64,
    /// The median of requests allowed.
    pub median: u64,
    /// The most.
    pub most: u64,
    /// Those with the smallest part of their requests allowed, the worst first; nobody who was denied nothing.
    pub starved: Vec<Named>,
    /// Those who asked most.
    pub hottest: Vec<Named>,
}

/// A client by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its id.
    pub id: u32,
    /// What it got.
    pub served: Served,
}

impl Fairness {
    /// Of clients whose ids are their places in the list; `None` if nobody was answered.
    pub fn of(clients: &[Served]) -> Option<Self> {
        let mut allowed = Histogram::<u64>::new_with_bounds(1, MOST_ALLOWED, 3).expect("bounds that the crate takes");
        let (mut sum, mut squares) = (0_u128, 0_u128);
        let (mut least, mut most) = (u64::MAX, 0);
        let (mut starved, mut hottest) = (Top::default(), Top::default());
        for (id, served) in (0_u32..).zip(clients.iter().copied()).filter(|(_, served)| asked(*served) > 0) {
            let named = Named { id, served };
            let count = u64::from(served.allowed);
            allowed.saturating_record(count);
            sum += u128::from(count);
            squares += u128::from(count) * u128::from(count);
            (least, most) = (least.min(count), most.max(count));
            hottest.offer(named, |a, b| asked(a.served) > asked(b.served));
            if served.denied > 0 {
                starved.offer(named, starves_more);
            }
        }
        if allowed.is_empty() {
            return None;
        }
        let asked = allowed.len();
        // Equal counts may come out a rounding above 1.
        let index = |squares| (sum as f64 / asked as f64 * (sum as f64 / squares as f64)).min(1.0);
        let jain = if squares == 0 { 1.0 } else { index(squares) };
        let median = allowed.value_at_quantile(0.5).clamp(least, most);
        Some(Self { asked, jain, least, median, most, starved: starved.0, hottest: hottest.0 })
    }
}

/// The first few in some order; of equal ones, the lowest ids.
#[derive(Debug, Default)]
struct Top(Vec<Named>);

impl Top {
    /// Takes `named` if fewer than [`NAMED`] go before it. Called with rising ids.
    fn offer(&mut self, named: Named, goes_before: impl Fn(&Named, &Named) -> bool) {
        let full = self.0.len() == NAMED;
        if full && !self.0.last().is_some_and(|last| goes_before(&named, last)) {
            return;
        }
        let place = self.0.partition_point(|other| !goes_before(&named, other));
        self.0.insert(place, named);
        self.0.truncate(NAMED);
    }
}

/// A smaller part allowed, or as small a part and more denials. Compares fractions without dividing: no two parts are mistaken for equal.
fn starves_more(a: &Named, b: &Named) -> bool {
    let of_a = u128::from(a.served.allowed) * u128::from(asked(b.served));
    let of_b = u128::from(b.served.allowed) * u128::from(asked(a.served));
    of_a < of_b || (of_a == of_b && a.served.denied > b.served.denied)
}

/// Requests of one client that were answered with yes or no.
fn asked(served: Served) -> u64 {
    u64::from(served.allowed) + u64::from(served.denied)
}

/// Clients named in a report: enough to see a pattern, few enough for a line each.
pub const NAMED: usize = 5;
/// What a client's counter holds.
const MOST_ALLOWED: u64 = u32::MAX as u64;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn clients(list: &[(u32, u32)]) -> Vec<Served> {
        list.iter().map(|(allowed, denied)| Served { allowed: *allowed, denied: *denied }).collect()
    }

    fn ids(named: &[Named]) -> Vec<u32> {
        named.iter().map(|named| named.id).collect()
    }

    #[test]
    fn jains_index_is_what_its_authors_say() {
        let cases: [(&[(u32, u32)], f64); 6] = [
            (&[(5, 0), (5, 9), (5, 1)], 1.0),
            (&[(9, 0), (0, 1), (0, 1), (0, 1)], 0.25),
            (&[(1, 0), (3, 0)], 0.8),
            (&[(0, 4), (0, 9)], 1.0),
            (&[(7, 0), (0, 0), (0, 0)], 1.0),
            (&[(u32::MAX, 0), (u32::MAX, u32::MAX)], 1.0),
        ];
        for (list, jain) in cases {
            let fairness = Fairness::of(&clients(list)).unwrap();
            assert!((fairness.jain - jain).abs() < 1e-12, "{list:?}: {}", fairness.jain);
        }
        assert_eq!(Fairness::of(&clients(&[(0, 0)])), None);
        assert_eq!(Fairness::of(&[]), None);
    }

    #[test]
    fn the_most_starved_and_the_hottest_are_named_worst_first() {
        let list = [(9, 1), (0, 3), (0, 0), (1, 1), (0, 7), (50, 0), (2, 2), (3, 1), (0, 3)];
        let fairness = Fairness::of(&clients(&list)).unwrap();
        assert_eq!(ids(&fairness.starved), [4, 1, 8, 6, 3]);
        assert_eq!(ids(&fairness.hottest), [5, 0, 4, 6, 7]);
        assert_eq!((fairness.asked, fairness.least, fairness.median, fairness.most), (8, 0, 1, 50));
    }

    #[test]
    fn parts_that_differ_by_less_than_a_float_are_told_apart() {
        // (k−1)/(2k−1) is less than k/(2k+1), though the other one was denied more.
        let k = u32::MAX - 1;
        let fairness = Fairness::of(&clients(&[(k, k + 1), (k - 1, k)])).unwrap();
        assert_eq!(ids(&fairness.starved), [1, 0]);
    }

    type List = Vec<(u32, u32)>;

    fn shuffled() -> impl Strategy<Value = (List, List)> {
        vec((0_u32..100_000, 0_u32..3), 1..80).prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle()))
    }

    proptest! {
        #[test]
        fn nothing_but_the_names_depends_on_who_is_who((list, other) in shuffled()) {
            let (a, b) = (Fairness::of(&clients(&list)), Fairness::of(&clients(&other)));
            let strip = |f: Option<Fairness>| f.map(|f| Fairness { starved: Vec::new(), hottest: Vec::new(), ..f });
            prop_assert_eq!(strip(a), strip(b));
        }

        #[test]
        fn the_index_lies_above_0_and_the_median_halves_the_clients((list, _) in shuffled()) {
            let Some(fairness) = Fairness::of(&clients(&list)) else { return Ok(()) };
            let n = fairness.asked as f64;
            prop_assert!(fairness.jain > 1.0 / n - 1e-9 && fairness.jain <= 1.0, "{}", fairness.jain);
            let mut sorted: Vec<u64> = list.iter().filter(|c| c.0 + c.1 > 0).map(|c| u64::from(c.0)).collect();
            sorted.sort_unstable();
            let exact = sorted[(sorted.len() - 1) / 2];
            prop_assert!(fairness.median.abs_diff(exact) <= exact / 1_000, "{} {exact}", fairness.median);
        }
    }
}
