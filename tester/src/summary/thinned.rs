//! A stream of any length in bounded memory, coarser the longer it is.
//!
//! ```text
//!   room for 4    a b c d         one item each
//!   full: merge   ab cd           then two items each
//!                 ab cd ef gh
//!   full: merge   abcd efgh       then four, and so on
//! ```
//!
//! Every item is in it, all places stand for equally many (the last for those there are), and n items cost n + room merges altogether. A
//! ring would forget the start of a run of weeks, and a sample may miss the one second that matters.

/// Two neighbours become one.
pub trait Merge {
    /// Takes in the one that comes next.
    fn merge(&mut self, later: Self);
}

/// At most `ROOM` items, each merged from as many that came.
#[derive(Clone, Debug)]
pub struct Thinned<T, const ROOM: usize> {
    items: Vec<T>,
    /// Items that came for each one kept.
    each: u64,
    /// Those that are in the last one.
    in_last: u64,
}

impl<T: Merge, const ROOM: usize> Thinned<T, ROOM> {
    /// One more.
    pub fn push(&mut self, item: T) {
        const { assert!(ROOM >= 2 && ROOM.is_multiple_of(2), "pairs are merged") };
        if self.in_last == self.each {
            self.make_room();
            self.in_last = 0;
        }
        self.in_last += 1;
        match self.items.last_mut() {
            Some(last) if self.in_last > 1 => last.merge(item),
            _ => self.items.push(item),
        }
    }

    fn make_room(&mut self) {
        if self.items.len() < ROOM {
            return;
        }
        let mut all = std::mem::take(&mut self.items).into_iter();
        while let Some(mut first) = all.next() {
            all.next().into_iter().for_each(|second| first.merge(second));
            self.items.push(first);
        }
        self.each *= 2;
    }
}

impl<T, const ROOM: usize> Thinned<T, ROOM> {
    /// What is kept, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    /// Items that came for each one kept.
    pub const fn each(&self) -> u64 {
        self.each
    }
}

impl<T, const ROOM: usize> Default for Thinned<T, ROOM> {
    fn default() -> Self {
        Self { items: Vec::new(), each: 1, in_last: 1 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::{Merge, Thinned};

    impl Merge for Vec<u32> {
        fn merge(&mut self, later: Self) {
            self.extend(later);
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_moved_and_all_places_stand_for_equally_many(n in 0_u32..500) {
            let mut thinned: Thinned<Vec<u32>, 8> = Thinned::default();
            for item in 0..n {
                thinned.push(vec![item]);
            }
            let places: Vec<_> = thinned.iter().cloned().collect();
            prop_assert!(places.len() <= 8 && (n < 8 || places.len() > 4));
            prop_assert_eq!(places.concat(), (0..n).collect::<Vec<_>>());
            prop_assert!(places.iter().rev().skip(1).all(|place| place.len() as u64 == thinned.each()));
        }
    }
}
