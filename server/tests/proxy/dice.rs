//! Chance that can be had again (splitmix64), and bytes that say where they come from.

use std::sync::OnceLock;

/// Throws the same numbers for the same seed.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// Below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// True once in so many throws.
    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// `length` bytes of an endless stream from its byte `at` on: what is lost, doubled or swapped on the way is not the same any more. To compare
/// them costs what a `memcmp` costs.
pub fn stream(at: u64, length: usize) -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    assert!(length <= PERIOD, "{length} bytes at once");
    let bytes = BYTES.get_or_init(|| {
        let mut dice = Dice::new(72);
        let once: Vec<u8> = (0..=PERIOD / 8).flat_map(|_| dice.next().to_be_bytes()).collect();
        [&once[..PERIOD], &once[..PERIOD]].concat()
    });
    let from = (at % PERIOD as u64) as usize;
    &bytes[from..from + length]
}

/// A prime, so that no buffer size and no number of blocks hides in it.
const PERIOD: usize = 1_048_573;
