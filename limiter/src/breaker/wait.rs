//! How long a breaker stays open: longer each time, and never quite the same.

use super::config::Config;
use super::status::Generation;
use crate::Nanos;

#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    first: Nanos,
    multiplier: f64,
    max: Nanos,
    jitter: u8,
    seed: u64,
}

impl Wait {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            first: config.wait_duration_in_open_state,
            multiplier: config.wait_backoff_multiplier,
            max: config.wait_max,
            jitter: config.wait_jitter,
            seed: config.seed,
        }
    }

    /// The wait of the state with that generation, the `attempts`th to be open in a row.
    pub(super) fn duration(&self, attempts: u8, generation: Generation) -> Nanos {
        let times = self.multiplier.powi(i32::from(attempts) - 1);
        let share = f64::from(self.jitter) / 100.0 * (2.0 * self.draw(generation) - 1.0);
        let nanos = self.first.as_u64() as f64 * times * (1.0 + share);
        Nanos::new(nanos as u64).min(self.max)
    }

    /// A number from 0 to 1, as random as its seed: SplitMix64 (Steele, Lea, Flood 2014).
    fn draw(&self, generation: Generation) -> f64 {
        let mut bits = self.seed.wrapping_add(u64::from(generation.number()).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ bits >> 31) as f64 / u64::MAX as f64
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{Config, Generation, Nanos, Wait};

    fn waits(config: &Config) -> Vec<u64> {
        let wait = Wait::new(config);
        (1..=6).map(|attempt| wait.duration(attempt, Generation::new(attempt.into())).as_u64() / 1_000_000).collect()
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let config = Config { wait_jitter: 0, ..Config::gateway() };
        assert_eq!(waits(&config), [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
        assert_eq!(waits(&Config::default()), [60_000; 6], "Resilience4j's stay");
    }

    #[test]
    fn jitter_moves_a_wait_both_ways_by_no_more_than_its_percentage() {
        let config = Config { wait_backoff_multiplier: 1.0, ..Config::gateway() };
        let waits = (0..1_000).map(|seed| waits(&Config { seed, ..config })[0]).collect::<Vec<_>>();
        assert!(waits.iter().all(|wait| (4_000..=6_000).contains(wait)));
        assert!(waits.iter().any(|wait| *wait < 4_050) && waits.iter().any(|wait| *wait > 5_950));
        let mean = waits.iter().sum::<u64>() / 1_000;
        assert!((4_950..=5_050).contains(&mean), "{mean} ms");
    }

    #[test]
    fn a_wait_is_never_longer_than_the_longest_for_all_its_jitter() {
        let longest = (0..100).flat_map(|seed| waits(&Config { seed, ..Config::gateway() })).max();
        assert_eq!(longest, Some(60_000));
    }

    #[test]
    fn a_wait_with_full_jitter_may_be_nothing() {
        let config = Config { wait_jitter: 100, ..Config::gateway() };
        let shortest =
            (0..1_000).map(|seed| Wait::new(&Config { seed, ..config }).duration(1, Generation::FIRST)).min();
        assert!(shortest < Some(Nanos::from_millis(20)));
    }
}
