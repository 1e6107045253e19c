//! One state for each client, found by its number; memory only for pages of clients that were seen.
//!
//! Clients of a plan are numbered from 0, so a table of pages needs no hashing and no list of clients beforehand. (A hash map costs as
//! much again as the states, and a whole table up front makes a log of two lines with one high number cost gigabytes.)

/// See the module.
#[derive(Debug)]
pub(super) struct Table<T> {
    pages: Vec<Box<[T]>>,
    unseen: T,
}

impl<T: Copy> Table<T> {
    /// All clients are in the state `unseen`.
    pub(super) const fn new(unseen: T) -> Self {
        Self { pages: Vec::new(), unseen }
    }

    /// The state of a client.
    pub(super) fn of(&mut self, id: u32) -> &mut T {
        let page = id as usize / PAGE;
        if self.pages.get(page).is_none_or(|page| page.is_empty()) {
            self.add(page);
        }
        &mut self.pages[page][id as usize % PAGE]
    }

    /// The state of a client that may not have one yet.
    pub(super) fn peek(&self, id: u32) -> Option<&T> {
        self.pages.get(id as usize / PAGE)?.get(id as usize % PAGE)
    }

    /// Bytes taken.
    pub(super) fn memory(&self) -> usize {
        let states: usize = self.pages.iter().map(|page| page.len()).sum();
        states * size_of::<T>() + self.pages.capacity() * size_of::<Box<[T]>>()
    }

    #[cold]
    fn add(&mut self, page: usize) {
        if page >= self.pages.len() {
            self.pages.resize_with(page + 1, Box::default);
        }
        self.pages[page] = vec![self.unseen; PAGE].into();
    }
}

/// States of one page: enough that the list of pages stays in the cache, few enough that scattered clients don't cost much.
const PAGE: usize = 512;

#[cfg(test)]
mod tests {
    use super::{PAGE, Table};

    #[test]
    fn only_pages_that_were_seen_take_memory() {
        let mut table = Table::new(7_u64);
        *table.of(3) += 1;
        *table.of(1_000_000) += 2;
        assert_eq!((*table.of(3), *table.of(1_000_000), table.peek(999_999).copied()), (8, 9, Some(7)));
        assert_eq!(table.peek(500_000), None);
        assert!(table.memory() < 2 * PAGE * size_of::<u64>() + 2 * 1_000_000 / PAGE * 16);
    }
}
