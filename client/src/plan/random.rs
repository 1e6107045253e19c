//! Random numbers by counting: word n of a stream is a function of (seed, stream, n) and nothing else.
//!
//! A generator with a state would tie request n to the requests drawn before it, hence to the thread that drew them. Here nobody
//! has to be asked: any thread computes the word of any request.
//!
//! The mix is SplitMix64 (Steele, Lea and Flood, *Fast splittable pseudorandom number generators*, OOPSLA 2014) with its own constants: a
//! Weyl sequence of step 2⁶⁴/φ sent through a bijection whose every output bit depends on every input bit. Read in order of n it
//! *is* SplitMix64, which passes BigCrush; read out of order it is the same numbers. About a nanosecond. Rejected: a keyed cipher (Philox, ChaCha),
//! which costs ten times that against an adversary that a load plan doesn't have; a xorshift or a plain multiplication, whose neighbouring
//! words are visibly related.

/// One purpose's random words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    key: u64,
}

impl Stream {
    /// The gaps between arrivals.
    pub(super) const ARRIVAL: u64 = 1;
    /// Which client a request is of.
    pub(super) const PICK: u64 = 2;
    /// How long a client thinks.
    pub(super) const THINK: u64 = 3;
    /// The first of the templates' own streams, one per random placeholder or file.
    pub(super) const TEMPLATE: u64 = 16;

    /// The stream for one purpose (`lane`) under a seed. Two lanes start at unrelated points of a cycle of 2⁶⁴ words.
    pub(super) const fn new(seed: u64, lane: u64) -> Stream {
        Stream { key: mix(mix(seed.wrapping_add(WEYL)).wrapping_add(lane.wrapping_mul(REDRAW))) }
    }

    /// Word n.
    pub(super) const fn word(self, n: u64) -> u64 {
        mix(self.key.wrapping_add(n.wrapping_mul(WEYL)))
    }

    /// A further word for the same n, for whoever has to draw again; `attempt` 0 is [`Stream::word`].
    pub(super) const fn again(self, n: u64, attempt: u64) -> u64 {
        match attempt {
            0 => self.word(n),
            _ => mix(self.word(n).wrapping_add(attempt.wrapping_mul(REDRAW))),
        }
    }
}

/// A word as a number in (0, 1], in steps of 2⁻⁵³; never 0, so that its logarithm is finite.
pub(super) fn unit(word: u64) -> f64 {
    ((word >> 11) + 1) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// A word as a whole number below `bound`. The bias of the multiplication (Lemire) is at most bound/2⁶⁴: for a million ids, 5·10⁻¹⁴.
pub(super) const fn below(word: u64, bound: u64) -> u64 {
    ((word as u128 * bound as u128) >> 64) as u64
}

/// A word as an exponential of mean 1.
pub(super) fn exponential(word: u64) -> f64 {
    -unit(word).ln()
}

/// SplitMix64's finaliser; a bijection.
pub(super) const fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// 2⁶⁴/φ, odd.
const WEYL: u64 = 0x9E37_79B9_7F4A_7C15;
/// Odd, of 32 set bits, and not a small multiple of [`WEYL`]: 2⁶⁴ · (√3 − 1) rounded to odd.
const REDRAW: u64 = 0xBB67_AE85_84CA_A73B;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_order_the_words_are_splitmix64() {
        // The first outputs of the reference generator seeded with 0.
        let stream = Stream { key: WEYL };
        assert_eq!(
            [0, 1, 2].map(|n| stream.word(n)),
            [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F]
        );
    }

    #[test]
    fn streams_of_neighbouring_seeds_and_lanes_are_unrelated() {
        let mut flipped = Vec::new();
        for seed in 0..64 {
            for lane in 0..16 {
                let here = Stream::new(seed, lane);
                for there in [Stream::new(seed + 1, lane), Stream::new(seed, lane + 1)] {
                    flipped.extend((0..32).map(|n| f64::from((here.word(n) ^ there.word(n)).count_ones())));
                }
            }
        }
        let mean = flipped.iter().sum::<f64>() / flipped.len() as f64;
        assert!((mean - 32.0).abs() < 0.1, "half of 64 bits should differ on average, not {mean}");
        assert!(flipped.iter().all(|&bits| bits > 4.0), "two words are nearly the same");
    }

    #[test]
    fn a_unit_is_never_zero_and_at_most_one() {
        assert!(unit(0) > 0.0);
        assert_eq!(unit(u64::MAX), 1.0);
        assert_eq!(exponential(u64::MAX), 0.0);
        assert!(exponential(0) < 37.0);
    }

    #[test]
    fn numbers_below_a_bound_reach_both_ends() {
        assert_eq!(below(0, 10), 0);
        assert_eq!(below(u64::MAX, 10), 9);
        assert_eq!(below(u64::MAX, 1), 0);
    }
}
