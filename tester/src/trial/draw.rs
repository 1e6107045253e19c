//! Drawing trials: spread over the space, and repeatable.
//!
//! Values that are drawn independently clump: after twenty trials some corner was tried four times and another never. So trials come in blocks of
//! [`STRATA`], a Latin hypercube each (McKay, Beckman and Conover, *A comparison of three methods for selecting values of input variables*,
//! Technometrics 21, 1979): every value's range is cut into as many strata as a block has trials, and each trial takes one that no other of
//! its block took. Lists are cut the same way, so that a block tries each scenario and each distribution about equally often.
//!
//! Block, value and place decide everything: trial 1000 is drawn without drawing the 999 before it.

use fastrand::Rng;
use tollgate_client::Nanos;

use super::{Load, Space, Trial};

impl Space {
    /// Trial `number`, from 1.
    pub fn draw(&self, seed: u64, number: u64) -> Trial {
        let mut place = Place { seed, index: number - 1, value: 0 };
        Trial {
            number,
            // Short enough to be typed, and exact in every reader of JSON.
            seed: random(seed, TRIAL_SEEDS + number).u32(..).into(),
            scenario: self.scenarios[place.one_of(self.scenarios.len())],
            load: Load {
                clients: self.clients.at(place.next()) as u32,
                connections: self.connections.at(place.next()) as u32,
                rate: self.rate.at(place.next()),
                duration: Load::whole(Nanos::new(self.duration.at(place.next()))),
                arrival: self.arrivals[place.one_of(self.arrivals.len())],
                pick: self.picks[place.one_of(self.picks.len())].clone(),
                pipeline: self.pipeline.at(place.next()) as u32,
                churn: self.churns[place.one_of(self.churns.len())],
                affinity: self.affinities[place.one_of(self.affinities.len())],
            },
        }
    }
}

/// Walks along one trial's values.
struct Place {
    seed: u64,
    index: u64,
    value: u64,
}

impl Place {
    /// The next value's place in its range, in [0, 1).
    fn next(&mut self) -> f64 {
        let (block, place) = (self.index / STRATA as u64, (self.index % STRATA as u64) as usize);
        let mut random = random(self.seed, block * VALUES + self.value);
        self.value += 1;
        let mut strata: [usize; STRATA] = std::array::from_fn(|stratum| stratum);
        random.shuffle(&mut strata);
        let within: [f64; STRATA] = std::array::from_fn(|_| random.f64());
        (strata[place] as f64 + within[place]) / STRATA as f64
    }

    fn one_of(&mut self, many: usize) -> usize {
        ((self.next() * many as f64) as usize).min(many - 1)
    }
}

/// Random numbers for one purpose.
fn random(seed: u64, purpose: u64) -> Rng {
    // The generator's first words resemble those of neighbouring seeds; its own words make seeds without neighbours.
    let mut seeds = Rng::with_seed(seed);
    let key = seeds.u64(..);
    Rng::with_seed(Rng::with_seed(key ^ purpose).u64(..))
}

/// Trials in a block: as many as there are scenarios, so that each is tried once.
const STRATA: usize = 29;
/// At least as many as a trial has values.
const VALUES: u64 = 16;
/// Purposes beyond those of any block.
const TRIAL_SEEDS: u64 = 1 << 63;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tollgate_client::plan::{Affinity, Arrival, Pick};

    use super::*;
    use crate::scenario;
    use crate::trial::Span;

    fn space() -> Space {
        Space {
            clients: Span::new(1, 1_000_000),
            connections: Span::new(1, 500),
            rate: Span::new(100, 50_000),
            duration: Span::new(1_000_000_000, 60_000_000_000),
            pipeline: Span::new(1, 32),
            arrivals: vec![Arrival::Poisson, Arrival::Constant],
            picks: vec![Pick::Uniform, Pick::RoundRobin],
            churns: vec![0, 1, 100],
            affinities: vec![Affinity::Spray, Affinity::Sticky],
            scenarios: scenario::all().collect(),
        }
    }

    #[test]
    fn a_trial_is_the_same_whenever_it_is_drawn_and_another_seed_draws_others() {
        let space = space();
        let drawn: Vec<Load> = (1..=100).map(|number| space.draw(7, number).load).collect();
        assert_eq!(space.draw(7, 73).load, drawn[72]);
        assert_ne!(space.draw(8, 73).load, drawn[72]);
        let seeds: BTreeSet<u64> = (1..=100).map(|number| space.draw(7, number).seed).collect();
        assert_eq!(seeds.len(), 100);
    }

    #[test]
    fn a_block_takes_every_stratum_of_every_value_once() {
        for value in 0..VALUES {
            let stratum = |index| (Place { seed: 3, index, value }.next() * STRATA as f64) as usize;
            let taken: BTreeSet<usize> = (0..STRATA as u64).map(stratum).collect();
            assert_eq!(taken.len(), STRATA, "value {value}");
        }
    }

    #[test]
    fn a_block_tries_every_scenario() {
        let space = space();
        let tried: BTreeSet<&str> = (1..=STRATA as u64).map(|number| space.draw(1, number).scenario.name).collect();
        assert_eq!(tried.len(), scenario::all().count());
    }
}
