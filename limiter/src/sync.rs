//! The atomics, std's (128 bits wide by `portable-atomic`) or loom's: the only place that knows which.
//!
//! Loom has no 128-bit atomic. Under `cfg(loom)` a word is interned to a number and the number lives in loom's `AtomicU64`: one number
//! per value and one value per number, so a model sees exactly the compare-and-swaps and orderings of the real thing.
//!
//! Loom 0.7 looks for the other order of two accesses by remembering the *last* access of each atomic. So a thread that loads and then
//! writes hides the loads of others before it: `load` against `load; store` is one interleaving to it, and everything here is such code.
//! After `announce_loads` each load of a word is announced by a relaxed store to a twin that nobody reads. Stores of two threads always
//! have two orders, which puts the loads behind them in both. It costs a model ten times the interleavings.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
#[cfg(not(loom))]
pub(crate) use portable_atomic::AtomicU128;

#[cfg(loom)]
pub(crate) use self::model::AtomicU128;
#[cfg(loom)]
pub use self::model::announce_loads;
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

#[cfg(loom)]
mod model {
    use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::cell::Cell;
    use std::sync::Mutex;

    std::thread_local! {
        /// Of the thread that runs a model; all of a model's threads are coroutines of it.
        static ANNOUNCE: Cell<bool> = const { Cell::new(false) };
    }

    /// Whether the models that this thread runs from now on see every order of a load and a write.
    pub fn announce_loads(announce: bool) {
        ANNOUNCE.set(announce);
    }

    static WORDS: Mutex<Vec<u128>> = Mutex::new(Vec::new());

    #[derive(Debug)]
    pub(crate) struct AtomicU128 {
        number: AtomicU64,
        twin: AtomicBool,
    }

    impl AtomicU128 {
        pub(crate) fn new(word: u128) -> Self {
            Self { number: AtomicU64::new(number(word)), twin: AtomicBool::new(false) }
        }

        pub(crate) fn load(&self, order: Ordering) -> u128 {
            if ANNOUNCE.get() {
                self.twin.store(true, Ordering::Relaxed);
            }
            word(self.number.load(order))
        }

        pub(crate) fn store(&self, value: u128, order: Ordering) {
            self.number.store(number(value), order);
        }

        pub(crate) fn compare_exchange(&self, old: u128, new: u128, ok: Ordering, err: Ordering) -> Result<u128, u128> {
            self.number.compare_exchange(number(old), number(new), ok, err).map(word).map_err(word)
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
