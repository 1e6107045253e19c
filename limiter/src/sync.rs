//! The atomics, std's (128 bits wide by `portable-atomic`) or loom's: the only place that knows which.
//!
//! Loom has no 128-bit atomic. Under `cfg(loom)` a word is interned to a number and the number lives in loom's `AtomicU64`: one number
//! per value and one value per number, so a model sees exactly the compare-and-swaps and orderings of the real thing.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
#[cfg(not(loom))]
pub(crate) use portable_atomic::AtomicU128;

#[cfg(loom)]
pub(crate) use self::model::AtomicU128;
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

#[cfg(loom)]
mod model {
    use loom::sync::atomic::{AtomicU64, Ordering};
    use std::sync::Mutex;

    static WORDS: Mutex<Vec<u128>> = Mutex::new(Vec::new());

    #[derive(Debug)]
    pub(crate) struct AtomicU128(AtomicU64);

    impl AtomicU128 {
        pub(crate) fn new(word: u128) -> Self {
            Self(AtomicU64::new(number(word)))
        }

        pub(crate) fn load(&self, order: Ordering) -> u128 {
            word(self.0.load(order))
        }

        pub(crate) fn store(&self, value: u128, order: Ordering) {
            self.0.store(number(value), order);
        }

        pub(crate) fn compare_exchange(&self, old: u128, new: u128, ok: Ordering, err: Ordering) -> Result<u128, u128> {
            self.0.compare_exchange(number(old), number(new), ok, err).map(word).map_err(word)
        }
    }

    fn number(word: u128) -> u64 {
        let mut words = WORDS.lock().expect("no model panics while it holds the words");
        let at = words.iter().position(|known| *known == word).unwrap_or_else(|| {
            words.push(word);
            words.len() - 1
        });
        at as u64
    }

    fn word(number: u64) -> u128 {
        WORDS.lock().expect("no model panics while it holds the words")[number as usize]
    }
}
