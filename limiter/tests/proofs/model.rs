//! The models: everything is remembered, everything is searched, numbers are exact. Slow and plain on purpose.

use tollgate_limiter::{Algorithm, Quota};

/// Everything that happened, as (instant, units).
#[derive(Clone, Debug, Default)]
pub struct Log(pub Vec<(u64, u64)>);

impl Log {
    pub fn add(&mut self, instant: u64, units: u64) {
        if units > 0 {
            self.0.push((instant, units));
        }
    }

    /// The most units in any `[s, s + window)`. A fullest window can be moved to begin with something that happened.
    pub fn most_in(&self, window: u64) -> u64 {
        let starts = self.0.iter().map(|(start, _)| *start);
        starts.map(|start| self.units(|instant| instant >= start && instant - start < window)).max().unwrap_or(0)
    }

    pub fn units(&self, counts: impl Fn(u64) -> bool) -> u64 {
        self.0.iter().filter(|(instant, _)| counts(*instant)).map(|(_, units)| units).sum()
    }
}

/// An answer of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Allow { remaining: u32, delay: u64 },
    Deny { retry_after: u64 },
    Never,
}

/// One client under one quota, exactly, for quotas and instants on [`GRID`]: there no span needs to be rounded.
#[derive(Clone, Debug)]
pub struct Exact {
    quota: Quota,
    /// Charges; of a leaky bucket each with the instant when it leaves.
    log: Log,
}

/// The tick of the windows made by [`exact_quota`], and a divisor of every emission interval.
pub const GRID: u64 = 100_000;

/// A quota whose arithmetic is exact for instants on the grid.
pub fn exact_quota(algorithm: Algorithm, limit: u32, size: u64) -> Quota {
    let period = match algorithm {
        // Up to five admissions are remembered in gaps of 14 bits, and the tick is then the period's 16382nd part.
        Algorithm::SlidingWindow => 16_382 * GRID,
        _ => u64::from(limit) * size * GRID,
    };
    Quota::with(limit, tollgate_limiter::Nanos::new(period), algorithm).expect("possible")
}

impl Exact {
    pub fn new(quota: Quota) -> Self {
        Self { quota, log: Log::default() }
    }

    pub fn ask(&self, now: u64, cost: u32) -> Answer {
        if cost > self.holds() {
            return Answer::Never;
        }
        if let Some(delay) = self.passes(now, cost) {
            let mut after = self.clone();
            after.charge(now, cost);
            let mut remaining = 0;
            while after.passes(now, 1).is_some() {
                after.charge(now, 1);
                remaining += 1;
            }
            return Answer::Allow { remaining, delay };
        }
        Answer::Deny { retry_after: self.first_pass(now, cost) - now }
    }

    pub fn charge(&mut self, now: u64, cost: u32) {
        if let (Some(delay), 1..) = (self.passes(now, cost), cost) {
            self.log.add(now + delay, u64::from(cost));
        }
    }

    fn first_pass(&self, now: u64, cost: u32) -> u64 {
        let instants: Box<dyn Iterator<Item = u64>> = match self.quota.algorithm() {
            // Something leaves the window.
            Algorithm::SlidingWindow | Algorithm::FixedWindow => {
                Box::new(self.log.0.iter().map(|(instant, _)| instant + self.quota.period().as_u64()))
            }
            // On the grid nothing changes between its instants.
            Algorithm::TokenBucket | Algorithm::LeakyBucket => Box::new((1..).map(|ticks| now + ticks * GRID)),
        };
        let passes = |instant: &u64| *instant > now && self.passes(*instant, cost).is_some();
        instants.into_iter().find(passes).expect("whatever fits at all passes at last")
    }

    fn emission(&self) -> u64 {
        self.quota.period().as_u64() / u64::from(self.quota.limit())
    }

    /// The largest cost that ever passes.
    fn holds(&self) -> u32 {
        match self.quota.algorithm() {
            Algorithm::LeakyBucket => (self.quota.max_delay().as_u64() / self.emission()) as u32 + 1,
            _ => self.quota.burst(),
        }
    }

    /// The delay with which a request would pass.
    fn passes(&self, now: u64, cost: u32) -> Option<u64> {
        let (period, limit, cost) = (self.quota.period().as_u64(), u64::from(self.quota.limit()), u64::from(cost));
        let fits = |used: u64, room: u64| (cost == 0 || used + cost <= room).then_some(0);
        match self.quota.algorithm() {
            Algorithm::SlidingWindow => fits(self.log.units(|instant| instant + period > now), limit),
            Algorithm::FixedWindow => fits(self.used_in_fixed_window(now), limit),
            Algorithm::TokenBucket => {
                // Tokens, counted in nanoseconds of refill, from charge to charge.
                let full = u64::from(self.quota.burst()) * self.emission();
                let (mut tokens, mut last) = (full, 0);
                for (instant, units) in &self.log.0 {
                    tokens = (tokens + instant - last).min(full) - units * self.emission();
                    last = *instant;
                }
                let tokens = (tokens + now - last).min(full);
                (cost * self.emission() <= tokens).then_some(0)
            }
            Algorithm::LeakyBucket => {
                // Its last unit leaves one interval after that of the request before.
                let free = self.log.0.last().map_or(0, |(left, _)| left + self.emission());
                let leaves = free.max(now) + cost.saturating_sub(1) * self.emission();
                let delay = if cost == 0 { 0 } else { leaves - now };
                (delay <= self.quota.max_delay().as_u64()).then_some(delay)
            }
        }
    }

    fn used_in_fixed_window(&self, now: u64) -> u64 {
        let period = self.quota.period().as_u64();
        let mut window: Option<(u64, u64)> = None;
        for (instant, units) in &self.log.0 {
            window = match window {
                Some((opened, used)) if instant - opened < period => Some((opened, used + units)),
                _ => Some((*instant, *units)),
            };
        }
        window.filter(|(opened, _)| now - opened < period).map_or(0, |(_, used)| used)
    }
}
